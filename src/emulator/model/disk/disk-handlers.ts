import { addressOf, type ArmCall, type HandlerResult, reply } from "../api/arm-message.ts";
import { armErrors } from "../api/errors.ts";
import { textAt } from "../api/json.ts";
import { withCreationData } from "../api/request/creation-data.ts";
import { inScope, page } from "../api/resource/paging.ts";
import { resourceId } from "../api/resource/resource-id.ts";
import { accepted } from "../pace/lro.ts";
import { findDisk, ensureResourceGroup, type World } from "../world.ts";
import { deleteDisk } from "./disk-delete.ts";
import { renderDiskNow } from "./disk-read.ts";
import { changeDisk, firstAnswer, writeDisk } from "./disk-write.ts";
import { type Disk, statableOf } from "./disk.ts";

export function putDiskHandler(world: World, call: ArmCall): HandlerResult {
  const address = addressOf(call);
  ensureResourceGroup(world, address, textAt(call.body, "location") ?? "eastus");
  const written = writeDisk(world, address, { ...call, body: withCreationData(call.body) });
  return written.kind === "Failure"
    ? written
    : firstAnswer(world, call, { ...address, type: "disks" }, written.operation);
}

export function patchDiskHandler(world: World, call: ArmCall): HandlerResult {
  const address = addressOf(call);
  const disk = diskAt(world, call);
  if (disk === undefined)
    return armErrors.patchResourceNotFound(resourceId({ ...address, type: "disks" }), address.name);
  const changed = changeDisk(world, disk, call, "Disks_Update");
  return changed.kind === "Failure"
    ? changed
    : firstAnswer(world, call, { ...disk, type: "disks", present: statableOf(disk) }, changed.operation);
}

export function getDiskHandler(world: World, call: ArmCall): HandlerResult {
  const { resourceGroup, name } = addressOf(call);
  const disk = diskAt(world, call);
  return disk === undefined
    ? armErrors.resourceNotFound("disks", name, resourceGroup)
    : reply(200, renderDiskNow(world, disk.id));
}

export function deleteDiskHandler(world: World, call: ArmCall): HandlerResult {
  const disk = diskAt(world, call);
  if (disk === undefined) return reply(204);
  return accepted(world, call, deleteDisk(world, disk), "Disk");
}

export function listDisksHandler(world: World, call: ArmCall): HandlerResult {
  const disks = [...world.disks.values()].filter((disk) => inScope(call, disk));
  return page(world, call, disks, (disk) => renderDiskNow(world, disk.id) ?? {});
}

function diskAt(world: World, call: ArmCall): Disk | undefined {
  return findDisk(world, resourceId({ ...addressOf(call), type: "disks" }));
}
