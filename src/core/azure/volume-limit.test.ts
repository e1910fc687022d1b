import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { foreignDisksAmong, reportedVolumeLimit, type SlotFacts, volumeLimitOf } from "./volume-limit.ts";

const facts: SlotFacts = {
  given: undefined,
  vmSize: "Standard_D4s_v5",
  listed: undefined,
  reserved: 0,
  foreignDisks: 0,
};

function diskUri(name: string): string {
  return `/subscriptions/s/resourceGroups/rg/providers/Microsoft.Compute/disks/${name}`;
}

describe("volumeLimitOf", () => {
  const rows: readonly {
    readonly given: Partial<SlotFacts>;
    readonly limit: number;
    readonly because: string;
  }[] = [
    { given: {}, limit: 8, because: "the size takes eight data disks" },
    { given: { listed: 10 }, limit: 10, because: "Azure lists ten, whatever the built-in table has" },
    { given: { listed: 10, reserved: 2, foreignDisks: 3 }, limit: 5, because: "less what others need" },
    { given: { vmSize: "" }, limit: 16, because: "V1 assumes so where the size is not known" },
    { given: { vmSize: "Standard_Z9_v1" }, limit: 4, because: "a pod sent to a full VM does not start" },
    { given: { reserved: 2 }, limit: 6, because: "two slots are kept for others" },
    { given: { foreignDisks: 3 }, limit: 5, because: "a disk that another client attached has its slot" },
    {
      given: { reserved: 2, foreignDisks: 3 },
      limit: 3,
      because: "reserved slots stay free beside the used ones",
    },
    { given: { reserved: 6, foreignDisks: 6 }, limit: 0, because: "a VM can't take less than nothing" },
    { given: { given: 3, reserved: 2, foreignDisks: 2 }, limit: 3, because: "the operator knows better" },
    { given: { given: 0 }, limit: 0, because: "no volumes at all is a valid setting" },
  ];
  for (const { given, limit, because } of rows) {
    it(`is ${limit} for ${JSON.stringify(given)}: ${because}`, () =>
      assert.equal(volumeLimitOf({ ...facts, ...given }), limit));
  }
});

describe("foreignDisksAmong", () => {
  // Keeps disks without URI.
  it("leaves out the driver's own volumes in any case of the URI", () => {
    const attached = [{ diskUri: diskUri("PVC-1") }, { diskUri: diskUri("backup") }, { diskUri: undefined }];
    assert.deepEqual(foreignDisksAmong(attached, [diskUri("pvc-1"), diskUri("pvc-2")]), attached.slice(1));
  });
});

describe("reportedVolumeLimit", () => {
  it("never says 0, which the scheduler would treat as no limit", () => {
    assert.deepEqual([0, 1, 8].map(reportedVolumeLimit), [1, 1, 8]);
  });
});
