import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { AzVolume, VolumeStatus } from "../../api/az-volume.ts";
import { toTimestamp } from "../../primitives/timestamp.ts";
import { aDiskSpec, agoMs, anObservedVolume, aVolume, diskUri, nowMs } from "../../testing/objects.ts";
import { planDisk } from "../plan-disk.ts";
import {
  copyNews,
  whyNoFirstAttach,
  whySourceIsKept,
  withAdoptedCopy,
  withBegunCopy,
  withCopy,
} from "./copy-progress.ts";
import type { CopiedDisk } from "./unfinished-copy.ts";

type Copy = VolumeStatus["copy"];

const sourceUri = diskUri.replace("/disks/pvc-1", "/snapshots/backup");
const since = agoMs(600_000);
const copy = { percent: 40, since, readTime: agoMs(20_000) };
const disk: CopiedDisk = {
  ...{ diskUri, diskName: "pvc-1", sourceUri },
  ...{ state: "Succeeded", completionPercent: 40, attachedTo: [], tags: {} },
};
const formatted = { "disk.csi.azure.com-formatted": "1|ext4|u-1|2026-01-01T00:00:00Z|node-a" };
const filled = (changes: Partial<NonNullable<VolumeStatus["copy"]>> = {}): AzVolume =>
  aVolume({ spec: { disk: aDiskSpec({ sourceUri }) }, status: { copy: { ...copy, ...changes } } });

describe("the reads of a copy", () => {
  for (const { because, volume, plan } of [
    { because: "no copy is filled", volume: aVolume(), plan: undefined },
    { because: "it was read a while ago", volume: filled(), plan: { kind: "Requeue", afterMs: 40_000 } },
    {
      because: "it was begun a moment ago",
      volume: filled({ since: agoMs(4_000), readTime: agoMs(4_000) }),
      plan: { kind: "Requeue", afterMs: 6_000 },
    },
    {
      because: "it is due",
      volume: filled({ readTime: agoMs(60_000) }),
      plan: { kind: "ReadCopy", diskUri },
    },
    {
      because: "it has failed, and may continue",
      volume: filled({ readTime: agoMs(60_000), failedState: "Failed" }),
      plan: { kind: "ReadCopy", diskUri },
    },
    {
      because: "the clock was set back",
      volume: filled({ readTime: agoMs(-1_000) }),
      plan: { kind: "ReadCopy", diskUri },
    },
  ])
    it(because, () => {
      assert.deepEqual(planDisk(anObservedVolume({ volume })), plan);
    });
});

describe("the reads of a failed copy", () => {
  const failedAgo = (ms: number, readAgoMs: number): AzVolume => {
    const volume = filled({ failedState: "Failed", readTime: agoMs(readAgoMs) });
    const { status = assert.fail("no status") } = volume;
    const condition = { type: "Copying", status: "False", reason: "CopyFailed", message: "" } as const;
    const conditions = [{ ...condition, lastTransitionTime: agoMs(ms) }];
    return { ...volume, status: { ...status, conditions } };
  };
  for (const { because, volume, plan } of [
    {
      because: "each minute for ten minutes",
      volume: failedAgo(599_999, 60_000),
      plan: { kind: "ReadCopy", diskUri },
    },
    {
      because: "each ten minutes from then on",
      volume: failedAgo(600_000, 60_000),
      plan: { kind: "Requeue", afterMs: 540_000 },
    },
    {
      because: "once these have passed",
      volume: failedAgo(1_200_000, 600_000),
      plan: { kind: "ReadCopy", diskUri },
    },
  ])
    it(because, () => assert.deepEqual(planDisk(anObservedVolume({ volume })), plan));
});

