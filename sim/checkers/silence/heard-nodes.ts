import type { SimulatedStore } from "../../../src/adapters/simulated-store/simulated-store.ts";
import type { VirtualClock } from "../../../src/adapters/virtual/virtual-clock.ts";
import { objectsIn } from "../../history/objects-in.ts";
import type { SimNode } from "../../kubernetes/sim-cluster.ts";

/** For how long what the API server has may not have reached a controller, in milliseconds. */
const NEWS_MS = 5_000;

/** When which nodes were heard in fact: their heartbeats reached the store. */
export interface HeardNodes {
  /** Whether a heartbeat of the node arrived after `fromMs`, and not after `toMs`. */
  readonly wasHeard: (nodeName: string, fromMs: number, toMs: number) => boolean;
  /** The nodes with an AzDriverNode; of one zone if that is given. */
  readonly names: (zone?: string) => readonly string[];
  /** After how long without a heartbeat it is silent for every controller, in milliseconds. */
  readonly silentAfterMs: (nodeName: string) => number;
  readonly zoneOf: (nodeName: string) => string | undefined;
  /**
   * Whether half of those nodes or more, and more than one, were silent for every controller at that time,
   * however late it learned of them. A node that a person has marked is none of them, and one that the driver
   * has marked is.
   */
  readonly isHalfSilent: (names: readonly string[], atMs: number) => boolean;
}

interface Heard {
  readonly zone: string;
  readonly heartbeatsMs: number[];
  /** Its last one stated that the next may be so late. */
  readonly delayMs: number;
}

/** Follows heartbeats and Nodes from now on. `silentAfterMs`: without a heartbeat, in time of the run. */
export function heardNodes(
  world: {
    readonly clock: Pick<VirtualClock, "elapsedMs">;
    readonly store: Pick<SimulatedStore, "onCommit">;
    readonly cluster: {
      onNodeChange(listener: (previous: SimNode | undefined, current: SimNode | undefined) => void): void;
    };
  },
  silentAfterMs: (delayMs: number) => number,
): HeardNodes {
  const heard = new Map<string, Heard>();
  const nodes = new Map<string, { readonly atMs: number; readonly counts: boolean }[]>();
  world.store.onCommit((commit) => {
    if (commit.kind !== "AzDriverNode") return;
    const { before, after } = objectsIn(commit, "AzDriverNode");
    if (after === undefined && before !== undefined) heard.delete(commit.name);
    const nowMs = world.clock.elapsedMs();
    if (after?.status === undefined || after.status.heartbeat === before?.status?.heartbeat) return;
    const { zone, heartbeatDelayMs = 0 } = after.status;
    const known = heard.get(commit.name)?.heartbeatsMs ?? [];
    known.push(nowMs);
    heard.set(commit.name, { zone, heartbeatsMs: known, delayMs: heartbeatDelayMs });
  });
  world.cluster.onNodeChange((previous, current) => {
    const name = current?.name ?? previous?.name ?? "";
    const states = nodes.get(name) ?? [];
    nodes.set(name, states);
    const counts = current !== undefined && (!current.isOutOfService || current.isMarkedByDriver);
    if (states.at(-1)?.counts !== counts) states.push({ atMs: world.clock.elapsedMs(), counts });
  });
  const wasHeard = (nodeName: string, fromMs: number, toMs: number): boolean =>
    (heard.get(nodeName)?.heartbeatsMs ?? []).some((atMs) => atMs > fromMs && atMs <= toMs);
  /** Whether the Node counted at that time, and long enough before for controllers to know. */
  const counted = (nodeName: string, atMs: number): boolean => {
    const states = nodes.get(nodeName) ?? [];
    const last = states.findLast((state) => state.atMs <= atMs);
    return last?.counts === true && last.atMs <= atMs - NEWS_MS;
  };
  const silentAfterMsOf = (nodeName: string): number => silentAfterMs(heard.get(nodeName)?.delayMs ?? 0);
  const isSilent = (nodeName: string, atMs: number): boolean => {
    const lastMs = (heard.get(nodeName)?.heartbeatsMs ?? []).findLast((heardMs) => heardMs <= atMs) ?? 0;
    return counted(nodeName, atMs) && atMs - NEWS_MS - lastMs > silentAfterMsOf(nodeName);
  };
  return {
    wasHeard,
    names: (zone) =>
      [...heard].filter(([, node]) => zone === undefined || node.zone === zone).map(([name]) => name),
    silentAfterMs: silentAfterMsOf,
    zoneOf: (nodeName) => heard.get(nodeName)?.zone,
    isHalfSilent: (names, atMs) => {
      const silent = names.filter((name) => isSilent(name, atMs)).length;
      return silent > 1 && silent * 2 >= names.length;
    },
  };
}
