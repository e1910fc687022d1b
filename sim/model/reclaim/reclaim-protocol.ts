import { type NodeVolumeAction, planNodeVolume } from "../../../src/core/node/plan-node-volume.ts";
import { anAttachment } from "../../../src/core/testing/objects.ts";
import {
  reclaim,
  endFence,
  foundRecord,
  release,
  grant,
  mayAttach,
  mayDetach,
  proveClean,
  type Step,
  acquire,
  clearMark,
} from "../../../src/core/writer/record/writer-steps.ts";
import type { StateSpace } from "../state-space/explore.ts";
import { identities, type NodeIndex, nodeIndexes } from "../writer-protocol/record-codes.ts";
import { decode, encode, type NodeState, type World } from "./world.ts";

/**
 * The rules that keep a record that was rebuilt after a loss from doing harm. Each can be left out, to
 * show what goes wrong then.
 */
export const reclaimRules = ["unconfirmed", "listed", "checkpointed", "unverified", "dispute"] as const;

/** One rule that keeps such a record from doing harm. */
export type ReclaimRule = (typeof reclaimRules)[number];

interface Turn {
  readonly world: World;
  readonly without: ReadonlySet<ReclaimRule>;
  readonly emit: (next: World, name: string) => void;
}

/**
 * A volume whose record was lost while it was in use, as a state space: one disk, two nodes, and a record
 * that names the nodes that Azure lists, which may be outdated, and, as unverified, those with a
 * checkpoint of the disk. The token of node 1 may be stolen: its holder then reports whatever node 1's own
 * steps allow. An honest node does what `planNodeVolume` plans. Fences, crashes and freezes are left out:
 * `writer-protocol` has them.
 */
export function reclaimProtocol(without: ReadonlySet<ReclaimRule>): StateSpace {
  return {
    starts: startWorlds(without).map(encode),
    steps: (state, emit) => {
      const world = decode(state);
      if (world.wrong !== "nothing") return;
      const turn: Turn = { world, without, emit: (next, name) => emit(encode(next), name) };
      for (const node of nodeIndexes) {
        emitControllerSteps(turn, node);
        if (node === 1 && world.isStolen) emitStolenSteps(turn);
        else emitHonestSteps(turn, node);
      }
    },
    fault: (state) => {
      const { nodes, wrong, isStolen } = decode(state);
      if (wrong !== "nothing") return wrong;
      return !isStolen && nodes.every(({ mount }) => mount === "live") ? "two live writers" : undefined;
    },
  };
}

/**
 * Whether an honest node has the volume in use, or a stolen token is used, which may keep the disk for
 * ever.
 */
export function isInUse(state: number): boolean {
  const { nodes, isStolen } = decode(state);
  return isStolen || nodes.some(({ mount }) => mount === "live");
}

/**
 * Node 0 writes, or no node does; node 1 may have the disk as a replica, and may have a checkpoint of it.
 * Azure lists all, some, or none of the nodes that have the disk.
 */
function startWorlds(without: ReadonlySet<ReclaimRule>): readonly World[] {
  const choices = [false, true];
  return choices.flatMap((isWritten) =>
    choices.flatMap((hasReplica) =>
      choices.flatMap((isSecondCheckpointed) =>
        choices.flatMap((isStolen) =>
          [0, 1, 2, 3].flatMap((listed): readonly World[] => {
            const nodes = [
              {
                attached: isWritten,
                mount: isWritten ? "live" : "none",
                pod: isWritten,
                checkpointed: isWritten,
              },
              // Its attachment object shows it if its checkpoints do not.
              {
                attached: hasReplica,
                mount: "none",
                pod: false,
                checkpointed: isSecondCheckpointed || hasReplica,
              },
            ] as const;
            const [isFirstListed, isSecondListed] = [(listed & 1) !== 0, (listed & 2) !== 0];
            if ((isFirstListed && !isWritten) || (isSecondListed && !hasReplica)) return [];
            const attachedTo = identities.filter((_, index) => (listed & (1 << index)) !== 0);
            const checkpointed = identities.filter(
              (_, index) => nodes[index]?.checkpointed === true && !without.has("checkpointed"),
            );
            const found = without.has("unconfirmed")
              ? { unverified: [...attachedTo, ...checkpointed.filter((node) => !attachedTo.includes(node))] }
              : { unverified: attachedTo, unconfirmed: checkpointed };
            return [
              {
                record: foundRecord({ ...found, epoch: 7, storeIncarnation: 0 }),
                nodes,
                isStolen,
                wrong: "nothing",
              },
            ];
          }),
        ),
      ),
    ),
  );
}

