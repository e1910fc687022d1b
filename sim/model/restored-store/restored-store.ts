import { newRecord } from "../../../src/core/writer/record/writer-steps.ts";
import type { StateSpace } from "../state-space/explore.ts";
import { codeOf, type NodeIndex, nodeIndexes } from "../writer-protocol/record-codes.ts";
import { type StoredSteps, storedSteps, rebuiltRecord } from "./steps.ts";
import {
  type CloudState,
  CUT_OFF,
  decode,
  encode,
  type LeaseState,
  NO_BACKUP,
  type NodeState,
  reportedBy,
  type RestoreBounds,
  RESTORED,
  storedCode,
  storedOf,
  type World,
} from "./world.ts";

/**
 * The rules that keep a rolled-back store from doing harm. Each can be left out, to show that two nodes
 * write then, or that a healthy writer is fenced.
 */
export const restoreRules = [
  "heartbeat",
  "highWaterMark",
  "standstill",
  "rebuild",
  "attachedVms",
  "asked",
  "gracePeriod",
  "barrier",
  "lateProof",
] as const;

/** One rule that keeps a rolled-back store from doing harm. */
export type RestoreRule = (typeof restoreRules)[number];

type Incarnation = LeaseState["incarnation"];

interface Turn {
  readonly world: World;
  readonly steps: StoredSteps;
  readonly without: ReadonlySet<RestoreRule>;
  readonly bounds: RestoreBounds;
  readonly emit: (next: World, name: string) => void;
}

/**
 * A store that is rolled back once, as a state space: one disk, two nodes, one controller at a time whose
 * last update of a VM may land long after its death, and whose last proof may be recorded as late. A backup
 * is taken at any moment, and restored at any later one by which each node has sent a heartbeat. Nodes and
 * controller notice what they notice, in any order. From then on a newly started controller without a
 * high-water mark may replace the controller at any time; which nodes' reports it receives, and which nodes
 * it takes for silent, is left open.
 */
export function restoredStore(without: ReadonlySet<RestoreRule>, bounds: RestoreBounds): StateSpace {
  const steps = storedSteps(bounds.epochsMax);
  return {
    starts: [encode(START)],
    steps: (state, emit) => {
      const turn: Turn = {
        world: decode(state),
        steps,
        without,
        bounds,
        emit: (next, name) => emit(encode(next), name),
      };
      if (turn.world.backup === CUT_OFF) return;
      emitBackupSteps(turn);
      for (const node of nodeIndexes) {
        sendsHeartbeat(turn, node);
        emitNodeSteps(turn, node);
        emitRequestSteps(turn, node);
      }
      emitControllerSteps(turn);
      updateLands(turn);
      recordsLateProof(turn);
    },
    fault: (state) => {
      const { nodes, backup } = decode(state);
      if (nodes.every(({ mount }) => mount === "live")) return "two live writers";
      return backup === CUT_OFF ? "a healthy writer was fenced" : undefined;
    },
  };
}

const IDLE_NODE: NodeState = {
  mount: "none",
  doing: "idle",
  askedAt: 0,
  child: false,
  checkpoint: 0,
  isAhead: false,
  beatAt: 0,
};
const IDLE = { kind: "idle", node: 0, askedAt: 0, attachedVms: 0 } as const;

const START: World = {
  record: storedCode({ code: codeOf(newRecord(0)), epoch: 0, incarnation: 0 }),
  backup: NO_BACKUP,
  lease: { incarnation: 0, rebuild: 0, firstReported: -1, secondReported: -1 },
  nodes: [IDLE_NODE, IDLE_NODE],
  cloud: { ...IDLE, pending: "none", pendingNode: 0, highWaterMark: "level", attached: 0, lateProof: -1 },
};

function emitBackupSteps({ world, emit }: Turn): void {
  const { record, backup, nodes } = world;
  if (backup === NO_BACKUP) emit({ ...world, backup: record }, "a backup is taken");
  if (backup === NO_BACKUP || backup === RESTORED || nodes.some(({ isAhead }) => !isAhead)) return;
  emit(
    { ...withCloud(world, { highWaterMark: "ahead" }), record: backup, backup: RESTORED },
    "the backup is put back",
  );
}

