import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { MountProblem } from "../api/az-volume-attachment.ts";
import { toTimestamp } from "../primitives/timestamp.ts";
import { agoMs, nowMs } from "../testing/objects.ts";
import { isLossStated, type KnownMount, planMountProblems, withLostWrites } from "./plan-mount-problems.ts";

const earlier = agoMs(60_000);
const now = toTimestamp(nowMs);
const dead = { reason: "MountDead", detail: "its device is gone" } as const;
const errors = { reason: "FileSystemErrors", detail: "1 since its last check" } as const;
const repaired = { reason: "FileSystemRepaired", detail: "Inode 12 was zapped" } as const;
const stated = { epoch: 3, since: earlier };

/** One that this process did not begin, and has looked at. */
function aMount(known: Partial<KnownMount> = {}): KnownMount {
  return { epoch: 3, found: [], isComplete: true, ...known };
}

interface Row {
  readonly because: string;
  readonly stated?: readonly MountProblem[];
  readonly mount: KnownMount | undefined;
  readonly plan: readonly MountProblem[] | undefined;
}

const rows: readonly Row[] = [
  { because: "nothing of a mount that is well", mount: aMount(), plan: undefined },
  { because: "nothing of a volume without a mount", mount: undefined, plan: undefined },
  { because: "nothing before the first look", mount: aMount({ isComplete: false }), plan: undefined },
  {
    because: "what a look has found",
    mount: aMount({ found: [dead] }),
    plan: [{ ...dead, epoch: 3, since: now }],
  },
  {
    because: "once what was found at several paths, in one order",
    mount: aMount({ found: [errors, dead, { ...dead, detail: "also there" }, errors] }),
    plan: [
      { ...dead, epoch: 3, since: now },
      { ...errors, epoch: 3, since: now },
    ],
  },
  {
    because: "nothing new of a further error",
    stated: [{ ...errors, ...stated }],
    mount: aMount({ found: [{ ...errors, detail: "2 since its last check" }] }),
    plan: undefined,
  },
  {
    because: "the worse of two, and no longer the other one",
    stated: [{ ...errors, ...stated }],
    mount: aMount({ found: [dead] }),
    plan: [{ ...dead, epoch: 3, since: now }],
  },
  {
    because: "what was found at one path beside what another one may still have",
    stated: [{ ...errors, ...stated }],
    mount: aMount({ found: [dead], isComplete: false }),
    plan: [
      { ...dead, epoch: 3, since: now },
      { ...errors, ...stated },
    ],
  },
  {
    because: "that a mount is well again",
    stated: [{ ...dead, ...stated }],
    mount: aMount(),
    plan: [],
  },
  {
    because: "that the mount has ended",
    stated: [
      { ...repaired, ...stated },
      { ...dead, ...stated },
    ],
    mount: undefined,
    plan: [],
  },
  {
    because: "the same of a later mount, since its own time",
    stated: [{ ...dead, ...stated }],
    mount: aMount({ epoch: 4, found: [dead] }),
    plan: [{ ...dead, epoch: 4, since: now }],
  },
  {
    because: "nothing of an earlier mount before the first look at this one",
    stated: [{ ...dead, ...stated }],
    mount: aMount({ epoch: 4, isComplete: false }),
    plan: [],
  },
  {
    because: "nothing of an earlier mount under the same epoch",
    stated: [
      { ...repaired, ...stated },
      { ...dead, ...stated },
    ],
    mount: aMount({ begunAt: earlier }),
    plan: [],
  },
  {
    because: "the same of a later mount under the same epoch, since its own time",
    stated: [{ ...dead, ...stated }],
    mount: aMount({ begunAt: earlier, found: [dead] }),
    plan: [{ ...dead, epoch: 3, since: now }],
  },
  {
    because: "a time after the mount has begun, where the clock was set back since",
    mount: aMount({ begunAt: toTimestamp(nowMs + 60_000), found: [dead] }),
    plan: [{ ...dead, epoch: 3, since: toTimestamp(nowMs + 60_001) }],
  },
  {
    because: "what an earlier plug-in has stated of this mount, until a look refutes it",
    stated: [
      { ...repaired, ...stated },
      { ...errors, ...stated },
    ],
    mount: aMount({ isComplete: false }),
    plan: undefined,
  },
  {
    because: "a repair for as long as the mount, also where an earlier plug-in has stated it",
    stated: [
      { ...repaired, ...stated },
      { ...errors, ...stated },
    ],
    mount: aMount(),
    plan: [{ ...repaired, ...stated }],
  },
  {
    because: "a repair beside what a look has found",
    mount: aMount({ repaired: { detail: repaired.detail, at: earlier }, found: [errors] }),
    plan: [
      { ...repaired, epoch: 3, since: now },
      { ...errors, epoch: 3, since: now },
    ],
  },
  {
    because: "nothing new of a repair that it has stated",
    stated: [{ ...repaired, ...stated }],
    mount: aMount({ repaired: { detail: repaired.detail, at: agoMs(61_000) } }),
    plan: undefined,
  },
  {
    because: "a later repair under the same epoch, as after a reboot, since its own time",
    stated: [{ ...repaired, ...stated }],
    mount: aMount({ repaired: { detail: repaired.detail, at: agoMs(1_000) } }),
    plan: [{ ...repaired, epoch: 3, since: now }],
  },
  {
    because: "errors still, where the path at which they were found has gone and no look was at the next",
    stated: [{ ...errors, ...stated }],
    mount: aMount({ begunAt: agoMs(61_000), isComplete: false }),
    plan: undefined,
  },
  {
    because: "a text that fits",
    mount: aMount({ repaired: { detail: `a\n${"b".repeat(1_000)}`, at: earlier } }),
    plan: [{ reason: "FileSystemRepaired", detail: `a ${"b".repeat(510)}`, epoch: 3, since: now }],
  },
];

