import { textAt } from "../../api/json.ts";
import { sameId } from "../../api/resource/resource-id.ts";
import { putSnapshot, type World } from "../../world.ts";
import type { Disk } from "../disk.ts";
import { completionPercent, type Snapshot } from "../snapshot/snapshot.ts";

/** A copy that has ended without its content stays where it is. */
const NEVER_MS = Number.MAX_SAFE_INTEGER;

/** Ends the copies to other regions that read a snapshot which is deleted (CopyCompletionErrorReason). */
export function endCopiesOf(world: World, source: Snapshot): void {
  for (const snapshot of world.snapshots.values()) {
    const { creationData, copy } = snapshot;
    if (copy === undefined || textAt(creationData, "createOption") !== "CopyStart") continue;
    if (!sameId(source.id, textAt(creationData, "sourceResourceId") ?? "")) continue;
    if (completionPercent(snapshot, world.nowMs) === 100) continue;
    putSnapshot(world, {
      ...snapshot,
      copy: { ...copy, endsAtMs: NEVER_MS },
      copyError: {
        code: "CopySourceNotFound",
        message: `The source snapshot ${source.id} was deleted while its copy was in progress.`,
      },
    });
  }
}

/**
 * Fails the snapshots of a disk that has grown while Azure still copied them (Learn, Create an incremental
 * snapshot for managed disks: Premium SSD v2 and Ultra). Inferred: how they show it.
 */
export function failCopiesOf(world: World, { uniqueId }: Pick<Disk, "uniqueId">): void {
  for (const snapshot of world.snapshots.values()) {
    const { copy, sourceUniqueId } = snapshot;
    if (copy === undefined || sourceUniqueId !== uniqueId) continue;
    if (completionPercent(snapshot, world.nowMs) === 100) continue;
    putSnapshot(world, { ...snapshot, copy: { ...copy, endsAtMs: NEVER_MS }, provisioningState: "Failed" });
  }
}
