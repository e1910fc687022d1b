import { createCodec } from "../release-check/world-codec.ts";
import { digitsOf } from "../state-space/digits.ts";
import { createInterner } from "../state-space/interner.ts";
import type { NodeIndex } from "../writer-protocol/record-codes.ts";
import { RECORD_CODES } from "../writer-protocol/record-codes.ts";

/** Within which the exploration is exhaustive. */
export interface RestoreBounds {
  readonly epochsMax: number;
  readonly generationsMax: number;
}

/** The most that a state can hold. */
const epochs = [0, 1, 2, 3] as const;
const generations = [0, 1, 2] as const;

/** The record as a backup brings it back: its code, and the numbers that the code leaves out. */
export interface StoredRecord {
  readonly code: number;
  readonly epoch: (typeof epochs)[number];
  readonly generation: (typeof generations)[number];
}

/** A record as one whole number. */
export function storedCode({
  code,
  epoch,
  generation,
}: {
  readonly code: number;
  readonly epoch: number;
  readonly generation: number;
}): number {
  return code + RECORD_CODES * (epoch + epochs.length * generation);
}

/** The record of a number. */
export function storedOf(stored: number): StoredRecord {
  const rest = Math.floor(stored / RECORD_CODES);
  return {
    code: stored % RECORD_CODES,
    epoch: epochs[rest % epochs.length] ?? 0,
    generation: generations[Math.floor(rest / epochs.length)] ?? 0,
  };
}

const STORED_CODES = RECORD_CODES * epochs.length * generations.length;

/**
 * A backup that was not taken, and one that was put back: no other will be. `CUT_OFF`: since then a healthy
 * writer has lost its disk; nothing happens any more.
 */
export const NO_BACKUP = STORED_CODES;
export const RESTORED = STORED_CODES + 1;
export const CUT_OFF = STORED_CODES + 2;
const BACKUPS = STORED_CODES + 3;

const leaseCodec = createCodec({
  /** The store incarnation, and the one that a sweep is under way for (0: none). */
  generation: generations,
  sweep: generations,
  /** In which generation each node has said that the store went back; -1: it has not. */
  firstReported: [-1, ...generations],
  secondReported: [-1, ...generations],
});

/** What the store says beside the record. */
export type LeaseState = ReturnType<typeof leaseCodec.decode>;

const nodeCodec = createCodec({
  mount: ["none", "live", "dead"],
  /**
   * `asked`: it has read that the store may be trusted, in `askedAt`, and is about to read the record and
   * take.
   */
  doing: ["idle", "asked", "acquired", "giving"],
  askedAt: generations,
  /** A mount command that outlives its plug-in. */
  child: [false, true],
  /** The epoch that it noted before it mounted; 0: no note. */
  checkpoint: epochs,
  /** Its own file counts more heartbeats than the store, or than the backup that will be put back. */
  isAhead: [false, true],
  /** The store incarnation at its last heartbeat; -1: the plug-in has not beaten yet. */
  beatAt: [-1, ...generations],
});

/** A node: its mount, its plug-in, its notes. */
export type NodeState = ReturnType<typeof nodeCodec.decode>;

const doingCodec = createCodec({
  /**
   * `asked`: has read that the store may be trusted, in `askedAt`, and is about to read the record and move
   * it. `sweep`: has read in Azure who has the disk. `raise`: the record is made anew, the generation comes
   * next. `passBarrier`: by a record of `askedAt` the VM's ETag has moved, and the record comes next.
   */
  kind: ["idle", "asked", "sweep", "raise", "barrier"],
  node: [0, 1],
  askedAt: generations,
  holders: [0, 1, 2, 3],
  /**
   * An update of a VM that was allowed, and lands whenever it likes; also when the controller has died
   * since. `late`: it takes the disk off, and was allowed by the record that has been made anew since.
   */
  pending: ["none", "attach", "detach", "fence", "late"],
  pendingNode: [0, 1],
  /**
   * What the controller remembers of the Lease. `ahead`: more than the store shows. `new`: nothing, and it
   * does not know yet whether the store went back before it started.
   */
  memory: ["level", "ahead", "new"],
  /** Bit n: attached to node n. */
  attached: [0, 1, 2, 3],
});

/** The controller and Azure. */
export type CloudState = ReturnType<typeof doingCodec.decode>;

/** Everything. */
export interface World {
  /** `storedCode` of the record. */
  readonly record: number;
  /** The same of the backup, `NO_BACKUP`, `RESTORED` or `CUT_OFF`. */
  readonly backup: number;
  readonly lease: LeaseState;
  readonly nodes: readonly [NodeState, NodeState];
  readonly cloud: CloudState;
}

const STORES_MAX = 2 ** 18;
const stores = createInterner(STORES_MAX);
/** Of all the codes few are ever used; a world has to stay below 2^53. */
const CLOUDS_MAX = 2 ** 12;
const clouds = createInterner(CLOUDS_MAX);

/** A world as one whole number. */
export function encode({ record, backup, lease, nodes, cloud }: World): number {
  const store = stores.codeOf(record + STORED_CODES * (backup + BACKUPS * leaseCodec.encode(lease)));
  return (
    store +
    STORES_MAX *
      (nodeCodec.encode(nodes[0]) +
        nodeCodec.size *
          (nodeCodec.encode(nodes[1]) + nodeCodec.size * clouds.codeOf(doingCodec.encode(cloud))))
  );
}

/** The world of a number. */
export function decode(state: number): World {
  const next = digitsOf(state);
  let store = stores.valueOf(next(STORES_MAX));
  const record = store % STORED_CODES;
  store = Math.floor(store / STORED_CODES);
  const [first, second] = [nodeCodec.decode(next(nodeCodec.size)), nodeCodec.decode(next(nodeCodec.size))];
  return {
    record,
    backup: store % BACKUPS,
    lease: leaseCodec.decode(Math.floor(store / BACKUPS)),
    nodes: [first, second],
    cloud: doingCodec.decode(clouds.valueOf(next(CLOUDS_MAX))),
  };
}

/** The generation in which a node has said that the store went back. */
export function reportedBy(lease: LeaseState, node: NodeIndex): number {
  return node === 0 ? lease.firstReported : lease.secondReported;
}
