import type { WriterRecord } from "../../../src/core/api/az-volume.ts";
import type { NodeIdentity } from "../../../src/core/api/identity/node-identity.ts";
import { isNamed } from "../../../src/core/writer/record/record-nodes.ts";
import {
  endFence,
  beginFence,
  release,
  grant,
  proveClean,
  mayAttach,
  newRecord,
  revoke,
  acquire,
  withdraw,
  renew,
} from "../../../src/core/writer/record/writer-steps.ts";
import { digitsOf } from "../state-space/digits.ts";
import type { StateSpace } from "../state-space/explore.ts";
import {
  codeOf,
  identities,
  indexOf,
  memoized,
  move,
  type NodeIndex,
  nodeIndexes,
  RECORD_CODES,
  recordOf,
  writerOf,
} from "../writer-protocol/record-codes.ts";
import { createCodec } from "./world-codec.ts";

/**
 * The rules that keep a healthy writer from being fenced. Each can be left out, to show that one is fenced
 * then.
 */
export const releaseRules = ["request", "mark", "pods", "order", "cas", "renew", "ending"] as const;

/** One rule that keeps a healthy writer from being fenced. */
export type ReleaseRule = (typeof releaseRules)[number];

const codec = createCodec({
  /** Whether a pod object is bound to the node. */
  pod: [false, true],
  /**
   * The container that has the volume mounted: the bound pod's, or one whose pod object is gone or
   * another.
   */
  container: ["none", "bound", "orphan"],
  mount: ["none", "live", "dead"],
  doing: ["idle", "acquired", "publishing", "publishingForGone", "unmounting", "giving"],
  requested: [false, true],
  lost: [false, true],
  /** The disk was detached from the VM. */
  off: [false, true],
});

type NodeState = ReturnType<typeof codec.decode>;

const controllers = ["idle", "asking", "deciding", "askedFirst", "cutting", "landing", "clearing"] as const;

interface World {
  readonly record: number;
  readonly nodes: readonly [number, number];
  /** What each controller does, and about which node: index of `controllers` × 2 + node. */
  readonly controllers: readonly [number, number];
  readonly healthyWriterCut: boolean;
}

type Emit = (next: World, name: string) => void;

/**
 * The release check as a state space: two nodes, pods that come, go and are deleted by force while their
 * containers continue, two controllers, and NodePublishVolume racing with recall. A fence asks, lands and
 * clears, each on its own; its proof is never false here (`writer-protocol` has false ones). No number is
 * bounded.
 */
export function releaseProtocol(
  without: ReadonlySet<ReleaseRule>,
  options: { readonly nodesMayBeLost: boolean },
): StateSpace {
  const rules: Rules = { without, steps: releaseSteps(), ...options };
  return {
    starts: [
      encode({
        record: codeOf(newRecord(0)),
        nodes: [IDLE_NODE, IDLE_NODE],
        controllers: [0, 0],
        healthyWriterCut: false,
      }),
    ],
    steps: (state, emit) => {
      const world = decode(state);
      const emitCode: Emit = (next, name) => emit(encode(next), name);
      for (const node of nodeIndexes) {
        emitOrchestratorSteps(world, node, rules, emitCode);
        emitNodeSteps(world, node, rules, emitCode);
      }
      emitControllerSteps(world, 0, rules, emitCode);
      emitControllerSteps(world, 1, rules, emitCode);
    },
    fault: (state) => {
      const world = decode(state);
      if (world.healthyWriterCut) return "a healthy writer was fenced";
      return world.nodes.every((code) => codec.decode(code).mount === "live")
        ? "two live writers"
        : undefined;
    },
  };
}

interface Rules {
  readonly without: ReadonlySet<ReleaseRule>;
  readonly steps: ReleaseSteps;
  readonly nodesMayBeLost: boolean;
}

/** The steps that ship, each computed once for each record. */
type ReleaseSteps = ReturnType<typeof releaseSteps>;

function releaseSteps() {
  return {
    grant: memoized(grant),
    acquire: memoized((record, node) =>
      acquire(record, node, { isClean: false, storeIncarnation: record.storeIncarnation }),
    ),
    release: memoized((record, node) => release(record, node, record.writer?.epoch ?? 0)),
    /** Without `ending`. */
    releaseThatEndsFence: memoized((record, node) =>
      release(withoutFencingOf(record, node), node, record.writer?.epoch ?? 0),
    ),
    revoke: memoized((record) => revoke(record)),
    withdraw: memoized(withdraw),
    renew: memoized(renew),
    beginFence: memoized(beginFence),
    leaveQuarantine: memoized((record, node) => proveClean(record, node, "quarantined")),
    /** Without the rules `request` or `mark`, requests are ignored. */
    overlookingRequest: {
      revoke: memoized((record) => revoke(unrequested(record))),
      beginFence: memoized((record, node) => beginFence(unrequested(record), node)),
    },
  };
}

