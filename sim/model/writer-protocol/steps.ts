import type { Access, WriterRecord } from "../../../src/core/api/az-volume.ts";
import { fail } from "../../../src/core/failure/result.ts";
import { entryOf, isNamed, nodesIn, withMarks } from "../../../src/core/writer/record/record-nodes.ts";
import {
  reclaim,
  endFence,
  beginFence,
  release,
  grant,
  mayAttach,
  mayDetach,
  proveClean,
  revoke,
  acquire,
  withdraw,
  renew,
  prune,
} from "../../../src/core/writer/record/writer-steps.ts";
import {
  identities,
  memoized,
  move,
  type NodeIndex,
  type RecordMove,
  recordOf,
  type SavedWriter,
  writerOf,
} from "./record-codes.ts";

/** The rules of the protocol. Each can be left out, to show that two nodes write then. */
export const safetyRules = [
  "cas",
  "acquire",
  "etag",
  "intent",
  "quarantine",
  "proof",
  "bump",
  "unverified",
  "requarantine",
  "child",
  "releaseClean",
  "listed",
  "moved",
  "gone",
] as const;

/** One rule of the protocol. */
export type SafetyRule = (typeof safetyRules)[number];

/**
 * The steps of the protocol on coded records. A refusal is undefined. All of them are the functions that
 * ship; a rule is left out around them.
 */
export type RecordSteps = ReturnType<typeof recordSteps>;

/** The steps, without the rules that are left out. */
export function recordSteps(
  without: ReadonlySet<SafetyRule>,
  { isUnaided }: { readonly isUnaided: boolean },
) {
  const isTrusting = without.has("quarantine");
  const blind = (record: WriterRecord): WriterRecord =>
    isTrusting ? withoutAccess({ ...record, defaultAccess: "clean" }, "quarantined") : record;
  const grantBlindly = memoized((record, node) => grant(blind(record), node));
  const attachAllowed = memoized((record, node) => ({
    ok: mayAttach(without.has("intent") ? withoutFencing(blind(record)) : blind(record), node),
    value: record,
    failure: "",
  }));
  const detachAllowed = memoized((record, node) => ({
    ok: mayDetach(record, node),
    value: record,
    failure: "",
  }));
  const named = memoized((record, node) => ({
    ok: isNamed(record, node, "writer", "fencing", "unverified", "quarantined", "clean"),
    value: record,
    failure: "",
  }));
  return {
    grant: grantBlindly,
    /** Writes a grant over the present record. */
    overwriteWithGrant: memoized((record, node) =>
      grant(withoutFencing(withoutWriter(withoutAccess(blind(record), "unverified"))), node),
    ),
    acquire: memoized((record, node) =>
      acquire(record, node, { isClean: false, storeIncarnation: record.storeIncarnation }),
    ),
    acquireAgain: memoized((record, node) =>
      acquire(record, node, { isClean: true, storeIncarnation: record.storeIncarnation }),
    ),
    /** Writes an acquire over the present record. */
    overwriteWithAcquire: memoized((record, node) =>
      acquire(
        { ...withoutFencing(record), writer: { ...node, epoch: record.epoch, held: false, requested: true } },
        node,
        {
          isClean: false,
          storeIncarnation: record.storeIncarnation,
        },
      ),
    ),
    release: memoized((record, node) => release(record, node, record.writer?.epoch ?? 0)),
    revoke: memoized((record) => revoke(record)),
    withdraw: memoized(withdraw),
    renew: memoized(renew),
    beginFence: memoized((record, node) =>
      isUnaided && isNamed(record, node, "unverified") ? fail("it is not marked") : beginFence(record, node),
    ),
    /** Of a VM that is gone. */
    fenceGone: memoized((record, node) => beginFence(record, node, { distrusts: true })),
    prune: memoized((record, node) => prune(record, node, "quarantined")),
    pruneClean: memoized((record, node) => prune(record, node, "clean")),
    names: (code: number, node: NodeIndex): boolean => named(code, node) !== undefined,
    leaveQuarantine: memoized((record, node) => proveClean(record, node, "quarantined")),
    proveClean: memoized((record, node) => proveClean(record, node, "unverified")),
    /** By a proof that needed no fence. */
    clearDetached: memoized((record, node) => endFence(record, node)),
    reclaim: memoized((record, node) => reclaim(record, node, 0)),
    mayAttach: (code: number, node: NodeIndex): boolean => attachAllowed(code, node) !== undefined,
    mayDetach: (code: number, node: NodeIndex): boolean => detachAllowed(code, node) !== undefined,
    endFence: (code: number, node: NodeIndex, saved: SavedWriter | undefined): RecordMove | undefined =>
      move(code, (record) =>
        endFence(
          without.has("intent") ? { ...record, fencing: identities[node] } : record,
          identities[node],
          { fencing: identities[node], ...(saved === undefined ? {} : { writer: writerOf(saved) }) },
        ),
      ),
    isFencing: memoizedFencing,
  };
}

const fencingKnown: (NodeIndex | "none" | undefined)[] = [];

function memoizedFencing(code: number): NodeIndex | "none" {
  const known =
    fencingKnown[code] ??
    (recordOf(code).fencing === undefined
      ? "none"
      : recordOf(code).fencing?.nodeName === identities[0].nodeName
        ? 0
        : 1);
  fencingKnown[code] = known;
  return known;
}

/** The writer as a controller that begins a fence now remembers it. */
export function savedNow(code: number): SavedWriter | undefined {
  const { writer } = recordOf(code);
  return writer === undefined
    ? undefined
    : { node: writer.nodeName === identities[0].nodeName ? 0 : 1, held: writer.held, age: "sameEpoch" };
}

function withoutWriter({ writer: _, ...record }: WriterRecord): WriterRecord {
  return record;
}

function withoutFencing({ fencing: _, ...record }: WriterRecord): WriterRecord {
  return record;
}

function withoutAccess(record: WriterRecord, access: Access): WriterRecord {
  return nodesIn(record, access).reduce(
    (next, node) =>
      withMarks(next, node, { ...entryOf(next, node), access: undefined, unconfirmed: undefined }),
    record,
  );
}
