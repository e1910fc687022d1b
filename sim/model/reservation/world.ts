import type { WriterRecord } from "../../../src/core/api/az-volume.ts";
import type { NodeIdentity } from "../../../src/core/api/identity/node-identity.ts";
import { invariant } from "../../../src/core/failure/invariant.ts";
import { grant, newRecord } from "../../../src/core/writer/record/writer-steps.ts";
import type { ReservationKey } from "../../../src/core/writer/reservation/reservation-key.ts";

/** Two nodes that write, and one that has the disk as a replica only. */
export type NodeIndex = 0 | 1 | 2;

/** The nodes as a record names them. */
export const identities: readonly [NodeIdentity, NodeIdentity, NodeIdentity] = [
  { nodeName: "node-0", vmId: "vm-0", instanceUri: "/virtualMachines/0" },
  { nodeName: "node-1", vmId: "vm-1", instanceUri: "/virtualMachines/1" },
  { nodeName: "node-2", vmId: "vm-2", instanceUri: "/virtualMachines/2" },
];

/** A command of a node for its device: it may land at any time, and outlives the plug-in that sent it. */
export type Command =
  | { readonly kind: "reserve"; readonly key: ReservationKey; readonly earlier?: ReservationKey | undefined }
  | { readonly kind: "preempt"; readonly victim: ReservationKey }
  | { readonly kind: "release"; readonly key: ReservationKey }
  | { readonly kind: "mount"; readonly epoch: number };

/** Where the plug-in of a node is. It may pause at any point. */
export type Doing =
  | { readonly at: "idle" }
  /** Has acquired the volume. `fenced`: who is preempted, by the record that it has read then. */
  | {
      readonly at: "acquired";
      readonly key: ReservationKey;
      readonly epoch: number;
      readonly fenced?: string;
    }
  | {
      readonly at: "planned";
      readonly key: ReservationKey;
      readonly epoch: number;
      readonly earlier?: ReservationKey | undefined;
    }
  | { readonly at: "releasing"; readonly epoch: number }
  | { readonly at: "sawVictim" | "preempted"; readonly victim: ReservationKey }
  /** Waits for its command. */
  | { readonly at: "waits"; readonly command: Command; readonly epoch: number };

/** A node, its VM and its device. */
export interface NodeState {
  readonly attached: boolean;
  /** A detach of its disk is under way, and its attachment says so. */
  readonly detaching: boolean;
  /** The epoch of the grant by which it has mounted; 0: it has not. */
  readonly mount: number;
  /** The epoch of writes of this node that the disk has accepted, and not carried out; 0: none. */
  readonly accepted: number;
  readonly doing: Doing;
  /** A command of a plug-in that was killed. */
  readonly late: Command | undefined;
  /** What its attachment reports. */
  readonly report: ReservationKey | undefined;
}

/** What the disk knows. */
export interface Reservation {
  readonly node: NodeIndex;
  readonly key: ReservationKey;
}

/** Everything. */
export interface World {
  readonly record: WriterRecord;
  readonly nodes: readonly [NodeState, NodeState, NodeState];
  readonly holder: Reservation | undefined;
  /** The highest epoch in which a node has mounted. */
  readonly mountedEpoch: number;
  readonly cutOff: boolean;
  /** A controller that is paused has proven the fence of the first grant. */
  readonly isProven: boolean;
  readonly endedEarly: boolean;
  readonly hasForgotten: boolean;
}

/** A node that does nothing, with the disk. */
export const IDLE: NodeState = {
  attached: true,
  detaching: false,
  mount: 0,
  accepted: 0,
  doing: { at: "idle" },
  late: undefined,
  report: undefined,
};

const FIRST_GRANT = grant(newRecord(0), identities[0]);
invariant(FIRST_GRANT.ok, "a new disk can't be granted");

/** A disk that is attached to all nodes, and granted to the first. */
export const START: World = {
  record: FIRST_GRANT.value,
  nodes: [IDLE, IDLE, IDLE],
  holder: undefined,
  mountedEpoch: 0,
  cutOff: false,
  isProven: false,
  endedEarly: false,
  hasForgotten: false,
};

/** Numbers worlds in the order of arrival. */
export function createWorldCodec(): {
  readonly encode: (world: World) => number;
  readonly decode: (code: number) => World;
} {
  const [records, nodes, holders] = [createNumbers(), createNumbers(), createNumbers()];
  const codes = new Map<string, number>();
  const worlds: World[] = [];
  return {
    encode: (world) => {
      const parts = [
        records(world.record),
        ...world.nodes.map(nodes),
        world.holder === undefined ? -1 : holders(world.holder),
        world.mountedEpoch,
        world.cutOff,
        world.isProven,
        world.endedEarly,
        world.hasForgotten,
      ];
      const text = parts.join();
      const known = codes.get(text);
      if (known !== undefined) return known;
      codes.set(text, worlds.length);
      return worlds.push(world) - 1;
    },
    decode: (code) => {
      const world = worlds[code];
      if (world === undefined) throw new Error(`${code} is the code of no world`);
      return world;
    },
  };
}

/**
 * Numbers values by what they contain. A step changes one part of a world, and leaves the others as they are.
 */
function createNumbers(): (value: object) => number {
  const known = new WeakMap<object, number>();
  const numbers = new Map<string, number>();
  return (value) => {
    const seen = known.get(value);
    if (seen !== undefined) return seen;
    const text = JSON.stringify(value);
    const number = numbers.get(text) ?? numbers.size;
    numbers.set(text, number);
    known.set(value, number);
    return number;
  };
}