function emitNodeSteps(turn: Turn, node: NodeIndex): void {
  const { world, steps, without, emit } = turn;
  const state = world.nodes[node];
  const is = (changes: Partial<NodeState>): World => withNode(world, node, { ...state, ...changes });
  const emitOwn = (next: World, name: string): void => emit(next, `n${node} ${name}`);
  const moves = (record: number | undefined, changes: Partial<NodeState>, name: string): void => {
    if (record !== undefined) emitOwn({ ...is(changes), record }, name);
  };
  const isAttached = hasDisk(world, node);

  if (state.child && isAttached) emitOwn(is({ mount: "live", child: false }), "old command mounts");
  if (state.child) emitOwn(is({ child: false }), "old command ends");
  switch (state.doing) {
    case "idle": {
      // Its cache may be stale: it may try to acquire whenever it has no mount.
      const askedAt = trustedAt(turn, node);
      if (askedAt !== undefined && !without.has("asked")) acquires(turn, node, askedAt);
      // All its other actions by a record come some time after the check.
      if (askedAt !== undefined && isLongAgo(turn))
        emitOwn(is({ doing: "asked", askedAt }), "asks whether the store can be trusted");
      if (askedAt !== undefined) emitOwnSteps(turn, node, askedAt);
      if (state.mount === "live") emitOwn(is({ mount: "none", doing: "giving" }), "unmounts");
      if (state.mount === "dead") emitOwn(is({ mount: "none" }), "drops dead mount");
      return;
    }
    case "asked":
      if (without.has("asked")) acquires(turn, node, state.askedAt);
      emitOwn(is({ doing: "idle", askedAt: 0, beatAt: -1 }), "plug-in restarts");
      emitOwnSteps(turn, node, state.askedAt);
      return;
    case "acquired":
      if (isAttached) emitOwn(is({ mount: "live", doing: "idle" }), "mounts");
      else emitOwn(is({ doing: "giving" }), "finds no device");
      emitOwn(is({ doing: "idle", child: true, beatAt: -1 }), "plug-in restarts, mount command lives on");
      return;
    case "giving":
      moves(steps.release(world.record, node), { doing: "idle", checkpoint: 0 }, "releases");
      emitOwn(is({ doing: "idle" }), "has nothing to release, or restarts");
      return;
    default:
  }
}

/** A node's own actions, by a record of the incarnation in which it checked. */
function emitOwnSteps(turn: Turn, node: NodeIndex, askedAt: Incarnation): void {
  const { world, steps, emit } = turn;
  const state = world.nodes[node];
  const moves = (record: number | undefined, checkpoint: NodeState["checkpoint"], name: string): void => {
    if (record !== undefined)
      emit(
        { ...withNode(world, node, { ...state, doing: "idle", askedAt: 0, checkpoint }), record },
        `n${node} ${name}`,
      );
  };
  if (storedOf(world.record).incarnation !== askedAt || isOlderThanCheckpoint(turn, node)) return;
  if (state.mount === "live") {
    const reclaimed = steps.reclaimKnowing(world.record, node, state.checkpoint);
    moves(reclaimed, reclaimed === undefined ? 0 : storedOf(reclaimed).epoch, "reclaims");
  }
  if (state.mount !== "none" || state.child) return;
  moves(steps.leaveQuarantine(world.record, node), 0, "leaves quarantine");
  moves(steps.proveClean(world.record, node), 0, "reports clean");
}

/**
 * Whether what follows may come long after the check. That matters only between backup and restore, since
 * nothing else ends the trust in the store; and if another rule is left out it is not needed to see what
 * goes wrong.
 */
function isLongAgo({ world: { backup }, without }: Turn, rule: RestoreRule = "asked"): boolean {
  return backup !== NO_BACKUP && backup !== RESTORED && (without.size === 0 || without.has(rule));
}

/** It has found the device, and no command of an earlier plug-in is alive. */
function acquires(turn: Turn, node: NodeIndex, askedAt: Incarnation): void {
  const { world, steps, emit } = turn;
  const { mount, child } = world.nodes[node];
  if (mount !== "none" || child || !hasDisk(world, node) || isOlderThanCheckpoint(turn, node)) return;
  const record = steps.acquireIn(world.record, node, askedAt);
  if (record === undefined) return;
  const acquired: NodeState = {
    ...world.nodes[node],
    doing: "acquired",
    askedAt: 0,
    checkpoint: storedOf(record).epoch,
  };
  emit({ ...withNode(world, node, acquired), record }, `n${node} acquires`);
}

/**
 * The counter first in the store, then in the node's file; a detected rollback is reported in the same
 * write.
 */
