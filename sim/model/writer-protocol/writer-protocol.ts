import { foundRecord, newRecord } from "../../../src/core/writer/record/writer-steps.ts";
import type { StateSpace } from "../state-space/explore.ts";
import { codeOf, identities, nodeIndexes, type NodeIndex, type RecordMove } from "./record-codes.ts";
import { type RecordSteps, recordSteps, type SafetyRule, savedNow } from "./steps.ts";
import {
  afterRecordMove,
  afterVmMove,
  type ControllerState,
  controllerCode,
  controllerStates,
  decode,
  encode,
  GONE,
  isAtWorkOn,
  isGone,
  nodeCode,
  type NodeState,
  nodeStates,
  type World,
} from "./world.ts";

type Emit = (next: World, name: string) => void;

/**
 * The writer protocol as a state space: one disk, one record, two nodes, and two controllers that both
 * believe they lead. Every step is atomic; between two steps any process may freeze for ever or crash, or
 * one of the VMs be deleted for good. A node can write while it has a live mount: made while the disk was
 * attached to its VM, and the disk not detached since. No number is bounded (see `record-codes.ts`): the
 * exploration is complete. `isUnaided`: no node is marked out of service, and an unverified node reports
 * clean only if the disk is attached, which tells it where to look: these are the cases that the driver
 * has to handle by itself.
 */
export function writerProtocol(without: ReadonlySet<SafetyRule>, { isUnaided = false } = {}): StateSpace {
  const steps = recordSteps(without, { isUnaided });
  return {
    starts: startWorlds(without).map(encode),
    steps: (state, emit) => {
      const world = decode(state);
      const tell: Emit = (next, name) => emit(encode(next), name);
      for (const node of nodeIndexes) emitNodeSteps({ world, node, steps, without, isUnaided }, tell);
      emitControllerSteps({ world, at: 0, steps, without, isUnaided }, tell);
      emitControllerSteps({ world, at: 1, steps, without, isUnaided }, tell);
      emitRequestSteps(world, steps, tell);
    },
    fault: (state) =>
      decode(state).nodes.every((code) => nodeStates[code]?.mount === "live")
        ? "two live writers"
        : undefined,
  };
}

/**
 * Whether a node has the volume mounted. Every state has to lead to such a state: otherwise pods wait for
 * ever.
 */
export function isInUse(state: number): boolean {
  return decode(state).nodes.some((code) => nodeStates[code]?.mount === "live");
}

/**
 * A new disk; and disks found in use whose record was lost: mounted on one node while an old mount command
 * still runs on the other, which was fenced before; attached to both and mounted on one, or on none, or
 * on one while the other, which was fenced before, has a dead mount; about to be detached from a node, or
 * to be attached to one that was about to mount, by an update that was allowed before.
 */
function startWorlds(without: ReadonlySet<SafetyRule>): readonly World[] {
  const found = (attachedTo: readonly NodeIndex[], quarantined: readonly NodeIndex[] = []): number => {
    const record = foundRecord({
      unverified: without.has("unverified") ? [] : attachedTo.map((node) => identities[node]),
      quarantined: quarantined.map((node) => identities[node]),
      epoch: 0,
      storeIncarnation: 0,
    });
    return codeOf({ ...record, defaultAccess: without.has("requarantine") ? "clean" : "quarantined" });
  };
  const start = (
    record: number,
    attached: number,
    first: Partial<NodeState> = {},
    second: Partial<NodeState> = {},
  ): World => ({
    record,
    attached,
    nodes: [nodeCode({ ...NEW_NODE, ...first }), nodeCode({ ...NEW_NODE, ...second })],
    controllers: [0, 0],
  });
  return [
    start(codeOf(newRecord(0)), 0),
    start(found([1]), 0b10, { child: true }, { mount: "live" }),
    start(found([0, 1]), 0b11, { mount: "live" }),
    start(found([0, 1]), 0b11),
    start(found([0, 1], [0]), 0b11, { mount: "dead" }, { mount: "live" }),
    {
      ...start(found([0, 1]), 0b11),
      controllers: [controllerCode({ kind: "detach", node: 0 }), controllerCode({ kind: "detach", node: 1 })],
    },
    {
      ...start(found([0]), 0b00, { child: true }),
      controllers: [0, controllerCode({ kind: "attach", node: 0 })],
    },
  ];
}

