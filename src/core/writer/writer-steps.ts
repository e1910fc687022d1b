import type { Writer, WriterRecord } from "../api/az-volume.ts";
import { highestEpoch } from "../api/epoch.ts";
import {
  identityOf,
  includesNode,
  isForeign,
  isSameNode,
  isSameVm,
  lacksUidOf,
  type NodeIdentity,
  type NodeKey,
  withNode,
  withoutNode,
  withUidFrom,
} from "../api/node-identity.ts";
import { fail, ok, type Result } from "../failure/result.ts";

/**
 * The steps of the writer protocol, each a pure function from a record to the next one or to a refusal.
 * The caller writes the result by compare-and-swap on the version it read; on a conflict it reads and
 * asks again. An exhaustive model of these steps finds no state with two live writers; without any one
 * condition it finds one (docs/assurance/models.md).
 */
export type Step = Result<WriterRecord, string>;

/** The record of a disk that was just created: no node can have it. */
export function newRecord(storeIncarnation: number): WriterRecord {
  return { quarantine: [], adopted: false, clean: [], unverified: [], epoch: 0, storeIncarnation };
}

/**
 * The record of a disk that is not new, or whose record was lost: nodes that have it attached are
 * unverified, all others in quarantine until clean. `barrierPending`: nodes whose VM an update from
 * before the loss may still reach.
 */
export function foundRecord(found: {
  readonly attachedTo: readonly NodeIdentity[];
  /**
   * Nodes for which only their checkpoints, or attachment objects, say that they have the disk: also
   * unverified, but they may not reclaim it. Default: none.
   */
  readonly checkpointed?: readonly NodeIdentity[] | undefined;
  /** Nodes fenced before, as other sources know, that have not reported clean since. Default: none. */
  readonly cutOff?: readonly NodeIdentity[];
  /** Default: none. */
  readonly barrierPending?: readonly NodeIdentity[] | undefined;
  readonly epoch: number;
  readonly storeIncarnation: number;
}): WriterRecord {
  const { attachedTo, checkpointed = [], cutOff = [], barrierPending = [], epoch, storeIncarnation } = found;
  const unconfirmed = checkpointed
    .filter((node) => !includesNode(attachedTo, node))
    .map((node) => ({ ...node, unconfirmed: true as const }));
  // A node that may have the disk again shows itself clean as an unverified node.
  const quarantine = cutOff.filter((node) => !includesNode([...attachedTo, ...checkpointed], node));
  return withBarrierPending(
    {
      quarantine,
      adopted: true,
      clean: [],
      unverified: [...attachedTo, ...unconfirmed],
      epoch,
      storeIncarnation,
    },
    barrierPending,
  );
}

/**
 * *rediscover*, by the controller: the record of a disk that another driver has published while `present`
 * stood. Nodes that may have the disk are unverified. A node that `present` names neither as the writer
 * nor as unverified is named later, as by *distrust*.
 */
export function foundAgain(
  present: WriterRecord,
  found: Omit<Found, "barrierPending" | "storeIncarnation">,
): WriterRecord {
  const { attachedTo, checkpointed = [] } = found;
  const isNamedBefore = (node: NodeKey): boolean =>
    isWriter(present, node) || includesNode(present.unverified, node);
  const later = [...attachedTo, ...checkpointed].filter((node) => !isNamedBefore(node));
  const { barrierPending } = later.reduce(foundLater, present);
  return foundRecord({ ...found, barrierPending, storeIncarnation: present.storeIncarnation });
}

type Found = Parameters<typeof foundRecord>[0];

/**
 * Whether `node` may still have a dead mount or an old mount command, so that nothing may be attached or
 * granted to it.
 */
export function isInQuarantine(record: WriterRecord, node: NodeKey): boolean {
  return (
    includesNode(record.quarantine, node) ||
    (record.adopted && !includesNode(record.clean, node) && !isWriter(record, node))
  );
}

