import type { VolumeSettings } from "../attachment/observed-volume.ts";

/** A node in service with a node plug-in, as a controller has heard of it. */
export interface HeardNode {
  /** Availability zone such as `1`; empty: not zonal. */
  readonly zone: string;
  /** Its last heartbeat is stale. */
  readonly isSilent: boolean;
}

/** A silent node whose kubelet is silent, too, and whose VM Azure shows as running. */
export interface SilentNode {
  readonly zone: string;
  /**
   * How long it has been certain that it is silent and that others are not, in milliseconds; below 0: until
   * then.
   */
  readonly silentMs: number;
  /**
   * For how long each look at it has found so few silent nodes that it may be dead (`doubtOfDeath`) and the
   * silence of others would have shown, in milliseconds; below 0: until then.
   */
  readonly believedMs: number;
  /** Another node that the same VM is by its heartbeats, or by its kubelet; undefined: none. */
  readonly heardAs: string | undefined;
  /** Volumes whose records name it as the writer. */
  readonly writes: readonly string[];
}

/** What to do about the VM of such a node. */
export type PowerOffStep =
  | { readonly kind: "Keep" }
  | { readonly kind: "LookAgain"; readonly afterMs: number }
  /** The VM is heard under another name, or too many nodes are silent for one to be believed dead. */
  | { readonly kind: "Withhold"; readonly reason: string }
  | { readonly kind: "PowerOff" };

/**
 * For how long few enough nodes must have been silent, in milliseconds. A network that comes back brings its
 * nodes back one by one, and the last of them must not count as the only dead ones: a kubelet reports each
 * 10 s, and Kubernetes looks at that each 5 s.
 */
export const BELIEVED_AFTER_MS = 20_000;

/** How late it is looked at again, in milliseconds: looks far apart say nothing of what was between. */
const LOOK_AGAIN_MS = 20_000;

/** The same of one that may be dead, whose VM Azure may take long to show before the look. */
export const BELIEVED_AGAIN_MS = 10_000;

/**
 * Plans whether the VM of a silent node is powered off, which only a setting allows: the node may be cut off
 * from the API server, and its pods may work. `others`: all other nodes in service.
 */
export function planPowerOff(
  node: SilentNode,
  others: readonly HeardNode[],
  { silentNodes, powerOffAfterMs }: Pick<VolumeSettings, "silentNodes" | "powerOffAfterMs">,
): PowerOffStep {
  // Without a volume that it writes, nothing of this driver waits for the node.
  if (silentNodes === "wait" || node.writes.length === 0) return { kind: "Keep" };
  const leftMs = powerOffAfterMs - node.silentMs;
  if (leftMs > 0) return lookAgain(leftMs, LOOK_AGAIN_MS);
  // A kubelet that registers under another name leaves its earlier Node behind, silent for ever.
  const reason = node.heardAs === undefined ? doubtOfDeath(node, others) : `it runs on as ${node.heardAs}`;
  if (reason !== undefined) return { kind: "Withhold", reason };
  const unbelievedMs = BELIEVED_AFTER_MS - node.believedMs;
  return unbelievedMs > 0 ? lookAgain(unbelievedMs, BELIEVED_AGAIN_MS) : { kind: "PowerOff" };
}

function lookAgain(leftMs: number, maxMs: number): PowerOffStep {
  return { kind: "LookAgain", afterMs: Math.min(leftMs, maxMs) };
}

/**
 * Why a silent node may be cut off rather than dead; undefined: nothing says so. Where several fall silent,
 * the network is the more likely cause: fewer than half of the nodes may be silent, in the cluster and in the
 * node's zone, or one alone that is not the whole cluster.
 */
export function doubtOfDeath(
  { zone }: Pick<SilentNode, "zone">,
  others: readonly HeardNode[],
): string | undefined {
  if (!others.some(({ isSilent }) => !isSilent)) return "every node is silent";
  const inCluster = tooManySilent(others);
  if (inCluster !== undefined) return `${inCluster} are silent`;
  const inZone = tooManySilent(others.filter((other) => other.zone === zone));
  return inZone && `${inZone} ${zone === "" ? "without a zone" : `of zone ${zone}`} are silent`;
}

/** "<silent> of <all> nodes" where one more silent node beside these is not believed. */
function tooManySilent(others: readonly HeardNode[]): string | undefined {
  const silent = 1 + others.filter(({ isSilent }) => isSilent).length;
  const all = 1 + others.length;
  return silent === 1 || silent * 2 < all ? undefined : `${silent} of ${all} nodes`;
}
