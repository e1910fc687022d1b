import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { aDetail } from "../../testing/objects.ts";
import { possibleSizes, withShownSize } from "./shown-size.ts";

describe("withShownSize", () => {
  const rows = [
    { because: "it has grown", before: {}, shown: { sizeGiB: 20, state: "Succeeded" }, sizes: [20] },
    {
      because: "its growth has failed",
      before: {},
      shown: { sizeGiB: 20, state: "Failed" },
      sizes: [10, 20],
    },
    { because: "it still grows", before: {}, shown: { sizeGiB: 20, state: "Updating" }, sizes: [10, 20] },
    {
      because: "it has grown since",
      before: { unconfirmedGiB: 20 },
      shown: { sizeGiB: 20, state: "Succeeded" },
      sizes: [20],
    },
    {
      because: "it has not grown",
      before: { unconfirmedGiB: 20 },
      shown: { sizeGiB: 10, state: "Failed" },
      sizes: [10],
    },
    {
      because: "another growth has failed",
      before: { unconfirmedGiB: 20 },
      shown: { sizeGiB: 30, state: "Canceled" },
      sizes: [10, 30],
    },
    { because: "an old list", before: {}, shown: { sizeGiB: 5, state: "Succeeded" }, sizes: [10] },
  ];
  for (const { because, before, shown, sizes } of rows)
    it(`leaves a disk that may have ${sizes.join(" or ")} GiB: ${because}`, () =>
      assert.deepEqual(possibleSizes(withShownSize(aDetail(before), shown)), sizes));

  it("has nothing to change once it is recorded", () => {
    const failed = { sizeGiB: 20, state: "Failed" };
    const recorded = withShownSize(aDetail(), failed);
    assert.deepEqual(withShownSize(recorded, failed), recorded);
  });
});

describe("possibleSizes", () => {
  it("ignores an unconfirmed size that is no larger", () =>
    assert.deepEqual(possibleSizes({ sizeGiB: 20, unconfirmedGiB: 20 }), [20]));
});
