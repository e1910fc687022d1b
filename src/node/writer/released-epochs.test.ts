import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ReleasedEpochs } from "./released-epochs.ts";

describe("epochs that a node has released", () => {
  it("are those up to the last one, of that very object", () => {
    const released = new ReleasedEpochs();
    released.add("a", 3);
    assert.deepEqual(
      [2, 3, 4].map((epoch) => released.has("a", epoch)),
      [true, true, false],
    );
    assert.equal(released.has("b", 1), false);
    released.delete("a");
    assert.equal(released.has("a", 3), false);
  });

  it("are kept of the 1,000 volumes that were released last", () => {
    const released = new ReleasedEpochs();
    released.add("first", 1);
    released.add("second", 1);
    released.add("first", 2);
    for (let index = 0; index < 999; index += 1) released.add(`volume-${index}`, 1);
    assert.deepEqual([released.has("first", 2), released.has("second", 1)], [true, false]);
  });
});