/** Whether `node` is the writer, held or not. */
export function isWriter(record: WriterRecord, node: NodeKey): boolean {
  return record.writer !== undefined && isSameNode(record.writer, node);
}

/**
 * Whether a record says of a node that it writes, may write, or is or was fenced: then the orchestrator's
 * publication adds no information. No further question while a node is being fenced, since a rebuilt
 * record would lose that.
 */
export function isNamedIn(
  { writer, unverified, quarantine, fencing }: WriterRecord,
  nodeName: string,
): boolean {
  return (
    fencing !== undefined ||
    [...(writer === undefined ? [] : [writer]), ...unverified, ...quarantine].some(
      (node) => node.nodeName === nodeName,
    )
  );
}

/** Whether a controller is fencing `node`. */
export function isFencing(record: WriterRecord, node: NodeKey): boolean {
  return record.fencing !== undefined && isSameNode(record.fencing, node);
}

/**
 * Whether an update from before a record loss may still detach the disk from `node`: a writer there would
 * lose its disk.
 */
export function isBarrierPending(record: WriterRecord, node: NodeKey): boolean {
  return includesNode(record.barrierPending ?? [], node);
}

/** What a request of a node with a pending write barrier waits for. */
export function waitsForBarrier(nodeName: string): string {
  return `the leading controller to make sure that no detach from ${nodeName} is under way any more`;
}

/** Whether `node` is being fenced from the disk, or was and has not reported clean since. */
export function isCutOff(record: WriterRecord, node: NodeKey): boolean {
  return isFencing(record, node) || includesNode(record.quarantine, node);
}

/**
 * Whether the disk may be attached to `node`. Asked between reading the VM and writing it: an earlier
 * question lets a fence slip in between.
 */
export function mayAttach(record: WriterRecord, node: NodeIdentity): boolean {
  return !isInQuarantine(record, node) && !(record.fencing !== undefined && isSameVm(record.fencing, node));
}

/**
 * Whether the disk may be detached from `node` other than by a fence. Asked about its VM: one that writes
 * under another name would lose its disk.
 */
export function mayDetach({ writer, unverified }: WriterRecord, node: NodeIdentity): boolean {
  return [...(writer === undefined ? [] : [writer]), ...unverified].every((other) => !isSameVm(other, node));
}

/**
 * Whether a hanging detach from `node`, by any client, may be forced for an attach. Not from a holder,
 * which writes until the disk is detached, nor from an unverified node, which may write.
 */
export function mayForceOff({ writer, unverified }: WriterRecord, node: NodeIdentity): boolean {
  return [...(writer?.held === true ? [writer] : []), ...unverified].every((other) => !isSameVm(other, node));
}

/** *grant*, by the controller: `node` becomes the writer, not yet held. */
export function grant(record: WriterRecord, node: NodeIdentity): Step {
  if (record.writer !== undefined) return fail(`${record.writer.nodeName} is the writer`);
  if (record.unverified.length > 0)
    return fail(
      `nothing proves yet that ${record.unverified.map((other) => other.nodeName).join(", ")} can't write`,
    );
  if (isFencing(record, node)) return fail(`${node.nodeName} is being fenced`);
  if (isInQuarantine(record, node))
    return fail(`${node.nodeName} is in quarantine until it has shown that it is clean`);
  if (isBarrierPending(record, node)) return fail(notSettled(node));
  const epoch = record.epoch + 1;
  return ok({ ...record, writer: { ...identityOf(node), epoch, held: false, requested: true }, epoch });
}

/**
 * *acquire*, by the node before it checks, formats or mounts. Repeating it for a held grant is allowed
 * only to a node that is clean.
 */
