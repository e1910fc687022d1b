import { createCodec } from "../release-check/world-codec.ts";
import { digitsOf } from "../state-space/digits.ts";
import { createInterner } from "../state-space/interner.ts";
import type { NodeIndex } from "../writer-protocol/record-codes.ts";
import { RECORD_CODES } from "../writer-protocol/record-codes.ts";

/** Within which the exploration is exhaustive. */
export interface RestoreBounds {
  readonly epochsMax: number;
  readonly incarnationsMax: number;
}

/** The most that a state can hold. */
const epochs = [0, 1, 2, 3] as const;
const incarnations = [0, 1, 2] as const;

/** The record as a backup restores it: its code, and the numbers that the code leaves out. */
export interface StoredRecord {
  readonly code: number;
  readonly epoch: (typeof epochs)[number];
  readonly incarnation: (typeof incarnations)[number];
}

/** A record as one whole number. */
export function storedCode({
  code,
  epoch,
  incarnation,
}: {
  readonly code: number;
  readonly epoch: number;
  readonly incarnation: number;
}): number {
  return code + RECORD_CODES * (epoch + epochs.length * incarnation);
}

/** The record of a number. */
export function storedOf(stored: number): StoredRecord {
  const rest = Math.floor(stored / RECORD_CODES);
  return {
    code: stored % RECORD_CODES,
    epoch: epochs[rest % epochs.length] ?? 0,
    incarnation: incarnations[Math.floor(rest / epochs.length)] ?? 0,
  };
}

const STORED_CODES = RECORD_CODES * epochs.length * incarnations.length;

/**
 * A backup that was not taken, and one that was restored: there will be no other. `CUT_OFF`: since then a
 * healthy writer has lost its disk; nothing happens any more.
 */
export const NO_BACKUP = STORED_CODES;
export const RESTORED = STORED_CODES + 1;
export const CUT_OFF = STORED_CODES + 2;
const BACKUPS = STORED_CODES + 3;

const leaseCodec = createCodec({
  /** The store incarnation, and the one for which a rebuild is under way (0: none). */
  incarnation: incarnations,
  rebuild: incarnations,
  /** In which incarnation each node has reported a rollback; -1: it has not. */
  firstReported: [-1, ...incarnations],
  secondReported: [-1, ...incarnations],
});

/** The content of the store beside the record. */
export type LeaseState = ReturnType<typeof leaseCodec.decode>;

const nodeCodec = createCodec({
  mount: ["none", "live", "dead"],
  /**
   * `asked`: it has read that the store may be trusted, in `askedAt`, and is about to read the record and
   * acquire.
   */
  doing: ["idle", "asked", "acquired", "giving"],
  askedAt: incarnations,
  /** A mount command that outlives its plug-in. */
  child: [false, true],
  /** The epoch of its checkpoint before it mounted; 0: no checkpoint. */
  checkpoint: epochs,
  /** Its own file counts more heartbeats than the store, or than the backup that will be restored. */
  isAhead: [false, true],
  /** The store incarnation at its last heartbeat; -1: the plug-in has not sent one yet. */
  beatAt: [-1, ...incarnations],
});

/** A node: its mount, its plug-in, its checkpoints. */
export type NodeState = ReturnType<typeof nodeCodec.decode>;

const cloudCodec = createCodec({
  /**
   * `asked`: has read that the store may be trusted, in `askedAt`, and is about to read the record and move
   * it. `rebuild`: has read in Azure which VMs have the disk. `raise`: the record is rebuilt, the incarnation
   * is raised next. `barrier`: by a record of `askedAt` the VM's ETag has moved, and the record is written
   * next.
   */
  kind: ["idle", "asked", "rebuild", "raise", "barrier"],
  node: [0, 1],
  askedAt: incarnations,
  attachedVms: [0, 1, 2, 3],
  /**
   * An update of a VM that was allowed, and lands at any later time, also after the controller's death.
   * `late`: it detaches the disk, and was allowed by a record that has been rebuilt since.
   */
  pending: ["none", "attach", "detach", "fence", "late"],
  pendingNode: [0, 1],
  /**
   * The controller's high-water mark of the Lease. `ahead`: more than the store shows. `new`: nothing, and it
   * does not know yet whether the store was rolled back before it started.
   */
  highWaterMark: ["level", "ahead", "new"],
  /** Bit n: attached to node n. */
  attached: [0, 1, 2, 3],
  /**
   * The node that a controller had proven to be off the disk when the store was restored; it stands still
   * before it records that. -1: none has.
   */
  lateProof: [-1, 0, 1],
});

/** The controller and Azure. */
export type CloudState = ReturnType<typeof cloudCodec.decode>;

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
/** Only few of all the codes are ever used; a world has to stay below 2^53. */
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
          (nodeCodec.encode(nodes[1]) + nodeCodec.size * clouds.codeOf(cloudCodec.encode(cloud))))
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
    cloud: cloudCodec.decode(clouds.valueOf(next(CLOUDS_MAX))),
  };
}

/** The incarnation in which a node has reported a rollback. */
export function reportedBy(lease: LeaseState, node: NodeIndex): number {
  return node === 0 ? lease.firstReported : lease.secondReported;
}
