import { diceAgain, type FaultContext, type FaultVariant, nodeOfPod, pick } from "../../../fault-class.ts";

/** How long a person sees to it that a VM runs, once what silenced its node is over, in milliseconds. */
const REPAIRED_FOR_MS = 180_000;
/** From the return of one node to that of the next, and to that of the pod's node, in milliseconds. */
const APART_MS = [2_000, 6_000, 12_000] as const;
const LAST_MS = 40_000;
/** From the silence of one node to that of the next, in milliseconds. */
const SPREADS_MS = 100_000;

/** Cuts a node off from the API server; its pods work. Returns how that ends, and a person starts its VM. */
function cutOff({ world }: FaultContext, nodeName: string): () => void {
  const { azure, cluster } = world;
  const setReachable = (isReachable: boolean): void => {
    cluster.setKubeletReachable(nodeName, isReachable);
    world.nodePlugin(nodeName)?.store.setReachable(isReachable);
  };
  let isCut = true;
  setReachable(false);
  return () => {
    if (!isCut) return;
    isCut = false;
    setReachable(true);
    azure.startOutside(nodeName, REPAIRED_FOR_MS);
  };
}

/**
 * Half of the nodes or more, or all of one zone, are cut off together, the pod's node among them. The network
 * brings them back one after the other, and the pod's node last.
 */
export const cutOffTogether: FaultVariant = {
  forMs: [190_000, 230_000],
  isDirected: true,
  begin: (context, fault) => {
    const { world, nodeNames, later } = context;
    const first = nodeOfPod(world, fault);
    const zoneOf = (nodeName: string): string => world.azure.vmOf(nodeName)?.zones[0] ?? "";
    const others = nodeNames.filter((nodeName) => nodeName !== first);
    const neighbours = others.filter((nodeName) => zoneOf(nodeName) === zoneOf(first));
    // One is left, which is heard.
    const half = others.slice(0, Math.max(1, Math.min(others.length - 1, Math.ceil(nodeNames.length / 2))));
    const together = diceAgain(fault.dice, 1) < 0.5 && neighbours.length > 0 ? neighbours : half;
    const apartMs = pick(APART_MS, diceAgain(fault.dice, 2));
    const backMs = fault.forMs - LAST_MS - apartMs * together.length;
    const ends = [first, ...together].map((nodeName) => cutOff(context, nodeName));
    for (const [index, end] of ends.slice(1).entries()) later(backMs + apartMs * index, end);
    return () => {
      for (const end of ends) end();
    };
  },
};

/** The pod's node is cut off, and then the one to which the pod has moved: a cause that spreads. */
export const cutOffInTurn: FaultVariant = {
  forMs: [260_000, 290_000],
  isDirected: true,
  begin: (context, fault) => {
    const ends = new Map<string, () => void>();
    const strike = (): void => {
      const nodeName = nodeOfPod(context.world, fault);
      if (!ends.has(nodeName)) ends.set(nodeName, cutOff(context, nodeName));
    };
    strike();
    context.later(SPREADS_MS, strike);
    return () => {
      for (const end of ends.values()) end();
    };
  },
};
