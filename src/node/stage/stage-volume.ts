import type { AzVolume } from "../../core/api/az-volume.ts";
import { attachmentObjectName } from "../../core/api/object-names.ts";
import { maxSharesOf } from "../../core/attachment/observed-volume.ts";
import type { Failure } from "../../core/failure/failure.ts";
import { refuseArgument, stillWaiting } from "../../core/failure/frequent-failures.ts";
import { fail, type Result } from "../../core/failure/result.ts";
import { unservedOn } from "../../core/platform/unserved-on.ts";
import { isSingleWriter } from "../../core/volume/access-modes.ts";
import { partitionOf } from "../../core/volume/device/partition.ts";
import { readAttachment } from "../../objects/named-attachment.ts";
import { readVolume } from "../../objects/read-volume.ts";
import { requestWriter } from "../../objects/writer-request.ts";
import type { NodePorts } from "../node-ports.ts";
import { reportUnflushed, unmountVolume } from "../unmount-volume.ts";
import { acquireVolume } from "../writer/acquire-volume.ts";
import { checkHeld } from "../writer/check-held.ts";
import { releaseVolume } from "../writer/release-volume.ts";
import { restoreDevice } from "./device-tuning.ts";
import { findRightDevice, type FoundVolume } from "./find-device.ts";
import { type MountState, mountState } from "./mount-state.ts";
import { publishedTargets } from "./published-targets.ts";
import { reportWrongDevice, whileSame } from "./same-device.ts";
import { adjustStaged, stageAcquired } from "./stage-acquired.ts";
import type { StageRequest, Staged } from "./stage-request.ts";
import { waitForAttachment, waitForGrant } from "./wait-for-grant-and-attach.ts";

/**
 * Stages a volume: states the writer request with `attach: driver`, waits for attach and grant, verifies the
 * device, acquires, and only then reads the device, makes a file system if there never was one, and
 * mounts. Safe to repeat after any interruption.
 */
export async function stageVolume(
  ports: NodePorts,
  request: StageRequest,
  signal: AbortSignal,
): Promise<Result<Staged>> {
  const waitUntilMs = ports.clock.elapsedMs() + (request.waitMs ?? ports.settings.stageWaitMs);
  const waitMs = (): number => Math.max(0, waitUntilMs - ports.clock.elapsedMs());
  const read = await readVolume(ports, request.volumeId, signal);
  if (!read.ok) return read;
  const volume = read.value;
  const unserved = unservedOn(ports.settings.platform, { ...request, maxShares: maxSharesOf(volume) });
  if (unserved !== undefined) return fail(unserved);
  const attachmentName = attachmentObjectName({ diskUri: request.volumeId, nodeName: ports.node.nodeName });
  // By its access modes: a record that is missing may have been lost.
  const hasOneWriter = isSingleWriter(volume.spec.capabilities);
  const requested = await requestOwnWriter(ports, request, volume, signal);
  if (!requested.ok) return requested;
  // During the wait the node cleans up what it has to, in quarantine perhaps.
  const found = await ports.locks.whileWaiting(request.volumeId, async () => {
    if (hasOneWriter) {
      const granted = await waitForGrant(
        ports,
        { volumeId: request.volumeId, volumeName: volume.metadata.name, waitMs: waitMs() },
        signal,
      );
      if (!granted.ok) return granted;
    }
    const attached = await waitForAttachment(
      ports,
      { volumeId: request.volumeId, attachmentName, waitMs: waitMs() },
      signal,
    );
    if (!attached.ok) return attached;
    return findRightDevice(
      ports,
      {
        volume,
        partition: partitionOf(request.volumeContext),
        attachment: attached.value,
        waitMs: Math.min(ports.settings.deviceWaitMs, waitMs()),
      },
      signal,
    );
  });
  if (!found.ok) return found;
  if (!hasOneWriter && request.accessType === "mount")
    return refuseArgument(
      "volume_capability.access_mode",
      "MULTI_NODE",
      "a file system can be used on one node only",
    );
  const present = await mountState(ports, request, found.value, signal);
  if (!present.ok) {
    await reportWrongDevice(ports, found.value.attachment, present.failure, signal);
    return present;
  }
  if (hasOneWriter) return stageAsWriter(ports, request, found.value, present.value, signal);
  // Where several nodes may write there is nothing to acquire: the request shows that the node may have it.
  const stage = (): Promise<Result<Staged>> => stageAcquired(ports, request, found.value, 0, signal);
  return whileSame(ports, request, found.value, stage, signal);
}

/**
 * Where the orchestrator does not publish, the node itself requests the volume; elsewhere it only renews
 * the request after it had unstaged.
 */