export function acquire(
  record: WriterRecord,
  node: NodeKey,
  state: { readonly isClean: boolean; readonly storeIncarnation: number },
): Step {
  const writer = record.writer;
  if (writer === undefined || !isSameNode(writer, node))
    return fail(writer === undefined ? "no node is the writer" : `${writer.nodeName} is the writer`);
  if (!writer.requested) return fail("the grant is being taken back");
  if (isFencing(record, node)) return fail(`${node.nodeName} is being fenced`);
  if (record.storeIncarnation !== state.storeIncarnation)
    return fail(
      `the record is of store incarnation ${record.storeIncarnation}, the store of ${state.storeIncarnation}`,
    );
  if (writer.held && !state.isClean)
    return fail(`${node.nodeName} holds the volume already and is not clean`);
  return ok({ ...record, writer: { ...writer, held: true } });
}

/**
 * *release*, by the node once it has unmounted and flushed, or never mounted. Other nodes may write from
 * then on. It ends no fence: a detach that was allowed before may still land, and would hit this node as
 * a later writer.
 */
export function release(record: WriterRecord, node: NodeKey, epoch: number): Step {
  const writer = record.writer;
  if (writer === undefined || !isSameNode(writer, node) || writer.epoch !== epoch)
    return fail("the record no longer names this node and epoch");
  if (!writer.held) return fail("the volume is not held");
  return ok({ ...record, writer: { ...writer, held: false } });
}

/** revoke*, by the controller: a writer without a request that holds nothing is removed. */
export function revoke(record: WriterRecord): Step {
  const writer = record.writer;
  if (writer === undefined) return fail("there is no writer");
  if (writer.held) return fail(`${writer.nodeName} holds the volume`);
  if (writer.requested) return fail(`${writer.nodeName} is requested as the writer`);
  return ok(withoutWriter(record));
}

/**
 * *assume held*, by the controller: another VM has the name of the writer's node, and its token may have
 * released what this one holds. Only a fence, or proof that the VM is gone, frees the volume then.
 */
export function assumeHeld(record: WriterRecord, node: NodeKey): Step {
  const writer = record.writer;
  if (writer === undefined || !isSameNode(writer, node)) return fail(`${node.nodeName} is not the writer`);
  if (writer.held) return fail(`${node.nodeName} holds the volume already`);
  if (isFencing(record, node)) return fail(`${node.nodeName} is being fenced`);
  const holder: Writer = { ...writer, held: true };
  return ok({ ...record, writer: holder });
}

/**
 * Withdraws the writer's request. Others decide whether that is due (the release check,
 * ControllerUnpublishVolume, NodeUnstageVolume, node loss).
 */
export function withdraw(record: WriterRecord, node: NodeKey): Step {
  return setRequested(record, node, false);
}

/** Renews the writer's request: a new user came, or the release check found one. */
export function renew(record: WriterRecord, node: NodeKey): Step {
  if (isFencing(record, node)) return fail(`${node.nodeName} is being fenced`);
  return setRequested(record, node, true);
}

/**
 * *fence*, step 1, the intent: from here on nothing is attached to `node` and it can't acquire. Only an
 * unrequested holder or an unverified node is fenced.
 */
export function fenceIntent(record: WriterRecord, node: NodeIdentity): Step {
  if (record.fencing !== undefined && !isFencing(record, node))
    return fail(`${record.fencing.nodeName} is being fenced`);
  if (isWriter(record, node)) {
    if (record.writer?.held !== true) return fail(`${node.nodeName} does not hold the volume: revoke it`);
    if (record.writer.requested) return fail(`${node.nodeName} is requested as the writer`);
  } else if (!includesNode(record.unverified, node)) {
    return fail(`${node.nodeName} is neither the writer nor unverified`);
  }
  return ok({ ...record, fencing: withUidFrom(entriesOf(record), node) });
}

/**
 * *fence*, step 4, with proof in hand: `node` is neither writer nor unverified any more, and in
 * quarantine. Only this ends a fence. `writerAtIntent` must still be the writer: otherwise the proof may
 * be that of an earlier fence.
 */