function sendsHeartbeat(turn: Turn, node: NodeIndex): void {
  const { world, without, emit } = turn;
  const { backup, lease } = world;
  const state = world.nodes[node];
  if (backup === NO_BACKUP) return;
  if (backup !== RESTORED) {
    if (!state.isAhead) emit(withNode(world, node, { ...state, isAhead: true }), `n${node} beats`);
    return;
  }
  const isRebuiltSince = state.beatAt >= 0 && lease.incarnation > state.beatAt;
  const hasNoticed =
    (state.isAhead && !isRebuiltSince && !without.has("heartbeat")) || isOlderThanCheckpoint(turn, node);
  const reported = reportedBy(lease, node) === lease.incarnation || hasNoticed ? lease.incarnation : -1;
  const reportedWorld = withLease(
    world,
    node === 0 ? { firstReported: reported } : { secondReported: reported },
  );
  emit(
    withNode(reportedWorld, node, { ...state, isAhead: false, beatAt: lease.incarnation }),
    `n${node} beats`,
  );
}

/** The store incarnation, if the node may trust the store; see `readTrustedIncarnation`. */
function trustedAt(
  { world: { lease, backup, nodes }, without }: Turn,
  node: NodeIndex,
): Incarnation | undefined {
  if (lease.rebuild > 0 && !without.has("standstill")) return undefined;
  if (without.has("heartbeat")) return lease.incarnation;
  const isBack = backup === RESTORED && nodes[node].isAhead;
  return isBack || reportedBy(lease, node) === lease.incarnation ? undefined : lease.incarnation;
}

/** See `olderThanCheckpoint`. */
function isOlderThanCheckpoint({ world: { record, nodes }, steps }: Turn, node: NodeIndex): boolean {
  return nodes[node].checkpoint > storedOf(record).epoch && !steps.isUnverified(record, node);
}

function emitControllerSteps(turn: Turn): void {
  const { world, steps, without, emit } = turn;
  const { record, lease, cloud } = world;
  const goesTo = (changes: Partial<CloudState>, from = world): World =>
    withCloud(from, { ...IDLE, ...changes });
  if (cloud.kind !== "idle") emit(goesTo({}), "controller stops");
  if (world.backup === RESTORED && cloud.highWaterMark !== "new")
    emit(goesTo({ highWaterMark: "new" }), "another controller starts, which remembers nothing");
  receivesReports(turn);
  switch (cloud.kind) {
    case "idle": {
      marks(turn);
      provesDetached(turn);
      if (lease.rebuild > 0)
        emit(goesTo({ kind: "rebuild", attachedVms: cloud.attached }), "reads in Azure who has the disk");
      const revoked = steps.revoke(record, 0);
      if (revoked !== undefined) emit({ ...world, record: revoked }, "revokes");
      const askedAt = incarnationRead(turn);
      for (const node of nodeIndexes) {
        clears(turn, node);
        if (askedAt === undefined) continue;
        if (isLongAgo(turn))
          emit(
            goesTo({ kind: "asked", node, askedAt }),
            `asks whether the store can be trusted, about n${node}`,
          );
        if (!without.has("asked")) grants(turn, node, askedAt);
        fences(turn, node);
        if (storedOf(record).incarnation === askedAt) allowsUpdate(turn, node);
        movesEtag(turn, node, askedAt);
      }
      return;
    }
    case "asked":
      if (without.has("asked")) grants(turn, cloud.node, cloud.askedAt);
      fences(turn, cloud.node);
      return;
    case "barrier":
      passesBarrier(turn);
      return;
    case "rebuild":
      if (lease.rebuild > 0)
        emit(
          goesTo({ kind: "raise", pending: pendingThen(turn) }, { ...world, record: recordRebuilt(turn) }),
          "rebuilds the record",
        );
      return;
    case "raise":
      if (lease.rebuild > 0)
        emit(
          goesTo(
            { highWaterMark: cloud.highWaterMark === "new" ? "level" : cloud.highWaterMark },
            withLease(world, { incarnation: lease.rebuild, rebuild: 0 }),
          ),
          "raises the store incarnation",
        );
      return;
    default:
  }
}

/**
 * See `untilAllReported`: one node that has sent a heartbeat since the restore is enough, because each has
 * sent one between backup and restore, and reports a rollback if it notices.
 */
function receivesReports({ world, emit }: Turn): void {
  const { cloud, lease, nodes } = world;
  if (cloud.highWaterMark !== "new" || nodes.every(({ isAhead }) => isAhead)) return;
  if (nodeIndexes.every((node) => reportedBy(lease, node) !== lease.incarnation))
    emit(withCloud(world, { highWaterMark: "level" }), "controller has received the nodes' reports");
}

/**
 * By the controller's high-water mark of the Lease, or by a node's report; or, if it has just started,
 * without any report.
 */
