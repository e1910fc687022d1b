import type { AzVolume, WriterRecord } from "../../../src/core/api/az-volume.ts";
import { isSameNode } from "../../../src/core/api/identity/node-identity.ts";
import { aVolume } from "../../../src/core/testing/objects.ts";
import { isNamed } from "../../../src/core/writer/record/record-nodes.ts";
import {
  acquire,
  beginFence,
  endFence,
  grant,
  isInQuarantine,
  mayAttach,
  mayDetach,
  preempt,
  proveClean,
  release,
  revoke,
  type Step,
  withdraw,
} from "../../../src/core/writer/record/writer-steps.ts";
import { fencedGrant, mayPreempt } from "../../../src/core/writer/reservation/fenced-grant.ts";
import { planReservation } from "../../../src/core/writer/reservation/plan-reservation.ts";
import {
  grantKey,
  preemptorKey,
  type ReservationKey,
} from "../../../src/core/writer/reservation/reservation-key.ts";
import type { StateSpace } from "../state-space/explore.ts";
import {
  type Command,
  createWorldCodec,
  identities,
  type Doing,
  IDLE,
  type NodeIndex,
  type NodeState,
  START,
  type World,
} from "./world.ts";

/** The rules of a fence by reservation. Each can be left out, to show what happens then. */
export const reservationRules = [
  "reread",
  "namedVictim",
  "aborted",
  "believed",
  "mayDetach",
  "keep",
  "holds",
  "persists",
  "namedFence",
] as const;

/** One rule of a fence by reservation. */
export type ReservationRule = (typeof reservationRules)[number];

interface Turn {
  readonly world: World;
  readonly without: ReadonlySet<ReservationRule>;
  readonly emit: (next: World, name: string) => void;
}

const VOLUME_UID = "vol-1";
const VOLUME = aVolume({ metadata: { uid: VOLUME_UID } });
/** The preempted writer, and the next one. */
const EPOCHS_MAX = 2;
const writers = [0, 1] as const;
const nodeIndexes = [0, 1, 2] as const;
/**
 * A fence by reservation as a state space: two nodes that write a disk in turn, and a third that has it as a
 * replica, and preempts. Each plug-in may pause anywhere, and die, and one command lands at any later time;
 * nodes may lose their power; Azure's detaches land at any time, and take the reservation of their machine
 * with them; the disk may forget its reservation while no fence relies on it.
 */
export function reservationProtocol(without: ReadonlySet<ReservationRule>): StateSpace {
  const { encode, decode } = createWorldCodec();
  return {
    starts: [encode(START)],
    steps: (state, emit) => {
      const turn: Turn = {
        world: decode(state),
        without,
        emit: (next, name) => emit(encode(next), name),
      };
      for (const node of writers) emitWriterSteps(turn, node);
      for (const node of nodeIndexes) {
        emitCommandSteps(turn, node);
        emitAzureSteps(turn, node);
      }
      emitPreemptorSteps(turn, 2);
      emitControllerSteps(turn);
      forgets(turn);
    },
    fault: (state) => faultOf(decode(state)),
  };
}

function faultOf(world: World): string | undefined {
  const able = nodeIndexes.filter((node) => epochsThatWrite(world, node).length > 0);
  if (able.length > 1) return "two machines can write";
  const isStale = able.some((node) =>
    epochsThatWrite(world, node).some((epoch) => epoch < world.mountedEpoch),
  );
  if (isStale) return "a machine can write after a later writer";
  if (world.endedEarly) return "a fence has ended while its node has the disk";
  return world.cutOff ? "a healthy writer was cut off" : undefined;
}

/** The epochs of the mounts and accepted writes by which a machine can complete a write. */
function epochsThatWrite(world: World, node: NodeIndex): readonly number[] {
  const { attached, mount, accepted } = world.nodes[node];
  if (!attached) return [];
  return [...(mount > 0 && takesWrites(world, node) ? [mount] : []), ...(accepted > 0 ? [accepted] : [])];
}

function takesWrites({ holder }: World, node: NodeIndex): boolean {
  return holder === undefined || holder.node === node;
}

