import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { agoMs, anObservedVolume, aVolume, diskUri, nowMs } from "../../testing/objects.ts";
import { planDisk } from "../plan-disk.ts";
import { conversionNews, withConversion } from "./conversion-progress.ts";

const since = agoMs(600_000);
const readBefore = (ms: number): ReturnType<typeof aVolume> =>
  aVolume({ status: { conversion: { percent: 40, since, readTime: agoMs(ms) } } });

describe("the reads of a conversion", () => {
  for (const { because, volume, plan } of [
    { because: "none runs", volume: aVolume(), plan: undefined },
    {
      because: "it was read a while ago",
      volume: readBefore(20_000),
      plan: { kind: "Requeue", afterMs: 40_000 },
    },
    {
      because: "it was just read",
      volume: readBefore(0),
      plan: { kind: "Requeue", afterMs: 60_000 },
    },
    {
      because: "it is due",
      volume: readBefore(60_000),
      plan: { kind: "ReadConversion", diskUri },
    },
    {
      because: "the clock was set back",
      volume: readBefore(-1_000),
      plan: { kind: "ReadConversion", diskUri },
    },
  ])
    it(because, () => {
      assert.deepEqual(planDisk(anObservedVolume({ volume })), plan);
    });
});

it("is read at its own time beside a later look at a modified disk", () => {
  const status = {
    conversion: { percent: 40, since, readTime: agoMs(20_000) },
    recentModification: { made: { skuName: "Premium_LRS" }, endTime: agoMs(0), storeIncarnation: 0 },
  };
  const plan = planDisk(anObservedVolume({ volume: aVolume({ status }) }));
  assert.deepEqual(plan, { kind: "Requeue", afterMs: 40_000 });
});

describe("withConversion", () => {
  const status = { state: "Created", observedGeneration: 1, conditions: [] } as const;

  it("keeps when it began, and shows the progress as one condition", () => {
    const begun = withConversion(status, 0, nowMs - 60_000);
    const later = withConversion(begun, 45, nowMs);
    assert.deepEqual(later.conversion, { percent: 45, since: agoMs(60_000), readTime: agoMs(0) });
    assert.deepEqual(later.conditions, [
      {
        type: "Converting",
        status: "True",
        reason: "BackgroundCopy",
        message: "Azure has moved 45 % of the disk's data to its new storage",
        lastTransitionTime: agoMs(60_000),
      },
    ]);
  });

  it("leaves nothing once it is complete, also where none was known", () => {
    assert.deepEqual(withConversion(withConversion(status, 0, nowMs), undefined, nowMs), status);
    assert.deepEqual(withConversion(status, undefined, nowMs), status);
  });
});

describe("conversionNews", () => {
  for (const [before, after, news] of [
    [undefined, undefined, undefined],
    [undefined, 0, "0 % of its conversion is done"],
    [0, 19, undefined],
    [19, 20, "20 % of its conversion is done"],
    [21, 79, "79 % of its conversion is done"],
    [80, 99, undefined],
    [99, undefined, "its conversion is complete"],
  ] as const)
    it(`from ${before ?? "none"} to ${after ?? "none"}`, () =>
      assert.equal(conversionNews(before, after), news));
});