interface Turn {
  readonly world: World;
  readonly steps: RecordSteps;
  readonly without: ReadonlySet<SafetyRule>;
  readonly isUnaided: boolean;
}

function emitNodeSteps(turn: Turn & { readonly node: NodeIndex }, emit: Emit): void {
  const { world, node, steps, without, isUnaided } = turn;
  const { record } = world;
  const state = nodeStates[world.nodes[node]];
  if (state === undefined) return;
  if (isGone(world, node)) {
    // A VM of another GUID: knowledge about the deleted one does not apply to it. The model has room for
    // it once nothing is known.
    if (!steps.names(record, node) && !isAtWorkOn(world, node))
      emit(withNodeState(world, node, NEW_NODE), `another VM comes for n${node}`);
    return;
  }
  // With both gone there is nothing more to see.
  if (!isGone(world, node === 0 ? 1 : 0)) emit(afterDeletion(world, node), `n${node} VM is deleted for good`);
  const is = (changes: Partial<NodeState>): World => withNodeState(world, node, { ...state, ...changes });
  const moves = (moved: RecordMove | undefined, changes: Partial<NodeState>, name: string): void => {
    if (moved !== undefined) emit(afterRecordMove(is(changes), moved), `n${node} ${name}`);
  };
  const isAttached = (world.attached & (1 << node)) !== 0;
  const isClean = state.mount === "none" && (!state.child || without.has("child"));

  if (state.child && isAttached) emit(is({ mount: "live", child: false }), `n${node} old command mounts`);
  if (state.child) emit(is({ child: false }), `n${node} old command ends`);
  switch (state.doing) {
    case "idle": {
      const acquired = steps.acquire(record, node);
      if (acquired !== undefined && state.mount === "none" && !state.child) {
        if (without.has("acquire")) emit(is({ doing: "acquired" }), `n${node} acquires nothing`);
        else if (without.has("cas")) emit(is({ doing: "read" }), `n${node} reads record`);
        else moves(acquired, { doing: "acquired" }, "acquires");
      }
      if (state.mount === "live") emit(is({ mount: "none", doing: "giving" }), `n${node} unmounts`);
      if (state.mount === "dead") emit(is({ mount: "none" }), `n${node} drops dead mount`);
      if (state.mount === "live") moves(steps.reclaim(record, node), {}, "reclaims");
      if (isClean || (without.has("releaseClean") && state.mount === "none"))
        moves(steps.release(record, node), {}, "releases after a restart");
      if (!isClean) return;
      moves(steps.leaveQuarantine(record, node), {}, "leaves quarantine");
      if (isAttached || !isUnaided) moves(steps.proveClean(record, node), {}, "reports clean");
      moves(steps.acquireAgain(record, node), { doing: "acquired" }, "acquires again");
      return;
    }
    case "read":
      moves(steps.overwriteWithAcquire(record, node), { doing: "acquired" }, "acquires");
      emit(is({ doing: "idle" }), `n${node} plug-in restarts`);
      return;
    case "acquired":
      if (isAttached) emit(is({ mount: "live", doing: "idle" }), `n${node} mounts`);
      else emit(is({ doing: "giving" }), `n${node} finds no device`);
      emit(is({ doing: "idle", child: true }), `n${node} plug-in restarts, mount command lives on`);
      return;
    case "giving":
      moves(steps.release(record, node), { doing: "idle" }, "releases");
      emit(is({ doing: "idle" }), `n${node} has nothing to release, or restarts`);
      return;
    default:
  }
}

