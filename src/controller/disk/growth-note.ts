import type { AzVolume } from "../../core/api/az-volume.ts";
import { mayCopySnapshots } from "../../core/volume/copies/recent-snapshots.ts";
import { growthToNote, type SentGrowth, withoutRefusedGrowth } from "../../core/volume/copies/sent-growth.ts";
import { isGrowthRefused } from "../../core/volume/is-growth-refused.ts";
import { changeVolumeStatus } from "../../objects/update-object.ts";
import type { Precondition } from "../../ports/cloud/cloud-provisioner.ts";
import type { DiskPorts } from "../controller-ports.ts";
import { isKept } from "./may-write-disk.ts";

/**
 * As `mayWriteDisk`, and notes each request on the volume where Azure copies snapshots in the background: one
 * without an answer may arrive after another one was refused, and would fail a snapshot that is made then. A
 * snapshot is noted by a write of the same object: only one of the two is made.
 */
export function growthNote(
  ports: DiskPorts,
  volume: AzVolume,
  sizeGiB: number,
): { readonly write: Precondition; readonly end: (signal: AbortSignal) => Promise<void> } {
  // The growth may have been refused to another leader since. Then a snapshot may be under way.
  const isAsked = (present: AzVolume): boolean =>
    isKept(present) && present.spec.disk.sizeGiB >= sizeGiB && !isGrowthRefused(present);
  let written: { readonly sent: SentGrowth; readonly before: SentGrowth | undefined } | undefined;

  async function write(signal: AbortSignal): Promise<boolean> {
    // Nothing is sent where the volume can't be read. What an earlier request has noted stays then.
    written = undefined;
    const noted = await changeVolumeStatus(
      ports.store,
      volume,
      (status, present) => {
        written = undefined;
        if (!isAsked(present) || !mayCopySnapshots(present)) return undefined;
        const sent = growthToNote(present, sizeGiB, ports.clock.nowMs());
        written = { sent, before: status.sentGrowth };
        return { ...status, sentGrowth: sent };
      },
      signal,
    );
    return noted.ok && isAsked(noted.value);
  }

  /** A note that can't be removed counts until its time has passed. */
  async function end(signal: AbortSignal): Promise<void> {
    if (written === undefined) return;
    const { sent, before } = written;
    await changeVolumeStatus(
      ports.store,
      volume,
      (status) => withoutRefusedGrowth(status, sent, before),
      signal,
    );
  }

  return { write, end };
}
