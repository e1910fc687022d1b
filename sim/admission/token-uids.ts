import type { SimCluster } from "../kubernetes/sim-cluster.ts";

/** The uids of Nodes that the tokens of pods bear. */
export interface TokenUids {
  /** Undefined: there was no Node of that name whenever that was asked. */
  of(nodeName: string): string | undefined;
}

/** The kubelet renews a token as soon as its Node is made again; a Node that is gone stays in the token. */
export function createTokenUids({ nodes }: Pick<SimCluster, "nodes">): TokenUids {
  const known = new Map<string, string>();
  return {
    of: (nodeName) => {
      const uid = nodes().find(({ name }) => name === nodeName)?.uid ?? known.get(nodeName);
      if (uid !== undefined) known.set(nodeName, uid);
      return uid;
    },
  };
}