function emitControllerSteps(turn: Turn & { readonly at: 0 | 1 }, emit: Emit): void {
  const { world, at, steps, without } = turn;
  const { record } = world;
  const state = controllerStates[world.controllers[at]];
  if (state === undefined) return;
  const goesTo = (next: ControllerState, from = world): World => withController(from, at, next);
  const moves = (moved: RecordMove | undefined, name: string): void => {
    if (moved !== undefined) emit(goesTo(IDLE, afterRecordMove(world, moved)), name);
  };
  if (state.kind === "idle") return emitIdleControllerSteps(turn, emit);
  const { node } = state;
  const isAttached = (world.attached & (1 << node)) !== 0;
  emit(goesTo(IDLE), "controller dies");
  switch (state.kind) {
    case "grant":
      return moves(steps.overwriteWithGrant(record, node), `grants n${node}`);
    case "attachAsk":
      if (steps.mayAttach(record, node)) emit(goesTo({ kind: "attach", node }), `may attach n${node}`);
      return;
    case "detachAsk":
      if (steps.mayDetach(record, node)) emit(goesTo({ kind: "detach", node }), `may detach n${node}`);
      return;
    case "attach":
      if (!isAttached)
        emit(goesTo(IDLE, withVm(world, node, { isAttached: true }, without)), `attaches n${node}`);
      return;
    case "detach":
      if (isAttached)
        emit(goesTo(IDLE, withVm(world, node, { isAttached: false }, without)), `detaches n${node}`);
      return;
    case "fenceDetach": {
      const next: ControllerState = { ...state, kind: "fenceProve" };
      if (isGone(world, node)) return emit(goesTo(next), `finds no VM ${node}`);
      if (isAttached) emit(goesTo(next), `detach of n${node} answers but does nothing`);
      if (isAttached || !without.has("bump"))
        emit(
          goesTo(next, withVm(world, node, { isAttached: false }, without)),
          `detaches the disk from n${node} and moves its ETag`,
        );
      else emit(goesTo(next), `sees n${node} detached`);
      return;
    }
    case "proofAsk":
      if (steps.clearDetached(record, node) !== undefined)
        emit(
          goesTo({ kind: without.has("moved") ? "proofClear" : "proofMove", node }),
          `may prove n${node} detached`,
        );
      return;
    case "proofMove":
      emit(
        goesTo({ kind: "proofClear", node }, withVm(world, node, { isAttached }, without)),
        `moves the ETag of n${node}, which has no disk`,
      );
      return;
    case "proofClear":
      return moves(steps.clearDetached(record, node), `clears n${node}, which was never fenced`);
    case "fenceProve":
      if (isAttached && !without.has("proof"))
        emit(goesTo({ ...state, kind: "fenceDetach" }), `sees n${node} still attached`);
      else emit(goesTo({ ...state, kind: "endFence" }), `has proof for n${node}`);
      return;
    case "endFence":
      return moves(steps.endFence(record, node, state.saved), `clears n${node}`);
    default:
  }
}

