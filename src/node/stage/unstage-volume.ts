import type { AzVolume } from "../../core/api/az-volume.ts";
import { fail, ok, type Result } from "../../core/failure/result.ts";
import { isSingleWriter } from "../../core/volume/access-modes.ts";
import { withdraw } from "../../core/writer/record/writer-steps.ts";
import { readVolume } from "../../objects/read-volume.ts";
import { updateRecord } from "../../objects/update-record.ts";
import { withdrawRequest } from "../../objects/writer-request.ts";
import type { NodePorts } from "../node-ports.ts";
import { checkpointOf, checkpointOfDisk, ownAttachment } from "../own-state.ts";
import { reportUnflushed, unmountVolume } from "../unmount-volume.ts";
import { releaseVolume } from "../writer/release-volume.ts";
import { verifyClean } from "../writer/verify-clean.ts";
import { restoreDevice } from "./device-tuning.ts";
import { publishedTargets } from "./published-targets.ts";

/**
 * Unstages a volume: withdraws this node's request first, so that a waiting node can be served upon the
 * release, then unmounts (which flushes) and releases. Where several nodes may write, nothing is released,
 * and the request goes last, with the mark that the volume is staged. A node that is not clean fails with
 * `DeviceBusy`. Success only once the release is recorded or the record no longer names this node, also when
 * nothing is mounted. Fails with `VolumeInUse` while targets are published.
 */
export async function unstageVolume(
  ports: NodePorts,
  request: { readonly volumeId: string; readonly stagingPath: string },
  signal: AbortSignal,
): Promise<Result<void>> {
  const targets = await publishedTargets(ports, request.volumeId, request.stagingPath, signal);
  if (!targets.ok) return targets;
  if (targets.value.bound.length > 0)
    return fail({
      kind: "VolumeInUse",
      volumeId: request.volumeId,
      nodeName: ports.node.nodeName,
      users: targets.value.bound,
    });
  const found = await readVolume(ports, request.volumeId, signal);
  if (!found.ok && found.failure.kind !== "VolumeNotFound") return found;
  const volume = found.ok ? found.value : undefined;
  const hasOneWriter = volume !== undefined && isSingleWriter(volume.spec.capabilities);
  if (hasOneWriter) {
    const withdrawn = await withdrawOwnRequest(ports, request.volumeId, volume.metadata.name, signal);
    if (!withdrawn.ok) return withdrawn;
  }
  const { stagingPath: path } = request;
  const knownName = volume?.metadata.name ?? checkpointOfDisk(ports, request.volumeId)?.volumeName;
  if (knownName !== undefined && targets.value.isUnflushed) await reportUnflushed(ports, knownName, signal);
  const unmounted = await ports.steps.run("unmount", () =>
    knownName === undefined
      ? ports.host.unmount(path, signal)
      : unmountVolume(ports, { volumeName: knownName, path }, signal),
  );
  if (!unmounted.ok) return unmounted;
  if (volume !== undefined) await restoreDevice(ports, volume.metadata.name, signal);
  if (hasOneWriter) {
    const isFlushed = targets.value.staging === "live";
    const { name: volumeName } = volume.metadata;
    const released = await releaseVolume(ports, { volumeName, isFlushed }, signal);
    if (!released.ok) return released;
  }
  return volume === undefined || hasOneWriter
    ? removeCheckpoint(ports, request.volumeId, signal)
    : endShared(ports, request.volumeId, volume, signal);
}

/** Where several nodes may write, the mark and the request go last, and only from a clean node. */
async function endShared(
  ports: NodePorts,
  volumeId: string,
  volume: AzVolume,
  signal: AbortSignal,
): Promise<Result<void>> {
  const { name } = volume.metadata;
  const known = {
    volume,
    volumeId,
    checkpoint: checkpointOf(ports, name),
    attachment: ownAttachment(ports, name),
  };
  const clean = await verifyClean(
    ports,
    known,
    { needsDevice: false, isFlushed: true, flushes: false },
    signal,
  );
  const removed = clean.ok ? await removeCheckpoint(ports, volumeId, signal) : clean;
  // Another machine under this node's name may have it staged: no record would show that.
  const ended = removed.ok ? await endRequest(ports, volumeId, ports.node, signal) : removed;
  return ended.ok ? ok(undefined) : ended;
}

/** Withdraws this node's request in its attachment, with the mark that the volume is staged. */
function endRequest(
  ports: NodePorts,
  volumeId: string,
  onlyOf: NodePorts["node"] | undefined,
  signal: AbortSignal,
): Promise<Result<unknown>> {
  const { nodeName } = ports.node;
  const keepsPrimary = ports.settings.attach === "kubernetes";
  const own = { volumeId, nodeName, keepsPrimary, isShared: true, isOwn: true } as const;
  return withdrawRequest(ports, onlyOf === undefined ? own : { ...own, onlyOf }, signal);
}

async function withdrawOwnRequest(
  ports: NodePorts,
  volumeId: string,
  volumeName: string,
  signal: AbortSignal,
): Promise<Result<void>> {
  const requestWithdrawn = await endRequest(ports, volumeId, undefined, signal);
  if (!requestWithdrawn.ok) return requestWithdrawn;
  const fresh = await ports.store.get("AzVolume", volumeName, signal);
  if (!fresh.ok) return fresh.failure.kind === "ObjectNotFound" ? ok(undefined) : fresh;
  const recordWithdrawn = await updateRecord(
    ports,
    { volumeName, nodeName: ports.node.nodeName, step: "withdraw", volumeRead: fresh.value },
    (present) => withdraw(present, ports.node),
    signal,
  );
  // Another node's request, or one that a controller has withdrawn before.
  return recordWithdrawn.ok || recordWithdrawn.failure.kind === "NotWriter" ? ok(undefined) : recordWithdrawn;
}

async function removeCheckpoint(
  ports: NodePorts,
  volumeId: string,
  signal: AbortSignal,
): Promise<Result<void>> {
  const checkpoint = checkpointOfDisk(ports, volumeId);
  return checkpoint === undefined ? ok(undefined) : ports.checkpoints.remove(checkpoint.volumeName, signal);
}
