import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { isDeepStrictEqual } from "node:util";
import { nodeRefusal } from "../../sim/admission/node-admission.ts";
import { nodeForbidden } from "../../sim/admission/node-rights.ts";
import { recordRefusal } from "../../sim/admission/record-admission.ts";
import type { Denial } from "../../src/adapters/object-semantics/decide-write.ts";
import type { StoredObject } from "../../src/adapters/object-semantics/stored-object.ts";
import { createSimulatedStore } from "../../src/adapters/simulated-store/simulated-store.ts";
import { createSeededRandom } from "../../src/adapters/virtual/seeded-random.ts";
import { createVirtualClock } from "../../src/adapters/virtual/virtual-clock.ts";
import type { WriterRecord } from "../../src/core/api/az-volume.ts";
import { nodesNotOnlyClean } from "../../src/core/writer/record/record-nodes.ts";
import { newVolume, nodeWrites, type Stores, verdictOf } from "./node-writes.ts";
import {
  boundTo,
  controllerSteps,
  EARLIER_UID,
  forgeries,
  NODE_A_UID,
  nodeA,
  nodeB,
  nodeSteps,
  OTHERS_ENTRY,
} from "./record-writes.ts";

/** The requests that `admission.test.ts` sends to the policy on a real API server. */
describe("the simulated API server checks record steps like the chart's policy", () => {
  const refusal = (from: WriterRecord, to: WriterRecord): string | undefined =>
    recordRefusal(from, to, "node-a");

  for (const { name, from, step } of nodeSteps)
    it(`lets a node do its own step, and no other node's: ${name}`, () => {
      const [own, other] = [step(from(nodeA), nodeA), step(from(nodeB), nodeB)];
      assert.ok(own.ok && other.ok);
      assert.equal(refusal(from(nodeA), own.value), undefined);
      if (JSON.stringify(other.value) !== JSON.stringify(from(nodeB)))
        assert.notEqual(refusal(from(nodeB), other.value), undefined);
    });
  for (const { name, from, step } of controllerSteps)
    it(`refuses what only a controller may do: ${name}`, () => {
      const moved = step(from);
      assert.ok(moved.ok);
      assert.notEqual(refusal(from, moved.value), undefined);
    });
  for (const { name, from, to } of forgeries)
    it(`refuses ${name}`, () => assert.notEqual(refusal(from, to), undefined));
});

describe("the simulated API server checks Node uids like the chart's policy", () => {
  for (const { name, from, step } of nodeSteps) {
    const entry = (nodeUid: string): readonly [WriterRecord, WriterRecord] => {
      const before = boundTo(from(nodeA), nodeUid);
      const moved = step(before, nodeA);
      assert.ok(moved.ok);
      return [before, moved.value];
    };

    it(`by the uid of its Node: ${name}`, () => {
      assert.equal(refusalOf(entry(NODE_A_UID), NODE_A_UID), undefined);
      const [before, after] = entry(EARLIER_UID);
      const isMoved = !isDeepStrictEqual(
        [before.writer, nodesNotOnlyClean(before)],
        [after.writer, nodesNotOnlyClean(after)],
      );
      const others = isMoved ? { message: OTHERS_ENTRY, isForbidden: true } : undefined;
      assert.deepEqual(refusalOf([before, after], NODE_A_UID), others);
      assert.deepEqual(refusalOf([before, after], undefined), others, "a token without a uid");
    });
  }
});

function refusalOf(
  [before, after]: readonly [WriterRecord, WriterRecord],
  nodeUid: string | undefined,
): Denial | undefined {
  const present = (record: WriterRecord): StoredObject =>
    ({ ...newVolume, status: { state: "Created", record } }) as unknown as StoredObject;
  return nodeRefusal(
    { verb: "updateStatus", kind: "AzVolume", before: present(before), after: present(after) },
    { nodeName: "node-a", nodeUid },
  );
}

function simulatedStores(): Stores {
  const guarded = <T>(by: string, refusal: () => T | undefined): T | undefined =>
    by === "node-a" ? refusal() : undefined;
  const store = createSimulatedStore({
    clock: createVirtualClock(),
    random: createSeededRandom(1),
    guard: {
      forbids: (by, request) => guarded(by, () => nodeForbidden(request, "driver")),
      refuses: (by, write) =>
        guarded(by, () => nodeRefusal(write, { nodeName: "node-a", nodeUid: NODE_A_UID })),
    },
  });
  return { admin: store.handle("admin"), node: store.handle("node-a") };
}

describe("the simulated API server gives the verdicts of the chart's policy", () => {
  for (const row of nodeWrites)
    it(row.name, async () => assert.equal(await verdictOf(simulatedStores(), row), row.verdict));

  it("lets no node create attachments with `attach: kubernetes`", () => {
    const made = { verb: "create", kind: "AzVolumeAttachment" } as const;
    assert.deepEqual(
      [nodeForbidden(made, "kubernetes") === undefined, nodeForbidden(made, "driver")],
      [false, undefined],
    );
  });
});
