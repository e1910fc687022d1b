import type { Access, RecordNode, Writer, WriterRecord } from "../../api/az-volume.ts";
import { highestEpoch } from "../../api/epoch.ts";
import {
  identityOf,
  isForeign,
  isSameNode,
  isSameVm,
  lacksUidOf,
  type NodeIdentity,
  type NodeKey,
  withUidFrom,
} from "../../api/identity/node-identity.ts";
import { fail, ok, type Result } from "../../failure/result.ts";
import {
  nodesNotOnlyClean,
  entryOf,
  isNamed,
  marksOf,
  type EntryMarks,
  nodesIn,
  type NodeRole,
  withMarks,
} from "./record-nodes.ts";

/**
 * The steps of the writer protocol, each a pure function from a record to the next one or to a refusal.
 * The caller writes the result by compare-and-swap on the version it read; on a conflict it reads and
 * asks again. An exhaustive model of these steps finds no state with two live writers; without any one
 * condition it finds one (docs/assurance/models.md).
 */
export type Step = Result<WriterRecord, string>;

/** A record from before a proof. Numbers that it leaves out are not compared. */
type EarlierRecord = Pick<WriterRecord, "writer" | "fencing"> &
  Partial<Pick<WriterRecord, "epoch" | "storeIncarnation">>;

/** The record of a disk that was just created: no node can have it. */
export function newRecord(storeIncarnation: number): WriterRecord {
  return { nodes: [], defaultAccess: "clean", epoch: 0, storeIncarnation };
}

/**
 * The record of a disk that is not new, or whose record was lost: nodes that are not named are in quarantine
 * until clean. `barrierPending`: nodes whose VM an update from before the loss may still reach.
 */
export function foundRecord(found: {
  /** Nodes that have the disk attached. */
  readonly unverified: readonly NodeIdentity[];
  /**
   * Nodes for which only their checkpoints, or attachment objects, say that they have the disk: also
   * unverified, but they may not reclaim it. Default: none.
   */
  readonly unconfirmed?: readonly NodeIdentity[] | undefined;
  /** Nodes fenced before, as other sources know, that have not reported clean since. Default: none. */
  readonly quarantined?: readonly NodeIdentity[];
  /** Default: none. */
  readonly barrierPending?: readonly NodeIdentity[] | undefined;
  readonly epoch: number;
  readonly storeIncarnation: number;
}): WriterRecord {
  const {
    unverified,
    unconfirmed = [],
    quarantined = [],
    barrierPending = [],
    epoch,
    storeIncarnation,
  } = found;
  const empty: WriterRecord = { nodes: [], defaultAccess: "quarantined", epoch, storeIncarnation };
  // The last of these prevails: a node that may have the disk again shows itself clean as an unverified one.
  const fenced = quarantined.reduce(withQuarantine, empty);
  const suspected = unconfirmed.reduce(
    (record, node) => withUnverified(record, node, { unconfirmed: true }),
    fenced,
  );
  const named = unverified.reduce((record, node) => withUnverified(record, node), suspected);
  return barrierPending.reduce(withBarrierPending, named);
}

/** Whether `node` may still have a dead mount or an old mount command: it gets no disk and no grant. */
export function isInQuarantine(record: WriterRecord, node: NodeKey): boolean {
  const access = entryOf(record, node)?.access ?? record.defaultAccess;
  return !isNamed(record, node, "writer") && access !== "clean";
}

/** What a request of a node with a pending write barrier waits for. */
export function barrierWaitText(nodeName: string): string {
  return `the leading controller to make sure that no detach from ${nodeName} is under way any more`;
}

/**
 * Whether the disk may be attached to `node`. Asked between reading the VM and writing it: an earlier
 * question lets a fence slip in between.
 */
export function mayAttach(record: WriterRecord, node: NodeIdentity): boolean {
  const isFencedAs = otherNameOf(record, node, "fenced") !== undefined;
  if (isInQuarantine(record, node) || (isFencedAs && !isNamed(record, node, "writer"))) return false;
  return !(record.fencing !== undefined && isSameVm(record.fencing, node));
}

