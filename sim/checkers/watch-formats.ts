import { resourceUriKey } from "../../src/core/azure/ids/disk-uri.ts";
import type { SimAzure } from "../azure/sim-azure.ts";
import type { OutsideEvents } from "../history/outside-events.ts";
import type { Violation } from "../history/violation.ts";
import { diskName } from "./watch-writers.ts";

/**
 * No disk with data is formatted or wiped: one that was ever mounted or written, or on which others have
 * put data. No copy of another disk is, whatever is on it: it may be one that went wrong. And no disk is
 * mounted, or written raw, while it has the mark of a first format: its data would be taken for the rest of
 * that format.
 */
export function watchFormats(world: {
  readonly azure: Pick<SimAzure, "onDiskEvent" | "isCopy" | "diskOf">;
  readonly outside: Pick<OutsideEvents, "hasForeignData">;
  readonly report: (violation: Omit<Violation, "atMs">) => void;
}): void {
  const used = new Set<string>();
  const marked = new Set<string>();
  world.azure.onDiskEvent((event) => {
    if (event.kind !== "wrote") return;
    const key = resourceUriKey(event.diskUri);
    if (event.by === "mount" || event.by === "flush") {
      if (world.azure.diskOf(event.diskUri)?.formatMark !== undefined && !marked.has(key)) {
        marked.add(key);
        world.report({
          invariant: "formatted-data",
          detail:
            `${event.machine.nodeName} uses ${diskName(event.diskUri)}, which has the mark of a first ` +
            "format",
        });
      }
      used.add(key);
    }
    if (event.by !== "format") return;
    const why = whyNot(event.diskUri);
    if (why === undefined) return;
    world.report({
      invariant: "formatted-data",
      detail: `${event.machine.nodeName} formatted ${diskName(event.diskUri)}, ${why}`,
    });
  });

  function whyNot(diskUri: string): string | undefined {
    if (used.has(resourceUriKey(diskUri))) return "that was in use before";
    if (world.azure.isCopy(diskUri)) return "that is a copy of another disk";
    return world.outside.hasForeignData(diskUri) ? "that holds another client's data" : undefined;
  }
}