/** How a node comes to write, and ends it. */
function emitWriterSteps(turn: Turn, node: 0 | 1): void {
  const { world, without } = turn;
  const { record } = world;
  const state = world.nodes[node];
  const { doing } = state;
  const identity = identities[node];
  const becomes = (changes: Partial<NodeState>, name: string, next: World = world): void =>
    turn.emit(withNode(next, node, { ...state, ...changes }), `n${node} ${name}`);
  switch (doing.at) {
    case "idle": {
      const isClean = state.mount === 0 && state.late === undefined;
      if (state.mount > 0 && state.late === undefined)
        becomes({ mount: 0, doing: { at: "releasing", epoch: state.mount } }, "unmounts");
      if (isClean && isInQuarantine(record, identity))
        moves(turn, proveClean(record, identity, "quarantined"), `n${node} proves itself clean`);
      const acquired = acquire(record, identity, { isClean, storeIncarnation: 0 });
      if (!acquired.ok || state.mount > 0 || !state.attached || acquired.value.writer === undefined) return;
      const { epoch } = acquired.value.writer;
      const fenced = record.fencing?.preempted !== undefined ? record.fencing.nodeName : undefined;
      becomes(
        {
          doing: {
            at: "acquired",
            key: keyOf(node, epoch),
            epoch,
            ...(fenced === undefined ? {} : { fenced }),
          },
        },
        "acquires",
        { ...world, record: acquired.value },
      );
      return;
    }
    case "acquired":
      plans(turn, node, doing);
      return;
    case "planned": {
      const { writer } = record;
      const isHolder = isNamed(record, identity, "holder") && !isNamed(record, identity, "fencing");
      if (without.has("reread") || (isHolder && writer?.epoch === doing.epoch))
        becomes(
          {
            doing: {
              at: "waits",
              command: { kind: "reserve", key: doing.key, earlier: doing.earlier },
              epoch: doing.epoch,
            },
          },
          "reads the record again, and reserves",
        );
      return;
    }
    case "releasing": {
      const { epoch } = doing;
      const key = keyOf(node, epoch);
      const isKept = record.fencing?.preempted !== undefined && !without.has("keep");
      if (!isKept && state.attached)
        becomes({ doing: { at: "waits", command: { kind: "release", key }, epoch } }, "ends its reservation");
      const released = release(record, identity, epoch);
      if (released.ok) becomes({ doing: IDLE.doing }, "releases", { ...world, record: released.value });
      else becomes({ doing: IDLE.doing }, "releases nothing");
      return;
    }
    default:
      return;
  }
}

function plans(turn: Turn, node: 0 | 1, doing: Extract<Doing, { at: "acquired" }>): void {
  const { world, without } = turn;
  const { key, epoch } = doing;
  const fenced = without.has("holds") ? undefined : doing.fenced;
  const seen = { kind: "read", holder: world.holder?.key } as const;
  const plan = planReservation({ seen, fenced });
  const next: Doing =
    plan.kind === "reserve"
      ? { at: "planned", key, epoch, earlier: plan.earlier }
      : plan.kind === "none"
        ? { at: "waits", command: { kind: "mount", epoch }, epoch }
        : IDLE.doing;
  turn.emit(withNode(world, node, { ...world.nodes[node], doing: next }), `n${node} reads the reservation`);
}

/** How a node takes the reservation of one that is being fenced. */
function emitPreemptorSteps(turn: Turn, node: NodeIndex): void {
  const { world } = turn;
  const state = world.nodes[node];
  const { doing } = state;
  const becomes = (changes: Partial<NodeState>, name: string): void =>
    turn.emit(withNode(world, node, { ...state, ...changes }), `n${node} ${name}`);
  const fenced = fencedGrant(volumeOf(world));
  switch (doing.at) {
    case "idle": {
      if (fenced === undefined || !state.attached || state.mount > 0 || state.report === fenced.key) return;
      const held = world.holder?.key;
      if (held === preemptorKey(fenced.key, identities[node]))
        becomes({ report: fenced.key }, "reports what it preempted before");
      else if (held === fenced.key && !isSameNode(fenced.node, identities[node]))
        becomes({ doing: { at: "sawVictim", victim: fenced.key } }, "sees the victim's reservation");
      return;
    }
    case "sawVictim":
      if (mayPreempt(volumeOf(world), identities[node], doing.victim))
        becomes(
          { doing: { at: "waits", command: { kind: "preempt", victim: doing.victim }, epoch: 0 } },
          "reads the record again, and preempts",
        );
      return;
    case "preempted":
      becomes({ report: doing.victim, doing: IDLE.doing }, "reports");
      return;
    default:
      return;
  }
}

