import type { AttachmentStatus } from "../core/api/az-volume-attachment.ts";
import type { Result } from "../core/failure/result.ts";
import { isLossStated, withLostWrites } from "../core/node/plan-mount-problems.ts";
import { ignoreNotFound } from "../objects/ignore-not-found.ts";
import { changeStatus } from "../objects/update-object.ts";
import { emitOnVolume } from "./emit-on-volume.ts";
import type { NodePorts } from "./node-ports.ts";
import { checkpointOf, ownAttachment } from "./own-state.ts";

/** One path of a volume. */
interface VolumePath {
  readonly volumeName: string;
  readonly path: string;
}

/**
 * Unmounts one path of a volume, and reports what its flush shows to be lost. The kernel says that once, and
 * the kubelet shows no error of an unstage: by the next call, which succeeds, no one would know.
 */
export async function unmountVolume(
  ports: NodePorts,
  of: VolumePath,
  signal: AbortSignal,
): Promise<Result<void>> {
  return reportingLoss(ports, of.volumeName, await ports.host.unmount(of.path, signal), signal);
}

/** Leaves a placeholder at one path of a volume, and reports the same: it may be the volume's last mount. */
export async function coverVolume(
  ports: NodePorts,
  of: VolumePath,
  signal: AbortSignal,
): Promise<Result<void>> {
  return reportingLoss(ports, of.volumeName, await ports.host.mountPlaceholder(of.path, signal), signal);
}

async function reportingLoss(
  ports: NodePorts,
  volumeName: string,
  unmounted: Result<void>,
  signal: AbortSignal,
): Promise<Result<void>> {
  if (!unmounted.ok && unmounted.failure.kind === "WritesLost")
    await reportWritesLost(ports, volumeName, unmounted.failure.detail, signal);
  return unmounted;
}

/** Says on the volume that its disk lacks what was written to it here. `detail`: what the kernel said. */
export async function reportWritesLost(
  ports: NodePorts,
  volumeName: string,
  detail: string,
  signal: AbortSignal,
): Promise<void> {
  const { nodeName } = ports.node;
  ports.logger.warn("writes to a volume lost", { volumeName, reason: detail });
  emitOnVolume(
    ports,
    volumeName,
    "WritesLost",
    `not all that was written to the volume on ${nodeName} is on its disk: ${detail}`,
  );
  const stated = `not all that was written is on its disk: ${detail}`;
  await stateLoss(ports, volumeName, { detail: stated, isOfMount: false }, signal);
}

/**
 * Says on the volume that its disk may lack what was written last: a dead mount is not flushed. Before it is
 * unmounted: the caller may leave during the unmount, or this process end, and nothing of it is left to see
 * then. Where it died since the last look at it, nothing has said so before.
 */
export async function reportUnflushed(
  ports: NodePorts,
  volumeName: string,
  signal: AbortSignal,
): Promise<void> {
  const { nodeName } = ports.node;
  const why = "its mount is dead, and unmounted without a flush";
  emitOnVolume(
    ports,
    volumeName,
    "WritesLost",
    `what was written last to the volume on ${nodeName} may not be on its disk: ${why}`,
  );
  const detail = `what was written last may not be on its disk: ${why}`;
  await stateLoss(ports, volumeName, { detail, isOfMount: true }, signal);
}

/**
 * States it in the attachment of this node, for the leader to show it on claim and pods: before the caller
 * continues, and so before the release, after which the leader soon believes it no more. Where it can't be
 * written, the event on the volume remains. `isOfMount`: a mount has such a loss once, however often its
 * unmount is tried.
 */
async function stateLoss(
  ports: NodePorts,
  volumeName: string,
  { detail, isOfMount }: { readonly detail: string; readonly isOfMount: boolean },
  signal: AbortSignal,
): Promise<void> {
  const checkpoint = checkpointOf(ports, volumeName);
  const attachment = ownAttachment(ports, volumeName);
  if (checkpoint === undefined || attachment === undefined) return;
  const { name, uid } = attachment.metadata;
  const loss = { epoch: checkpoint.epoch, detail };
  const { begunAt } = ports.looks.of(checkpoint);
  const isStated = ({ mountProblems }: Pick<AttachmentStatus, "mountProblems">): boolean =>
    isOfMount && isLossStated(mountProblems, loss, begunAt);
  if (attachment.status !== undefined && isStated(attachment.status)) return;
  const stated = await changeStatus(
    ports.store,
    { kind: "AzVolumeAttachment", name, uid },
    ({ status, ...present }) => {
      if (status === undefined || isStated(status)) return undefined;
      const mountProblems = withLostWrites(status.mountProblems, loss, ports.clock.nowMs(), begunAt);
      return { ...present, status: { ...status, mountProblems } };
    },
    signal,
  );
  const done = ignoreNotFound(stated);
  if (!done.ok) ports.logger.warn("lost writes not stated", { volumeName, failure: done.failure });
}
