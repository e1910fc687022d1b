import { ok, type Result } from "../../core/failure/result.ts";
import type { NodeVolumeAction } from "../../core/node/plan-node-volume.ts";
import type { NodePorts } from "../node-ports.ts";
import { restoreDevice } from "../stage/device-tuning.ts";
import { reportUnflushed } from "../unmount-volume.ts";
import { cleanCheckTarget } from "../writer/clean-check-target.ts";
import { releaseVolume } from "../writer/release-volume.ts";
import { answerRecall, type RecallAnswer, unmountUnderRecall } from "./answer-recall.ts";
import type { OwnVolume } from "./own-volume.ts";
import { reportStillUsed } from "./report-still-used.ts";
import { unmountAll } from "./unmount-all.ts";

/** Unmounts a volume that nothing here needs any more, releases it, and answers its recall, if any. */
export async function releaseAfterUnmount(
  ports: NodePorts,
  target: OwnVolume,
  { recallId, placeholders }: Extract<NodeVolumeAction, { kind: "Release" }>,
  signal: AbortSignal,
): Promise<Result<void>> {
  const { attachment, checkpoint, observed, isUnflushed } = target;
  // What is unmounted already makes no progress: a report would only overwrite that the release was
  // refused.
  const isUnmounted = observed.mount === "none" && observed.targets.length === 0;
  if (isUnflushed) await reportUnflushed(ports, target.volumeName, signal);
  const unmounted = await unmountUnderRecall(
    ports,
    { attachment, recallId: isUnmounted ? undefined : recallId, majorMinor: checkpoint?.majorMinor },
    () => unmountAll(ports, target, placeholders, signal),
    signal,
  );
  const released = unmounted.ok ? await releaseAndRemoveCheckpoint(ports, target, signal) : unmounted;
  if (!released.ok) {
    // An orderly unstage is not recalled. Right after an unmount the last process may just be ending.
    if (recallId !== undefined && (isUnmounted || !unmounted.ok))
      reportStillUsed(ports, target.volumeName, released.failure);
    const releaseRefused = unmounted.ok && released.failure.kind === "StoreUnavailable";
    await answerNotReleased(ports, target, { recallId, releaseRefused }, signal);
  }
  return released;
}

async function releaseAndRemoveCheckpoint(
  ports: NodePorts,
  { volumeName, observed }: OwnVolume,
  signal: AbortSignal,
): Promise<Result<void>> {
  await restoreDevice(ports, volumeName, signal);
  const released = await releaseVolume(ports, { volumeName, isFlushed: observed.mount === "live" }, signal);
  return released.ok ? ports.checkpoints.remove(volumeName, signal) : released;
}

/**
 * The unmount may have ended before it could report progress, and the node still can't release: without
 * an answer the controller would wait for the recall endlessly.
 */
async function answerNotReleased(
  ports: NodePorts,
  target: OwnVolume,
  {
    recallId: id,
    releaseRefused,
  }: { readonly recallId: string | undefined; readonly releaseRefused: boolean },
  signal: AbortSignal,
): Promise<void> {
  const { attachment } = target;
  if (attachment === undefined || id === undefined) return;
  const use = await useBesidesOwn(ports, target, signal);
  const answered = use.ok
    ? await answerRecall(
        ports,
        attachment,
        { id, ...use.value, unmounting: use.value.published.length === 0, releaseRefused },
        signal,
      )
    : use;
  if (!answered.ok && !signal.aborted)
    ports.logger.warn("recall not answered", {
      attachmentName: attachment.metadata.name,
      failure: answered.failure,
    });
}

/**
 * How the volume is in use here beside what this node has unmounted. A pod may have it raw where the
 * checkpoint was lost: without the writes of its device it would be fenced as one that makes no progress.
 */
async function useBesidesOwn(
  ports: NodePorts,
  target: OwnVolume,
  signal: AbortSignal,
): Promise<Result<Pick<RecallAnswer, "published" | "majorMinor">>> {
  const unknown = { published: [], majorMinor: target.checkpoint?.majorMinor };
  const { lun } = cleanCheckTarget(ports, target);
  if (target.checkpoint !== undefined || lun === undefined) return ok(unknown);
  const device = await ports.host.findDevice({ lun }, signal);
  if (!device.ok) return device.failure.kind === "DeviceNotFound" ? ok(unknown) : device;
  const { majorMinor } = device.value;
  const mounts = await ports.host.mountsOf(majorMinor, signal);
  return mounts.ok ? ok({ published: mounts.value.map(({ path }) => path).toSorted(), majorMinor }) : mounts;
}
