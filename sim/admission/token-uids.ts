import type { VirtualClock } from "../../src/adapters/virtual/virtual-clock.ts";
import type { Random } from "../../src/ports/random.ts";
import type { SimCluster } from "../kubernetes/sim-cluster.ts";

/** The uids of Nodes that the tokens of pods bear. */
export interface TokenUids {
  /** Of a token that is issued now; undefined: there was no Node of that name whenever this was asked. */
  issuedNow(nodeName: string): string | undefined;
  /** Of the token that the node plug-in has; undefined as above. */
  ofPlugin(nodeName: string): string | undefined;
}

/**
 * From when a kubelet may ask for a new token until the plug-in uses it, in milliseconds: the kubelet looks
 * after each pod every 90 s at most (its `syncFrequency` of 60 s, drawn out by half), and the plug-in reads
 * the file once a minute. A kubelet that was started again asks at once.
 */
const IN_USE_MAX_MS = 150_000;
/**
 * From when a token is issued until a kubelet asks for the next, in milliseconds: 80 % of the chart's 600
 * s.
 */
const ASKED_AFTER_MS = 480_000;

/** The share of Nodes that a kubelet makes again since it was started again. Others are made by hand. */
const RESTARTED = 0.5;

interface Issued {
  readonly uid: string;
  readonly instanceUri: string;
  /** From when the plug-in's token bears it, in milliseconds of the run. */
  readonly renewedAtMs: number;
}

/**
 * A token keeps the uid of a Node that is gone. The kubelet of another VM has issued none for an earlier
 * Node.
 */
export function createTokenUids(
  { nodes }: Pick<SimCluster, "nodes">,
  clock: Pick<VirtualClock, "elapsedMs">,
  random: Pick<Random, "next">,
): TokenUids {
  const newest = new Map<string, Issued>();
  const ofPlugins = new Map<string, Issued>();

  function look(nodeName: string): Issued | undefined {
    const node = nodes().find(({ name }) => name === nodeName);
    const known = newest.get(nodeName);
    if (node === undefined || node.uid === known?.uid) return known;
    const maxMs = random.next() < RESTARTED ? IN_USE_MAX_MS : ASKED_AFTER_MS + IN_USE_MAX_MS;
    const renewedAtMs = clock.elapsedMs() + Math.floor(random.next() * maxMs);
    const issued = { uid: node.uid, instanceUri: node.instanceUri, renewedAtMs };
    newest.set(nodeName, issued);
    return issued;
  }

  return {
    issuedNow: (nodeName) => look(nodeName)?.uid,
    ofPlugin: (nodeName) => {
      const next = look(nodeName);
      const present = ofPlugins.get(nodeName);
      if (next === undefined) return undefined;
      const isRenewed = next.instanceUri !== present?.instanceUri || clock.elapsedMs() >= next.renewedAtMs;
      if (isRenewed) ofPlugins.set(nodeName, next);
      return isRenewed ? next.uid : present.uid;
    },
  };
}
