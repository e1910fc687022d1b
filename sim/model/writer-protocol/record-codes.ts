import type { RecordNode, Writer, WriterRecord } from "../../../src/core/api/az-volume.ts";
import type { NodeIdentity } from "../../../src/core/api/identity/node-identity.ts";
import { invariant } from "../../../src/core/failure/invariant.ts";
import { entryOf, type EntryMarks } from "../../../src/core/writer/record/record-nodes.ts";
import type { Step } from "../../../src/core/writer/record/writer-steps.ts";
import { digitsOf } from "../state-space/digits.ts";

/** The two nodes that compete, by index. */
export type NodeIndex = 0 | 1;

/** Both nodes, in order. */
export const nodeIndexes: readonly NodeIndex[] = [0, 1];

/** The nodes as a record names them. */
export const identities: readonly [NodeIdentity, NodeIdentity] = [
  { nodeName: "node-0", vmId: "vm-0", instanceUri: "/virtualMachines/0" },
  { nodeName: "node-1", vmId: "vm-1", instanceUri: "/virtualMachines/1" },
];

/**
 * The epoch of every record. It only rises and is only compared for equality, so memories of it are kept
 * as an age (`SavedWriter`) instead of a number: the exploration needs no bound on epochs or versions.
 */
const EPOCH_NOW = 100;

/** What a step made of a record. */
export interface RecordMove {
  readonly code: number;
  /** The epoch has risen: every remembered grant is an older one. */
  readonly epochMoved: boolean;
}

/**
 * A writer that a fencing controller remembers, as far as it can still be distinguished from the one in
 * the record.
 */
export interface SavedWriter {
  readonly node: NodeIndex;
  readonly held: boolean;
  readonly age: "sameEpoch" | "olderEpoch";
}

/**
 * What the list may say of a node: nothing, or its access, of an unverified node also that it was in
 * quarantine; with or without a pending write barrier.
 */
const MARKS: readonly EntryMarks[] = [
  {},
  { access: "unverified" },
  { access: "quarantined" },
  { access: "clean" },
  { access: "unverified", wasQuarantined: true },
];
const ENTRIES = MARKS.length * 2;

/** How many codes there are: writers × fencing × entries of both nodes × default accesses. */
export const RECORD_CODES = 9 * 3 * ENTRIES ** 2 * 2;

const decoded: (WriterRecord | undefined)[] = [];

/** The record of a code. */
export function recordOf(code: number): WriterRecord {
  const record = decoded[code] ?? decode(code);
  decoded[code] = record;
  return record;
}

/** The code of a record, without its numbers. */
export function codeOf(record: WriterRecord): number {
  const { writer } = record;
  const writerCode =
    writer === undefined ? 0 : 1 + indexOf(writer) * 4 + Number(writer.held) * 2 + Number(writer.requested);
  const fencingCode = record.fencing === undefined ? 0 : 1 + indexOf(record.fencing);
  const [first, second] = [entryCode(record, 0), entryCode(record, 1)];
  const listed = ((writerCode * 3 + fencingCode) * ENTRIES + second) * ENTRIES + first;
  return listed * 2 + Number(record.defaultAccess === "quarantined");
}

/** Applies a step to the record of a code. Undefined: refused. */
export function move(code: number, step: (record: WriterRecord) => Step): RecordMove | undefined {
  const moved = step(recordOf(code));
  if (!moved.ok) return undefined;
  const { epoch } = moved.value;
  invariant(epoch >= EPOCH_NOW, "a step has lowered the epoch");
  return { code: codeOf(moved.value), epochMoved: epoch > EPOCH_NOW };
}

/** A step with one node, computed once for each record. */
export function memoized(
  step: (record: WriterRecord, node: NodeIdentity) => Step,
): (code: number, node: NodeIndex) => RecordMove | undefined {
  const known: (RecordMove | null | undefined)[] = [];
  return (code, node) => {
    const key = code * 2 + node;
    let answer = known[key];
    if (answer === undefined) {
      answer = move(code, (record) => step(record, identities[node])) ?? null;
      known[key] = answer;
    }
    return answer ?? undefined;
  };
}

/** A remembered writer as `endFence` receives it. */
export function writerOf(saved: SavedWriter): Writer {
  const epoch = saved.age === "olderEpoch" ? EPOCH_NOW - 1 : EPOCH_NOW;
  return { ...identities[saved.node], epoch, held: saved.held, requested: false };
}

/** The index of a node. */
export function indexOf(node: NodeIdentity): NodeIndex {
  return node.nodeName === identities[0].nodeName ? 0 : 1;
}

function decode(code: number): WriterRecord {
  const next = digitsOf(code);
  const defaultAccess = next(2) === 1 ? "quarantined" : "clean";
  const nodes = nodeIndexes.flatMap((node) => entriesOf(node, next(ENTRIES)));
  const [fencing, writer] = [next(3), next(9)];
  return {
    ...(writer === 0
      ? {}
      : {
          writer: {
            ...identities[writer < 5 ? 0 : 1],
            epoch: EPOCH_NOW,
            held: ((writer - 1) & 2) !== 0,
            requested: ((writer - 1) & 1) !== 0,
          },
        }),
    ...(fencing === 0 ? {} : { fencing: identities[fencing === 1 ? 0 : 1] }),
    nodes,
    defaultAccess,
    epoch: EPOCH_NOW,
    storeIncarnation: 0,
  };
}

function entryCode(record: WriterRecord, node: NodeIndex): number {
  const entry = entryOf(record, identities[node]);
  const marks = MARKS.findIndex(
    ({ access, wasQuarantined }) => access === entry?.access && wasQuarantined === entry?.wasQuarantined,
  );
  return marks * 2 + Number(entry?.barrierPending === true);
}

function entriesOf(node: NodeIndex, code: number): readonly RecordNode[] {
  if (code === 0) return [];
  return [
    { ...identities[node], ...MARKS[code >> 1], ...((code & 1) === 0 ? {} : { barrierPending: true }) },
  ];
}