function withoutFencingOf(record: WriterRecord, node: NodeIdentity): WriterRecord {
  if (!isNamed(record, node, "fencing")) return record;
  const { fencing: _, ...rest } = record;
  return rest;
}

function unrequested(record: WriterRecord): WriterRecord {
  return record.writer === undefined ? record : { ...record, writer: { ...record.writer, requested: false } };
}

function emitOrchestratorSteps(world: World, node: NodeIndex, { nodesMayBeLost }: Rules, emit: Emit): void {
  const state = nodeOf(world, node);
  const is = (changes: Partial<NodeState>): World => withNode(world, node, { ...state, ...changes });
  // A deleted pod object leaves a container, and a publish under way, that belong to no bound pod any
  // more.
  const doingAfterPod = state.doing === "publishing" ? "publishingForGone" : state.doing;
  if (!state.pod) emit(is({ pod: true }), `pod bound to n${node}`);
  if (state.pod && state.container === "bound") {
    emit(
      is({ pod: false, container: "orphan", doing: doingAfterPod }),
      `pod on n${node} deleted by force, its container runs on`,
    );
    emit(
      is({ pod: false, container: "none", doing: doingAfterPod }),
      `kubelet on n${node} stops the pod, its object goes`,
    );
  }
  if (state.pod && state.container !== "bound")
    emit(is({ pod: false, doing: doingAfterPod }), `pod gone from n${node} before it ran`);
  if (state.container === "orphan") emit(is({ container: "none" }), `kubelet on n${node} stops an orphan`);
  if (nodesMayBeLost && !state.lost) emit(is({ lost: true }), `n${node} is lost`);
}

function emitNodeSteps(world: World, node: NodeIndex, { without, steps }: Rules, emit: Emit): void {
  const state = nodeOf(world, node);
  const record = recordOf(world.record);
  const is = (changes: Partial<NodeState>, from = world): World =>
    withNode(from, node, { ...state, ...changes });
  const moves = (
    moved: { readonly code: number } | undefined,
    changes: Partial<NodeState>,
    name: string,
  ): void => {
    if (moved !== undefined)
      emit(is(changes, afterRecordMove(world, moved.code, without)), `n${node} ${name}`);
  };
  if (state.off && mayAttach(record, identities[node]))
    emit(afterVmWrite(is({ off: false }), node), `the disk is attached to n${node}`);
  const releaseStep = without.has("ending") ? steps.releaseThatEndsFence : steps.release;
  const isHolder = record.writer !== undefined && indexOf(record.writer) === node && record.writer.held;
  switch (state.doing) {
    case "idle": {
      const isPublishDue = state.pod && state.container === "none";
      if (isPublishDue && state.mount === "none") {
        if (!state.requested) emit(is({ requested: true }), `n${node} NodeStage requests the volume`);
        moves(isHolder ? undefined : steps.acquire(world.record, node), { doing: "acquired" }, "acquires");
      }
      if (isPublishDue && state.mount === "live") {
        if (without.has("renew")) emit(is({ container: "bound" }), `n${node} publishes without a look`);
        else if (isHolder && record.fencing === undefined) {
          if (record.writer?.requested === true)
            emit(is({ doing: "publishing" }), `n${node} NodePublish reads the record`);
          else moves(steps.renew(world.record, node), { requested: true }, "NodePublish renews the request");
        }
      }
      if (!state.pod && state.container === "none") {
        if (state.mount === "live") {
          const ended = steps.withdraw(world.record, node);
          if (ended === undefined)
            emit(is({ requested: false, doing: "unmounting" }), `n${node} NodeUnstage`);
          else moves(ended, { requested: false, doing: "unmounting" }, "NodeUnstage withdraws the request");
        }
        if (state.mount === "dead")
          emit(is({ mount: "none", requested: false }), `n${node} drops a dead mount`);
        if (
          state.mount === "none" &&
          state.requested &&
          record.writer?.nodeName !== identities[node].nodeName
        )
          emit(is({ requested: false }), `the request of n${node} is pruned`);
      }
      if (state.mount === "none") moves(steps.leaveQuarantine(world.record, node), {}, "leaves quarantine");
      if (state.mount === "none" && isHolder)
        moves(releaseStep(world.record, node), {}, "releases what it holds without a mount");
      return;
    }
    case "acquired":
      if (state.off) emit(is({ doing: "giving" }), `n${node} finds no device`);
      else emit(is({ mount: "live", doing: "idle" }), `n${node} mounts`);
      return;
    case "publishing":
    case "publishingForGone":
      if (state.mount === "live")
        emit(
          is({ container: state.doing === "publishing" ? "bound" : "orphan", doing: "idle" }),
          `n${node} publishes`,
        );
      else emit(is({ doing: "idle" }), `n${node} publish is refused`);
      return;
    case "unmounting":
      emit(is({ mount: "none", doing: "giving" }), `n${node} unmounts`);
      return;
    case "giving": {
      const released = releaseStep(world.record, node);
      if (released === undefined) emit(is({ doing: "idle" }), `n${node} has nothing to release`);
      else moves(released, { doing: "idle" }, "releases");
      return;
    }
    default:
  }
}