/** Another name of the VM of `node` that the record has in one of these roles. */
function otherNameOf(
  record: WriterRecord,
  node: NodeIdentity,
  ...roles: readonly NodeRole[]
): string | undefined {
  return nodesIn(record, ...roles).find((other) => !isSameNode(other, node) && isSameVm(other, node))
    ?.nodeName;
}

/**
 * Whether the disk may be detached from `node` other than by a fence. Asked about its VM: one that writes
 * under another name would lose its disk. `isBegun`: any client has begun that detach, and it hangs; then
 * only a writer that holds the volume keeps it. Default: false.
 */
export function mayDetach(
  record: WriterRecord,
  node: NodeIdentity,
  { isBegun = false }: { readonly isBegun?: boolean } = {},
): boolean {
  // Its VM may have the reservation that keeps a node being fenced from writing.
  if (nodesIn(record, "preempted").length > 0) return false;
  return nodesIn(record, isBegun ? "holder" : "writer", "unverified").every(
    (other) => !isSameVm(other, node),
  );
}

/** *grant*, by the controller: `node` becomes the writer, not yet held. */
export function grant(record: WriterRecord, node: NodeIdentity): Step {
  if (record.writer !== undefined) return fail(`${record.writer.nodeName} is the writer`);
  const unverified = nodesIn(record, "unverified").map((other) => other.nodeName);
  if (unverified.length > 0) return fail(`nothing proves yet that ${unverified.join(", ")} can't write`);
  if (isNamed(record, node, "fencing")) return fail(`${node.nodeName} is being fenced`);
  if (isInQuarantine(record, node))
    return fail(`${node.nodeName} is in quarantine until it has shown that it is clean`);
  if (isNamed(record, node, "barrierPending")) return fail(barrierRefusal(node));
  const otherName = otherNameOf(record, node, "fencing", "quarantined", "barrierPending");
  if (otherName !== undefined) return fail(`its VM is listed as ${otherName}`);
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
  if (!writer.requested) return fail("its request is withdrawn, and the grant is to be revoked");
  if (isNamed(record, node, "fencing")) return fail(`${node.nodeName} is being fenced`);
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

/** *revoke*, by the controller: a writer without a request that holds nothing is removed. */
export function revoke(record: WriterRecord): Step {
  const writer = record.writer;
  if (writer === undefined) return fail("there is no writer");
  if (writer.held) return fail(`${writer.nodeName} holds the volume`);
  if (writer.requested) return fail(`${writer.nodeName} is requested as the writer`);
  return ok(withoutWriter(record));
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
  if (isNamed(record, node, "fencing")) return fail(`${node.nodeName} is being fenced`);
  return setRequested(record, node, true);
}

/**
 * *begin fence*, by the controller: from here on this disk is not attached to `node`, and it can't acquire.
 * Only an unrequested holder or an unverified node is fenced. `distrusts`: no step of the node counts any
 * more, so its request ends, and its grant counts as held; default false.
 */
export function beginFence(
  record: WriterRecord,
  node: NodeIdentity,
  { distrusts = false }: { readonly distrusts?: boolean | undefined } = {},
): Step {
  if (record.fencing !== undefined && !isNamed(record, node, "fencing"))
    return fail(`${record.fencing.nodeName} is being fenced`);
  const { writer } = record;
  if (writer !== undefined && !isSameNode(writer, node) && isSameVm(writer, node))
    return fail(`its VM has the volume as ${writer.nodeName}`);
  const next = distrusts ? withUnrequestedHolder(record, node) : record;
  if (isNamed(next, node, "writer")) {
    if (next.writer?.held !== true) return fail(`${node.nodeName} does not hold the volume: revoke it`);
    if (next.writer.requested) return fail(`${node.nodeName} is requested as the writer`);
  } else if (!isNamed(next, node, "unverified")) {
    return fail(`${node.nodeName} is neither the writer nor unverified`);
  }
  return ok({ ...next, fencing: withUidFrom(nodesNotOnlyClean(next), node) });
}

/**
 * *preempt*, by the controller, once a node has preempted the reservation of the grant with that epoch: the
 * disk refuses the writes of the node being fenced, and other nodes may be granted the volume. The fence
 * stands until Azure proves that the disk is off the node.
 */
export function preempt(record: WriterRecord, node: NodeKey, epoch: number): Step {
  const { writer, fencing } = record;
  if (fencing === undefined || !isSameNode(fencing, node))
    return fail(`${node.nodeName} is not being fenced`);
  if (writer === undefined || !isSameNode(writer, node) || writer.epoch !== epoch)
    return fail("the record no longer names this node and epoch");
  const freed = withQuarantine(withoutWriter(record), fencing);
  return ok({ ...freed, fencing: { ...fencing, preempted: epoch } });
}

/**
 * *end fence*, by the controller, with proof that the disk is off `node` and that no update prepared
 * earlier can bring it there: it is neither the writer nor unverified any more, and in quarantine. Only
 * this ends a fence. An unverified node without the disk needs none: it has nothing to reclaim, and no
 * device to show itself clean with.
 *
 * `before`: the record from before the proof of a fence. A fence that began since, or may have, needs
 * a proof of its own. Default: no fence stood.
 */
export function endFence(record: WriterRecord, node: NodeIdentity, before: EarlierRecord = {}): Step {
  const wasFencing = before.fencing !== undefined && isSameNode(before.fencing, node);
  const isFencing = isNamed(record, node, "fencing");
  if (wasFencing && !isFencing) return fail(`${node.nodeName} is not being fenced`);
  if (isFencing && !wasFencing) return fail(`${node.nodeName} is being fenced`);
  if (isFencing && !isSameFence(record, before))
    return fail("the fence or the writer has changed since the proof began");
  if (!isFencing && !isNamed(record, node, "unverified")) return fail(`${node.nodeName} is not unverified`);
  const freed = isFencing && isNamed(record, node, "writer") ? withoutWriter(record) : record;
  return ok(withQuarantine(withoutFencingOf(freed, node), withUidFrom(nodesNotOnlyClean(record), node)));
}

/**
 * *distrust*, by the controller: what the record says of `node` can't be relied on. Refused if it is not `as`
 * any more.
 *
 * A `stray` becomes unverified: its VM has the disk although neither the record nor an attachment says so. A
 * person attached it, or an object was erased; whether it is in use there is unknown.
 *
 * The grant of the `writer` counts as held, and its request ends: another VM has the name of its node, or
 * may have, and that VM's token may have released what this one holds. Only a fence frees the volume then.
 * Requested, its own node would acquire a grant that it holds though it has released it, which looks to it
 * like a store that was rolled back.
 */
export function distrust(record: WriterRecord, node: NodeIdentity, as: "writer" | "stray"): Step {
  if (isNamed(record, node, "fencing")) return fail(`${node.nodeName} is being fenced`);
  const isWriter = isNamed(record, node, "writer");
  if (isWriter !== (as === "writer"))
    return fail(`${node.nodeName} is ${isWriter ? "the writer" : "not the writer"}`);
  if (isNamed(record, node, "holder")) return fail(`${node.nodeName} holds the volume already`);
  if (isNamed(record, node, "unverified")) return fail(`${node.nodeName} is unverified already`);
  return ok(isWriter ? withUnrequestedHolder(record, node) : foundUnverified(record, node));
}

/**
 * *clear mark*, by the controller. `barrierPending`: once no update from before the record was made can reach
 * the VM of `node`. `unconfirmed`: once Azure lists the disk on that VM; from now on the node may reclaim it.
 */
export function clearMark(record: WriterRecord, node: NodeKey, mark: "barrierPending" | "unconfirmed"): Step {
  const entry = entryOf(record, node);
  if (entry?.[mark] === undefined) return fail(`${node.nodeName} has no mark ${mark}`);
  return ok(withMarks(record, entry, { ...entry, [mark]: undefined }));
}

/**
 * *prove clean*, by the node itself: an unverified node, or one in quarantine. Refused if it is not `from`
 * any more: its plan was for an older record, and has sought other evidence. Like *release*, it ends no
 * fence.
 */
export function proveClean(
  record: WriterRecord,
  node: NodeIdentity,
  from: "unverified" | "quarantined",
): Step {
  const isUnverified = isNamed(record, node, "unverified");
  if (from === "unverified" && !isUnverified) return fail(`${node.nodeName} is not unverified`);
  if (from === "quarantined" && (isUnverified || !isInQuarantine(record, node)))
    return fail(`${node.nodeName} is not in quarantine`);
  return ok(clean(record, node));
}

/**
 * *reclaim*, by an unverified node with a live mount and a user. `epochKnown` is the highest in its own
 * checkpoints; one that is out of reach is not believed. The resource id of its VM is the record's, not
 * the one that the node reports.
 */
export function reclaim(record: WriterRecord, node: NodeKey, epochKnown: number): Step {
  const known = nodesIn(record, "unverified").find((other) => isSameNode(other, node));
  if (known === undefined) return fail(`${node.nodeName} is not unverified`);
  if (isNamed(record, node, "unconfirmed"))
    return fail(`Azure has not listed the disk on ${node.nodeName} yet`);
  if (record.writer !== undefined) return fail(`${record.writer.nodeName} is the writer`);
  if (isNamed(record, node, "fencing")) return fail(`${node.nodeName} is being fenced`);
  if (isNamed(record, node, "barrierPending")) return fail(barrierRefusal(node));
  // A fence, or a late update, goes to the VM, whatever its name is.
  const otherName = otherNameOf(record, known, "fencing", "barrierPending");
  if (otherName !== undefined) return fail(`its VM is listed as ${otherName}`);
  const epoch = highestEpoch(record.epoch, [epochKnown]) + 1;
  const writer: Writer = { ...identityOf(known), epoch, held: true, requested: true };
  return ok({ ...withMarks(record, known, {}), writer, epoch });
}

/**
 * *identify*, by the controller: the entries of `node` get the uid of the orchestrator's node, which may
 * have been recreated, so that the node can report its use of the disk. Not those of the list of clean
 * nodes, which each node replaces by its own.
 */
export function identifyByUid(record: WriterRecord, node: NodeIdentity): Step {
  const { nodeUid } = node;
  if (nodeUid === undefined) return fail(`no uid of ${node.nodeName} is known`);
  const withUid = <T extends NodeIdentity>(entry: T): T =>
    lacksUidOf(entry, node) ? { ...entry, nodeUid } : entry;
  const { writer, fencing, nodes } = record;
  if (nodesNotOnlyClean(record).every((entry) => !lacksUidOf(entry, node)))
    return fail(`no entry of ${node.nodeName} lacks its uid`);
  return ok({
    ...record,
    ...(writer === undefined ? {} : { writer: withUid(writer) }),
    ...(fencing === undefined ? {} : { fencing: withUid(fencing) }),
    nodes: nodes.map((entry) => (isOnlyClean(entry) ? entry : withUid(entry))),
  });
}

/**
 * *identify*, by the controller: what the record says of a VM as `unknown`, by its resource id alone or by an
 * earlier name, it says of `node` from now on, which is the same VM: only that node can report its use of the
 * disk. Marks of both entries stay. Not while either is being fenced: the fence would go by one name, and the
 * entry by another.
 */
export function identifyByName(record: WriterRecord, unknown: NodeIdentity, node: NodeIdentity): Step {
  if (isNamed(record, unknown, "fencing")) return fail(`${unknown.instanceUri} is being fenced`);
  if (isNamed(record, node, "fencing")) return fail(`${node.nodeName} is being fenced`);
  const marks = entryOf(record, unknown);
  const saysMore = marks !== undefined && !isOnlyClean(marks);
  if (isNamed(record, unknown, "writer"))
    return saysMore ? fail(`${unknown.nodeName} is the writer`) : identifyWriter(record, unknown, node);
  if (!saysMore) return fail(`${unknown.instanceUri} is neither unverified nor in quarantine`);
  const others = withMarks(record, unknown, {});
  // The writer has the disk by right, and no step would remove an entry beside that: *reclaim* and *prove
  // clean* are for nodes that do not write. Only the write barrier concerns it as well. A quarantine ends
  // with its release, which shows the VM to be clean.
  if (isNamed(others, node, "writer")) {
    if (marks.barrierPending === true) return fail(barrierRefusal(unknown));
    return marks.access === "unverified" ? ok(others) : fail(`${node.nodeName} is the writer`);
  }
  const own = entryOf(others, node);
  if (marks.access !== "unverified" && own?.access !== "unverified") {
    const access = own?.access === "quarantined" ? own.access : marks.access;
    const known = withUidFrom(nodesNotOnlyClean(others), node);
    return ok(withMarks(others, known, { ...marksOf(own ?? {}), ...marksOf(marks), access }));
  }
  const found = own?.access === "unverified" ? others : foundUnverified(others, node);
  const entry = entryOf(found, node);
  const wasQuarantined = marks.access === "quarantined" ? ({ wasQuarantined: true } as const) : {};
  return ok(
    withMarks(found, entry ?? node, {
      ...entry,
      ...marksOf(marks),
      access: "unverified",
      ...wasQuarantined,
    }),
  );
}

/**
 * The grant is the VM's. What was found on it under its present name is explained by that. Without a uid
 * another VM's token may have moved it: it counts as held and unrequested then, as by *distrust*.
 */
function identifyWriter(record: WriterRecord, unknown: NodeIdentity, node: NodeIdentity): Step {
  const { writer } = record;
  if (writer === undefined) return fail("there is no writer");
  const own = entryOf(record, node);
  if (own?.barrierPending === true) return fail(barrierRefusal(node));
  if (own?.access === "quarantined")
    return fail(`${node.nodeName} is in quarantine until it has shown that it is clean`);
  const { held, requested } = writer.nodeUid === undefined ? { held: true, requested: false } : writer;
  const others = withMarks(withMarks(record, unknown, {}), node, {});
  return ok({ ...others, writer: { ...identityOf(node), epoch: writer.epoch, held, requested } });
}

/**
 * *prune*, by the controller: the entry of `node` leaves the record where `access` is all that it says.
 * `clean` takes no proof: if the node comes back, it only has to report again. `quarantined` takes proof that
 * its VM is gone, whose open files died with it; `unverified`, that a VM outside the cluster has the disk no
 * more. Any other VM that may hold the volume is fenced, even one that is gone.
 */
export function prune(record: WriterRecord, node: NodeIdentity, access: Access): Step {
  const entry = entryOf(record, node);
  const isAll = entry?.access === access && entry.barrierPending === undefined;
  return isAll && !isNamed(record, node, "writer", "fencing")
    ? ok(withMarks(record, node, {}))
    : fail(`${node.nodeName} is not ${access} only`);
}

/** It may have a dead mount or an old mount command, and no update can reach its VM any more. */
function withQuarantine(record: WriterRecord, node: NodeIdentity): WriterRecord {
  return withMarks(record, node, { access: "quarantined" });
}

/**
 * It has reported clean, which proves nothing of the updates that may reach its VM. Entries of earlier VMs
 * of its name are removed where they say no more: they would accumulate.
 */
function clean(record: WriterRecord, node: NodeIdentity): WriterRecord {
  const others = withoutCleanOf(record, node.nodeName);
  const entry = entryOf(others, node);
  return entry?.barrierPending === true
    ? withMarks(others, entry, { access: "clean", barrierPending: true })
    : withMarks(others, node, { access: "clean" });
}

function withoutCleanOf(record: WriterRecord, nodeName: string): WriterRecord {
  return {
    ...record,
    nodes: record.nodes.filter((node) => node.nodeName !== nodeName || !isOnlyClean(node)),
  };
}

/** It says no more than the node's own report, which the node replaces itself. */
function isOnlyClean({ access, barrierPending }: RecordNode): boolean {
  return access === "clean" && barrierPending === undefined;
}

/** It has the disk, although the record did not say so. */
function foundUnverified(record: WriterRecord, node: NodeIdentity): WriterRecord {
  const known = withUidFrom(nodesNotOnlyClean(record), node);
  const later = foundLater(record, known);
  return withUnverified(later, known, entryOf(later, known));
}

/** An unverified node that was in quarantine still may have an old mount command. */
function withUnverified(record: WriterRecord, node: NodeIdentity, marks?: EntryMarks): WriterRecord {
  const wasQuarantined = isNamed(record, node, "fenced");
  return withMarks(record, node, {
    ...marks,
    access: "unverified",
    ...(wasQuarantined ? { wasQuarantined } : {}),
  });
}

/** An entry stays where it is: a barrier that was pending before may name the VM's earlier resource id. */
function withBarrierPending(record: WriterRecord, node: NodeIdentity): WriterRecord {
  const entry = entryOf(record, node);
  return withMarks(record, withUidFrom([node], entry ?? node), { ...entry, barrierPending: true });
}

/**
 * A rebuilt record did not name `node`: a detach that the lost one allowed may be under way to its VM. A
 * VM that is no node never writes by the record.
 */
function foundLater(record: WriterRecord, node: NodeIdentity): WriterRecord {
  return record.defaultAccess === "quarantined" && !isForeign(node)
    ? withBarrierPending(record, node)
    : record;
}

function barrierRefusal({ nodeName }: NodeKey): string {
  return `an update that a lost record allowed may still detach the disk from ${nodeName}`;
}

function setRequested(record: WriterRecord, node: NodeKey, requested: boolean): Step {
  const writer = record.writer;
  if (writer === undefined || !isSameNode(writer, node)) return fail(`${node.nodeName} is not the writer`);
  if (writer.requested === requested)
    return fail(requested ? "it is requested already" : "its request is withdrawn already");
  return ok({ ...record, writer: { ...writer, requested } });
}

function withUnrequestedHolder(record: WriterRecord, node: NodeKey): WriterRecord {
  const { writer } = record;
  if (writer === undefined || !isSameNode(writer, node)) return record;
  return { ...record, writer: { ...writer, held: true, requested: false } };
}

function withoutWriter(record: WriterRecord): WriterRecord {
  const { writer: _, ...rest } = record;
  return rest;
}

function withoutFencingOf(record: WriterRecord, node: NodeKey): WriterRecord {
  if (!isNamed(record, node, "fencing")) return record;
  const { fencing: _, ...rest } = record;
  return rest;
}

/**
 * A preempted fence is known by its grant, any other one by its writer and the epoch, since the writer may
 * have released. Epochs count in one incarnation of the store only: a restored one may bring each of them
 * again.
 */
function isSameFence({ writer, fencing, ...record }: WriterRecord, before: EarlierRecord): boolean {
  const { epoch = record.epoch, storeIncarnation = record.storeIncarnation } = before;
  if (storeIncarnation !== record.storeIncarnation) return false;
  const [victim, victimBefore] = [fencing?.preempted, before.fencing?.preempted];
  if (victim !== undefined) return victim === (victimBefore ?? before.writer?.epoch);
  return victimBefore === undefined && epoch === record.epoch && isSameGrant(writer, before.writer);
}

function isSameGrant(left: Writer | undefined, right: Writer | undefined): boolean {
  if (left === undefined || right === undefined) return left === right;
  return isSameNode(left, right) && left.epoch === right.epoch && left.held === right.held;
}
