import { addressOf, type ArmCall, type HandlerResult, reply } from "../../api/arm-message.ts";
import { armErrors } from "../../api/errors.ts";
import { textAt } from "../../api/json.ts";
import { withCreationData } from "../../api/request/creation-data.ts";
import { inScope, page } from "../../api/resource/paging.ts";
import { resourceId } from "../../api/resource/resource-id.ts";
import { accepted } from "../../pace/lro.ts";
import { findSnapshot, ensureResourceGroup, type World } from "../../world.ts";
import { firstAnswer } from "../disk-write.ts";
import { changeSnapshot, deleteSnapshot, writeSnapshot } from "./snapshot-write.ts";
import { renderSnapshot, type Snapshot, statableOf } from "./snapshot.ts";

export function putSnapshotHandler(world: World, call: ArmCall): HandlerResult {
  const address = addressOf(call);
  ensureResourceGroup(world, address, textAt(call.body, "location") ?? "eastus");
  const written = writeSnapshot(world, address, { ...call, body: withCreationData(call.body) });
  return written.kind === "Failure"
    ? written
    : firstAnswer(world, call, { ...address, type: "snapshots" }, written.operation);
}

export function patchSnapshotHandler(world: World, call: ArmCall): HandlerResult {
  const snapshot = snapshotAt(world, call);
  const address = addressOf(call);
  if (snapshot === undefined)
    return armErrors.patchResourceNotFound(resourceId({ ...address, type: "snapshots" }), address.name);
  const changed = changeSnapshot(world, snapshot, call.body);
  return changed.kind === "Failure"
    ? changed
    : firstAnswer(
        world,
        call,
        { ...snapshot, type: "snapshots", present: statableOf(snapshot) },
        changed.operation,
      );
}

export function getSnapshotHandler(world: World, call: ArmCall): HandlerResult {
  const { name, resourceGroup } = addressOf(call);
  const snapshot = snapshotAt(world, call);
  return snapshot === undefined
    ? armErrors.resourceNotFound("snapshots", name, resourceGroup)
    : reply(200, renderSnapshot(snapshot, world.nowMs));
}

export function deleteSnapshotHandler(world: World, call: ArmCall): HandlerResult {
  const snapshot = snapshotAt(world, call);
  if (snapshot === undefined) return reply(204);
  return accepted(world, call, deleteSnapshot(world, snapshot), "Disk");
}

export function listSnapshotsHandler(world: World, call: ArmCall): HandlerResult {
  const snapshots = [...world.snapshots.values()].filter((snapshot) => inScope(call, snapshot));
  return page(world, call, snapshots, (snapshot) => renderSnapshot(snapshot, world.nowMs));
}

function snapshotAt(world: World, call: ArmCall): Snapshot | undefined {
  return findSnapshot(world, resourceId({ ...addressOf(call), type: "snapshots" }));
}
