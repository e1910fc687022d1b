import type { Failure } from "../../core/failure/failure.ts";
import type { Result } from "../../core/failure/result.ts";
import { ok } from "../../core/failure/result.ts";
import { checkSnapshotSource } from "../../core/volume/snapshot-parameters.ts";
import type { CreateSnapshotRequest, CreateSnapshotResponse } from "../gen/csi/v1/csi.ts";
import { otherRequest } from "../messages/snapshot-identity.ts";
import { snapshotMessage } from "../messages/snapshot-message.ts";
import { type SnapshotRequest, snapshotRequestOf } from "../messages/snapshot-request.ts";
import type { CallContext } from "../server/unary-handler.ts";
import type { ControllerContext } from "./controller-context.ts";

type SnapshotContext = Pick<ControllerContext, "snapshots" | "cloud" | "clusterId" | "locks">;

/**
 * CreateSnapshot: answers once the snapshot's content is fixed, and whether its copy in the background has
 * ended. A repeated call finds the same snapshot in Azure and reports how far it is.
 */
export async function createSnapshot(
  context: SnapshotContext,
  request: CreateSnapshotRequest,
  call: Pick<CallContext, "signal">,
): Promise<Result<CreateSnapshotResponse, Failure>> {
  const wanted = snapshotRequestOf(request, context.clusterId);
  if (!wanted.ok) return wanted;
  return context.locks.run(wanted.value.snapshotUri, "CreateSnapshot", () =>
    create(context, wanted.value, call.signal),
  );
}

async function create(
  { snapshots, cloud, clusterId }: SnapshotContext,
  wanted: SnapshotRequest,
  signal: AbortSignal,
): Promise<Result<CreateSnapshotResponse, Failure>> {
  const location = await locationOf({ snapshots, cloud }, wanted, signal);
  if (!location.ok) return location;
  const { snapshotUri, sourceUri, parameters } = wanted;
  const created = await snapshots.createSnapshot(
    {
      ...parameters,
      snapshotUri,
      sourceUri,
      location: location.value,
      objection: (present) => otherRequest(present, { ...wanted, ...parameters, clusterId }),
    },
    signal,
  );
  return created.ok ? ok({ snapshot: snapshotMessage(created.value) }) : created;
}

/** The region of the source. A snapshot outlives its disk, so one that exists needs none. */
async function locationOf(
  { snapshots, cloud }: Pick<SnapshotContext, "snapshots" | "cloud">,
  { snapshotUri, sourceUri, parameters }: SnapshotRequest,
  signal: AbortSignal,
): Promise<Result<string, Failure>> {
  const present = await snapshots.getSnapshot({ snapshotUri }, signal);
  if (present.ok) return ok(present.value.location);
  if (present.failure.kind !== "SnapshotNotFound") return present;
  const source = await cloud.getDisk({ diskUri: sourceUri }, signal);
  if (!source.ok) return source;
  const suits = checkSnapshotSource(parameters, source.value);
  return suits.ok ? ok(source.value.location) : suits;
}
