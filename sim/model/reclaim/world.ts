import type { WriterRecord } from "../../../src/core/api/az-volume.ts";
import { includesNode, isSameNode } from "../../../src/core/api/node-identity.ts";
import { createCodec } from "../release-check/world-codec.ts";
import { digitsOf } from "../state-space/digits.ts";
import { identities, type NodeIndex, nodeIndexes } from "../writer-protocol/record-codes.ts";

const entries = ["no", "verified", "unconfirmed"] as const;

/** A record that was rebuilt after a loss, without its numbers: nothing here compares an epoch. */
const recordCodec = createCodec({
  writer: ["none", "n0 granted", "n0 held", "n1 granted", "n1 held"],
  first: entries,
  second: entries,
  /** Bit n: node n. */
  quarantine: [0, 1, 2, 3],
  clean: [0, 1, 2, 3],
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
  const [first, second] = nodeIndexes.map((node) => entryOf(record, node));
  const holder = writer === undefined ? undefined : isSameNode(writer, identities[0]) ? "n0" : "n1";
  return {
    writer: holder === undefined ? "none" : `${holder} ${writer?.held === true ? "held" : "granted"}`,
    first: first ?? "no",
    second: second ?? "no",
    quarantine: maskOf(record.quarantine),
    clean: maskOf(record.clean),
  };
}

function entryOf({ unverified }: WriterRecord, node: NodeIndex): (typeof entries)[number] {
  const entry = unverified.find((other) => isSameNode(other, identities[node]));
  return entry === undefined ? "no" : entry.unconfirmed === true ? "unconfirmed" : "verified";
}

function recordOf({ writer, first, second, quarantine, clean }: RecordState): WriterRecord {
  const unverified = [first, second].flatMap((entry, index) => {
    const node = identities[index === 0 ? 0 : 1];
    return entry === "no" ? [] : [entry === "verified" ? node : { ...node, unconfirmed: true as const }];
  });
  const holder = writer === "none" ? undefined : identities[writer.startsWith("n0") ? 0 : 1];
  return {
    ...(holder === undefined
      ? {}
      : { writer: { ...holder, epoch: EPOCH, held: writer.endsWith("held"), requested: true } }),
    quarantine: nodesIn(quarantine),
    clean: nodesIn(clean),
    unverified,
    adopted: true,
    epoch: EPOCH,
    storeIncarnation: 0,
  };
}

function maskOf(nodes: WriterRecord["clean"]): 0 | 1 | 2 | 3 {
  const [first, second] = identities.map((node) => includesNode(nodes, node));
  return first === true ? (second === true ? 3 : 1) : second === true ? 2 : 0;
}

function nodesIn(mask: number): WriterRecord["clean"] {
  return identities.filter((_, index) => (mask & (1 << index)) !== 0);
}
