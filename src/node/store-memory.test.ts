import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { CONTROLLER_LEASE } from "../core/model/lease.ts";
import { aLease } from "../core/plan/testing/a-lease.ts";
import { must } from "../reconcile/testing/settled.ts";
import { heartbeatReconciler } from "./heartbeat.ts";
import { readTrustedGeneration } from "./store-memory.ts";
import { type NodeWorld, withNode } from "./testing/a-node.ts";

const never = new AbortController().signal;

async function beat(world: NodeWorld): Promise<void> {
  const beaten = await world.answerOf(heartbeatReconciler(world.ports()).reconcile("node", never));
  assert.ok(beaten.ok, JSON.stringify(beaten));
}

async function conditions(world: NodeWorld): Promise<readonly string[]> {
  const node = await world.answerOf(world.store.get("AzDriverNode", "node-a", never));
  return (node.ok ? node.value.status?.conditions : undefined)?.map(({ type, reason }) => `${type} ${reason}`) ?? [];
}

async function trust(world: NodeWorld): Promise<string> {
  const trusted = await world.answerOf(readTrustedGeneration(world.ports(), never));
  return trusted.ok ? `generation ${trusted.value}` : trusted.failure.kind;
}

describe("readTrustedGeneration", () => {
  it("goes on distrusting a store that went back after the object was deleted in which the node had said so", () =>
    withNode({}, async (world) => {
      await beat(world);
      assert.equal(await trust(world), "generation 0");
      await world.ports().notes.putHeartbeat(7, never);
      await beat(world);
      assert.deepEqual([await trust(world), await conditions(world)], ["StoreWentBack", ["StoreWentBack Generation0"]]);

      await world.answerOf(must(world.store.delete("AzDriverNode", "node-a", {}, never)));
      assert.equal(await trust(world), "StoreWentBack");
      await beat(world);
      assert.deepEqual([await trust(world), await conditions(world)], ["StoreWentBack", ["StoreWentBack Generation0"]]);

      const { metadata, spec } = aLease({ generation: 1 });
      await world.answerOf(must(world.store.create("Lease", { metadata: { name: CONTROLLER_LEASE, annotations: metadata.annotations }, spec }, never)));
      await beat(world);
      assert.deepEqual([await trust(world), await conditions(world)], ["generation 1", []]);
    }));
});