function emitIdleControllerSteps(turn: Turn & { readonly at: 0 | 1 }, emit: Emit): void {
  const { world, at, steps, without } = turn;
  const { record } = world;
  for (const node of nodeIndexes) {
    const isAttached = (world.attached & (1 << node)) !== 0;
    if (!isGone(world, node))
      emit(
        withController(world, at, { kind: isAttached ? "detachAsk" : "attachAsk", node }),
        `reads VM ${node}`,
      );
    if (!isAttached || without.has("listed"))
      emit(withController(world, at, { kind: "proofAsk", node }), `reads VM ${node} for a proof`);
    const begun = steps.beginFence(record, node);
    if (without.has("intent")) {
      if (begun !== undefined)
        emit(
          withController(world, at, { kind: "fenceDetach", node, saved: savedNow(record) }),
          `fences n${node} silently`,
        );
    } else {
      if (begun !== undefined && begun.code !== record)
        emit(afterRecordMove(world, begun), `begins the fence of n${node}`);
      if (steps.isFencing(record) === node)
        emit(
          withController(world, at, { kind: "fenceDetach", node, saved: savedNow(record) }),
          `carries on with the fence of n${node}`,
        );
    }
    const granted = steps.grant(record, node);
    if (granted === undefined) continue;
    if (without.has("cas"))
      emit(withController(world, at, { kind: "grant", node }), `reads record to grant n${node}`);
    else emit(afterRecordMove(world, granted), `grants n${node}`);
  }
  for (const node of nodeIndexes) emitGoneSteps(turn, node, emit);
  const revoked = steps.revoke(record, 0);
  if (revoked !== undefined) emit(afterRecordMove(world, revoked), "revokes");
}

/**
 * A VM that Azure does not have any more is fenced if it may hold the volume, and pruned out of quarantine; a
 * node that is no longer in the record may have to report clean once more.
 */
function emitGoneSteps({ world, steps, without }: Turn, node: NodeIndex, emit: Emit): void {
  const { record } = world;
  const fenced = isGone(world, node) ? steps.fenceGone(record, node) : undefined;
  if (fenced !== undefined && fenced.code !== record)
    emit(afterRecordMove(world, fenced), `begins the fence of n${node}, which is gone`);
  const pruned = isGone(world, node) || without.has("gone") ? steps.prune(record, node) : undefined;
  if (pruned !== undefined) emit(afterRecordMove(world, pruned), `prunes n${node}`);
  const cleared = steps.pruneClean(record, node);
  if (cleared !== undefined) emit(afterRecordMove(world, cleared), `prunes clean n${node}`);
}

/** Requests come and go at any time; `release-check.test.ts` models where they come from. */
function emitRequestSteps(world: World, steps: RecordSteps, emit: Emit): void {
  for (const node of nodeIndexes) {
    const unrequested = steps.withdraw(world.record, node);
    if (unrequested !== undefined) emit(afterRecordMove(world, unrequested), `n${node} is unrequested`);
    const requested = steps.renew(world.record, node);
    if (requested !== undefined) emit(afterRecordMove(world, requested), `n${node} is requested again`);
  }
}

const IDLE: ControllerState = { kind: "idle" };
const NEW_NODE: NodeState = { mount: "none", doing: "idle", child: false };

function withNodeState(world: World, node: NodeIndex, state: NodeState): World {
  const code = nodeCode(state);
  return { ...world, nodes: node === 0 ? [code, world.nodes[1]] : [world.nodes[0], code] };
}

function withController(world: World, at: 0 | 1, state: ControllerState): World {
  const code = controllerCode(state);
  return { ...world, controllers: at === 0 ? [code, world.controllers[1]] : [world.controllers[0], code] };
}

/**
 * Deletes a VM, with all that is open on it: the disk is detached, and no update of that VM that is under
 * way finds it.
 */
function afterDeletion(world: World, node: NodeIndex): World {
  const deleted = withNodeState({ ...world, attached: world.attached & ~(1 << node) }, node, GONE);
  return afterVmMove(deleted, node, { etag: true });
}

/** Updates a VM: its ETag moves, and a mount whose disk is detached is dead. */
function withVm(
  world: World,
  node: NodeIndex,
  change: { readonly isAttached: boolean },
  without: ReadonlySet<SafetyRule>,
): World {
  const bit = 1 << node;
  const moved = afterVmMove(
    { ...world, attached: change.isAttached ? world.attached | bit : world.attached & ~bit },
    node,
    { etag: !without.has("etag") },
  );
  const state = nodeStates[world.nodes[node]];
  return change.isAttached || state?.mount !== "live"
    ? moved
    : withNodeState(moved, node, { ...state, mount: "dead" });
}