function emitControllerSteps(world: World, at: 0 | 1, rules: Rules, emit: Emit): void {
  const { without, steps } = rules;
  const code = world.controllers[at];
  const node: NodeIndex = code % 2 === 0 ? 0 : 1;
  const doing = controllers[Math.floor(code / 2)] ?? "idle";
  const goesTo = (next: (typeof controllers)[number], about: NodeIndex = node, from = world): World =>
    withController(from, at, controllers.indexOf(next) * 2 + (next === "idle" ? 0 : about));
  const moves = (
    moved: { readonly code: number } | undefined,
    name: string,
    next: (typeof controllers)[number] = "idle",
  ): void => {
    if (moved !== undefined) emit(goesTo(next, node, afterRecordMove(world, moved.code, without)), name);
  };
  if (doing === "idle") return emitIdleControllerSteps(world, rules, goesTo, emit);
  const state = nodeOf(world, node);
  const record = recordOf(world.record);
  emit(goesTo("idle"), "controller dies");
  switch (doing) {
    case "asking":
      if (!state.pod || state.lost) emit(goesTo("deciding"), `reads pods: none on n${node}`);
      else {
        const requested = steps.renew(world.record, node);
        if (requested === undefined) emit(goesTo("idle"), `a pod on n${node}`);
        else moves(requested, `a pod on n${node}: requested again`);
      }
      return;
    case "askedFirst":
      if (record.writer !== undefined && indexOf(record.writer) === node && !record.writer.requested)
        emit(goesTo("deciding"), "reads the record after the pods");
      return;
    case "deciding": {
      const { beginFence: beginStep } = without.has("mark") ? steps.overlookingRequest : steps;
      if (record.writer === undefined || indexOf(record.writer) !== node) return;
      moves(beginStep(world.record, node), `begins the fence of n${node}`, "cutting");
      return;
    }
    case "cutting":
      if (record.fencing === undefined || indexOf(record.fencing) !== node) return;
      emit(goesTo("landing"), `may detach the disk from n${node}`);
      return;
    // Whatever the record is by now: only the VM's ETag stops a detach that was allowed.
    case "landing":
      emit(goesTo("clearing", node, cut(world, node)), `fences n${node}`);
      return;
    case "clearing": {
      const { writer } = record;
      const saved =
        writer === undefined
          ? undefined
          : { node: indexOf(writer), held: writer.held, age: "sameEpoch" as const };
      moves(
        move(world.record, (present) =>
          endFence(present, identities[node], {
            fencing: identities[node],
            ...(saved === undefined ? {} : { writer: writerOf(saved) }),
          }),
        ),
        `clears n${node}`,
      );
      return;
    }
    default:
  }
}

