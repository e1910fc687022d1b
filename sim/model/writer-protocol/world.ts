import { digitsOf } from "../state-space/digits.ts";
import type { NodeIndex, RecordMove, SavedWriter } from "./record-codes.ts";
import { RECORD_CODES } from "./record-codes.ts";

/**
 * What a node does with the volume. `read`: it has read the record and is about to acquire (only if that
 * is not one step). `gone`: its VM was deleted, for good, with all that it had open.
 */
export interface NodeState {
  readonly mount: "none" | "live" | "dead";
  readonly doing: "idle" | "read" | "acquired" | "giving" | "gone";
  /** A mount command that outlives its plug-in. */
  readonly child: boolean;
}

/**
 * What a controller does. Compare-and-swap makes reading the record, deciding and writing it one step, so
 * there is no state in between; an update of a VM is dropped as soon as the ETag on which it was decided
 * has moved (412).
 */
export type ControllerState =
  | { readonly kind: "idle" }
  /** Has read the record and is about to write a grant (only without compare-and-swap). */
  | { readonly kind: "grant"; readonly node: NodeIndex }
  /** Has read the VM and its ETag, and has not read the record yet. */
  | { readonly kind: "attachAsk" | "detachAsk"; readonly node: NodeIndex }
  /** The record allowed it; the conditional update of the VM comes next. */
  | { readonly kind: "attach" | "detach"; readonly node: NodeIndex }
  /** Carries out a fence; `saved` is the writer when it began. */
  | {
      readonly kind: "fenceDetach" | "fenceProve" | "endFence";
      readonly node: NodeIndex;
      readonly saved: SavedWriter | undefined;
    }
  /**
   * A proof without a fence: has read the VM without the disk; the record allowed it to continue; the VM's
   * ETag has moved, and the disk is not there.
   */
  | { readonly kind: "proofAsk" | "proofMove" | "proofClear"; readonly node: NodeIndex };

/** Record, cloud, two nodes and two controllers, each as a small number. */
export interface World {
  readonly record: number;
  /** Bit n: attached to node n. */
  readonly attached: number;
  readonly nodes: readonly [number, number];
  /** The smaller one first: controllers are interchangeable. */
  readonly controllers: readonly [number, number];
}

const mounts = ["none", "live", "dead"] as const;
const doings = ["idle", "read", "acquired", "giving"] as const;

/** A node whose VM is deleted. */
export const GONE: NodeState = { mount: "none", doing: "gone", child: false };

/** Every state of a node; its index is its code. */
export const nodeStates: readonly NodeState[] = [
  ...mounts.flatMap((mount) =>
    doings.flatMap((doing) => [false, true].map((child) => ({ mount, doing, child }))),
  ),
  GONE,
];

const both: readonly NodeIndex[] = [0, 1];
const plainKinds = [
  "grant",
  "attachAsk",
  "detachAsk",
  "attach",
  "detach",
  "proofAsk",
  "proofMove",
  "proofClear",
] as const;
const fenceKinds = ["fenceDetach", "fenceProve", "endFence"] as const;
const ages = ["sameEpoch", "olderEpoch"] as const;
const savedWriters: readonly (SavedWriter | undefined)[] = [
  undefined,
  ...both.flatMap((node) => [false, true].flatMap((held) => ages.map((age) => ({ node, held, age })))),
];

/** Every state of a controller; its index is its code. */
export const controllerStates: readonly ControllerState[] = [
  { kind: "idle" },
  ...plainKinds.flatMap((kind) => both.map((node) => ({ kind, node }))),
  ...fenceKinds.flatMap((kind) =>
    both.flatMap((node) => savedWriters.map((saved) => ({ kind, node, saved }))),
  ),
];

/** Whether a node's VM is deleted. */
export function isGone({ nodes }: World, node: NodeIndex): boolean {
  return nodes[node] === GONE_CODE;
}

/** Whether a controller works on a node, or remembers it. */
export function isAtWorkOn({ controllers }: World, node: NodeIndex): boolean {
  return controllers.some((code) => {
    const state = controllerStates[code];
    return (
      state !== undefined &&
      "node" in state &&
      (state.node === node || ("saved" in state && state.saved?.node === node))
    );
  });
}

const GONE_CODE = nodeStates.length - 1;

/** The code of a node's state: its index in `nodeStates`. */
export function nodeCode({ mount, doing, child }: NodeState): number {
  return doing === "gone"
    ? GONE_CODE
    : (mounts.indexOf(mount) * doings.length + doings.indexOf(doing)) * 2 + Number(child);
}

/** The code of a controller's state: its index in `controllerStates`. */
export function controllerCode(state: ControllerState): number {
  switch (state.kind) {
    case "idle":
      return 0;
    case "fenceDetach":
    case "fenceProve":
    case "endFence": {
      const fences = fenceKinds.indexOf(state.kind) * both.length + state.node;
      return 1 + plainKinds.length * both.length + fences * savedWriters.length + savedCode(state.saved);
    }
    default:
      return 1 + plainKinds.indexOf(state.kind) * both.length + state.node;
  }
}

function savedCode(saved: SavedWriter | undefined): number {
  return saved === undefined
    ? 0
    : 1 + (saved.node * 2 + Number(saved.held)) * ages.length + ages.indexOf(saved.age);
}

const NODES = nodeStates.length;
const CONTROLLERS = controllerStates.length;

/** A world as one whole number. */
export function encode({ record, attached, nodes, controllers }: World): number {
  const [first, second] = controllers[0] <= controllers[1] ? controllers : [controllers[1], controllers[0]];
  return (
    record +
    RECORD_CODES * (attached + 4 * (nodes[0] + NODES * (nodes[1] + NODES * (first + CONTROLLERS * second))))
  );
}

/** The world of a number. */
export function decode(state: number): World {
  const next = digitsOf(state);
  return {
    record: next(RECORD_CODES),
    attached: next(4),
    nodes: [next(NODES), next(NODES)],
    controllers: [next(CONTROLLERS), next(CONTROLLERS)],
  };
}

/** A world after the record has moved: what controllers remember of the writer gets older. */
export function afterRecordMove(world: World, moved: RecordMove): World {
  if (!moved.epochMoved) return { ...world, record: moved.code };
  const [first, second] = world.controllers;
  return {
    ...world,
    record: moved.code,
    controllers: [olderEpoch[first] ?? first, olderEpoch[second] ?? second],
  };
}

/** The controllers after a VM's ETag has moved. Without `etag`, attaches are not conditional. */
export function afterVmMove(world: World, node: NodeIndex, rules: { readonly etag: boolean }): World {
  const after = (code: number): number => {
    const state = controllerStates[code];
    if (state === undefined || !("node" in state) || state.node !== node) return code;
    const isConditional =
      state.kind === "detach" ||
      state.kind === "detachAsk" ||
      state.kind === "proofAsk" ||
      state.kind === "proofMove";
    return isConditional || (rules.etag && (state.kind === "attach" || state.kind === "attachAsk"))
      ? 0
      : code;
  };
  return { ...world, controllers: [after(world.controllers[0]), after(world.controllers[1])] };
}

const olderEpoch = controllerStates.map(inOlderEpoch);

function inOlderEpoch(state: ControllerState, code: number): number {
  return "saved" in state && state.saved !== undefined
    ? controllerCode({ ...state, saved: { ...state.saved, age: "olderEpoch" } })
    : code;
}
