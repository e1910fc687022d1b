import type { JournalEntry } from "../../src/emulator/model/journal.ts";
import type { Violation } from "../history/violation.ts";
import { OUTSIDER } from "../history/vm-changes.ts";
import type { SimCluster } from "../kubernetes/sim-cluster.ts";
import { diskName } from "./watch-writers.ts";

/** The deletions of disks in Azure's journal. */
interface DeletionsJournal {
  since(sequence: number): readonly Pick<JournalEntry, "sequence" | "atMs" | "operation" | "path" | "status" | "caller">[];
}

/** Judges the deletions of disks that Azure has accepted. */
export interface DeletionWatch {
  /** Looks at the calls since the last look. To be called at least every few virtual minutes, while Azure's journal still has them. */
  look(): void;
}

const NO_CONTENT = 204;

/**
 * No disk is deleted that was not asked to be: before Azure accepts the driver's call, DeleteVolume was called for that very disk, or the call that made
 * it has never succeeded, so that no PersistentVolume names it.
 */
export function watchDeletions(world: {
  readonly cluster: Pick<SimCluster, "deletionAskedAtMs" | "wasCreated">;
  readonly journal: DeletionsJournal;
  /** The world's clock of a moment in the journal, in milliseconds. */
  readonly elapsedMsAt: (atMs: number) => number;
  readonly report: (violation: Omit<Violation, "atMs">) => void;
}): DeletionWatch {
  let seen = 0;
  return {
    look: () => {
      for (let entries = world.journal.since(seen); entries.length > 0; entries = world.journal.since(seen)) {
        for (const { sequence, atMs, operation, path, status, caller } of entries) {
          seen = sequence;
          // Where there was no such disk nothing was deleted.
          if (operation !== "Disks_Delete" || status >= NO_CONTENT || caller === OUTSIDER) continue;
          const askedAtMs = world.cluster.deletionAskedAtMs(path);
          if (askedAtMs !== undefined && askedAtMs <= world.elapsedMsAt(atMs)) continue;
          if (!world.cluster.wasCreated(path)) continue;
          world.report({
            invariant: "deleted-unasked",
            detail: `${caller ?? "nobody"} deleted ${diskName(path)}, and DeleteVolume had not been called for it`,
          });
        }
      }
    },
  };
}
