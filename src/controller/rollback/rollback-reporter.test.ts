import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { CONTROLLER_LEASE } from "../../core/api/lease.ts";
import { LONE_REPORT_EVERY_MS } from "../../core/rollback/judge-reports.ts";
import {
  rememberedReport,
  STORE_ROLLED_BACK,
  rolledBackReason,
} from "../../core/rollback/rollback-reports.ts";
import { aReplica, aVolumeWithRecord, identity, leaving } from "../../core/testing/objects.ts";
import { detach } from "../attachment/removal/detach.ts";
import { type ReconcileWorld, withControllerPorts } from "../testing/a-controller.ts";
import { aDriverNode } from "../testing/a-driver-node.ts";
import { rollbackReporter } from "./rollback-reporter.ts";

const never = new AbortController().signal;
const b = identity("node-b");
const condition = {
  type: STORE_ROLLED_BACK,
  status: "True" as const,
  reason: rolledBackReason(0),
  message: "",
  lastTransitionTime: "2026-01-01T00:00:00Z",
};

/** A world in which node-b has pvc-1 attached and a checkpoint of it, and reports a rollback. */
async function withDoubt(act: (world: ReconcileWorld) => Promise<void>): Promise<void> {
  await withControllerPorts(async (world) => {
    await world.given("AzVolume", aVolumeWithRecord({}));
    await world.given("AzVolumeAttachment", leaving(aReplica("node-b")));
    await world.given(
      "AzDriverNode",
      aDriverNode("node-b", {
        conditions: [condition],
        volumes: [{ volumeName: "pvc-1", uid: "uid-pvc-1", epoch: 7 }],
      }),
    );
    world.attachedTo.add("node-b");
    await act(world);
  });
}

function detached(world: ReconcileWorld): Promise<{ readonly ok: boolean }> {
  return world.answerOf(
    detach(
      world.ports,
      world.attachment("node-b") ?? assert.fail("no attachment"),
      { kind: "Detach", node: b, lane: "prune" },
      never,
    ),
  );
}

/** Writes to the Lease what a rebuild for node-b's report alone writes there. */
async function sweptForAlone(world: ReconcileWorld): Promise<void> {
  const read = await world.answerOf(world.other.get("Lease", CONTROLLER_LEASE, never));
  const lease = read.ok ? read.value : assert.fail("no Lease");
  const annotations = {
    ...lease.metadata.annotations,
    ...rememberedReport(lease, "node-b", world.clock.nowMs()),
  };
  assert.ok(
    (
      await world.answerOf(
        world.other.update("Lease", { ...lease, metadata: { ...lease.metadata, annotations } }, never),
      )
    ).ok,
  );
  await world.clock.runUntil(() => false, 1_000);
}

describe("a node that alone reports a rollback", () => {
  it("keeps the disk of a volume of which it has a checkpoint", () =>
    withDoubt(async (world) => {
      assert.deepEqual([(await detached(world)).ok, world.attachedTo.has("node-b")], [false, true]);
    }));

  it("keeps nothing once its Node is marked out of service", () =>
    withDoubt(async (world) => {
      world.outOfService.add("node-b");
      assert.deepEqual([(await detached(world)).ok, world.attachedTo.has("node-b")], [true, false]);
    }));

  it("delays its volumes until its second rebuild has begun, and for one limit after", () =>
    withDoubt(async (world) => {
      const at = "2026-01-01T00:00:00.000000Z";
      const spec = {
        holderIdentity: "controller",
        leaseDurationSeconds: 15,
        acquireTime: at,
        renewTime: at,
        leaseTransitions: 0,
      };
      assert.ok(
        (
          await world.answerOf(
            world.other.create("Lease", { metadata: { name: CONTROLLER_LEASE }, spec }, never),
          )
        ).ok,
      );
      const reporter = (): string | undefined => rollbackReporter(world.ports, "pvc-1", 0);
      await sweptForAlone(world);
      assert.equal(reporter(), "node-b");
      await world.clock.advance(LONE_REPORT_EVERY_MS);
      await sweptForAlone(world);
      assert.equal(reporter(), undefined);
      await world.clock.advance(LONE_REPORT_EVERY_MS);
      assert.equal(reporter(), "node-b");
    }));
});