describe("withCopy", () => {
  const status: VolumeStatus = { state: "Created", observedGeneration: 1, conditions: [] };
  const message = "Azure has copied 40 % of the data of the disk's source";

  it("keeps when it began, and shows the progress as one condition", () => {
    const begun = withAdoptedCopy(status, { ...disk, completionPercent: 0 }, nowMs - 600_000);
    const later = withCopy(begun, disk, nowMs);
    assert.deepEqual(later.copy, { percent: 40, since, readTime: agoMs(0) });
    assert.deepEqual(later.conditions, [
      { type: "Copying", status: "True", reason: "BackgroundCopy", message, lastTransitionTime: since },
    ]);
  });

  it("leaves nothing once the copy is complete", () => {
    const complete = { ...disk, completionPercent: undefined };
    assert.deepEqual(withCopy(withCopy(status, disk, nowMs), complete, nowMs), status);
  });

  it("keeps a failed one, which may continue", () => {
    const failed = withCopy(withCopy(status, disk, nowMs - 1_000), { ...disk, state: "Failed" }, nowMs);
    assert.deepEqual(
      [failed.copy?.failedState, failed.conditions[0]?.status, failed.conditions[0]?.lastTransitionTime],
      ["Failed", "False", agoMs(0)],
    );
    const hidden = withCopy(failed, { ...disk, state: "Failed", completionPercent: undefined }, nowMs);
    assert.deepEqual([hidden.copy?.percent, hidden.copy?.failedState], [40, "Failed"]);
    assert.deepEqual(withCopy(failed, disk, nowMs).copy?.failedState, undefined);
  });

  it("shows since when it has failed, whenever it was read", () => {
    const broken = { ...disk, state: "Failed" };
    const reads = [disk, broken, broken, disk, broken];
    const times = reads.map((_, index) => nowMs + index * 60_000);
    const shown = reads.reduce<{ status: VolumeStatus; transitions: string[] }>(
      ({ status: before, transitions }, read, index) => {
        const after = withCopy(before, read, times[index] ?? nowMs);
        return {
          status: after,
          transitions: [...transitions, after.conditions[0]?.lastTransitionTime ?? ""],
        };
      },
      { status, transitions: [] },
    );
    const [first, second, , , fifth] = times.map(toTimestamp);
    assert.deepEqual(shown.transitions, [first, second, second, first, fifth]);
  });

  for (const state of ["Succeeded", "Updating"])
    it(`keeps a failed one without a percentage after a later change: ${state}`, () => {
      const failed = withCopy(withCopy(status, disk, nowMs), { ...disk, state: "Failed" }, nowMs);
      const changed = withCopy(failed, { ...disk, state, completionPercent: undefined }, nowMs);
      assert.deepEqual(changed, failed);
      const continued = withCopy(changed, { ...disk, completionPercent: 60 }, nowMs);
      assert.deepEqual([continued.copy?.percent, continued.copy?.failedState], [60, undefined]);
      assert.deepEqual(withCopy(continued, { ...disk, completionPercent: undefined }, nowMs), status);
      const complete = { ...disk, completionPercent: undefined, isShownComplete: true } as const;
      assert.deepEqual(withCopy(changed, complete, nowMs), status);
      assert.equal(withCopy(changed, { ...complete, state: "Failed" }, nowMs).copy?.failedState, "Failed");
    });

  it("keeps one of which Azure shows neither a percentage nor an end", () => {
    const updating = { ...disk, state: "Updating", completionPercent: undefined };
    const filling = withCopy(status, disk, nowMs);
    assert.deepEqual(withCopy(filling, updating, nowMs), filling);
  });

  for (const { because, shown, firstAttachTime } of [
    { because: "no node has had it", shown: disk, firstAttachTime: undefined },
    { because: "a VM has it", shown: { ...disk, attachedTo: ["vm"] }, firstAttachTime: agoMs(0) },
    { because: "its tags keep a use", shown: { ...disk, tags: formatted }, firstAttachTime: agoMs(0) },
  ])
    it(`knows of a disk that ${because}`, () =>
      assert.equal(withAdoptedCopy(status, shown, nowMs).copy?.firstAttachTime, firstAttachTime));

  for (const { because, before, shown } of [
    { because: "a disk that is complete", before: status, shown: { ...disk, completionPercent: undefined } },
    { because: "a disk without a source", before: status, shown: { ...disk, sourceUri: undefined } },
    { because: "a conversion", before: { ...status, conversion: copy }, shown: disk },
    {
      because: "a copy that is known",
      before: { ...status, copy },
      shown: { ...disk, completionPercent: 0 },
    },
  ])
    it(`takes nothing for a copy to look at that is ${because}`, () =>
      assert.deepEqual(withAdoptedCopy(before, shown, nowMs), before));
});

