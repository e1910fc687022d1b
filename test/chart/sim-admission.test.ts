import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { nodeRefusal } from "../../sim/admission/node-admission.ts";
import { nodeForbidden } from "../../sim/admission/node-rights.ts";
import { recordRefusal } from "../../sim/admission/record-admission.ts";
import { createSimulatedStore } from "../../src/adapters/simulated-store/simulated-store.ts";
import { createSeededRandom } from "../../src/adapters/virtual/seeded-random.ts";
import { createVirtualClock } from "../../src/adapters/virtual/virtual-clock.ts";
import type { WriterRecord } from "../../src/core/model/az-volume.ts";
import { nodeWrites, type Stores, verdictOf } from "./node-writes.ts";
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

function simulatedStores(): Stores {
  const guarded = (by: string, refusal: () => string | undefined): string | undefined => (by === "node-a" ? refusal() : undefined);
  const store = createSimulatedStore({
    clock: createVirtualClock(),
    random: createSeededRandom(1),
    guard: {
      forbids: (by, request) => guarded(by, () => nodeForbidden(request, "driver")),
      refuses: (by, write) => guarded(by, () => nodeRefusal(write, "node-a")),
    },
  });
  return { admin: store.handle("admin"), node: store.handle("node-a") };
}

describe("the simulated API server gives the verdicts of the chart's", () => {
  for (const row of nodeWrites) it(row.name, async () => assert.equal(await verdictOf(simulatedStores(), row), row.verdict));

  it("lets no node make attachments where VolumeAttachments state wants", () => {
    const made = { verb: "create", kind: "AzVolumeAttachment" } as const;
    assert.deepEqual([nodeForbidden(made, "kubernetes") === undefined, nodeForbidden(made, "driver")], [false, undefined]);
  });
});