function emitControllerSteps(turn: Turn, node: NodeIndex): void {
  const { world, without, emit } = turn;
  const { record, nodes } = world;
  const identity = identities[node];
  const state = nodes[node];
  // The VM's own list, read after its ETag has moved, is never outdated.
  if (state.attached || without.has("listed"))
    moves(turn, clearMark(record, identity, "unconfirmed"), `confirms n${node}`);
  if (!state.attached) moves(turn, endFence(record, identity), `proves n${node} detached`);
  const trusted = without.has("unverified")
    ? { ...record, nodes: record.nodes.filter(({ access }) => access !== "unverified") }
    : record;
  moves(turn, grant(trusted, identity), `grants n${node}`);
  if (!state.attached && mayAttach(record, identity))
    emit(withNode(world, node, { ...state, attached: true }), `attaches to n${node}`);
  if (!state.attached || !mayDetach(record, identity)) return;
  const isCutOff = state.mount === "live" && state.pod;
  const detached = withNode(world, node, { ...state, attached: false, mount: "none" });
  emit(isCutOff ? { ...detached, wrong: "a healthy writer was fenced" } : detached, `detaches from n${node}`);
}

/**
 * The holder of the token takes every step of its node, with nothing behind it. No record restricts what
 * it does with a disk that it really has.
 */
function emitStolenSteps(turn: Turn): void {
  const { world, emit } = turn;
  const { record, nodes } = world;
  const own = identities[1];
  const reclaimed = reclaim(record, own, 0);
  if (reclaimed.ok) {
    const isRobbed = !nodes[1].attached && nodes[0].mount === "live";
    emit(
      {
        ...world,
        record: reclaimed.value,
        ...(isRobbed ? { wrong: "a node reclaimed a disk that it never had" as const } : {}),
      },
      "n1 reclaims, whatever it has",
    );
  }
  moves(turn, proveClean(record, own, "unverified"), "n1 says that it is clean, whatever it has");
  moves(turn, proveClean(record, own, "quarantined"), "n1 says that it leaves quarantine, whatever it has");
  moves(turn, acquire(record, own, { isClean: true, storeIncarnation: 0 }), "n1 acquires, whatever it has");
  moves(turn, release(record, own, record.writer?.epoch ?? 0), "n1 releases, whatever it has");
}

function emitHonestSteps(turn: Turn, node: NodeIndex): void {
  const { world, emit } = turn;
  const { record, nodes } = world;
  const state = nodes[node];
  const identity = identities[node];
  for (const action of planNodeVolume(observe(world, node))) carryOut(turn, node, action);
  const acquired = acquire(record, identity, { isClean: true, storeIncarnation: 0 });
  if (acquired.ok && state.attached && state.mount === "none")
    emit(
      {
        ...withNode(world, node, { attached: true, mount: "live", pod: true, checkpointed: true }),
        record: acquired.value,
      },
      `n${node} acquires and mounts for a pod`,
    );
  if (!state.pod) return;
  const released = release(record, identity, record.writer?.epoch ?? 0);
  const ended = withNode(world, node, { ...state, pod: false, mount: "none" });
  emit(
    { ...ended, record: released.ok ? released.value : record },
    `n${node}'s pod ends, and its volume is unstaged`,
  );
}

function carryOut(turn: Turn, node: NodeIndex, action: NodeVolumeAction): void {
  const { world, without, emit } = turn;
  const { record, nodes } = world;
  const state = nodes[node];
  const identity = identities[node];
  switch (action.kind) {
    case "Reclaim":
      return moves(turn, reclaim(record, identity, action.epochKnown), `n${node} reclaims`);
    case "ReportDispute":
      return without.has("dispute") ? unmounts(turn, node) : undefined;
    case "CleanUp":
      if (state.mount !== "none") return unmounts(turn, node);
      if (action.from !== undefined)
        moves(
          turn,
          proveClean(record, identity, action.from),
          `n${node} ${action.from === "unverified" ? "reports clean" : "leaves quarantine"}`,
        );
      return state.checkpointed
        ? emit(withNode(world, node, { ...state, checkpointed: false }), `n${node} drops its checkpoint`)
        : undefined;
    default:
      // Epochs, requests and recalls: nothing here depends on them.
      return undefined;
  }
}

function unmounts({ world, emit }: Turn, node: NodeIndex): void {
  const state = world.nodes[node];
  if (state.mount === "none") return;
  const unmounted = withNode(world, node, { ...state, mount: "none" });
  emit(
    state.pod ? { ...unmounted, wrong: "a mount was removed under a pod" } : unmounted,
    `n${node} removes its mount`,
  );
}

function observe({ record, nodes }: World, node: NodeIndex): Parameters<typeof planNodeVolume>[0] {
  const { mount, pod, checkpointed } = nodes[node];
  return {
    node: identities[node],
    record,
    isMultiWriter: false,
    // The volume is requested on both nodes.
    attachment: anAttachment(identities[node].nodeName),
    statesRequests: false,
    isPreempted: false,
    hasEarlierReservation: false,
    checkpoint: checkpointed ? { epoch: 0, accessType: "mount" } : undefined,
    mount,
    targets: pod ? ["/target"] : [],
    bareTargets: [],
  };
}

function moves({ world, emit }: Turn, moved: Step, name: string): void {
  if (moved.ok) emit({ ...world, record: moved.value }, name);
}

function withNode(world: World, node: NodeIndex, state: NodeState): World {
  return { ...world, nodes: node === 0 ? [state, world.nodes[1]] : [world.nodes[0], state] };
}
