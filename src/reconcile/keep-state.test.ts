import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Failure } from "../core/failure.ts";
import { VOLUME_FINALIZER } from "../core/model/finalizers.ts";
import { aDetail, agoMs, aRecord, aVolume, diskUri, identity } from "../core/plan/testing/objects.ts";
import { fail, ok } from "../core/result.ts";
import type { CloudProvisioner } from "../ports/cloud-provisioner.ts";
import { driverTags } from "./disk-tags.ts";
import { diskReconciler } from "./disk.ts";
import { recoverVolumes } from "./recover.ts";
import { type ReconcileWorld, withControllerPorts } from "./testing/a-controller.ts";
import { aDisk } from "./testing/a-disk.ts";
import { aDriverNode } from "./testing/a-driver-node.ts";

const never = new AbortController().signal;
const REST_MS = 20_000;
const nodeB = identity("node-b");
const formatted = { fsType: "ext4", nodeName: "node-b", time: agoMs(60_000), uuid: "uuid-1" };
const formattedAndCutOff = aVolume({
  metadata: { finalizers: [VOLUME_FINALIZER] },
  status: { detail: aDetail({ formatted }), record: aRecord({ quarantine: [nodeB], epoch: 3 }) },
});

/** A world whose disk has tags, which people can edit. */
async function withTaggedDisk(
  act: (
    world: ReconcileWorld & {
      readonly tags: Map<string, string>;
      readonly cloud: CloudProvisioner;
      tagFailure: Failure | undefined;
      readonly tagged: () => number;
      rest(): Promise<unknown>;
    },
  ) => Promise<void>,
): Promise<void> {
  await withControllerPorts(async (plain) => {
    const tags = new Map<string, string>(Object.entries(driverTags(aVolume(), "cluster-1")));
    let tagged = 0;
    const cloud: CloudProvisioner = {
      ...plain.ports.cloud,
      getDisk: async () => ok(aDisk({ tags: Object.fromEntries(tags) })),
      listDisks: async () => ok([aDisk({ tags: Object.fromEntries(tags) })]),
      tagDisk: async (request) => {
        tagged += 1;
        if (world.tagFailure !== undefined) return fail(world.tagFailure);
        for (const [name, value] of Object.entries(request.tags)) {
          if (value === undefined) tags.delete(name);
          else tags.set(name, value);
        }
        return ok(undefined);
      },
    };
    const world = {
      ...plain,
      tags,
      cloud,
      tagFailure: undefined as Failure | undefined,
      tagged: () => tagged,
      rest: async () => {
        await plain.answerOf(plain.clock.sleep(REST_MS, never));
        return plain.answerOf(diskReconciler({ ...plain.ports, cloud }).reconcile("pvc-1", never));
      },
    };
    await act(world);
  });
}

/** The object goes, finalizer and all, and is made anew as a CSI call or recovery makes it. */
async function lose(world: ReconcileWorld, cloud: CloudProvisioner): Promise<void> {
  const present = await world.other.get("AzVolume", "pvc-1", never);
  assert.ok(present.ok);
  await world.other.update("AzVolume", { ...present.value, metadata: { ...present.value.metadata, finalizers: [] } }, never);
  await world.other.delete("AzVolume", "pvc-1", {}, never);
  await world.answerOf(world.clock.sleep(1_000, never));
  assert.deepEqual(await world.answerOf(recoverVolumes({ ...world.ports, cloud }, never)), ok(1));
  await world.answerOf(world.clock.sleep(1_000, never));
  await world.answerOf(diskReconciler({ ...world.ports, cloud }).reconcile("pvc-1", never));
}

describe("the state that a disk's tags keep", () => {
  it("is written once, and survives the loss of all objects", () =>
    withTaggedDisk(async (world) => {
      await world.given("AzVolume", formattedAndCutOff);
      await world.rest();
      await world.rest();
      assert.equal(world.tagged(), 1);
      await lose(world, world.cloud);
      assert.deepEqual(world.record()?.quarantine, [nodeB]);
      assert.deepEqual(world.volume()?.status?.detail?.formatted, formatted);
      assert.equal(world.record()?.foundInUse, true);
    }));

  it("is taken back once the node is clean", () =>
    withTaggedDisk(async (world) => {
      await world.given("AzVolume", formattedAndCutOff);
      await world.rest();
      await world.setRecord((record) => ({ ...record, quarantine: [] }));
      await world.rest();
      assert.deepEqual(
        [...world.tags.keys()].filter((name) => name.includes("cut-off")),
        [],
      );
    }));

  it("is written again after someone else has edited it, and never makes the record forget", () =>
    withTaggedDisk(async (world) => {
      await world.given("AzVolume", formattedAndCutOff);
      await world.rest();
      const written = new Map(world.tags);
      for (const name of written.keys()) if (/cut-off|formatted/u.test(name)) world.tags.delete(name);
      await world.answerOf(recoverVolumes({ ...world.ports, cloud: world.cloud }, never));
      assert.deepEqual([world.record()?.quarantine, world.volume()?.status?.detail?.formatted], [[nodeB], formatted]);
      await world.rest();
      assert.deepEqual(world.tags, written);
    }));

  it("distrusts every known node where a tag can't be read", () =>
    withTaggedDisk(async (world) => {
      await world.given("AzVolume", formattedAndCutOff);
      await world.given("AzDriverNode", aDriverNode("node-c"));
      await world.rest();
      world.tags.set("disk.csi.azure.com-cut-off-0", "?");
      await lose(world, world.cloud);
      assert.deepEqual(
        world.record()?.quarantine.map(({ nodeName }) => nodeName),
        [identity("node-c").nodeName],
      );
    }));

  it("does not hold up anything where Azure refuses it", () =>
    withTaggedDisk(async (world) => {
      await world.given("AzVolume", formattedAndCutOff);
      world.tagFailure = { kind: "InvalidArgument", field: `tags of ${diskUri}`, value: "51", problem: "Azure allows 50 tags on a disk" };
      assert.deepEqual(await world.rest(), ok({ againAfterMs: 600_000 }));
      assert.equal(world.volume()?.status?.error, undefined);
    }));
});