export function fenceClear(
  record: WriterRecord,
  node: NodeIdentity,
  writerAtIntent: Writer | undefined,
): Step {
  if (!isFencing(record, node)) return fail(`${node.nodeName} is not being fenced`);
  if (!isSameGrant(record.writer, writerAtIntent))
    return fail("the writer has changed since the fence began");
  const freed = isWriter(record, node) ? withoutWriter(record) : record;
  return ok({
    ...settled(withoutFencingOf(freed, node), node),
    quarantine: withNode(record.quarantine, withUidFrom(entriesOf(record), node)),
    clean: withoutNode(record.clean, node),
    unverified: withoutNode(record.unverified, node),
  });
}

/**
 * *detached*, by the controller, with proof that the disk is not on an unverified node and that no write
 * prepared earlier can bring it there: it has nothing to reclaim, and no device to show itself clean
 * with. As after a fence, an old mount command may still exist.
 */
export function clearDetached(record: WriterRecord, node: NodeIdentity): Step {
  if (!includesNode(record.unverified, node)) return fail(`${node.nodeName} is not unverified`);
  if (isFencing(record, node)) return fail(`${node.nodeName} is being fenced`);
  return ok({
    ...settled(record, node),
    quarantine: withNode(record.quarantine, withUidFrom(entriesOf(record), node)),
    clean: withoutNode(record.clean, node),
    unverified: withoutNode(record.unverified, node),
  });
}

/**
 * *distrust*, by the controller: a VM has the disk although neither the record nor an attachment says so.
 * A person attached it, or an object was erased: whether it is in use there is unknown. Never the writer,
 * which the record names already.
 */
export function distrust(record: WriterRecord, node: NodeIdentity): Step {
  if (isWriter(record, node)) return fail(`${node.nodeName} is the writer`);
  if (isFencing(record, node)) return fail(`${node.nodeName} is being fenced`);
  if (includesNode(record.unverified, node)) return fail(`${node.nodeName} is unverified already`);
  const known = withUidFrom(entriesOf(record), node);
  return ok({
    ...foundLater(record, known),
    unverified: withNode(record.unverified, known),
    clean: withoutNode(record.clean, node),
  });
}

/**
 * *pass the write barrier*, by the controller, once no update from before the record was made can reach
 * the VM of `node`.
 */
export function passBarrier(record: WriterRecord, node: NodeKey): Step {
  return isBarrierPending(record, node)
    ? ok(settled(record, node))
    : fail(`${node.nodeName} has no pending write barrier`);
}

/** *leave quarantine*, by the node itself once it is clean. */
export function leaveQuarantine(record: WriterRecord, node: NodeIdentity): Step {
  if (!isInQuarantine(record, node)) return fail(`${node.nodeName} is not in quarantine`);
  return ok({ ...record, quarantine: withoutNode(record.quarantine, node), clean: withClean(record, node) });
}

/** An unverified node shows that it is clean. Like *release*, it ends no fence. */
export function proveClean(record: WriterRecord, node: NodeIdentity): Step {
  if (!includesNode(record.unverified, node)) return fail(`${node.nodeName} is not unverified`);
  return ok({
    ...record,
    unverified: withoutNode(record.unverified, node),
    clean: withClean(record, node),
  });
}

/** Whether only an unverified node's own word, or an attachment object, says that it has the disk. */
export function isUnconfirmed(record: WriterRecord, node: NodeKey): boolean {
  return record.unverified.some((other) => isSameNode(other, node) && other.unconfirmed === true);
}

/**
 * *verify*, by the controller, once Azure lists the disk on the VM of an unverified node: from now on
 * that node may reclaim it.
 */
export function verify(record: WriterRecord, node: NodeIdentity): Step {
  if (!isUnconfirmed(record, node)) return fail(`${node.nodeName} is not unverified`);
  return ok({
    ...record,
    unverified: record.unverified.map((other) => (isSameNode(other, node) ? identityOf(other) : other)),
  });
}

