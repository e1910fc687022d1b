import type { AzVolume } from "../../core/api/az-volume.ts";
import { hostNotReady } from "../../core/failure/frequent-failures.ts";
import { invariant } from "../../core/failure/invariant.ts";
import { fail, ok, type Result } from "../../core/failure/result.ts";
import { acquire } from "../../core/writer/record/writer-steps.ts";
import { updateRecordAfterCheck } from "../../objects/update-record.ts";
import type { NodePorts } from "../node-ports.ts";
import { checkpointOf } from "../own-state.ts";
import { holderIn, unfencedHolderIn } from "./check-held.ts";
import { accessTypeOf } from "./clean-check-target.ts";
import { olderThanCheckpoint, readTrustedIncarnation } from "./rollback-detector.ts";

/** A volume that this node holds, in that epoch. */
export interface HeldVolume {
  readonly volume: AzVolume;
  readonly epoch: number;
}

/**
 * *acquire*: makes this node the holder of the volume, before anything is checked, formatted or mounted.
 * Fails with `HostNotReady` while a mount command of an earlier plug-in runs or no checkpoint can be written,
 * `StoreRolledBack` while records are rebuilt, or `NotWriter` where the record does not allow it.
 */
export async function acquireVolume(
  ports: NodePorts,
  volumeName: string,
  lun: number,
  signal: AbortSignal,
): Promise<Result<HeldVolume>> {
  const writable = await checkWritable(ports, signal);
  if (!writable.ok) return writable;
  const alive = await ports.host.earlierChildrenAlive(signal);
  if (!alive.ok) return alive;
  if (alive.value) return hostNotReady("a mount command of an earlier plug-in is still running");
  const read = await ports.store.get("AzVolume", volumeName, signal);
  if (!read.ok) return read;
  const clean = await cleanToRepeat(ports, read.value, lun, signal);
  if (!clean.ok) return clean;
  let rollback: { readonly storeIncarnation: number; readonly detail: string } | undefined;
  // After the record was read: a rollback in between would show a record in which this node is the
  // writer, while another one is.
  const checkStore = (): Promise<Result<number>> => readTrustedIncarnation(ports, signal);
  const acquired = await updateRecordAfterCheck(
    ports,
    { volumeName, nodeName: ports.node.nodeName, step: "acquire", checkStore, volumeRead: read.value },
    (record, volume, storeIncarnation) => {
      const older = olderThanCheckpoint(ports, volume);
      if (older !== undefined) return fail(`the object store went back to an older state: ${older}`);
      const detail = releasedBefore(ports, volume);
      if (detail !== undefined) {
        rollback = { storeIncarnation, detail };
        return fail(detail);
      }
      const next = acquire(record, ports.node, { isClean: clean.value, storeIncarnation });
      // Before the write, whose answer may be lost.
      if (next.ok) ports.released.delete(volume.metadata.uid);
      return next;
    },
    signal,
  );
  if (rollback !== undefined) return reportRollback(ports, rollback, signal);
  if (!acquired.ok) return acquired;
  const writer = acquired.value.status?.record?.writer;
  invariant(writer !== undefined, "a volume was acquired, and its record names no writer");
  const { epoch } = writer;
  ports.logger.info("volume acquired", { volumeName, epoch });
  return ok({ volume: acquired.value, epoch });
}

/**
 * Nothing may be mounted without a checkpoint, and what is acquired for nothing keeps other nodes waiting. A
 * heartbeat may be seconds away, so the disk is tried here, too.
 */
async function checkWritable({ checkpoints, node }: NodePorts, signal: AbortSignal): Promise<Result<void>> {
  if (checkpoints.unwritten() === undefined) return ok(undefined);
  // Before the first heartbeat the counter may be that of a copied system disk, and stays that.
  const vmId = checkpoints.heartbeatVmId() ?? node.vmId;
  const nodeName = checkpoints.heartbeatNodeName();
  return checkpoints.putHeartbeat({ heartbeat: checkpoints.heartbeat(), vmId, nodeName }, signal);
}

/**
 * Whether this node is clean of a volume that it holds already: only a repeated acquire requires that. No
 * other one looks, nor one that a fence refuses: the search for traces of raw block, in every process, takes
 * seconds on a full node.
 */
async function cleanToRepeat(
  ports: NodePorts,
  volume: AzVolume,
  lun: number,
  signal: AbortSignal,
): Promise<Result<boolean>> {
  if (unfencedHolderIn(ports, volume) === undefined) return ok(false);
  const checkpoint = checkpointOf(ports, volume.metadata.name);
  const accessType = accessTypeOf({ volume, checkpoint, hadDisk: true });
  const clean = await ports.host.isClean(
    { accessType, lun, lastMajorMinor: undefined, lunsOfOthers: [], needsFlush: false },
    signal,
  );
  return clean.ok ? ok(clean.value.clean) : clean;
}

/**
 * Returns the reason if by the record this node holds the volume in an epoch in which it has released it. Not
 * without a request: then a controller has counted the grant as held.
 */
function releasedBefore(ports: NodePorts, volume: AzVolume): string | undefined {
  const writer = holderIn(ports, volume);
  const { name, uid } = volume.metadata;
  if (writer?.requested !== true || !ports.released.has(uid, writer.epoch)) return undefined;
  return `by ${name} this node holds the volume in epoch ${writer.epoch}, in which it has released it`;
}

/**
 * Nothing else on this node shows the rollback: it is kept in a local file, and the next heartbeat reports
 * it.
 */
async function reportRollback(
  { checkpoints }: NodePorts,
  { storeIncarnation, detail }: { readonly storeIncarnation: number; readonly detail: string },
  signal: AbortSignal,
): Promise<Result<never>> {
  const recorded = await checkpoints.putRollback(storeIncarnation, signal);
  return recorded.ok ? fail({ kind: "StoreRolledBack", detail }) : recorded;
}
