import type { WriterRecord } from "../../../src/core/api/az-volume.ts";
import { isSameNode } from "../../../src/core/api/identity/node-identity.ts";
import { entryOf, type EntryMarks, withMarks } from "../../../src/core/writer/record/record-nodes.ts";
import { createCodec } from "../release-check/world-codec.ts";
import { digitsOf } from "../state-space/digits.ts";
import { identities, type NodeIndex, nodeIndexes } from "../writer-protocol/record-codes.ts";

const entries = ["none", "unverified", "unconfirmed", "quarantined", "clean"] as const;

/** A record that was rebuilt after a loss, without its numbers: nothing here compares an epoch. */
const recordCodec = createCodec({
  writer: ["none", "n0 granted", "n0 held", "n1 granted", "n1 held"],
  first: entries,
  second: entries,
});

type RecordState = ReturnType<typeof recordCodec.decode>;

const nodeCodec = createCodec({
  /** The disk is on its VM. */
  attached: [false, true],
  mount: ["none", "live"],
  /** A pod uses the mount. */
  pod: [false, true],
  checkpointed: [false, true],
});

/** A node: its VM, its mount, its pod and its checkpoints. */
export type NodeState = ReturnType<typeof nodeCodec.decode>;

const faultCodec = createCodec({
  /** A process other than its plug-in has the token of node 1. */
  isStolen: [false, true],
  wrong: [
    "nothing",
    "a node reclaimed a disk that it never had",
    "a mount was removed under a pod",
    "a healthy writer was fenced",
  ],
});

type Faults = ReturnType<typeof faultCodec.decode>;

/** Everything. */
export interface World extends Faults {
  readonly record: WriterRecord;
  readonly nodes: readonly [NodeState, NodeState];
}

const EPOCH = 7;

/** A world as one whole number. */
export function encode({ record, nodes, isStolen, wrong }: World): number {
  const [first, second] = nodes;
  const withNodes =
    recordCodec.encode(stateOf(record)) +
    recordCodec.size * (nodeCodec.encode(first) + nodeCodec.size * nodeCodec.encode(second));
  return withNodes + recordCodec.size * nodeCodec.size ** 2 * faultCodec.encode({ isStolen, wrong });
}

/** The world of a number. */
export function decode(state: number): World {
  const next = digitsOf(state);
  const record = recordOf(recordCodec.decode(next(recordCodec.size)));
  const nodes = [nodeCodec.decode(next(nodeCodec.size)), nodeCodec.decode(next(nodeCodec.size))] as const;
  return { record, nodes, ...faultCodec.decode(next(faultCodec.size)) };
}

function stateOf(record: WriterRecord): RecordState {
  const { writer } = record;
  const [first, second] = nodeIndexes.map((node) => entryIn(record, node));
  const holder = writer === undefined ? undefined : isSameNode(writer, identities[0]) ? "n0" : "n1";
  return {
    writer: holder === undefined ? "none" : `${holder} ${writer?.held === true ? "held" : "granted"}`,
    first: first ?? "none",
    second: second ?? "none",
  };
}

function entryIn(record: WriterRecord, node: NodeIndex): (typeof entries)[number] {
  const entry = entryOf(record, identities[node]);
  return entry?.unconfirmed === true ? "unconfirmed" : (entry?.access ?? "none");
}

function recordOf({ writer, first, second }: RecordState): WriterRecord {
  const holder = writer === "none" ? undefined : identities[writer.startsWith("n0") ? 0 : 1];
  const record: WriterRecord = {
    ...(holder === undefined
      ? {}
      : { writer: { ...holder, epoch: EPOCH, held: writer.endsWith("held"), requested: true } }),
    nodes: [],
    defaultAccess: "quarantined",
    epoch: EPOCH,
    storeIncarnation: 0,
  };
  return withEntry(withEntry(record, 0, first), 1, second);
}

function withEntry(record: WriterRecord, node: NodeIndex, entry: (typeof entries)[number]): WriterRecord {
  if (entry === "none") return record;
  const marks: EntryMarks =
    entry === "unconfirmed" ? { access: "unverified", unconfirmed: true } : { access: entry };
  return withMarks(record, identities[node], marks);
}
