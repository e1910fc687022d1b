import { resourceUriKey } from "../../src/core/azure/ids/disk-uri.ts";
import { type CallsJournal, type JournalWatch, readerOf } from "../history/journal-reader.ts";
import type { Violation } from "../history/violation.ts";
import { OUTSIDER } from "../history/vm-changes.ts";
import type { SimCluster } from "../kubernetes/sim-cluster.ts";
import { diskName } from "./watch-writers.ts";

const REDIRECTION = 300;
const NO_CONTENT = 204;
const SERVER_ERROR = 500;

/**
 * No disk is deleted without a request: before Azure accepts the driver's call, DeleteVolume was called
 * for that very disk, or the driver created the disk itself and no CreateVolume has returned it, so that
 * no PersistentVolume names it. A disk that others created, such as a static one or a copy, is deleted for
 * a DeleteVolume only.
 */
export function watchDeletions(world: {
  readonly cluster: Pick<SimCluster, "deletionRequestedAtMs" | "createdAtMs">;
  readonly journal: CallsJournal<"atMs" | "operation" | "path" | "status" | "caller">;
  /** Converts a time in the journal to the world's clock, in milliseconds. */
  readonly elapsedMsAt: (atMs: number) => number;
  readonly report: (violation: Omit<Violation, "atMs">) => void;
}): JournalWatch {
  const made = { byDriver: new Set<string>(), byOthers: new Set<string>() };
  const read = readerOf(world.journal);

  /** An internal error of Azure leaves open whether the disk was created; a refusal does not. */
  function noteCreation(path: string, status: number, caller: string | undefined): void {
    if (status >= REDIRECTION && status < SERVER_ERROR) return;
    if (caller !== OUTSIDER) made.byDriver.add(resourceUriKey(path));
    else if (status < REDIRECTION) made.byOthers.add(resourceUriKey(path));
  }

  /** The rest of an abandoned creation: CreateVolume had not answered it by then. */
  function isUnfinishedCreation(path: string, elapsedMs: number): boolean {
    const key = resourceUriKey(path);
    const createdAtMs = world.cluster.createdAtMs(path) ?? Number.POSITIVE_INFINITY;
    return made.byDriver.has(key) && !made.byOthers.has(key) && elapsedMs < createdAtMs;
  }

  return {
    look: () => {
      for (const { atMs, operation, path, status, caller } of read()) {
        if (operation === "Disks_CreateOrUpdate") noteCreation(path, status, caller);
        // If there was no such disk, nothing was deleted.
        if (operation !== "Disks_Delete" || status >= NO_CONTENT || caller === OUTSIDER) continue;
        const requestedAtMs = world.cluster.deletionRequestedAtMs(path);
        const elapsedMs = world.elapsedMsAt(atMs);
        if (requestedAtMs !== undefined && requestedAtMs <= elapsedMs) continue;
        if (isUnfinishedCreation(path, elapsedMs)) continue;
        world.report({
          invariant: "deleted-unasked",
          detail:
            `${caller ?? "an unknown caller"} deleted ${diskName(path)}, and DeleteVolume had not been ` +
            "called for it",
        });
      }
    },
  };
}
