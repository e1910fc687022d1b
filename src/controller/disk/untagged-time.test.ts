import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { VOLUME_FINALIZER } from "../../core/api/finalizers.ts";
import { aDetail, aRecord, aVolume, identity } from "../../core/testing/objects.ts";
import { changedRecord } from "../../core/testing/record-lists.ts";
import { stateTagsOf } from "../../core/volume/tags/state-tags.ts";
import type { ObjectCache, ObjectChange } from "../../objects/cache/object-cache.ts";
import { type ReconcileWorld, withControllerPorts } from "../testing/a-controller.ts";
import { removeVolume } from "../testing/remake-volume.ts";
import { createUntaggedTime } from "./untagged-time.ts";

const never = new AbortController().signal;
const plain = aVolume({ metadata: { finalizers: [VOLUME_FINALIZER] } });
const lacking = aVolume({
  metadata: { finalizers: [VOLUME_FINALIZER] },
  status: { record: aRecord({ quarantined: [identity("node-b")] }) },
});

const pass = (world: ReconcileWorld, ms: number): Promise<void> =>
  world.answerOf(world.clock.sleep(ms, never));

async function setQuarantined(world: ReconcileWorld, ...nodeNames: readonly string[]): Promise<void> {
  await world.setRecord((record) =>
    changedRecord(record, { quarantined: nodeNames.map((nodeName) => identity(nodeName)) }),
  );
  await pass(world, 1_000);
}

/** Sets what the status shows of the disk's tags from now on. */
async function setStateTags(
  world: ReconcileWorld,
  stateTags: Readonly<Record<string, string>>,
): Promise<void> {
  const present = await world.other.get("AzVolume", "pvc-1", never);
  assert.ok(present.ok);
  const { status } = present.value;
  assert.ok(status !== undefined);
  await world.other.updateStatus(
    "AzVolume",
    { ...present.value, status: { ...status, detail: aDetail({ stateTags }) } },
    never,
  );
  await pass(world, 1_000);
}

describe("the time for which a disk's tags have been outdated", () => {
  it("counts from the first difference until there is none, whatever else changes", () =>
    withControllerPorts(async (world) => {
      const { untaggedMs } = createUntaggedTime(world.ports);
      await world.given("AzVolume", plain);
      assert.equal(untaggedMs("pvc-1"), 0);
      await setQuarantined(world, "node-b");
      const first = untaggedMs("pvc-1");
      assert.ok(first > 0 && first <= 1_000, String(first));
      await pass(world, 20_000);
      await setQuarantined(world, "node-b", "node-c");
      assert.equal(untaggedMs("pvc-1"), first + 21_000);
      await setQuarantined(world);
      assert.equal(untaggedMs("pvc-1"), 0);
      await setQuarantined(world, "node-c");
      assert.equal(untaggedMs("pvc-1"), first);
    }));

  it("ends once the tags are written", () =>
    withControllerPorts(async (world) => {
      await world.given("AzVolume", lacking);
      const { untaggedMs } = createUntaggedTime(world.ports);
      assert.ok(untaggedMs("pvc-1") > 0);
      await setStateTags(world, stateTagsOf(world.volume()?.status));
      assert.equal(untaggedMs("pvc-1"), 0);
    }));

  it("counts from a write of the tags during which another change was made", () =>
    withControllerPorts(async (world) => {
      await world.given("AzVolume", plain);
      const { untaggedMs } = createUntaggedTime(world.ports);
      await setQuarantined(world, "node-b");
      await pass(world, 70_000);
      const written = stateTagsOf(world.volume()?.status);
      await setQuarantined(world, "node-b", "node-c");
      assert.ok(untaggedMs("pvc-1") > 70_000);
      await setStateTags(world, written);
      assert.ok(untaggedMs("pvc-1") > 0 && untaggedMs("pvc-1") <= 1_000, String(untaggedMs("pvc-1")));
    }));

  it("reports since when the write is retried, until nothing is missing", () =>
    withControllerPorts(async (world) => {
      await world.given("AzVolume", lacking);
      const { recordTry, triedMs } = createUntaggedTime(world.ports);
      assert.equal(triedMs("pvc-1"), 0);
      recordTry("pvc-1");
      await pass(world, 5_000);
      recordTry("pvc-1");
      await setQuarantined(world, "node-b", "node-c");
      assert.equal(triedMs("pvc-1"), 6_000);
      await setQuarantined(world);
      recordTry("pvc-1");
      await setQuarantined(world, "node-c");
      assert.equal(triedMs("pvc-1"), 0);
    }));

  it("reports of how many volumes the tags are refused, until nothing is missing", () =>
    withControllerPorts(async (world) => {
      await world.given("AzVolume", lacking);
      await world.given("AzVolume", { ...lacking, metadata: { ...lacking.metadata, name: "pvc-2" } });
      const { recordRefusal } = createUntaggedTime(world.ports);
      assert.deepEqual([recordRefusal("pvc-1"), recordRefusal("pvc-2"), recordRefusal("pvc-1")], [1, 2, 2]);
      await setQuarantined(world);
      assert.deepEqual([recordRefusal("pvc-1"), recordRefusal("pvc-2")], [1, 1]);
    }));

  it("is endless where the first cached state already shows the difference", () =>
    withControllerPorts(async (world) => {
      await world.given("AzVolume", lacking);
      assert.equal(createUntaggedTime(world.ports).untaggedMs("pvc-1"), Infinity);
      let tell: ((change: ObjectChange) => void) | undefined;
      const onChange: ObjectCache["onChange"] = (listener) => {
        tell = listener;
        return () => undefined;
      };
      const { untaggedMs } = createUntaggedTime({ clock: world.clock, cache: { list: () => [], onChange } });
      tell?.({ kind: "AzVolume", name: "pvc-1", previous: undefined, current: lacking });
      assert.equal(untaggedMs("pvc-1"), Infinity);
    }));

  it("is none for a volume that is gone", () =>
    withControllerPorts(async (world) => {
      await world.given("AzVolume", lacking);
      const { untaggedMs } = createUntaggedTime(world.ports);
      await removeVolume(world);
      await pass(world, 1_000);
      assert.equal(untaggedMs("pvc-1"), 0);
    }));
});
