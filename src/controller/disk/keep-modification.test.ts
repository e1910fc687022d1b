import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { AzVolume } from "../../core/api/az-volume.ts";
import { type Failure } from "../../core/failure/failure.ts";
import { ok, type Result } from "../../core/failure/result.ts";
import { toTimestamp } from "../../core/primitives/timestamp.ts";
import { aDetail, aDiskSpec, aVolume } from "../../core/testing/objects.ts";
import { recoverVolumes } from "../adoption/recover-volumes.ts";
import { type ReconcileWorld, withControllerPorts } from "../testing/a-controller.ts";
import { aDisk } from "../testing/a-disk.ts";

const never = new AbortController().signal;
const requested = { networkAccessPolicy: "DenyAll" } as const;
const late = aDisk({ networkAccessPolicy: "AllowAll", tags: {} });

function modified(nowMs: number, storeIncarnation: number): AzVolume {
  const endTime = toTimestamp(nowMs);
  return aVolume({
    spec: { disk: aDiskSpec({ ...requested, tags: {} }) },
    status: {
      detail: aDetail(),
      modification: { requested, observedGeneration: 1, endTime, storeIncarnation },
    },
  });
}

function recover(world: ReconcileWorld): Promise<Result<number, Failure>> {
  const cloud = { ...world.ports.cloud, listDisks: async () => ok([late]), getDisk: async () => ok(late) };
  return recoverVolumes({ ...world.ports, cloud }, never);
}

describe("a disk that a late request has changed", () => {
  it("is modified again as it was asked for last, once the disks are listed", () =>
    withControllerPorts(async (world) => {
      await world.given("AzVolume", modified(world.clock.nowMs(), 0));
      assert.deepEqual(await recover(world), ok(0));
      assert.deepEqual(world.volume()?.spec.modification, requested);
    }));

  it("stays where a backup was restored since, and the spec follows it", () =>
    withControllerPorts(async (world) => {
      await world.given("AzVolume", modified(world.clock.nowMs(), 7));
      assert.deepEqual(await recover(world), ok(0));
      assert.deepEqual(world.volume()?.spec.modification, {});
    }));

  it("stays while a new request is written that the list did not know of", () =>
    withControllerPorts(async (world) => {
      await world.given("AzVolume", modified(world.clock.nowMs(), 0));
      const present = await world.other.get("AzVolume", "pvc-1", never);
      assert.ok(present.ok);
      world.store.holdWatches(true);
      const other = { skuName: "StandardSSD_LRS" };
      const { spec } = present.value;
      await world.other.update(
        "AzVolume",
        { ...present.value, spec: { ...spec, modification: other } },
        never,
      );
      assert.deepEqual(await recover(world), ok(0));
      const after = await world.other.get("AzVolume", "pvc-1", never);
      assert.ok(after.ok);
      assert.deepEqual(after.value.spec.modification, other);
    }));
});
