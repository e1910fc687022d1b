import type { WriterRecord } from "../../src/core/api/az-volume.ts";
import { includesNode, type NodeIdentity } from "../../src/core/api/node-identity.ts";
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
  if (!onlyRemovesItself(before.quarantine, after.quarantine, nodeName))
    return "a node removes only itself from quarantine";
  if (!onlyRemovesItself(before.unverified, after.unverified, nodeName)) return "a node verifies only itself";
  const saysOnlyOfItself =
    before.adopted && sameJson(others(before.clean, nodeName), others(after.clean, nodeName));
  const own = after.clean.filter((node) => node.nodeName === nodeName);
  const isBounded =
    own.length <= 1 &&
    own.every((node) => Object.values(node).every((value = "") => value.length <= VALUE_MAX_CHARS));
  if (sameJson(before.clean, after.clean) || (saysOnlyOfItself && isBounded)) return undefined;
  return "a node reports only itself as clean, in one entry";
}

/** The fields that no node may change. */
function rest({
  writer: _,
  quarantine: __,
  clean: ___,
  unverified: ____,
  epoch: _____,
  ...kept
}: WriterRecord): unknown {
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
  const isFenced = fencing?.nodeName === nodeName;
  const took = old.requested && next.requested && next.held && !isFenced;
  const gave = old.held && !next.held && next.requested === old.requested;
  const requestMoved = next.held === old.held && (!next.requested || !isFenced);
  return took || gave || requestMoved;
}

function reclaimed(before: WriterRecord, after: WriterRecord, nodeName: string): boolean {
  const { writer } = after;
  if (
    before.writer !== undefined ||
    writer === undefined ||
    writer.nodeName !== nodeName ||
    before.fencing?.nodeName === nodeName
  )
    return false;
  const isSelf = (node: NodeIdentity): boolean => node.nodeName === nodeName && node.vmId === writer.vmId;
  const isSameEntry = (node: NodeIdentity): boolean =>
    isSelf(node) && node.instanceUri === writer.instanceUri && node.nodeUid === writer.nodeUid;
  if (includesNode(before.barrierPending ?? [], writer)) return false;
  if (
    !before.unverified.some((node) => isSameEntry(node) && node.unconfirmed === undefined) ||
    after.unverified.some(isSelf)
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

function onlyRemovesItself(before: Named, after: Named, nodeName: string): boolean {
  return (
    sameJson(others(before, nodeName), others(after, nodeName)) &&
    after.every((node) => before.some((known) => sameJson(known, node)))
  );
}
