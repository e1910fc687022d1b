import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { LUNS_MAX, chooseLuns } from "./choose-luns.ts";

describe("chooseLuns", () => {
  for (const { usedLuns, reservedLuns = [], dataDisksMax, count, expected, because } of [
    { usedLuns: [], dataDisksMax: 4, count: 2, expected: [0, 1], because: "the lowest come first" },
    { usedLuns: [0, 2], dataDisksMax: 4, count: 2, expected: [1, 3], because: "gaps are filled" },
    { usedLuns: [0, 1, 2], dataDisksMax: 4, count: 2, expected: [3], because: "the VM takes only one more" },
    {
      usedLuns: [60, 61, 62, 63],
      dataDisksMax: 4,
      count: 1,
      expected: [],
      because: "the VM is full, wherever its disks sit",
    },
    {
      usedLuns: [0],
      reservedLuns: [0, 1],
      dataDisksMax: 2,
      count: 1,
      expected: [2],
      because: "a reserved LUN takes a LUN, and no slot",
    },
    { usedLuns: [], dataDisksMax: 0, count: 1, expected: [], because: "some sizes take no data disk" },
  ]) {
    it(`[${expected.join()}] for ${count} beside [${usedLuns.join()}] of ${dataDisksMax}: ${because}`, () => {
      assert.deepEqual(chooseLuns({ usedLuns, reservedLuns, dataDisksMax, count }), expected);
    });
  }

  it("never answers a LUN twice, a used or reserved one, or more than the VM takes", () => {
    const lun = fc.integer({ min: 0, max: LUNS_MAX - 1 });
    fc.assert(
      fc.property(
        fc.uniqueArray(lun),
        fc.array(lun),
        fc.integer({ min: 0, max: LUNS_MAX }),
        fc.integer({ min: 0, max: 80 }),
        (usedLuns, reservedLuns, dataDisksMax, count) => {
          const chosen = chooseLuns({ usedLuns, reservedLuns, dataDisksMax, count });
          assert.ok(chosen.every((lun) => !reservedLuns.includes(lun)));
          assert.equal(new Set([...usedLuns, ...chosen]).size, usedLuns.length + chosen.length);
          assert.ok(chosen.length <= count && chosen.length <= Math.max(0, dataDisksMax - usedLuns.length));
        },
      ),
    );
  });
});