/**
 * *reclaim*, by an unverified node with a live mount and a user. `epochKnown` is the highest in its own
 * checkpoints; one that is out of reach is not believed. The resource id of its VM is the record's, not
 * the one that the node reports.
 */
export function reclaim(record: WriterRecord, node: NodeKey, epochKnown: number): Step {
  const known = record.unverified.find((other) => isSameNode(other, node));
  if (known === undefined) return fail(`${node.nodeName} is not unverified`);
  if (isUnconfirmed(record, node)) return fail(`Azure has not listed the disk on ${node.nodeName} yet`);
  if (record.writer !== undefined) return fail(`${record.writer.nodeName} is the writer`);
  if (isFencing(record, node)) return fail(`${node.nodeName} is being fenced`);
  if (isBarrierPending(record, node)) return fail(notSettled(node));
  const epoch = highestEpoch(record.epoch, [epochKnown]) + 1;
  return ok({
    ...record,
    writer: { ...identityOf(known), epoch, held: true, requested: true },
    epoch,
    unverified: withoutNode(record.unverified, node),
  });
}

/**
 * *bind*, by the controller: the entries of `node` get the uid of its orchestrator's node. That object
 * may have been recreated, or the entry may be older than the uid. Not the list of clean nodes, whose
 * entries each node replaces by its own.
 */
export function bindToNode(record: WriterRecord, node: NodeIdentity): Step {
  const { nodeUid } = node;
  if (nodeUid === undefined) return fail(`no uid of ${node.nodeName} is known`);
  const bound = <T extends NodeIdentity>(entry: T): T =>
    lacksUidOf(entry, node) ? { ...entry, nodeUid } : entry;
  const { writer, fencing, barrierPending, quarantine, unverified } = record;
  const isBound = entriesOf(record).every((entry) => !lacksUidOf(entry, node));
  if (isBound) return fail(`no entry of ${node.nodeName} lacks its uid`);
  return ok({
    ...record,
    ...(writer === undefined ? {} : { writer: bound(writer) }),
    ...(fencing === undefined ? {} : { fencing: bound(fencing) }),
    ...(barrierPending === undefined ? {} : { barrierPending: barrierPending.map(bound) }),
    quarantine: quarantine.map(bound),
    unverified: unverified.map(bound),
  });
}

/** Every entry of a record but those of the clean. */
export function entriesOf({
  writer,
  fencing,
  barrierPending = [],
  quarantine,
  unverified,
}: WriterRecord): readonly NodeIdentity[] {
  return [
    ...(writer === undefined ? [] : [writer]),
    ...(fencing === undefined ? [] : [fencing]),
    ...barrierPending,
    ...quarantine,
    ...unverified,
  ];
}

/**
 * *identify*, by the controller: a VM that was unverified under its resource id alone turns out to be a
 * node of the cluster, which can then report its use of the disk.
 */
export function identify(record: WriterRecord, unknown: NodeIdentity, node: NodeIdentity): Step {
  if (!includesNode(record.unverified, unknown)) return fail(`${unknown.instanceUri} is not unverified`);
  if (isFencing(record, unknown)) return fail(`${unknown.instanceUri} is being fenced`);
  const others = withoutNode(record.unverified, unknown);
  // The writer has the disk by right, and no step would remove an entry beside that: *reclaim* and *prove
  // clean* are for nodes that do not write.
  const isKnown = isWriter(record, node) || includesNode(others, node);
  if (isKnown) return ok({ ...record, unverified: others });
  const known = withUidFrom(entriesOf(record), node);
  return ok({ ...foundLater(record, known), unverified: [...others, known] });
}

/**
 * Removes every trace of a VM that no longer exists under its name (gone, or replaced): its open files
 * died with it.
 */