describe("withBegunCopy", () => {
  const status: VolumeStatus = { state: "Creating", observedGeneration: 1, conditions: [] };
  const begun = { ...status, copy: { since: agoMs(0), readTime: agoMs(0) } };
  const hidden = { ...disk, completionPercent: undefined };
  const fast = "PremiumV2_LRS";
  for (const { because, before = status, shown, skuName, after } of [
    { because: "Azure fills", shown: disk, skuName: fast, after: begun },
    { because: "Azure fills, of another SKU", shown: disk, skuName: "Premium_LRS", after: begun },
    { because: "shows no percentage yet", shown: hidden, skuName: fast, after: begun },
    { because: "shows none, of another SKU", shown: hidden, skuName: "Premium_LRS", after: status },
    {
      because: "is complete",
      shown: { ...hidden, isShownComplete: true as const },
      skuName: fast,
      after: status,
    },
    { because: "has no source", shown: { ...hidden, sourceUri: undefined }, skuName: fast, after: status },
    {
      because: "is known",
      before: { ...status, copy },
      shown: disk,
      skuName: fast,
      after: { ...status, copy },
    },
  ])
    it(`looks at a new disk that ${because}: ${after.copy !== undefined}`, () =>
      assert.deepEqual(withBegunCopy(before, { ...shown, skuName }, nowMs), after));
});

describe("copyNews", () => {
  const failed = { ...copy, failedState: "Failed" };
  const begun = { since, readTime: since };
  const shownAs = (known: Copy): string =>
    known === undefined ? "none" : `${known.percent} % ${known.failedState ?? "filling"}`;
  const at = (percent: number): typeof copy => ({ ...copy, percent });
  for (const [before, after, news] of [
    [undefined, undefined, undefined],
    [undefined, begun, undefined],
    [begun, begun, undefined],
    [begun, undefined, undefined],
    [begun, at(0), "Copying: Azure has copied 0 % of the data of the disk's source"],
    [
      begun,
      { ...begun, failedState: "Failed" },
      "CopyFailed: Azure shows the disk as Failed, and has not said how much of the data of its source it " +
        "has copied",
    ],
    [
      { ...begun, failedState: "Failed" },
      undefined,
      "Copied: Azure has copied all data of the disk's source",
    ],
    [undefined, at(0), "Copying: Azure has copied 0 % of the data of the disk's source"],
    [at(0), at(19), undefined],
    [at(19), at(20), "Copying: Azure has copied 20 % of the data of the disk's source"],
    [at(99), undefined, "Copied: Azure has copied all data of the disk's source"],
    [
      copy,
      failed,
      "CopyFailed: Azure shows the disk as Failed, and has copied 40 % of the data of its source",
    ],
    [failed, failed, undefined],
    [failed, copy, "Copying: Azure has copied 40 % of the data of the disk's source"],
  ] as const satisfies readonly (readonly [before: Copy, after: Copy, news: string | undefined])[])
    it(`from ${shownAs(before)} to ${shownAs(after)}: ${news?.slice(0, 8)}`, () => {
      const told = copyNews(before, after);
      assert.equal(told === undefined ? undefined : `${told.reason}: ${told.message}`, news);
    });
});

