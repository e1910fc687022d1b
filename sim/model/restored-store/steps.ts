import type { WriterRecord } from "../../../src/core/api/az-volume.ts";
import { includesNode, type NodeIdentity } from "../../../src/core/api/node-identity.ts";
import {
  claim,
  clearDetached,
  fenceClear,
  fenceIntent,
  foundRecord,
  give,
  grant,
  isFencing,
  isWriter,
  leaveQuarantine,
  mayAttach,
  mayDetach,
  proveClean,
  revoke,
  settle,
  type Step,
  take,
  unwant,
  wantAgain,
} from "../../../src/core/writer/writer-steps.ts";
import { codeOf, identities, type NodeIndex, recordOf } from "../writer-protocol/record-codes.ts";
import { storedCode, storedOf } from "./world.ts";

/** The steps that ship, on stored records: each is asked once for each record. A refusal, or an epoch beyond the bound, is undefined. */
export type StoredSteps = ReturnType<typeof storedSteps>;

/** The steps, with epochs up to `epochsMax`. */
export function storedSteps(epochsMax: number) {
  const move = (step: (record: WriterRecord, node: NodeIdentity) => Step): ((stored: number, node: NodeIndex) => number | undefined) =>
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
    unwant: move(unwant),
    wantAgain: move(wantAgain),
    give: move((record, node) => give(record, node, record.epoch)),
    fenceIntent: move(fenceIntent),
    fenceClear: move((record, node) => fenceClear(record, node, record.writer)),
    leaveQuarantine: move(leaveQuarantine),
    proveClean: move(proveClean),
    clearDetached: move(clearDetached),
    settle: move(settle),
    takeAt: byNumber((storeGeneration) => (record, node) => take(record, node, { isClean: true, storeGeneration })),
    claimKnowing: byNumber((epochKnown) => (record, node) => claim(record, node, epochKnown)),
    mayAttach: memoized((stored, node) => mayAttach(fullRecord(stored), identities[node])),
    mayDetach: memoized((stored, node) => mayDetach(fullRecord(stored), identities[node])),
    isFencing: memoized((stored, node) => isFencing(fullRecord(stored), identities[node])),
    /** Writes, is wanted, and nobody cuts it off. */
    isHealthyWriter: memoized((stored, node) => {
      const record = fullRecord(stored);
      return isWriter(record, identities[node]) && record.writer?.wanted === true && !isFencing(record, identities[node]);
    }),
    isUnproven: memoized((stored, node) => includesNode(fullRecord(stored).unproven, identities[node])),
  };
}

/** The record that a sweep makes: `holders` has a bit for each node. `isSettled`: as if nothing could be under way to their VMs. */
export function sweptRecord(holders: number, numbers: { readonly epoch: number; readonly generation: number }, isSettled: boolean): number {
  const attachedTo = identities.filter((_, index) => (holders & (1 << index)) !== 0);
  return storedRecord(foundRecord({ attachedTo, unsettled: isSettled ? [] : attachedTo, epoch: numbers.epoch, storeGeneration: numbers.generation }));
}

function storedRecord(record: WriterRecord): number {
  return storedCode({ code: codeOf(record), epoch: record.epoch, generation: record.storeGeneration });
}

function fullRecord(stored: number): WriterRecord {
  const { code, epoch, generation } = storedOf(stored);
  const record = recordOf(code);
  return { ...record, ...(record.writer === undefined ? {} : { writer: { ...record.writer, epoch } }), epoch, storeGeneration: generation };
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