export function clearVanished(record: WriterRecord, node: NodeKey): Step {
  const freed = isWriter(record, node) ? withoutWriter(record) : record;
  const cleared = {
    ...settled(withoutFencingOf(freed, node), node),
    quarantine: withoutNode(record.quarantine, node),
    clean: withoutNode(record.clean, node),
    unverified: withoutNode(record.unverified, node),
  };
  return isNamed(record, node) ? ok(cleared) : fail(`${node.nodeName} is not in the record`);
}

/**
 * *prune*: a VM that no longer exists leaves quarantine, since no node will report clean for it. What it
 * may still hold is freed by a fence alone.
 */
export function forget(record: WriterRecord, node: NodeKey): Step {
  if (isWriter(record, node) || isFencing(record, node) || includesNode(record.unverified, node))
    return fail(`${node.nodeName} has to be fenced first`);
  return clearVanished(record, node);
}

/** An unknown node leaves the list of clean nodes. If it comes back, it only has to report again. */
export function withdrawClean(record: WriterRecord, nodeName: string): Step {
  const clean = withoutName(record.clean, nodeName);
  return clean.length === record.clean.length
    ? fail(`${nodeName} is not known to be clean`)
    : ok({ ...record, clean });
}

/**
 * The list of clean nodes with `node`, where one is kept. It replaces an earlier VM of its name: such
 * names would accumulate.
 */
function withClean({ clean, adopted }: WriterRecord, node: NodeIdentity): WriterRecord["clean"] {
  return adopted ? withNode(withoutName(clean, node.nodeName), node) : clean;
}

function withoutName(nodes: readonly NodeIdentity[], nodeName: string): readonly NodeIdentity[] {
  return nodes.filter((node) => node.nodeName !== nodeName);
}

/** Whether `node` appears anywhere in the record. */
function isNamed(record: WriterRecord, node: NodeKey): boolean {
  const lists = [record.quarantine, record.clean, record.unverified, record.barrierPending ?? []];
  return (
    isWriter(record, node) || isFencing(record, node) || lists.some((nodes) => includesNode(nodes, node))
  );
}

function settled(record: WriterRecord, node: NodeKey): WriterRecord {
  return record.barrierPending === undefined
    ? record
    : withBarrierPending(record, withoutNode(record.barrierPending, node));
}

function withBarrierPending(
  { barrierPending: _, ...record }: WriterRecord,
  nodes: readonly NodeIdentity[],
): WriterRecord {
  return nodes.length === 0 ? record : { ...record, barrierPending: nodes.map(identityOf) };
}

/**
 * A rebuilt record did not name `node`: a detach that the lost one allowed may be under way to its VM. A
 * VM that is no node never writes by the record.
 */
function foundLater(record: WriterRecord, node: NodeIdentity): WriterRecord {
  return record.adopted && !isForeign(node)
    ? withBarrierPending(record, withNode(record.barrierPending ?? [], node))
    : record;
}

function notSettled({ nodeName }: NodeKey): string {
  return `an update that a lost record allowed may still detach the disk from ${nodeName}`;
}

function setRequested(record: WriterRecord, node: NodeKey, requested: boolean): Step {
  const writer = record.writer;
  if (writer === undefined || !isSameNode(writer, node)) return fail(`${node.nodeName} is not the writer`);
  if (writer.requested === requested)
    return fail(requested ? "it is requested already" : "its request is withdrawn already");
  return ok({ ...record, writer: { ...writer, requested } });
}

function withoutWriter(record: WriterRecord): WriterRecord {
  const { writer: _, ...rest } = record;
  return rest;
}

function withoutFencingOf(record: WriterRecord, node: NodeKey): WriterRecord {
  if (!isFencing(record, node)) return record;
  const { fencing: _, ...rest } = record;
  return rest;
}

function isSameGrant(left: Writer | undefined, right: Writer | undefined): boolean {
  if (left === undefined || right === undefined) return left === right;
  return isSameNode(left, right) && left.epoch === right.epoch && left.held === right.held;
}
