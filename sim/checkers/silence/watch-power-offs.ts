import type { SimulatedStore } from "../../../src/adapters/simulated-store/simulated-store.ts";
import type { VirtualClock } from "../../../src/adapters/virtual/virtual-clock.ts";
import type { VolumeSettings } from "../../../src/core/attachment/observed-volume.ts";
import { type CallsJournal, type JournalWatch, readerOf } from "../../history/journal-reader.ts";
import type { OutsideEvents } from "../../history/outside-events.ts";
import type { Violation } from "../../history/violation.ts";
import type { SimNode } from "../../kubernetes/sim-cluster.ts";
import { heardNodes } from "./heard-nodes.ts";

const POWER_OFF = /^(.*)\/powerOff$/iu;
/** How long a request may be on its way, in milliseconds: the node may have reported since it was sent. */
const ON_THE_WAY_MS = 10_000;
/** The share of a time that a controller's clock, which may be fast, leaves at least. */
const CLOCK_SHARE = 0.9;
/** How late they may be where a fault delays them, in milliseconds. */
const LATE_NEWS_MS = 45_000;
/** For how long few nodes have to be silent before one is powered off, and how far apart looks are. */
const FEW_FOR_MS = 20_000;
const LOOKS_APART_MS = 30_000;
/** How close to each other the moments are at which the nodes are counted, in milliseconds. */
const COUNTED_EACH_MS = 1_000;

/**
 * The driver powers a VM off only where its settings say so, and only that of a node which has been silent
 * for the whole time, while another node was heard; and not while half of the nodes or more are silent, in
 * the cluster or in the node's zone, or were until just now.
 */
export function watchPowerOffs(
  world: {
    readonly clock: Pick<VirtualClock, "elapsedMs">;
    readonly store: Pick<SimulatedStore, "onCommit">;
    readonly azure: { nodeNameAt(instanceUri: string): string | undefined };
    readonly cluster: {
      onNodeChange(listener: (previous: SimNode | undefined, current: SimNode | undefined) => void): void;
    };
    readonly outside: Pick<OutsideEvents, "isNewsLate">;
    readonly journal: CallsJournal<"atMs" | "path" | "caller">;
    readonly elapsedMsAt: (atMs: number) => number;
    readonly report: (violation: Omit<Violation, "atMs">) => void;
  },
  { silentNodes, powerOffAfterMs, heartbeatStaleMs }: VolumeSettings,
): JournalWatch {
  const nodes = heardNodes(world, (delayMs) => (heartbeatStaleMs + delayMs) / CLOCK_SHARE);
  const read = readerOf(world.journal);

  /** Whether half of the nodes were silent during all that time. */
  function wasHalfSilent(names: readonly string[], fromMs: number, toMs: number): boolean {
    for (let atMs = fromMs; atMs <= toMs; atMs += COUNTED_EACH_MS)
      if (!nodes.isHalfSilent(names, atMs)) return false;
    return true;
  }

  function judge(instanceUri: string, caller: string, atMs: number): void {
    const nodeName = world.azure.nodeNameAt(instanceUri) ?? instanceUri;
    const report = (why: string): void =>
      world.report({ invariant: "powered-off", detail: `${caller} powered off ${nodeName}, ${why}` });
    if (silentNodes !== "power-off") return report("though its settings leave that to a person");
    const sentMs = atMs - ON_THE_WAY_MS;
    const silentMs = (heartbeatStaleMs + powerOffAfterMs) * CLOCK_SHARE - ON_THE_WAY_MS;
    if (nodes.wasHeard(nodeName, sentMs - silentMs, sentMs))
      return report("which had sent a heartbeat lately");
    // Controllers may learn of heartbeats, and so of silence, late.
    const isNewsLate = world.outside.isNewsLate();
    const knownMs = sentMs - (isNewsLate ? LATE_NEWS_MS : 0);
    const isHeard = (name: string): boolean =>
      nodes.wasHeard(name, knownMs - nodes.silentAfterMs(name), atMs);
    if (!nodes.names().some((name) => name !== nodeName && isHeard(name)))
      return report("while no other node was heard");
    if (isNewsLate) return;
    const fewMs = FEW_FOR_MS * CLOCK_SHARE;
    const lookedMs = sentMs - fewMs - LOOKS_APART_MS / CLOCK_SHARE;
    for (const [names, where] of [
      [nodes.names(), ""],
      [nodes.names(nodes.zoneOf(nodeName)), " in its zone"],
    ] as const) {
      if (wasHalfSilent(names, sentMs, atMs)) return report(`while half of the nodes${where} were silent`);
      if (wasHalfSilent(names, lookedMs, atMs - fewMs))
        return report(`and half of the nodes${where} had been silent until just then`);
    }
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