/** Commands land; plug-ins die; power is lost. */
function emitCommandSteps(turn: Turn, node: NodeIndex): void {
  const { world, emit } = turn;
  const state = world.nodes[node];
  const { doing, late } = state;
  const withState = (changes: Partial<NodeState>): World => withNode(world, node, { ...state, ...changes });
  if (late !== undefined)
    emit(
      carryOut(turn, withState({ late: undefined }), node, late).world,
      `n${node} late ${late.kind} lands`,
    );
  if (doing.at === "waits") {
    const { command, epoch } = doing;
    const { world: next, isDone } = carryOut(turn, world, node, command);
    emit(
      withNode(next, node, { ...next.nodes[node], doing: doingAfter(command, epoch, isDone) }),
      `n${node} ${command.kind} lands`,
    );
    if (world.nodes.every((other) => other.late === undefined) && command.kind !== "release")
      emit(withState({ doing: IDLE.doing, late: command }), `n${node} dies in its ${command.kind}`);
  }
  if (doing.at !== "idle" && doing.at !== "waits") emit(withState({ doing: IDLE.doing }), `n${node} dies`);
  if (doing.at === "idle" && state.mount > 0)
    emit(withState({ late: undefined, mount: 0 }), `n${node} loses its power`);
  if (state.accepted > 0) emit(withState({ accepted: 0 }), `n${node} has its accepted writes carried out`);
}

function doingAfter(command: Command, epoch: number, isDone: boolean): Doing {
  if (command.kind === "release") return { at: "releasing", epoch };
  if (!isDone) return IDLE.doing;
  if (command.kind === "reserve") return { at: "waits", command: { kind: "mount", epoch }, epoch };
  return command.kind === "preempt" ? { at: "preempted", victim: command.victim } : IDLE.doing;
}

/** What a command does to the disk. */
function carryOut(
  { without }: Turn,
  world: World,
  node: NodeIndex,
  command: Command,
): { readonly world: World; readonly isDone: boolean } {
  const { holder } = world;
  const state = world.nodes[node];
  const refused = { world, isDone: false };
  if (!state.attached) return refused;
  switch (command.kind) {
    case "reserve": {
      const { key, earlier } = command;
      const isFree = holder === undefined || holder.node === node || holder.key === earlier;
      return isFree ? { world: taken(world, node, key, { aborts: false }), isDone: true } : refused;
    }
    case "preempt": {
      const key = preemptorKey(command.victim, identities[node]);
      if (holder?.node === node) return { world, isDone: holder.key === key };
      const hits = holder?.key === command.victim || (without.has("namedVictim") && holder !== undefined);
      return hits
        ? { world: taken(world, node, key, { aborts: !without.has("aborted") }), isDone: true }
        : refused;
    }
    case "release":
      return holder?.node === node && holder.key === command.key
        ? { world: { ...world, holder: undefined }, isDone: true }
        : refused;
    case "mount":
      return takesWrites(world, node)
        ? {
            world: {
              ...withNode(world, node, { ...state, mount: command.epoch }),
              mountedEpoch: Math.max(world.mountedEpoch, command.epoch),
            },
            isDone: true,
          }
        : refused;
  }
}

/** `node` holds the reservation from now on; who held it, or wrote without, loses that. */
function taken(
  world: World,
  node: NodeIndex,
  key: ReservationKey,
  { aborts }: { readonly aborts: boolean },
): World {
  const { holder, record } = world;
  const loses = (other: NodeIndex): boolean =>
    other !== node && (holder === undefined || holder.node === other) && world.nodes[other].mount > 0;
  const nodes = nodeIndexes.map((other) => {
    const state = world.nodes[other];
    return loses(other) && state.attached && !aborts ? { ...state, accepted: state.mount } : state;
  });
  const cutOff = nodeIndexes.some(
    (other) =>
      loses(other) &&
      isNamed(record, identities[other], "holder") &&
      !isNamed(record, identities[other], "fencing") &&
      record.writer?.epoch === world.nodes[other].mount,
  );
  return {
    ...world,
    nodes: [nodes[0] ?? IDLE, nodes[1] ?? IDLE, nodes[2] ?? IDLE],
    holder: { node, key },
    cutOff: world.cutOff || cutOff,
  };
}

/** Attaches and detaches; a detach takes the reservation of its machine with it. */
function emitAzureSteps(turn: Turn, node: NodeIndex): void {
  const { world, without, emit } = turn;
  const { record, holder } = world;
  const state = world.nodes[node];
  const identity = identities[node];
  const detached = (): World => ({
    ...withNode(world, node, { ...IDLE, attached: false }),
    holder: holder?.node === node ? undefined : holder,
  });
  if (!state.attached) {
    if (mayAttach(record, identity)) emit(withNode(world, node, IDLE), `attaches to n${node}`);
    return;
  }
  if (isNamed(record, identity, "fencing")) emit(detached(), `the fence detaches from n${node}`);
  const asked = without.has("mayDetach") ? withoutPreempted(record) : record;
  const isIdle = state.doing.at === "idle" && state.mount === 0 && state.late === undefined;
  if (!state.detaching && isIdle && mayDetach(asked, identity))
    emit(withNode(world, node, { ...state, detaching: true }), `begins to detach from n${node}`);
  if (state.detaching) emit(detached(), `detaches from n${node}`);
}

