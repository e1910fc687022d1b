import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type CopyPart, type CopyStep, planSnapshotCopy } from "./plan-snapshot-copy.ts";

const succeeded = { state: "Succeeded", isTaken: true, copyError: undefined };
const complete: CopyPart = { ...succeeded, isRestorable: true };
const copying: CopyPart = { ...succeeded, isRestorable: false };
const updating: CopyPart = { ...copying, state: "Updating", isTaken: false };
const failed: CopyPart = { ...updating, state: "Failed" };
const canceled: CopyPart = { ...updating, state: "Canceled" };
const changedInVain: CopyPart = { ...copying, state: "Failed" };
const ended: CopyPart = { ...copying, isTaken: false, copyError: "CopySourceNotFound" };

const rows: readonly {
  readonly source?: CopyPart;
  readonly target?: CopyPart;
  readonly next: CopyStep;
  readonly because: string;
}[] = [
  { next: "take", because: "nothing is there" },
  { source: updating, next: "take", because: "the source is being made" },
  { source: failed, next: "take", because: "the source's creation failed" },
  { source: changedInVain, next: "take", because: "a change of the source failed, which is reported" },
  { source: copying, next: "wait", because: "Azure copies no snapshot that is not complete" },
  { source: complete, next: "copy", because: "the source is complete" },
  { source: complete, target: updating, next: "copy", because: "the copy is being started" },
  { source: complete, target: failed, next: "copy", because: "the copy was refused" },
  { source: complete, target: canceled, next: "copy", because: "the copy was cancelled" },
  { source: complete, target: ended, next: "copy", because: "the copy failed, and its source is there" },
  { source: complete, target: changedInVain, next: "copy", because: "a change failed, which is reported" },
  { target: updating, next: "copy", because: "the copy is being started, and its source was deleted" },
  { target: failed, next: "lost", because: "the copy was refused, and its source is gone" },
  { target: canceled, next: "lost", because: "the copy was cancelled, and its source is gone" },
  { target: changedInVain, next: "copy", because: "a change of the lone copy failed, which is reported" },
  { source: complete, target: copying, next: "wait", because: "the copy runs" },
  { target: copying, next: "wait", because: "the copy runs, and another client deleted its source" },
  { source: complete, target: complete, next: "deleteSource", because: "the copy is complete" },
  { source: failed, target: complete, next: "deleteSource", because: "the source has no use any more" },
  { target: complete, next: "answer", because: "the copy is alone" },
  { target: ended, next: "lost", because: "nothing has the content any more" },
  { source: copying, target: ended, next: "lost", because: "the source is another one" },
];

describe("planSnapshotCopy", () => {
  for (const { source, target, next, because } of rows)
    it(`plans ${next}: ${because}`, () => assert.equal(planSnapshotCopy({ source, target }), next));
});
