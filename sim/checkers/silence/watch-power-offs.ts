import type { SimulatedStore } from "../../../src/adapters/simulated-store/simulated-store.ts";
import type { VirtualClock } from "../../../src/adapters/virtual/virtual-clock.ts";
import type { VolumeSettings } from "../../../src/core/attachment/observed-volume.ts";
import { type CallsJournal, type JournalWatch, readerOf } from "../../history/journal-reader.ts";
import { objectsIn } from "../../history/objects-in.ts";
import type { Violation } from "../../history/violation.ts";

const POWER_OFF = /^(.*)\/powerOff$/iu;
/** How long a request may be on its way, in milliseconds: the node may have reported since it was sent. */
const ON_THE_WAY_MS = 10_000;
/** The share of a time that a controller's clock, which may be fast, leaves at least. */
const CLOCK_SHARE = 0.9;

/**
 * The driver powers a VM off only where its settings say so, and only that of a node which has been silent
 * for the whole time, while another node was heard.
 */
export function watchPowerOffs(
  world: {
    readonly clock: Pick<VirtualClock, "elapsedMs">;
    readonly store: Pick<SimulatedStore, "onCommit">;
    readonly azure: { nodeNameAt(instanceUri: string): string | undefined };
    readonly journal: CallsJournal<"atMs" | "path" | "caller">;
    readonly elapsedMsAt: (atMs: number) => number;
    readonly report: (violation: Omit<Violation, "atMs">) => void;
  },
  { silentNodes, powerOffAfterMs, heartbeatStaleMs }: VolumeSettings,
): JournalWatch {
  const heartbeatsMs = new Map<string, number[]>();
  world.store.onCommit((commit) => {
    const { before, after } = objectsIn(commit, "AzDriverNode");
    if (after?.status === undefined || after.status.heartbeat === before?.status?.heartbeat) return;
    const known = heartbeatsMs.get(commit.name) ?? [];
    heartbeatsMs.set(commit.name, known);
    known.push(world.clock.elapsedMs());
  });
  const read = readerOf(world.journal);
  const within = (nodeName: string, fromMs: number, toMs: number): boolean =>
    (heartbeatsMs.get(nodeName) ?? []).some((atMs) => atMs > fromMs && atMs <= toMs);

  function judge(instanceUri: string, caller: string, atMs: number): void {
    const nodeName = world.azure.nodeNameAt(instanceUri) ?? instanceUri;
    const report = (why: string): void =>
      world.report({ invariant: "powered-off", detail: `${caller} powered off ${nodeName}, ${why}` });
    if (silentNodes !== "power-off") return report("though its settings leave that to a person");
    const sentMs = atMs - ON_THE_WAY_MS;
    const silentMs = (heartbeatStaleMs + powerOffAfterMs) * CLOCK_SHARE - ON_THE_WAY_MS;
    if (within(nodeName, sentMs - silentMs, sentMs)) return report("which had sent a heartbeat lately");
    const others = [...heartbeatsMs.keys()].filter((name) => name !== nodeName);
    if (!others.some((name) => within(name, atMs - heartbeatStaleMs / CLOCK_SHARE - ON_THE_WAY_MS, atMs)))
      report("while no other node was heard");
  }

  return {
    look: () => {
      for (const { path, caller = "", atMs } of read()) {
        const instanceUri = POWER_OFF.exec(path)?.[1];
        if (instanceUri !== undefined && caller !== "outsider")
          judge(instanceUri, caller, world.elapsedMsAt(atMs));
      }
    },
  };
}