function marks({ world, without, bounds, emit }: Turn): void {
  const { lease, cloud } = world;
  const next =
    bounds.incarnationsMax > lease.incarnation
      ? ((lease.incarnation + 1) as LeaseState["rebuild"])
      : undefined;
  if (lease.rebuild > 0 || next === undefined) return;
  const isAhead = cloud.highWaterMark === "ahead" && !without.has("highWaterMark");
  const isNoticed = isAhead || nodeIndexes.some((node) => reportedBy(lease, node) === lease.incarnation);
  const highWaterMark = cloud.highWaterMark === "new" ? "new" : "level";
  if (isNoticed || cloud.highWaterMark === "new")
    emit(withCloud(withLease(world, { rebuild: next }), { highWaterMark }), "marks records for the rebuild");
}

/** A node's checkpoint is known once it has sent a heartbeat since the restore. */
function recordRebuilt({ world: { record, lease, nodes, cloud }, without }: Turn): number {
  const present = storedOf(record);
  if (present.incarnation === lease.rebuild) return record;
  if (without.has("rebuild")) return storedCode({ ...present, incarnation: lease.rebuild });
  const epochsKnown = nodes.filter(({ isAhead }) => !isAhead).map(({ checkpoint }) => checkpoint);
  const numbers = { epoch: Math.max(present.epoch, ...epochsKnown), incarnation: lease.rebuild };
  return rebuiltRecord(without.has("attachedVms") ? 0 : cloud.attachedVms, numbers, without.has("barrier"));
}

/** What is under way by the record that is being rebuilt. */
function pendingThen({ world: { record, lease, cloud } }: Turn): CloudState["pending"] {
  const isDetaching = cloud.pending === "detach" || cloud.pending === "fence";
  return isDetaching && storedOf(record).incarnation !== lease.rebuild ? "late" : cloud.pending;
}

/** See `readStoreIncarnation`. */
function incarnationRead({ world: { lease, cloud }, without }: Turn): Incarnation | undefined {
  if (lease.rebuild > 0 && !without.has("standstill")) return undefined;
  if (cloud.highWaterMark === "new" && !without.has("gracePeriod")) return undefined;
  return cloud.highWaterMark === "ahead" && !without.has("highWaterMark") ? undefined : lease.incarnation;
}

function grants({ world, steps, emit }: Turn, node: NodeIndex, askedAt: number): void {
  const { cloud } = world;
  // An attachment that is being deleted is granted nothing, and stays until its detach has ended; a backup
  // may bring back one that is not being deleted. What was allowed by a record that has been rebuilt since
  // is `late`, and no attachment shows it.
  const isShown = world.backup !== RESTORED || storedOf(world.record).incarnation > 0;
  const isLeaving = cloud.pending === "detach" && cloud.pendingNode === node && isShown;
  if (storedOf(world.record).incarnation !== askedAt || isLeaving) return;
  const record = steps.grant(world.record, node);
  if (record !== undefined) emit({ ...withCloud(world, IDLE), record }, `grants n${node}`);
}

function fences({ world, steps, emit }: Turn, node: NodeIndex): void {
  const record = steps.beginFence(world.record, node);
  if (record !== undefined && record !== world.record)
    emit({ ...withCloud(world, IDLE), record }, `begins the fence of n${node}`);
}

/** Between the read of the VM and its write: the record first, then whether the store can be trusted. */
function allowsUpdate({ world, steps, emit }: Turn, node: NodeIndex): void {
  if (world.cloud.pending !== "none") return;
  const allows = (pending: CloudState["pending"], name: string): void =>
    emit(withCloud(world, { pending, pendingNode: node }), `may ${name} n${node}`);
  const isAttached = hasDisk(world, node);
  if (!isAttached && steps.mayAttach(world.record, node)) allows("attach", "attach");
  if (isAttached && steps.mayDetach(world.record, node)) allows("detach", "detach");
  if (isAttached && steps.isFencing(world.record, node)) allows("fence", "cut off");
}

/** If another rule is left out, the search is for two writers. */
function updateLands({ world, steps, without, emit }: Turn): void {
  const { pending, pendingNode: node, attached } = world.cloud;
  if (pending === "none") return;
  const bit = 1 << node;
  const state = world.nodes[node];
  const isAttaching = pending === "attach";
  const next = (isAttaching ? attached | bit : attached & ~bit) as CloudState["attached"];
  const mount = !isAttaching && state.mount === "live" ? "dead" : state.mount;
  const isLookedFor = without.size === 0 || without.has("barrier");
  const cutsOff =
    isLookedFor && pending === "late" && state.mount === "live" && steps.isHealthyWriter(world.record, node);
  emit(
    withCloud(withNode(cutsOff ? { ...world, backup: CUT_OFF } : world, node, { ...state, mount }), {
      attached: next,
      pending: "none",
      pendingNode: 0,
    }),
    isAttaching ? `n${node} is attached` : `n${node} is detached`,
  );
  emit(withCloud(world, { pending: "none", pendingNode: 0 }), "an update is lost");
}

