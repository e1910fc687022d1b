import type { VirtualClock } from "../../src/adapters/virtual/virtual-clock.ts";
import type { SimCluster } from "../kubernetes/sim-cluster.ts";

/** The uids of Nodes that the tokens of pods bear. */
export interface TokenUids {
  /** Of a token that is issued now; undefined: there was no Node of that name whenever this was asked. */
  issuedNow(nodeName: string): string | undefined;
  /** Of the token that the node plug-in has; undefined as above. */
  ofPlugin(nodeName: string): string | undefined;
}

/**
 * From when a Node is made again for the same VM until the plug-in there has a token with its uid, in milliseconds. A
 * kubelet that starts again asks for new tokens, and puts them into its pods within 90 s (its `syncFrequency` of 60 s,
 * drawn out by half at most).
 */
const RENEWED_AFTER_MS = 90_000;

interface Issued {
  readonly uid: string;
  readonly instanceUri: string;
  readonly atMs: number;
}

/** A token keeps the uid of a Node that is gone. The kubelet of another VM has issued none for an earlier Node. */
export function createTokenUids({ nodes }: Pick<SimCluster, "nodes">, clock: Pick<VirtualClock, "elapsedMs">): TokenUids {
  const newest = new Map<string, Issued>();
  const ofPlugins = new Map<string, Issued>();

  function look(nodeName: string): Issued | undefined {
    const node = nodes().find(({ name }) => name === nodeName);
    const known = newest.get(nodeName);
    if (node === undefined || node.uid === known?.uid) return known;
    const issued = { uid: node.uid, instanceUri: node.instanceUri, atMs: clock.elapsedMs() };
    newest.set(nodeName, issued);
    return issued;
  }

  return {
    issuedNow: (nodeName) => look(nodeName)?.uid,
    ofPlugin: (nodeName) => {
      const next = look(nodeName);
      const present = ofPlugins.get(nodeName);
      if (next === undefined) return undefined;
      const isRenewed = next.instanceUri !== present?.instanceUri || clock.elapsedMs() - next.atMs >= RENEWED_AFTER_MS;
      if (isRenewed) ofPlugins.set(nodeName, next);
      return isRenewed ? next.uid : present.uid;
    },
  };
}
