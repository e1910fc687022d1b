import { resourceUriKey } from "../../src/core/model/disk-uri.ts";
import type { SimAzure } from "../azure/sim-azure.ts";
import type { OutsideEvents } from "../history/outside-events.ts";
import type { Violation } from "../history/violation.ts";
import { diskName } from "./watch-writers.ts";

/** Nothing is formatted, or wiped, that had data: a disk that was ever mounted, or that somebody else's data stands on. */
export function watchFormats(world: {
  readonly azure: Pick<SimAzure, "onDiskEvent">;
  readonly outside: Pick<OutsideEvents, "hasForeignData">;
  readonly report: (violation: Omit<Violation, "atMs">) => void;
}): void {
  const used = new Set<string>();
  world.azure.onDiskEvent((event) => {
    if (event.kind !== "wrote") return;
    const key = resourceUriKey(event.diskUri);
    if (event.by === "mount" || event.by === "flush") used.add(key);
    const why = used.has(key) ? "that was in use before" : world.outside.hasForeignData(event.diskUri) ? "that holds somebody else's data" : undefined;
    if (event.by === "format" && why !== undefined) {
      world.report({ invariant: "formatted-data", detail: `${event.machine.nodeName} formatted ${diskName(event.diskUri)}, ${why}` });
    }
  });
}
