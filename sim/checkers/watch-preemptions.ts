import { isSameResourceUri } from "../../src/core/azure/ids/disk-uri.ts";
import { type CallsJournal, type JournalWatch, readerOf } from "../history/journal-reader.ts";
import type { Violation } from "../history/violation.ts";
import { forcedIn, OUTSIDER } from "../history/vm-changes.ts";
import { diskName } from "./watch-writers.ts";

/** What Azure reports about an operation. */
interface SeenOperation {
  readonly resourceId: string;
  readonly callers: readonly string[];
  readonly endedAtMs?: number;
  readonly diskIds?: readonly string[];
  readonly error?: { readonly code: string };
}

/**
 * No forced detach of the driver ends another client's update of the VM: an interrupted reimage or upgrade
 * leaves a node that never returns (docs/adr/0029). An update that moves a disk is not judged: others may
 * have requested the very detach that hangs.
 */
export function watchPreemptions(world: {
  readonly journal: CallsJournal<"atMs" | "kind" | "method" | "path" | "status" | "caller" | "body">;
  /** In any order. */
  readonly operations: () => Iterable<SeenOperation>;
  readonly report: (violation: Omit<Violation, "atMs">) => void;
}): JournalWatch {
  const read = readerOf(world.journal);

  function preempted({
    path,
    atMs,
  }: {
    readonly path: string;
    readonly atMs: number;
  }): SeenOperation | undefined {
    return [...world.operations()].find(
      ({ resourceId, callers, endedAtMs, diskIds = [], error }) =>
        isSameResourceUri(resourceId, path) &&
        endedAtMs === atMs &&
        error?.code === "DataDisksForceDetached" &&
        callers.length > 0 &&
        callers.every((caller) => caller === OUTSIDER) &&
        diskIds.length === 0,
    );
  }

  return {
    look: () => {
      for (const { kind, method, path, status, caller, body, atMs } of read()) {
        if (kind !== "arm" || method === "GET" || status >= 300 || caller === OUTSIDER) continue;
        if (forcedIn(body).length === 0 || preempted({ path, atMs }) === undefined) continue;
        const forced = forcedIn(body).map(diskName).join(", ");
        world.report({
          invariant: "update-preempted",
          detail:
            `${caller ?? "?"} took ${forced} off ${diskName(path)} by force during another client's ` +
            "update of it",
        });
      }
    },
  };
}