describe("planMountProblems", () => {
  for (const { because, stated: present, mount, plan } of rows)
    it(`states ${because}`, () => {
      assert.deepEqual(planMountProblems(present, mount, nowMs), plan);
      if (plan !== undefined)
        assert.equal(
          planMountProblems(plan, mount, nowMs + 1),
          undefined,
          "once carried out, nothing is left",
        );
    });
});

describe("withLostWrites", () => {
  const loss = { reason: "WritesLost", epoch: 3, since: now, detail: "EIO" } as const;

  it("states lost writes beside what else is stated, and the later ones alone", () => {
    const first = withLostWrites([{ ...dead, ...stated }], { epoch: 3, detail: "EIO" }, nowMs);
    assert.deepEqual(first, [{ ...dead, ...stated }, loss]);
    // Also where the clock was set back since: a later loss under one grant has a later time.
    assert.deepEqual(withLostWrites(first, { epoch: 3, detail: "ENOSPC" }, nowMs - 60_000), [
      { ...dead, ...stated },
      { ...loss, since: toTimestamp(nowMs + 1), detail: "ENOSPC" },
    ]);
  });

  it("keeps them once nothing is mounted, and under a later mount", () => {
    assert.equal(planMountProblems([loss], undefined, nowMs), undefined);
    assert.deepEqual(planMountProblems([{ ...dead, ...stated }, loss], undefined, nowMs), [loss]);
    assert.equal(planMountProblems([loss], aMount({ epoch: 4 }), nowMs), undefined);
  });

  it("states them after their mount has begun, where the clock was set back since", () => {
    const begunAt = toTimestamp(nowMs + 60_000);
    assert.deepEqual(withLostWrites([loss], { epoch: 3, detail: "EIO" }, nowMs, begunAt), [
      { ...loss, since: toTimestamp(nowMs + 60_001) },
    ]);
  });
});

describe("isLossStated", () => {
  const loss = { epoch: 3, detail: `EIO\n${"b".repeat(1_000)}` };
  const stating = withLostWrites([{ ...dead, ...stated }], loss, nowMs);
  const lost = stating.filter(({ reason }) => reason === "WritesLost");

  for (const { because, begunAt } of [
    { because: "it, as it was shortened", begunAt: undefined },
    { because: "it since the mount has begun", begunAt: earlier },
  ])
    it(`is true where the node states ${because}`, () =>
      assert.equal(isLossStated(stating, loss, begunAt), true));

  it("is false where that loss is of an earlier mount", () =>
    assert.equal(isLossStated(stating, loss, now), false));

  const others: readonly (Partial<MountProblem> & { readonly because: string })[] = [
    { because: "a loss under another grant", epoch: 2 },
    { because: "another loss", detail: "ENOSPC" },
    { because: "another problem in the same words", reason: "MountDead" },
  ];
  for (const { because, ...changes } of others)
    it(`is false where the node states ${because}`, () => {
      const present = lost.map((problem) => ({ ...problem, ...changes }));
      assert.equal(isLossStated(present, loss), false);
    });

  it("is false where the node has stated nothing yet", () =>
    assert.equal(isLossStated(undefined, loss), false));
});