function emitControllerSteps(turn: Turn): void {
  const { world, without } = turn;
  const { record } = world;
  const { writer, fencing } = record;
  for (const node of writers) {
    const { attached, detaching } = world.nodes[node];
    if (attached && !detaching && record.epoch < EPOCHS_MAX)
      moves(turn, grant(record, identities[node]), `grants n${node}`);
  }
  if (writer !== undefined) {
    const unrequested = withdraw(record, writer);
    if (unrequested.ok) moves(turn, revoke(unrequested.value), "revokes");
    // Of a node that is lost, or only seems to be.
    if (fencing === undefined) moves(turn, beginFence(record, writer, { distrusts: true }), "begins a fence");
  }
  const fenced = fencedGrant(volumeOf(world));
  const isReported =
    fenced !== undefined &&
    world.nodes.some(
      ({ report, attached, detaching }) =>
        report === fenced.key && attached && (!detaching || without.has("believed")),
    );
  if (fenced !== undefined && isReported)
    moves(turn, preempt(record, fenced.node, fenced.epoch), "records the preemption");
  const fencedNode = nodeIndexes.find((node) => isNamed(record, identities[node], "fencing"));
  if (fencedNode !== undefined && !world.nodes[fencedNode].attached)
    moves(turn, endFence(record, identities[fencedNode], record), "ends the fence");
  emitPausedProof(turn);
}

/**
 * A controller that has read the record as the fence of the first grant began pauses between its proof and
 * its last step.
 */
function emitPausedProof({ world, without, emit }: Turn): void {
  const { record, isProven, nodes } = world;
  const [fenced] = identities;
  const [{ attached }] = nodes;
  if (!isProven) {
    const epoch = record.fencing?.preempted ?? record.writer?.epoch;
    if (isNamed(record, fenced, "fencing") && epoch === 1 && !attached)
      emit({ ...world, isProven: true }, "proves the first fence, and pauses");
    return;
  }
  const before = { writer: { ...fenced, epoch: 1, held: true, requested: false }, fencing: fenced };
  const ended = endFence(record, fenced, without.has("namedFence") ? record : before);
  if (!ended.ok) return;
  const name = `ends the first fence${isNamed(record, identities[1], "writer") ? ", beside a writer" : ""}`;
  emit({ ...world, record: ended.value, isProven: false, endedEarly: attached }, name);
}

/**
 * Once, and not while a fence relies on the reservation: but between the record of the preemption and the
 * look of the next writer, if no command is under way.
 */
function forgets({ world, without, emit }: Turn): void {
  const { holder, hasForgotten, record, nodes, mountedEpoch } = world;
  if (holder === undefined || hasForgotten) return;
  const isQuiet = nodes.every(
    ({ doing, late }) => (doing.at === "idle" || doing.at === "acquired") && late === undefined,
  );
  const isRelied =
    record.fencing?.preempted !== undefined ? !isQuiet || mountedEpoch === record.epoch : holder.node === 2;
  if (!isRelied || without.has("persists"))
    emit({ ...world, holder: undefined, hasForgotten: true }, "the disk forgets its reservation");
}

function moves({ world, emit }: Turn, step: Step, name: string): void {
  if (step.ok) emit({ ...world, record: step.value }, name);
}

function withNode(world: World, node: NodeIndex, state: NodeState): World {
  const [first, second, third] = world.nodes;
  return {
    ...world,
    nodes: [node === 0 ? state : first, node === 1 ? state : second, node === 2 ? state : third],
  };
}

function withoutPreempted({ fencing, ...record }: WriterRecord): WriterRecord {
  if (fencing === undefined) return record;
  const { preempted: _preempted, ...unmarked } = fencing;
  return { ...record, fencing: unmarked };
}

const keys = new Map<string, ReservationKey>();

function keyOf(node: NodeIndex, epoch: number): ReservationKey {
  const name = `${node}/${epoch}`;
  const known = keys.get(name);
  if (known !== undefined) return known;
  const writer = { ...identities[node], epoch };
  const key = grantKey({ volumeUid: VOLUME_UID, storeIncarnation: 0, writer });
  keys.set(name, key);
  return key;
}

function volumeOf({ record }: World): AzVolume {
  const { status } = VOLUME;
  return status === undefined ? VOLUME : { ...VOLUME, status: { ...status, record } };
}
