import { setTimeout as sleep } from "node:timers/promises";
import { createVolume, deleteVolume } from "../../demo/volume-moves.ts";
import { waitUntil } from "../../demo/wait-until.ts";
import type { AzVolumeAttachment } from "../../src/core/api/az-volume-attachment.ts";
import { bringUp, takeDown, untilServed } from "../workflows/volume-use.ts";
import type { WritingPod } from "../workflows/writing-pod.ts";
import type { SoakLab } from "./soak-lab.ts";

const READY_MAX_MS = 240_000;
/** Some seconds pass until then on a busy machine. */
const FROZEN_MAX_MS = 15_000;
const LOOK_EVERY_MS = 20;
/**
 * The emulator copies a disk while it is written, on file systems without reflinks: only a frozen file system
 * is whole in the copy.
 */
const FREEZE_SECONDS = 30;

/** A snapshot that is ready. */
export interface Snapshot {
  readonly id: string;
  /** The last record that was reported as synced before it was asked for. */
  readonly lastSynced: number;
}

/** Takes a snapshot of a pod's volume while the pod writes or moves. */
export async function takeSnapshot(lab: SoakLab, pod: WritingPod): Promise<Snapshot> {
  const lastSynced = pod.writer().lastSynced();
  const id = await waitUntil(`the snapshot of ${pod.volume.name}`, READY_MAX_MS, async () => {
    const { snapshot } = await untilServed(() =>
      lab.controller.createSnapshot({
        name: `snapshot-of-${pod.volume.name}`,
        sourceVolumeId: pod.volume.volumeId,
        parameters: { fileSystemFreezeSeconds: String(FREEZE_SECONDS) },
        secrets: {},
        accessibilityRequirements: undefined,
      }),
    );
    return snapshot?.readyToUse === true ? snapshot.snapshotId : undefined;
  });
  return { id, lastSynced };
}

/**
 * Waits until the file system of a volume is frozen for its snapshot. Not for long: Azure or the store may
 * fail at the same time.
 */
export async function untilFrozen(
  lab: SoakLab,
  volumeName: string | undefined,
  signal: AbortSignal,
): Promise<void> {
  const endMs = performance.now() + FROZEN_MAX_MS;
  while (volumeName !== undefined && performance.now() < endMs) {
    const list = await lab.store.list("AzVolumeAttachment", {}, signal);
    const isFrozen = ({ spec, status }: AzVolumeAttachment): boolean =>
      spec.volumeName === volumeName && status?.freeze?.state === "Frozen";
    if (list.ok && list.value.items.some(isFrozen)) return;
    await sleep(LOOK_EVERY_MS, undefined, { signal });
  }
}

/**
 * Mounts a larger copy of the snapshot beside its source. Throws if a record or a file is missing in it.
 * Deletes the copy and the snapshot.
 */
export async function restoreSnapshot(
  lab: SoakLab,
  pod: WritingPod,
  { id: snapshotId, lastSynced }: Snapshot,
  sizeGiB: number,
): Promise<void> {
  const { node } = pod;
  const copy = await untilServed(() =>
    createVolume(lab, {
      name: `copy-of-${pod.volume.name}`,
      sizeGiB: BigInt(sizeGiB),
      parameters: { skuName: "Premium_LRS" },
      zones: [`eastus-${node.zone}`],
      capability: pod.volume.capability,
      source: { type: { $case: "snapshot", value: { snapshotId } } },
    }),
  );
  await bringUp(lab, copy, node);
  await pod.checkCopy(copy, lastSynced);
  await takeDown(lab, copy, node);
  await untilServed(() => deleteVolume(lab, copy));
  await untilServed(() => lab.controller.deleteSnapshot({ snapshotId, secrets: {} }));
}
