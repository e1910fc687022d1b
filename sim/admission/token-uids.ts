import type { VirtualClock } from "../../src/adapters/virtual/virtual-clock.ts";
import type { Random } from "../../src/ports/random.ts";
import type { SimCluster } from "../kubernetes/sim-cluster.ts";

/** The uids of Nodes that the tokens of pods carry. */
export interface TokenUids {
  /**
   * The uid in a token that is issued now; undefined if no Node of that name existed whenever this was
   * called.
   */
  issuedNow(nodeName: string): string | undefined;
  /** The uid in the token that the node plug-in has; undefined as above. */
  ofPlugin(nodeName: string): string | undefined;
}

/**
 * From the moment a kubelet may request a new token until the plug-in uses it, in milliseconds. The
 * kubelet syncs each pod every 90 s at most (`syncFrequency` of 60 s, with up to 50 % jitter), and the
 * plug-in reads the file once a minute. A restarted kubelet requests a token at once.
 */
const IN_USE_MAX_MS = 150_000;
/**
 * From the issue of a token until a kubelet requests the next one, in milliseconds: 80 % of the chart's
 * 600 s.
 */
const REQUESTED_AFTER_MS = 480_000;

/** The share of Nodes that a restarted kubelet recreates, unless all are. Others are recreated by hand. */
const RESTARTED = 0.5;

interface Issued {
  readonly uid: string;
  readonly instanceUri: string;
  /** From when the plug-in's token carries it, in milliseconds of the run. */
  readonly renewedAtMs: number;
}

/**
 * A token keeps the uid of a deleted Node. The kubelet of another VM has issued no token for an earlier
 * Node.
 */
export function createTokenUids(
  { nodes }: Pick<SimCluster, "nodes">,
  clock: Pick<VirtualClock, "elapsedMs">,
  random: Pick<Random, "next">,
  { areKubeletsRestarted = false }: { readonly areKubeletsRestarted?: boolean | undefined } = {},
): TokenUids {
  const newest = new Map<string, Issued>();
  const ofPlugins = new Map<string, Issued>();

  function look(nodeName: string): Issued | undefined {
    const node = nodes().find(({ name }) => name === nodeName);
    const known = newest.get(nodeName);
    if (node === undefined || node.uid === known?.uid) return known;
    const restarted = areKubeletsRestarted ? 1 : RESTARTED;
    const maxMs = random.next() < restarted ? IN_USE_MAX_MS : REQUESTED_AFTER_MS + IN_USE_MAX_MS;
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
