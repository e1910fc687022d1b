import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { PowerState } from "../../core/azure/power-state.ts";
import { instanceUriOf } from "../../core/testing/objects.ts";
import type { Reconciled } from "../../runtime/queue/control-loop.ts";
import { type ReconcileWorld, withControllerPorts } from "../testing/a-controller.ts";
import { aDriverNode } from "../testing/a-driver-node.ts";
import { returnedNodesReconciler, stoppedNodesReconciler } from "./mark-stopped-nodes.ts";

const NODE = "node-a";
const URI = instanceUriOf(NODE);
const STALE_MS = 60_000;
const never = new AbortController().signal;

function reconcile(world: ReconcileWorld): Promise<Reconciled> {
  return world.answerOf(stoppedNodesReconciler(world.ports).reconcile(NODE, never));
}

function unmarkReturned(world: ReconcileWorld): Promise<Reconciled> {
  return world.answerOf(returnedNodesReconciler(world.ports).reconcile(NODE, never));
}

/** A node that has fallen silent, and whose VM Azure shows in that state. */
async function silentNode(world: ReconcileWorld, powerState: PowerState): Promise<void> {
  const driverNode = aDriverNode(NODE);
  await world.given("AzDriverNode", driverNode);
  world.nodeUids.set(NODE, "uid-of-node-a");
  world.instances.set(URI, driverNode.status?.vmId ?? "");
  world.powerStates.set(URI, powerState);
  world.unreachable.add(NODE);
  await world.clock.advance(STALE_MS);
}

function emitted(world: ReconcileWorld): readonly string[] {
  return world.emitted.map(({ reason, message }) => `${reason}: ${message}`);
}

describe("stoppedNodesReconciler", () => {
  it("marks the silent node of a VM that is off, so that its pods are freed", () =>
    withControllerPorts(async (world) => {
      await silentNode(world, "deallocated");
      assert.deepEqual(await reconcile(world), { ok: true, value: {} });
      assert.deepEqual([...world.markedByDriver], [NODE]);
      assert.deepEqual(emitted(world), [
        "NodeMarkedOutOfService: node-a is unreachable, and Azure shows its VM as deallocated",
      ]);
      // Once is enough: the mark stands.
      assert.deepEqual(await reconcile(world), { ok: true, value: {} });
      assert.equal(world.emitted.length, 1);
    }));

  for (const powerState of ["running", "hibernated", "changing", "unknown"] as const)
    it(`leaves the silent node of a VM that is ${powerState} to a person, and asks again`, () =>
      withControllerPorts(async (world) => {
        await silentNode(world, powerState);
        assert.deepEqual(await reconcile(world), { ok: true, value: { requeueAfterMs: 15_000 } });
        assert.deepEqual([[...world.markedByDriver], world.emitted], [[], []]);
      }));

  it("marks no node by the state of another VM that has its resource id", () =>
    withControllerPorts(async (world) => {
      await silentNode(world, "stopped");
      world.instances.set(URI, "another-vm");
      assert.equal((await reconcile(world)).ok, true);
      assert.deepEqual([...world.markedByDriver], []);
    }));

  it("marks no Node that was made again under the name", () =>
    withControllerPorts(async (world) => {
      await silentNode(world, "stopped");
      const { marks } = world.ports;
      assert.ok(marks !== undefined);
      assert.deepEqual(await marks.mark({ nodeName: NODE, nodeUid: "uid-of-another" }, never), {
        ok: true,
        value: false,
      });
      assert.deepEqual([...world.markedByDriver], []);
    }));

  it("leaves a node to the cloud's node controller whose VM is gone", () =>
    withControllerPorts(async (world) => {
      await silentNode(world, "stopped");
      world.instances.delete(URI);
      assert.deepEqual(await reconcile(world), { ok: true, value: { requeueAfterMs: 15_000 } });
      assert.deepEqual([...world.markedByDriver], []);
    }));

  it("asks Azure nothing while the plug-in sends heartbeats", () =>
    withControllerPorts(async (world) => {
      await silentNode(world, "stopped");
      await world.beat(NODE);
      world.inspectFailure = { kind: "Cancelled" };
      const looked = await reconcile(world);
      assert.ok(looked.ok && (looked.value.requeueAfterMs ?? 0) > 0, JSON.stringify(looked));
      assert.deepEqual([...world.markedByDriver], []);
    }));

  it("passes on that Azure did not answer", () =>
    withControllerPorts(async (world) => {
      await silentNode(world, "stopped");
      world.inspectFailure = { kind: "Cancelled" };
      assert.deepEqual(await reconcile(world), { ok: false, failure: { kind: "Cancelled" } });
    }));

  it("removes its mark once the kubelet reports again, and no other mark", () =>
    withControllerPorts(async (world) => {
      await silentNode(world, "stopped");
      await reconcile(world);
      assert.deepEqual(await unmarkReturned(world), { ok: true, value: {} });
      assert.deepEqual([...world.outOfService], [NODE], "it is not back yet");
      world.unreachable.delete(NODE);
      assert.deepEqual(await unmarkReturned(world), { ok: true, value: {} });
      assert.deepEqual([...world.outOfService], []);
      assert.equal(emitted(world).at(-1), "NodeBackInService: the kubelet of node-a reports again");
      world.outOfService.add(NODE);
      assert.deepEqual(await unmarkReturned(world), { ok: true, value: {} });
      assert.deepEqual([...world.outOfService], [NODE]);
    }));

  it("marks no node whose kubelet has reported again while Azure was asked", () =>
    withControllerPorts(async (world) => {
      await silentNode(world, "stopped");
      const { marks } = world.ports;
      assert.ok(marks !== undefined);
      world.unreachable.delete(NODE);
      const node = { nodeName: NODE, nodeUid: "uid-of-node-a" };
      assert.deepEqual(await marks.mark(node, never), { ok: true, value: false });
    }));

  it("does nothing where people alone mark nodes", () =>
    withControllerPorts(async (world) => {
      await silentNode(world, "stopped");
      const reconciler = stoppedNodesReconciler({ ...world.ports, marks: undefined });
      assert.deepEqual(await world.answerOf(reconciler.reconcile(NODE, never)), { ok: true, value: {} });
      assert.deepEqual([...world.outOfService], []);
    }));
});
