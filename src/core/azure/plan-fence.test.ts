import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type FencedVm, type FenceMove, planFence } from "./plan-fence.ts";

/** An idle VM that lists the disk, and responds. */
const calm: FencedVm = {
  isListed: true,
  isUpdating: false,
  whose: "others",
  answers: true,
  regularLeftMs: 1,
  detachLeftMs: 1,
};
const force: FenceMove = { kind: "detach", force: true };

describe("planFence", () => {
  const rows: readonly {
    readonly because: string;
    readonly vm: Partial<FencedVm>;
    readonly move: FenceMove;
  }[] = [
    {
      because: "a VM that responds first gets a regular detach",
      vm: {},
      move: { kind: "detach", force: false },
    },
    { because: "a regular detach was tried for long enough", vm: { regularLeftMs: 0 }, move: force },
    {
      because: "a VM that is dead or frozen is fenced by force at once",
      vm: { answers: false },
      move: force,
    },
    { because: "the disk is off", vm: { isListed: false }, move: { kind: "moveEtag" } },
    {
      because: "the disk is detached from a dead VM",
      vm: { isListed: false, answers: false },
      move: { kind: "moveEtag" },
    },
    {
      because: "others' update runs on a VM that responds",
      vm: { isUpdating: true },
      move: { kind: "wait" },
    },
    {
      because: "others' update runs on a VM that does not respond: it may be a reimage",
      vm: { isUpdating: true, answers: false },
      move: { kind: "wait" },
    },
    {
      because: "others' update outlasts the regular detach",
      vm: { isUpdating: true, regularLeftMs: 0, detachLeftMs: 0 },
      move: { kind: "wait" },
    },
    {
      because: "an update runs, and the disk is detached",
      vm: { isUpdating: true, isListed: false, answers: false, whose: "own" },
      move: { kind: "wait" },
    },
    {
      because: "our update runs on a VM that responds",
      vm: { isUpdating: true, whose: "own" },
      move: { kind: "wait" },
    },
    {
      because: "our update hangs on a dead VM",
      vm: { isUpdating: true, whose: "own", answers: false },
      move: force,
    },
    {
      because: "an earlier process' detach may hang on a dead VM: it may be a reimage",
      vm: { isUpdating: true, whose: "perhapsOwn", answers: false },
      move: { kind: "wait" },
    },
    {
      because: "an earlier process' detach outlasts the fence's regular detach: it may still be a reimage",
      vm: { isUpdating: true, whose: "perhapsOwn", answers: false, regularLeftMs: 0 },
      move: { kind: "wait" },
    },
    {
      because: "an earlier process' detach hangs for as long as a regular one may",
      vm: { isUpdating: true, whose: "perhapsOwn", detachLeftMs: 0 },
      move: force,
    },
    {
      because: "our update hangs on a VM that responds",
      vm: { isUpdating: true, whose: "own", regularLeftMs: 0 },
      move: force,
    },
  ];
  for (const { because, vm, move } of rows)
    it(`answers ${JSON.stringify(move)}: ${because}`, () =>
      assert.deepEqual(planFence({ ...calm, ...vm }), move));
});
