import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { compareEndStates } from "./end-state.ts";

const grown = { volumeName: "vol-1", exists: true, sizeGiB: 8, isRunning: true, zones: ["1"], replicas: 1 };
const gone = { volumeName: "vol-2", exists: false, sizeGiB: 0, isRunning: false, zones: [], replicas: 0 };

describe("the unperturbed twin", () => {
  it("ends the same", () => {
    assert.deepEqual(compareEndStates([grown, gone], [gone, grown]), []);
  });

  it("may have its disk in another zone with more or fewer nodes", () => {
    assert.deepEqual(compareEndStates([grown], [{ ...grown, zones: ["2"], replicas: 0 }]), []);
    assert.equal(compareEndStates([grown], [{ ...grown, zones: ["2"], replicas: 0, sizeGiB: 4 }]).length, 1);
  });

  it("reports each volume that ended otherwise, or is known to one run only", () => {
    assert.deepEqual(compareEndStates([grown, gone], [{ ...grown, sizeGiB: 4 }]), [
      `it ended as ${JSON.stringify(grown)}, its twin without faults as ` +
        `${JSON.stringify({ ...grown, sizeGiB: 4 })}`,
      `it ended as ${JSON.stringify(gone)}, its twin without faults as undefined`,
    ]);
  });
});
