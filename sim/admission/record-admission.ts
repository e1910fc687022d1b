import type { RecordNode, WriterRecord } from "../../src/core/api/az-volume.ts";
import { isSameNode, type NodeIdentity } from "../../src/core/api/identity/node-identity.ts";
import { sameJson } from "../../src/core/primitives/same-json.ts";

/**
 * The most that a reclaim may raise the epoch: the largest checkpoint of a node, plus one. As in the
 * policy.
 */
const RECLAIM_RAISES_MAX = 1_000_001;

/** The longest value that a node may add to an AzVolume, in characters. As in the policy. */
export const VALUE_MAX_CHARS = 1_024;

/**
 * Why the chart's admission policy refuses a node's change of a writer record; undefined if it admits it.
 */
export function recordRefusal(old: unknown, next: unknown, nodeName: string): string | undefined {
  const [before, after] = [old as WriterRecord, next as WriterRecord];
  if (!sameJson(rest(before), rest(after)))
    return "a node changes of a writer record only what its own steps change";
  const isReclaim = reclaimed(before, after, nodeName);
  if (!sameJson(before.writer, after.writer) && !isReclaim && !movedOwnGrant(before, after, nodeName))
    return "a node moves the writer only by its own steps";
  if (before.epoch !== after.epoch && !isReclaim)
    return "a node raises the epoch only when it reclaims the volume";
  if (!sameJson(others(before.nodes, nodeName), others(after.nodes, nodeName)))
    return "a node changes only its own entries of a writer record";
  if (!sameJson(barriers(before, nodeName), barriers(after, nodeName)))
    return "only the controller passes a write barrier";
  const [known, own] = [before, after].map(({ nodes }) => nodes.filter((node) => node.nodeName === nodeName));
  if (!sameJson(known, own) && !isEachOnce(own ?? [])) return "a node lists each VM of its name once";
  const added = (own ?? []).filter((node) => known?.every((other) => !sameJson(other, node)));
  const isAllowed = added.every((node) => node.access === "clean" && isBounded(node));
  const reports = (own ?? []).filter(isReport);
  if (added.length === 0 || (before.defaultAccess === "quarantined" && isAllowed && reports.length <= 1))
    return undefined;
  return "a node adds to a writer record only its report that it is clean, in one entry";
}

function isEachOnce(nodes: readonly NodeIdentity[]): boolean {
  return new Set(nodes.map(({ vmId }) => vmId.toLowerCase())).size === nodes.length;
}

function isReport({ access, barrierPending }: RecordNode): boolean {
  return access === "clean" && barrierPending === undefined;
}

function isBounded(node: RecordNode): boolean {
  return Object.values(node).every((value) => typeof value !== "string" || value.length <= VALUE_MAX_CHARS);
}

function barriers({ nodes }: WriterRecord, nodeName: string): unknown {
  return nodes
    .filter((node) => node.nodeName === nodeName && node.barrierPending === true)
    .map(({ vmId, instanceUri, nodeUid }) => [vmId, instanceUri, nodeUid]);
}

/** The fields that no node may change. */
function rest({ writer: _, nodes: __, epoch: ___, ...kept }: WriterRecord): unknown {
  return kept;
}

/** Acquire, release, request and withdraw. */
function movedOwnGrant(
  { writer: old, fencing }: WriterRecord,
  { writer: next }: WriterRecord,
  nodeName: string,
): boolean {
  if (old === undefined || next === undefined || old.nodeName !== nodeName) return false;
  if (!sameJson({ ...old, held: true, requested: true }, { ...next, held: true, requested: true }))
    return false;
  const isFenced = fencing !== undefined && isSameNode(fencing, next);
  const acquired = old.requested && next.requested && next.held && !isFenced;
  const released = old.held && !next.held && next.requested === old.requested;
  const requestMoved = next.held === old.held && (!next.requested || !isFenced);
  return acquired || released || requestMoved;
}

function reclaimed(before: WriterRecord, after: WriterRecord, nodeName: string): boolean {
  const { writer } = after;
  if (
    before.writer !== undefined ||
    writer === undefined ||
    writer.nodeName !== nodeName ||
    (before.fencing !== undefined && isSameNode(before.fencing, writer))
  )
    return false;
  const isSelf = (node: NodeIdentity): boolean => node.nodeName === nodeName && node.vmId === writer.vmId;
  const isSameEntry = (node: NodeIdentity): boolean =>
    isSelf(node) && node.instanceUri === writer.instanceUri && node.nodeUid === writer.nodeUid;
  const mayReclaim = (node: RecordNode): boolean =>
    node.access === "unverified" && node.unconfirmed === undefined && node.barrierPending === undefined;
  if (
    !before.nodes.some((node) => isSameEntry(node) && mayReclaim(node)) ||
    after.nodes.some((node) => isSelf(node) && node.access === "unverified")
  )
    return false;
  const raised = after.epoch - before.epoch;
  return (
    writer.held &&
    writer.requested &&
    writer.epoch === after.epoch &&
    raised > 0 &&
    raised <= RECLAIM_RAISES_MAX
  );
}

type Named = readonly { readonly nodeName: string }[];

function others(nodes: Named, nodeName: string): Named {
  return nodes.filter((node) => node.nodeName !== nodeName);
}