async function requestOwnWriter(
  ports: NodePorts,
  request: StageRequest,
  volume: AzVolume,
  signal: AbortSignal,
): Promise<Result<unknown>> {
  if (ports.settings.attach === "kubernetes") {
    const present = await readAttachment(
      ports.store,
      { diskUri: request.volumeId, nodeName: ports.node.nodeName },
      signal,
    );
    if (!present.ok && present.failure.kind !== "ObjectNotFound") return present;
    const isPublished =
      present.ok &&
      present.value.spec.role === "Primary" &&
      present.value.metadata.deletionTimestamp === undefined;
    if (isPublished && present.value.spec.writerRequest !== undefined) return present;
    if (!isPublished) {
      return stillWaiting(
        request.volumeId,
        `ControllerPublishVolume for ${ports.node.nodeName}: the volume is not published to this node`,
      );
    }
  }
  const creates = ports.settings.attach === "driver";
  return requestWriter(
    ports,
    { volume, nodeName: ports.node.nodeName, volumeContext: request.volumeContext, creates },
    signal,
  );
}

async function stageAsWriter(
  ports: NodePorts,
  request: StageRequest,
  found: FoundVolume,
  present: MountState,
  signal: AbortSignal,
): Promise<Result<Staged>> {
  const volumeName = found.volume.metadata.name;
  if (present === "live") {
    // Success only if an uncached record says that this very node holds it: a mount that looks alive may
    // have been fenced.
    const held = await checkHeld(ports, volumeName, signal);
    if (!held.ok) return held;
    if (held.value !== undefined) return adjustStaged(ports, request, found, held.value.epoch, signal);
    const used = await publishedTargets(ports, request.volumeId, request.stagingPath, signal);
    if (!used.ok) return used;
    const [target] = used.value.bound;
    if (target !== undefined) return stageUsed(ports, request, found, target, signal);
  }
  if (present !== "none") {
    if (present === "unflushed") await reportUnflushed(ports, volumeName, signal);
    const stale = { volumeName, path: request.stagingPath };
    const unmounted = await ports.steps.run("unmount", () => unmountVolume(ports, stale, signal));
    if (!unmounted.ok) return unmounted;
  }
  const acquired = await acquireVolume(ports, volumeName, found.lun, signal);
  if (!acquired.ok) return acquired;
  const { volume, epoch } = acquired.value;
  const asAcquired = { ...found, volume };
  let hasBegun = false;
  const stage = (): Promise<Result<Staged>> => {
    hasBegun = true;
    return stageAcquired(ports, request, asAcquired, epoch, signal);
  };
  const staged = await whileSame(ports, request, asAcquired, stage, signal);
  if (staged.ok) return staged;
  return releaseAfterFailure(ports, request, { volumeName, hasBegun }, staged.failure, signal);
}

/**
 * Stages what a pod has at `target`, and this node does not hold. The mounts stay: without the one at the
 * staging path, the node's own loop would not take the pod's for one in use. A grant is acquired, since
 * nothing else would: a backup may be from between that and the acquire.
 */
async function stageUsed(
  ports: NodePorts,
  request: StageRequest,
  found: FoundVolume,
  target: string,
  signal: AbortSignal,
): Promise<Result<Staged>> {
  const acquired = await acquireVolume(ports, found.volume.metadata.name, found.lun, signal);
  if (!acquired.ok && acquired.failure.kind === "NotWriter")
    return stillWaiting(
      request.volumeId,
      `${ports.node.nodeName} to reclaim the volume, or to remove what is mounted at ${target}`,
    );
  if (!acquired.ok) return acquired;
  const { volume, epoch } = acquired.value;
  return adjustStaged(ports, request, { ...found, volume }, epoch, signal);
}

/**
 * A failed stage leaves nothing mounted and the volume released, so that another node may have it. Only a
 * clean node acquires: one that has begun nothing since needs no device to show that it still is. Its disk
 * may be coming off, and then no attachment says where it is.
 */
async function releaseAfterFailure(
  ports: NodePorts,
  request: StageRequest,
  { volumeName, hasBegun }: { readonly volumeName: string; readonly hasBegun: boolean },
  failure: Failure,
  signal: AbortSignal,
): Promise<Result<Staged>> {
  const mounted = await ports.host.mountAt(request.stagingPath, signal);
  if (mounted.ok && mounted.value === undefined) {
    await restoreDevice(ports, volumeName, signal);
    const releaseOptions = { volumeName, isFlushed: false, needsDevice: hasBegun };
    const released = await releaseVolume(ports, releaseOptions, signal);
    const removed = released.ok ? await ports.checkpoints.remove(volumeName, signal) : released;
    if (!removed.ok)
      ports.logger.warn("volume not released after a failed stage; the next stage acquires it again", {
        volumeName,
        failure: removed.failure,
      });
  }
  return fail(failure);
}
