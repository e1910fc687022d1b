import type { WriterRecord } from "../../../src/core/api/az-volume.ts";
import { type NodeIdentity } from "../../../src/core/api/identity/node-identity.ts";
import { isNamed } from "../../../src/core/writer/record/record-nodes.ts";
import {
  reclaim,
  endFence,
  beginFence,
  foundRecord,
  release,
  grant,
  mayAttach,
  mayDetach,
  proveClean,
  revoke,
  clearMark,
  type Step,
  acquire,
  withdraw,
  renew,
} from "../../../src/core/writer/record/writer-steps.ts";
import { codeOf, identities, type NodeIndex, recordOf } from "../writer-protocol/record-codes.ts";
import { storedCode, storedOf } from "./world.ts";

/**
 * The steps that ship, on stored records: each is computed once for each record. A refusal, or an epoch
 * beyond the bound, is undefined.
 */
export type StoredSteps = ReturnType<typeof storedSteps>;

/** The steps, with epochs up to `epochsMax`. */
export function storedSteps(epochsMax: number) {
  const move = (
    step: (record: WriterRecord, node: NodeIdentity) => Step,
  ): ((stored: number, node: NodeIndex) => number | undefined) =>
    memoized((stored, node) => {
      const moved = step(fullRecord(stored), identities[node]);
      return moved.ok && moved.value.epoch <= epochsMax ? storedRecord(moved.value) : undefined;
    });
  const byNumber = (
    step: (number: number) => (record: WriterRecord, node: NodeIdentity) => Step,
  ): ((stored: number, node: NodeIndex, number: number) => number | undefined) => {
    const steps: ReturnType<typeof move>[] = [];
    return (stored, node, number) => (steps[number] ??= move(step(number)))(stored, node);
  };
  return {
    grant: move(grant),
    revoke: move((record) => revoke(record)),
    withdraw: move(withdraw),
    renew: move(renew),
    release: move((record, node) => release(record, node, record.epoch)),
    beginFence: move(beginFence),
    endFence: move((record, node) => endFence(record, node, { ...record, fencing: node })),
    endFenceProvenIn: byNumber(
      (storeIncarnation) => (record, node) =>
        endFence(record, node, { ...record, fencing: node, storeIncarnation }),
    ),
    leaveQuarantine: move((record, node) => proveClean(record, node, "quarantined")),
    proveClean: move((record, node) => proveClean(record, node, "unverified")),
    clearDetached: move((record, node) => endFence(record, node)),
    passBarrier: move((record, node) => clearMark(record, node, "barrierPending")),
    acquireIn: byNumber(
      (storeIncarnation) => (record, node) => acquire(record, node, { isClean: true, storeIncarnation }),
    ),
    reclaimKnowing: byNumber((epochKnown) => (record, node) => reclaim(record, node, epochKnown)),
    mayAttach: memoized((stored, node) => mayAttach(fullRecord(stored), identities[node])),
    mayDetach: memoized((stored, node) => mayDetach(fullRecord(stored), identities[node])),
    isFencing: memoized((stored, node) => isNamed(fullRecord(stored), identities[node], "fencing")),
    /** Writes, is requested, and is not being fenced. */
    isHealthyWriter: memoized((stored, node) => {
      const record = fullRecord(stored);
      return (
        isNamed(record, identities[node], "writer") &&
        record.writer?.requested === true &&
        !isNamed(record, identities[node], "fencing")
      );
    }),
    isUnverified: memoized((stored, node) => isNamed(fullRecord(stored), identities[node], "unverified")),
  };
}

/**
 * The record that a rebuild writes: `attachedVms` has a bit for each node. `withoutBarriers`: as if nothing
 * could be under way to their VMs.
 */
export function rebuiltRecord(
  attachedVms: number,
  numbers: { readonly epoch: number; readonly incarnation: number },
  withoutBarriers: boolean,
): number {
  const unverified = identities.filter((_, index) => (attachedVms & (1 << index)) !== 0);
  return storedRecord(
    foundRecord({
      unverified,
      barrierPending: withoutBarriers ? [] : unverified,
      epoch: numbers.epoch,
      storeIncarnation: numbers.incarnation,
    }),
  );
}

function storedRecord(record: WriterRecord): number {
  return storedCode({ code: codeOf(record), epoch: record.epoch, incarnation: record.storeIncarnation });
}

function fullRecord(stored: number): WriterRecord {
  const { code, epoch, incarnation } = storedOf(stored);
  const record = recordOf(code);
  return {
    ...record,
    ...(record.writer === undefined ? {} : { writer: { ...record.writer, epoch } }),
    epoch,
    storeIncarnation: incarnation,
  };
}

function memoized<T>(answer: (stored: number, node: NodeIndex) => T): (stored: number, node: NodeIndex) => T {
  const known = new Map<number, { readonly answer: T }>();
  return (stored, node) => {
    const key = stored * 2 + node;
    const found = known.get(key) ?? { answer: answer(stored, node) };
    known.set(key, found);
    return found.answer;
  };
}
