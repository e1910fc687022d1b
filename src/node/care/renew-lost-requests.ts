import { isDeleting, isTerminating } from "../../core/attachment/observed-volume.ts";
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
 * The volumes that several nodes may write and workloads may use here, where no client states their requests:
 * otherwise controllers keep a volume that this node reports as staged.
 */
export function sharedVolumesHere({
  cache,
  checkpoints,
  settings,
}: Pick<NodePorts, "cache" | "checkpoints" | "settings">): readonly VolumeCheckpoint[] {
  if (settings.attach !== "driver") return [];
  return checkpoints.volumes().filter(({ volumeName }) => {
    const cached = cache.get("AzVolume", volumeName);
    return cached === undefined || !isSingleWriter(cached.spec.capabilities);
  });
}

/**
 * Renews the requests of `sharedVolumesHere` that workloads use, where the store lacks them. Past the cache,
 * which may be from before a rollback; a request needs no trust in what the store shows. Fails where a volume
 * is in use here and its request can't be stated yet, after it has tried all others.
 */
export async function renewLostRequests(
  ports: NodePorts,
  signal: AbortSignal,
): Promise<Result<void, Failure>> {
  const renewed = await Promise.all(
    sharedVolumesHere(ports).map((checkpoint) =>
      ports.locks.runConcurrently(checkpoint.volumeId, "clean-up", () =>
        renewLostRequest(ports, checkpoint, signal),
      ),
    ),
  );
  return renewed.find(({ ok: isRenewed }) => !isRenewed) ?? ok(undefined);
}

async function renewLostRequest(
  ports: NodePorts,
  { volumeName, volumeId }: VolumeCheckpoint,
  signal: AbortSignal,
): Promise<Result<void, Failure>> {
  const volume = await ports.store.get("AzVolume", volumeName, signal);
  if (!volume.ok) return volume.failure.kind === "ObjectNotFound" ? ok(undefined) : volume;
  // Nothing is looked at on the disk of one that a single node writes: it may not answer. One that is being
  // deleted needs no request, and its deletion waits for this node.
  if (isSingleWriter(volume.value.spec.capabilities) || isDeleting(volume.value)) return ok(undefined);
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
  // Nothing else: what is to be cleaned up waits for a trusted store, and must not keep the others unheard.
  for (const action of planNodeVolume({ ...observed, attachment })) {
    if (action.kind !== "RequestWriter") continue;
    const done = await executeVolumeAction(ports, seen.value, action, signal);
    if (!done.ok) return done;
  }
  return ok(undefined);
}
