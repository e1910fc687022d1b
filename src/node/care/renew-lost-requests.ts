import { isTerminating } from "../../core/attachment/observed-volume.ts";
import type { Failure } from "../../core/failure/failure.ts";
import { fail, ok, type Result } from "../../core/failure/result.ts";
import { planNodeVolume } from "../../core/node/plan-node-volume.ts";
import { isSingleWriter } from "../../core/volume/access-modes.ts";
import { readAttachment } from "../../objects/named-attachment.ts";
import type { VolumeCheckpoint } from "../../ports/host/node-checkpoints.ts";
import type { NodePorts } from "../node-ports.ts";
import { executeVolumeAction } from "./execute-volume-action.ts";
import { observeOwnVolume } from "./own-volume.ts";

/**
 * Renews the requests of the volumes that workloads use here and several nodes may write, where the store
 * lacks them. Past the cache, which may be from before a rollback; a request needs no trust in what the store
 * shows. Fails where a volume is in use here and its request can't be stated yet.
 */
export async function renewLostRequests(
  ports: NodePorts,
  signal: AbortSignal,
): Promise<Result<void, Failure>> {
  // Otherwise controllers keep a volume that this node reports as staged.
  if (ports.settings.attach !== "driver") return ok(undefined);
  for (const checkpoint of ports.checkpoints.volumes()) {
    const cached = ports.cache.get("AzVolume", checkpoint.volumeName);
    if (cached !== undefined && isSingleWriter(cached.spec.capabilities)) continue;
    const renewed = await ports.locks.runConcurrently(checkpoint.volumeId, "clean-up", () =>
      renewLostRequest(ports, checkpoint, signal),
    );
    if (!renewed.ok) return renewed;
  }
  return ok(undefined);
}

async function renewLostRequest(
  ports: NodePorts,
  { volumeName, volumeId }: VolumeCheckpoint,
  signal: AbortSignal,
): Promise<Result<unknown, Failure>> {
  const volume = await ports.store.get("AzVolume", volumeName, signal);
  if (!volume.ok) return volume.failure.kind === "ObjectNotFound" ? ok(undefined) : volume;
  // Nothing is looked at on the disk of one that a single node writes: it may not answer.
  if (isSingleWriter(volume.value.spec.capabilities)) return ok(undefined);
  const known = { volumeName, volumeId, volume: volume.value };
  const seen = await observeOwnVolume(ports, known, signal);
  if (!seen.ok) return seen;
  const read = await readAttachment(
    ports.store,
    { diskUri: volumeId, nodeName: ports.node.nodeName },
    signal,
  );
  if (!read.ok && read.failure.kind !== "ObjectNotFound") return read;
  const attachment = read.ok ? read.value : undefined;
  const { observed } = seen.value;
  // A controller takes the deletion back as long as this node has not said that it does not use the disk.
  const isUsed = observed.mount === "live" && observed.targets.length > 0;
  if (attachment !== undefined && isTerminating(attachment) && isUsed)
    return fail({ kind: "OperationInProgress", volumeId, operation: `detach from ${ports.node.nodeName}` });
  for (const action of planNodeVolume({ ...observed, attachment })) {
    const done = await executeVolumeAction(ports, seen.value, action, signal);
    if (!done.ok) return done;
  }
  return ok(undefined);
}
