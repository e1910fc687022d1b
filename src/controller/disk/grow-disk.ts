import type { AzVolume, VolumeStatus } from "../../core/api/az-volume.ts";
import type { Failure } from "../../core/failure/failure.ts";
import { invariant } from "../../core/failure/invariant.ts";
import { toTimestamp } from "../../core/primitives/timestamp.ts";
import { withShownSize } from "../../core/volume/device/shown-size.ts";
import type { DiskPerformance } from "../../core/volume/disk-performance.ts";
import type { DiskAction } from "../../core/volume/plan-disk.ts";
import { ownIdentity } from "../../core/volume/replaced-disk.ts";
import { ignoreNotFound } from "../../objects/ignore-not-found.ts";
import type { Reconciled } from "../../runtime/queue/control-loop.ts";
import type { DiskPorts } from "../controller-ports.ts";
import { recordFailure, updatedStatus, setStatus, withoutOfflineResize } from "./disk-status.ts";
import { growthNote } from "./growth-note.ts";

/**
 * Has Azure grow a disk, and records its size. A disk of one VM grows while that has it, except across 4,095
 * GiB. Then the growth is refused for good, and nothing of it is left: csi-resizer would otherwise never ask
 * for less, whatever the claim requests by now. A shared disk still names the VMs that it was detached from.
 */
export async function resizeDisk(
  ports: DiskPorts,
  volume: AzVolume,
  action: Extract<DiskAction, { kind: "ResizeDisk" }>,
  signal: AbortSignal,
): Promise<Reconciled> {
  const { diskUri, sizeGiB } = action;
  const note = growthNote(ports, volume, sizeGiB);
  const resized = await ports.steps.run("resize-disk", () =>
    ports.cloud.resizeDisk(
      { diskUri, ...ownIdentity(volume), sizeGiB, precondition: note.write, onOver: note.end },
      signal,
    ),
  );
  if (!resized.ok) {
    const isForOneVm = volume.status?.detail?.maxShares === 1;
    const isInUse = isForOneVm && resized.failure.kind === "DiskInUse";
    return recordFailure(ports, volume, resized.failure, signal, isInUse ? { isFinal: true } : {});
  }
  const withSize = (status: VolumeStatus): VolumeStatus => {
    invariant(status.detail !== undefined, "a volume without a disk was resized");
    return updatedStatus(
      { ...status, detail: withShownSize(status.detail, { ...resized.value, state: "Succeeded" }) },
      volume.metadata.generation,
    );
  };
  const recorded = await ports.steps.run("record-updated", () => setStatus(ports, volume, withSize, signal));
  if (recorded.ok) ports.logger.info("disk resized", { volumeName: volume.metadata.name, ...resized.value });
  if (recorded.ok && resized.value.raised !== undefined) reportRaised(ports, volume, resized.value.raised);
  return ignoreNotFound(recorded);
}

function reportRaised(
  ports: DiskPorts,
  volume: AzVolume,
  { diskIOPSReadWrite: iops, diskMBpsReadWrite: mbps }: DiskPerformance,
): void {
  const raised = [iops === undefined ? [] : `${iops} IOPS`, mbps === undefined ? [] : `${mbps} MB/s`].flat();
  ports.events.emit({
    about: { kind: "AzVolume", name: volume.metadata.name },
    reason: "PerformanceRaised",
    message: `the disk has ${raised.join(" and ")} now, Azure's least for its size`,
  });
}

/** Marks a shared disk as growing: it is granted to no node, and its replicas are detached. */
export async function beginOfflineResize(
  ports: DiskPorts,
  volume: AzVolume,
  signal: AbortSignal,
): Promise<Reconciled> {
  const begun = (status: VolumeStatus): VolumeStatus => ({
    ...status,
    state: "Updating",
    conditions: withOfflineResize(status, ports.clock.nowMs()),
  });
  return ignoreNotFound(
    await ports.steps.run("begin-offline-resize", () => setStatus(ports, volume, begun, signal)),
  );
}

/** Ends the growth of a shared disk that is in use, with an event that says why. */
export function endOfflineResize(
  ports: DiskPorts,
  volume: AzVolume,
  because: string,
  signal: AbortSignal,
): Promise<Reconciled> {
  const diskUri = volume.status?.detail?.diskUri ?? "";
  const nodes = ports.cache
    .byIndex("AzVolumeAttachment", "volumeName", volume.metadata.name)
    .map((attachment) => attachment.spec.nodeName);
  ports.events.emit({
    about: { kind: "AzVolume", name: volume.metadata.name },
    reason: "NotExpanded",
    message: `the disk did not grow: ${because}`,
  });
  const failure = {
    kind: "VolumeInUse",
    volumeId: diskUri,
    nodeName: nodes.join(", "),
    users: [],
  } as const satisfies Failure;
  return ports.steps.run("end-offline-resize", () =>
    recordFailure(ports, volume, failure, signal, { isFinal: true, isReported: true }),
  );
}

function withOfflineResize(status: VolumeStatus, nowMs: number): VolumeStatus["conditions"] {
  const message =
    "grants are held back while the disk grows: Azure grows a shared disk only while no VM has it";
  return [
    ...withoutOfflineResize(status),
    {
      type: "OfflineResize",
      status: "True",
      reason: "SharedDisk",
      message,
      lastTransitionTime: toTimestamp(nowMs),
    },
  ];
}