/** With proof: the disk is detached, and no update that was allowed before can attach it again. */
function clears(turn: Turn, node: NodeIndex): void {
  const { world, steps, emit } = turn;
  const { pending, pendingNode, lateProof } = world.cloud;
  const isOff = !hasDisk(world, node) && (pending === "none" || pendingNode !== node);
  const record = isOff ? steps.endFence(world.record, node) : undefined;
  if (record === undefined) return;
  emit({ ...world, record }, `clears n${node}`);
  if (lateProof === -1 && isLongAgo(turn, "lateProof"))
    emit(withCloud(world, { lateProof: node }), `proves n${node} off the disk, and stands still`);
}

/**
 * The fence may be another one by then, and look as the one before the proof did, but for the incarnation.
 */
function recordsLateProof({ world, steps, without, emit }: Turn): void {
  const { lateProof } = world.cloud;
  if (lateProof === -1 || world.backup !== RESTORED) return;
  const provenIn = without.has("lateProof") ? storedOf(world.record).incarnation : 0;
  const record = steps.endFenceProvenIn(world.record, lateProof, provenIn);
  if (record !== undefined)
    emit({ ...withCloud(world, { lateProof: -1 }), record }, `clears n${lateProof} by a late proof`);
}

/**
 * Without a fence: the VM's ETag moves, so that an update that was allowed before does not land any more.
 * The record is read before, and cleared only if unchanged.
 */
function provesDetached(turn: Turn): void {
  const { world, steps, emit } = turn;
  const askedAt = incarnationRead(turn);
  for (const node of nodeIndexes) {
    if (askedAt === undefined || hasDisk(world, node) || storedOf(world.record).incarnation !== askedAt)
      continue;
    const record = steps.clearDetached(world.record, node);
    const isPending = world.cloud.pending !== "none" && world.cloud.pendingNode === node;
    if (record !== undefined)
      emit(
        { ...(isPending ? withCloud(world, { pending: "none", pendingNode: 0 }) : world), record },
        `proves n${node} detached`,
      );
  }
}

/**
 * The VM's ETag moves, by a record with a pending barrier for it: an update that was allowed before does
 * not land any more.
 */
function movesEtag({ world, steps, emit }: Turn, node: NodeIndex, askedAt: Incarnation): void {
  if (storedOf(world.record).incarnation !== askedAt || steps.passBarrier(world.record, node) === undefined)
    return;
  const { pending, pendingNode } = world.cloud;
  const left: Partial<CloudState> =
    pending !== "none" && pendingNode === node ? { pending: "none", pendingNode: 0 } : {};
  emit(withCloud(world, { ...IDLE, kind: "barrier", node, askedAt, ...left }), `moves the ETag of n${node}`);
}

/** A record that was rebuilt since may have other pending barriers, for updates that were allowed since. */
function passesBarrier({ world, steps, emit }: Turn): void {
  const { node, askedAt } = world.cloud;
  const record =
    storedOf(world.record).incarnation === askedAt ? steps.passBarrier(world.record, node) : undefined;
  if (record !== undefined) emit({ ...withCloud(world, IDLE), record }, `passes the barrier of n${node}`);
}

/** Requests come and go at any time. */
function emitRequestSteps({ world, steps, emit }: Turn, node: NodeIndex): void {
  const unrequested = steps.withdraw(world.record, node);
  if (unrequested !== undefined) emit({ ...world, record: unrequested }, `n${node} is unrequested`);
  const requested = steps.renew(world.record, node);
  if (requested !== undefined) emit({ ...world, record: requested }, `n${node} is requested again`);
}

function hasDisk({ cloud }: World, node: NodeIndex): boolean {
  return (cloud.attached & (1 << node)) !== 0;
}

function withCloud(world: World, changes: Partial<CloudState>): World {
  return { ...world, cloud: { ...world.cloud, ...changes } };
}

function withLease(world: World, changes: Partial<LeaseState>): World {
  return { ...world, lease: { ...world.lease, ...changes } };
}

function withNode(world: World, node: NodeIndex, state: NodeState): World {
  return { ...world, nodes: node === 0 ? [state, world.nodes[1]] : [world.nodes[0], state] };
}
