import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { recordRefusal } from "../../sim/admission/record-admission.ts";
import type { WriterRecord } from "../../src/core/model/az-volume.ts";
import { controllerSteps, forgeries, nodeA, nodeB, nodeSteps } from "./record-writes.ts";

/** What the policy on a real API server is asked, in `admission.test.ts`. */
describe("the simulated API server holds a node's token to the same moves of a record as the chart's policy", () => {
  const refusal = (from: WriterRecord, to: WriterRecord): string | undefined => recordRefusal(from, to, "node-a");

  for (const { name, from, step } of nodeSteps) {
    it(`lets a node do its own step, and no other's: ${name}`, () => {
      const [own, other] = [step(from(nodeA), nodeA), step(from(nodeB), nodeB)];
      assert.ok(own.ok && other.ok);
      assert.equal(refusal(from(nodeA), own.value), undefined);
      if (JSON.stringify(other.value) !== JSON.stringify(from(nodeB))) assert.notEqual(refusal(from(nodeB), other.value), undefined);
    });
  }
  for (const { name, from, step } of controllerSteps) {
    it(`refuses what only a controller does: ${name}`, () => {
      const moved = step(from);
      assert.ok(moved.ok);
      assert.notEqual(refusal(from, moved.value), undefined);
    });
  }
  for (const { name, from, to } of forgeries) it(`refuses ${name}`, () => assert.notEqual(refusal(from, to), undefined));
});