describe("whyNoFirstAttach", () => {
  const why = { kind: "DiskCopyFailed", diskUri, sourceUri, state: "Failed" } as const;
  const broken = { ...disk, state: "Failed" };
  const shownFailed = filled({ failedState: "Failed" });
  const had = filled({ failedState: "Failed", firstAttachTime: since });
  for (const { because, volume, shown, refused } of [
    { because: "refuses a copy that has failed", volume: filled(), shown: broken, refused: why },
    { because: "refuses one that was read as failed", volume: shownFailed, shown: undefined, refused: why },
    {
      because: "refuses one that was read as failed, and is changed since",
      volume: shownFailed,
      shown: { ...disk, completionPercent: undefined },
      refused: why,
    },
    { because: "allows one that is filled", volume: filled(), shown: disk, refused: undefined },
    { because: "allows one that continues", volume: shownFailed, shown: disk, refused: undefined },
    { because: "allows one that a node has had", volume: had, shown: broken, refused: undefined },
    {
      because: "allows one that a VM has",
      volume: filled(),
      shown: { ...broken, attachedTo: ["vm"] },
      refused: undefined,
    },
    {
      because: "allows a complete one, of which a later change has failed",
      volume: aVolume({ spec: { disk: aDiskSpec({ sourceUri }) } }),
      shown: broken,
      refused: undefined,
    },
  ])
    it(because, () => assert.deepEqual(whyNoFirstAttach(volume, shown), refused));
});

describe("whySourceIsKept", () => {
  const why = { kind: "SourceBeingCopied", sourceUri, diskUri, percent: 40 } as const;
  const source = sourceUri.toUpperCase();
  const deleting = filled();
  for (const { because, volume, uri, kept } of [
    { because: "a copy is filled from it", volume: filled(), uri: sourceUri, kept: why },
    {
      because: "its id is written otherwise",
      volume: filled(),
      uri: source,
      kept: { ...why, sourceUri: source },
    },
    {
      because: "the copy has failed, and may continue",
      volume: filled({ failedState: "Failed" }),
      uri: sourceUri,
      kept: why,
    },
  ])
    it(`keeps a source while ${because}`, () => assert.deepEqual(whySourceIsKept(volume, uri), kept));

  const adopted = (status: Partial<VolumeStatus> = {}, spec: Partial<AzVolume["spec"]> = {}): AzVolume =>
    aVolume({
      spec: { diskUri, disk: aDiskSpec({ sourceUri }), ...spec },
      status: { state: "Pending", detail: undefined, ...status },
    });
  const what = `its disk to be looked at, which Azure may still fill from ${sourceUri}`;
  const failed = { state: "CreationFailed", observedGeneration: 1 } as const;
  for (const { because, volume, kept } of [
    { because: "while it has not been looked at", volume: adopted(), kept: true },
    {
      because: "although a look at it has failed for an earlier spec",
      volume: adopted({ ...failed, observedGeneration: 0 }),
      kept: true,
    },
    { because: "not if Azure does not have it", volume: adopted(failed), kept: false },
    { because: "not if it is deleted", volume: adopted({}, { deleteRequested: true }), kept: false },
  ])
    it(`keeps the source of an adopted disk ${because}`, () =>
      assert.deepEqual(
        whySourceIsKept(volume, sourceUri),
        kept ? { kind: "StillWaiting", volumeId: diskUri, what } : undefined,
      ));

  for (const { because, volume, uri } of [
    { because: "of another volume", volume: filled(), uri: diskUri },
    {
      because: "whose copy is complete",
      volume: aVolume({ spec: { disk: aDiskSpec({ sourceUri }) } }),
      uri: sourceUri,
    },
    {
      because: "whose copy has not been answered",
      volume: aVolume({ spec: { disk: aDiskSpec({ sourceUri }) }, status: { detail: undefined } }),
      uri: sourceUri,
    },
    {
      because: "whose copy is deleted",
      volume: { ...deleting, spec: { ...deleting.spec, deleteRequested: true } },
      uri: sourceUri,
    },
  ])
    it(`gives up a source ${because}`, () => assert.equal(whySourceIsKept(volume, uri), undefined));
});
