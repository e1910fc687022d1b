import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { fail } from "../../core/failure/result.ts";
import { settings } from "../../core/testing/objects.ts";
import type { ObjectStore } from "../../ports/store/object-store.ts";
import { observeNodes } from "../observe-volume.ts";
import { type ReconcileWorld, withControllerPorts } from "../testing/a-controller.ts";
import { aDriverNode } from "../testing/a-driver-node.ts";
import { silenceReconciler } from "./mark-silent.ts";

const never = new AbortController().signal;
const look = (world: ReconcileWorld): Promise<unknown> =>
  world.answerOf(silenceReconciler({ ...world.ports, settings }).reconcile("store", never));
const done = { ok: true, value: { requeueAfterMs: 5_000 } };

async function nodeIn(world: ReconcileWorld): Promise<readonly unknown[]> {
  const read = await world.answerOf(world.other.get("AzDriverNode", "node-a", never));
  return read.ok
    ? [
        read.value.status?.readyForVolumeAllocation,
        read.value.status?.statusMessage,
        read.value.status?.heartbeat,
      ]
    : [];
}

/** node-b sends a heartbeat every ten seconds, so that the store is known to respond; node-a does not. */
async function silentFor(world: ReconcileWorld, ms: number): Promise<void> {
  for (let passedMs = 0; passedMs < ms; passedMs += 10_000) {
    await world.clock.advance(Math.min(10_000, ms - passedMs));
    await world.beat("node-b");
  }
}

describe("silenceReconciler", () => {
  it("marks a silent node as not ready; its next heartbeat marks it as ready", () =>
    withControllerPorts(async (world) => {
      for (const name of ["node-a", "node-b"]) await world.given("AzDriverNode", aDriverNode(name));
      await silentFor(world, 30_000);
      assert.deepEqual(await look(world), done);
      assert.deepEqual(await nodeIn(world), [true, "", 1]);
      await silentFor(world, 10_000);
      assert.deepEqual(await look(world), done);
      const silent = [false, "silent: the node plug-in's last heartbeat was at 2026-01-01T00:00:00.000Z", 1];
      assert.deepEqual(await nodeIn(world), silent);
      await world.clock.settle();
      assert.ok(
        (world.ports.cache.watchedUnchangedMs("AzDriverNode", "node-a") ?? 0) >= settings.heartbeatStaleMs,
        "the mark is no heartbeat",
      );
      const shown = observeNodes(world.ports).map(({ isMarkedSilent }) => isMarkedSilent);
      assert.deepEqual(shown, [true, false], "the next leader sees it, too");
      const writes = world.commits.length;
      assert.deepEqual(await look(world), done);
      assert.equal(world.commits.length, writes, "it is said once");
    }));

  it("marks a node that has said itself that it is not ready, once it is silent", () =>
    withControllerPorts(async (world) => {
      const own = { readyForVolumeAllocation: false, statusMessage: "the root disk takes no change" };
      await world.given("AzDriverNode", aDriverNode("node-a", own));
      await world.given("AzDriverNode", aDriverNode("node-b"));
      await silentFor(world, 30_000);
      assert.deepEqual(await look(world), done);
      assert.deepEqual(await nodeIn(world), [false, "the root disk takes no change", 1]);
      await silentFor(world, 10_000);
      assert.deepEqual(await look(world), done);
      const silent = [false, "silent: the node plug-in's last heartbeat was at 2026-01-01T00:00:00.000Z", 1];
      assert.deepEqual(await nodeIn(world), silent);
      const writes = world.commits.length;
      await world.clock.settle();
      assert.deepEqual(await look(world), done);
      assert.equal(world.commits.length, writes, "it is said once");
    }));

  it("leaves a node the delay that its heartbeat has stated", () =>
    withControllerPorts(async (world) => {
      await world.given("AzDriverNode", aDriverNode("node-a", { heartbeatDelayMs: 50_000 }));
      await world.given("AzDriverNode", aDriverNode("node-b"));
      await silentFor(world, 80_000);
      assert.deepEqual(await look(world), done);
      assert.deepEqual(await nodeIn(world), [true, "", 1]);
      await silentFor(world, 10_000);
      assert.deepEqual(await look(world), done);
      assert.equal((await nodeIn(world))[0], false);
    }));

  it("ignores a node whose heartbeat the cache has not shown yet", () =>
    withControllerPorts(async (world) => {
      for (const name of ["node-a", "node-b"]) await world.given("AzDriverNode", aDriverNode(name));
      await silentFor(world, 40_000);
      world.store.holdWatches(true);
      const present = await world.answerOf(world.other.get("AzDriverNode", "node-a", never));
      assert.ok(present.ok && present.value.status !== undefined);
      const status = { ...present.value.status, heartbeat: 2 };
      assert.ok(
        (await world.answerOf(world.other.updateStatus("AzDriverNode", { ...present.value, status }, never)))
          .ok,
      );
      assert.deepEqual(await look(world), done);
      assert.deepEqual(await nodeIn(world), [true, "", 2]);
    }));

  it("marks the others where the store refuses the mark of one, and retries that one", () =>
    withControllerPorts(async (world) => {
      for (const name of ["node-0", "node-a", "node-b"]) await world.given("AzDriverNode", aDriverNode(name));
      await silentFor(world, 40_000);
      const full = fail({ kind: "StoreUnavailable", detail: "request is too large" } as const);
      const updateStatus: ObjectStore["updateStatus"] = async (kind, object, signal) =>
        object.metadata.name === "node-0" ? full : world.store.updateStatus(kind, object, signal);
      const ports = { ...world.ports, settings, store: { ...world.store, updateStatus } };
      assert.deepEqual(await world.answerOf(silenceReconciler(ports).reconcile("store", never)), full);
      assert.equal((await nodeIn(world))[0], false);
    }));
});
