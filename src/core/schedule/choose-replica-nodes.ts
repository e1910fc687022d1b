import type { ObservedNode, ObservedVolume } from "../attachment/observed-volume.ts";
import type { Platform } from "../platform/platform.ts";
import { isSilent } from "../writer/node-silence.ts";
import { isNamed } from "../writer/record/record-nodes.ts";
import { spreadRank, whyPodsDoNotFit, type WhyNot } from "./pod-fits-node.ts";
import { whyUnreachable } from "./why-unreachable.ts";

/** Disks with a file system of Windows are not shared: whatever a replica is for, it is on Linux. */
const REPLICAS: Platform = "linux";

/** A node without a replica, and why: for the event about a missing replica. */
export interface Rejection {
  readonly nodeName: string;
  readonly because: string;
}

/** The best nodes for `count` new replicas, best first, and why the others were rejected. */
export function chooseReplicaNodes(
  observed: ObservedVolume,
  count: number,
): { readonly chosen: readonly ObservedNode[]; readonly rejected: readonly Rejection[] } {
  const placement = observed.placement();
  const whyNot = whyPodsDoNotFit(placement);
  const judged = observed
    .nodes()
    .map((node) => ({ node, because: reasonAgainst(observed, node) ?? whyNot(node) }));
  const fit = judged.filter(({ because }) => because === undefined).map(({ node }) => node);
  const companionCounts = observed.companionCounts();
  const rankOf = spreadRank(placement);
  const ranked = fit.map((node) => ({
    node,
    spread: rankOf(node),
    companions: companionCounts.get(node.nodeName) ?? 0,
    freeShare: node.volumesMax === 0 ? 0 : (node.volumesMax - node.attachments) / node.volumesMax,
  }));
  const zonesTaken = observed.attachments.map(
    ({ attachment }) => observed.node(attachment.spec.nodeName)?.zone,
  );
  return {
    chosen: chooseBest(ranked, count, zonesTaken),
    rejected: judged.flatMap(({ node, because }) =>
      because === undefined ? [] : [{ nodeName: node.nodeName, because }],
    ),
  };
}

/** Whether one of `nodes` could get a replica of the volume now. */
export function couldTakeReplica(observed: ObservedVolume, nodes: readonly ObservedNode[]): boolean {
  // Most volumes need it for no node, and it reads all pods.
  let whyNot: WhyNot | undefined;
  return nodes.some(
    (node) =>
      reasonAgainst(observed, node) === undefined &&
      (whyNot ??= whyPodsDoNotFit(observed.placement()))(node) === undefined,
  );
}

/** Whether a node could get a replica of any volume now, by what is known of the node alone. */
export function couldTakeReplicas(observed: Pick<ObservedVolume, "settings">, node: ObservedNode): boolean {
  return reasonAgainstNode(observed, node) === undefined;
}

/** A node that could get a replica. The higher each number, the better; earlier ones take precedence. */
interface RankedNode {
  readonly node: ObservedNode;
  /** See `spreadRank`. */
  readonly spread: number;
  readonly companions: number;
  /** From 0 to 1. */
  readonly freeShare: number;
}

/** One after the other: each choice takes its zone. */
function chooseBest(
  ranked: readonly RankedNode[],
  count: number,
  zonesTaken: readonly (string | undefined)[],
): readonly ObservedNode[] {
  const zones = new Set(zonesTaken);
  const left = new Set(ranked);
  const chosen: ObservedNode[] = [];
  while (chosen.length < count && left.size > 0) {
    const best = [...left].reduce((known, next) => (isBetter(next, known, zones) ? next : known));
    left.delete(best);
    zones.add(best.node.zone);
    chosen.push(best.node);
  }
  return chosen;
}

/**
 * A replica is of use only where the pod is admitted. A pod moves with all of its volumes, so the node with
 * most of the others comes next. Then comes a zone without this volume, since a zone-redundant disk survives
 * the loss of one; then the larger share of free slots.
 */
function isBetter(left: RankedNode, right: RankedNode, zones: ReadonlySet<string | undefined>): boolean {
  const isNewZone = ({ node }: RankedNode): number => (zones.has(node.zone) ? 0 : 1);
  const difference =
    left.spread - right.spread ||
    left.companions - right.companions ||
    isNewZone(left) - isNewZone(right) ||
    left.freeShare - right.freeShare;
  return difference === 0 ? left.node.nodeName < right.node.nodeName : difference > 0;
}

function reasonAgainst(observed: ObservedVolume, node: ObservedNode): string | undefined {
  const { volume } = observed;
  const detail = volume.status?.detail;
  const record = volume.status?.record;
  if (observed.attachments.some(({ attachment }) => attachment.spec.nodeName === node.nodeName))
    return "has an attachment already";
  if (isNamed(record, node, "quarantined", "fencing")) return "is in quarantine for this volume";
  const closed = reasonAgainstNode(observed, node);
  if (closed !== undefined) return closed;
  return detail === undefined ? undefined : whyUnreachable({ ...detail, platform: REPLICAS }, node);
}

function reasonAgainstNode(
  observed: Pick<ObservedVolume, "settings">,
  node: ObservedNode,
): string | undefined {
  if (node.isGone) return "is no node of the cluster any more";
  if (!node.isReady) return "its node plug-in is not ready";
  if (isSilent(observed, node)) return "its heartbeat is stale";
  if (node.isOutOfService) return "is out of service";
  if (node.isUnschedulable) return "is unschedulable";
  if (node.isQuarantined) return "is in quarantine for another volume";
  if (node.isShortOfSlots) return "has no slot left for a volume that is requested there";
  if (node.attachments >= node.volumesMax) return `has no free slot among ${node.volumesMax}`;
  return undefined;
}