function emitIdleControllerSteps(
  world: World,
  { without, nodesMayBeLost, steps }: Rules,
  goesTo: (next: (typeof controllers)[number], about: NodeIndex, from?: World) => World,
  emit: Emit,
): void {
  const record = recordOf(world.record);
  const { writer } = record;
  if (record.fencing !== undefined)
    emit(
      goesTo("cutting", indexOf(record.fencing)),
      `carries on with the fence of n${indexOf(record.fencing)}`,
    );
  if (writer === undefined) {
    for (const node of nodeIndexes) {
      const granted = nodeOf(world, node).requested ? steps.grant(world.record, node) : undefined;
      if (granted !== undefined)
        emit(goesTo("idle", 0, afterRecordMove(world, granted.code, without)), `grants n${node}`);
    }
    return;
  }
  const node = indexOf(writer);
  const otherRequests = nodeOf(world, node === 0 ? 1 : 0).requested;
  if (without.has("request")) {
    const begun = otherRequests ? steps.overlookingRequest.beginFence(world.record, node) : undefined;
    if (begun !== undefined)
      emit(
        goesTo("cutting", node, afterRecordMove(world, begun.code, without)),
        `begins the fence of n${node}, since another node requests the disk`,
      );
    return;
  }
  const isDue = otherRequests || (nodesMayBeLost && nodeOf(world, node).lost);
  const ended = isDue ? steps.withdraw(world.record, node) : undefined;
  if (ended !== undefined)
    emit(goesTo("idle", 0, afterRecordMove(world, ended.code, without)), `marks n${node} unrequested`);
  // The plan alone revokes: it asks for no users, since a writer that holds nothing has none that writes.
  const { revoke: revokeStep } = without.has("mark") ? steps.overlookingRequest : steps;
  const revoked = revokeStep(world.record, node);
  if (revoked !== undefined)
    emit(goesTo("idle", 0, afterRecordMove(world, revoked.code, without)), `revokes n${node}`);
  if (writer.requested && !without.has("mark")) return;
  if (without.has("order")) {
    if (!nodeOf(world, node).pod) emit(goesTo("askedFirst", node), `reads pods first: none on n${node}`);
  } else emit(goesTo(without.has("pods") ? "deciding" : "asking", node), `reads the record of n${node}`);
}

/**
 * Detaches the disk from a node. Its writer is healthy if the bound pod's container runs on a live mount.
 */
function cut(world: World, node: NodeIndex): World {
  const state = nodeOf(world, node);
  const isHealthy = state.container === "bound" && state.mount === "live" && !state.lost;
  const cutOff = withNode(world, node, {
    ...state,
    off: true,
    mount: state.mount === "live" ? "dead" : state.mount,
  });
  return { ...afterVmWrite(cutOff, node), healthyWriterCut: isHealthy };
}

/** An update of the VM moves its ETag: updates allowed before do not match any more. */
function afterVmWrite(world: World, node: NodeIndex): World {
  const landing = controllers.indexOf("landing") * 2 + node;
  const after = (code: number): number => (code === landing ? 0 : code);
  return { ...world, controllers: [after(world.controllers[0]), after(world.controllers[1])] };
}

/**
 * A process that read the record before it moved cannot act on it any more, unless writes are
 * unconditional.
 */
function afterRecordMove(world: World, record: number, without: ReadonlySet<ReleaseRule>): World {
  const after = (code: number): number => {
    const doing = controllers[Math.floor(code / 2)];
    return doing === "asking" || doing === "deciding"
      ? without.has("cas")
        ? code
        : 0
      : doing === "clearing"
        ? 0
        : code;
  };
  return { ...world, record, controllers: [after(world.controllers[0]), after(world.controllers[1])] };
}

const IDLE_NODE = codec.encode({
  pod: false,
  container: "none",
  mount: "none",
  doing: "idle",
  requested: false,
  lost: false,
  off: false,
});
const CONTROLLER_CODES = controllers.length * 2;

function nodeOf(world: World, node: NodeIndex): NodeState {
  return codec.decode(world.nodes[node]);
}

function withNode(world: World, node: NodeIndex, state: NodeState): World {
  const code = codec.encode(state);
  return { ...world, nodes: node === 0 ? [code, world.nodes[1]] : [world.nodes[0], code] };
}

function withController(world: World, at: 0 | 1, code: number): World {
  return { ...world, controllers: at === 0 ? [code, world.controllers[1]] : [world.controllers[0], code] };
}

/** Controllers are interchangeable: the smaller code first. */
function encode({ record, nodes, controllers: codes, healthyWriterCut }: World): number {
  const [first, second] = codes[0] <= codes[1] ? codes : [codes[1], codes[0]];
  return (
    Number(healthyWriterCut) +
    2 *
      (record +
        RECORD_CODES *
          (nodes[0] + codec.size * (nodes[1] + codec.size * (first + CONTROLLER_CODES * second))))
  );
}

function decode(state: number): World {
  const next = digitsOf(state);
  return {
    healthyWriterCut: next(2) === 1,
    record: next(RECORD_CODES),
    nodes: [next(codec.size), next(codec.size)],
    controllers: [next(CONTROLLER_CODES), next(CONTROLLER_CODES)],
  };
}
