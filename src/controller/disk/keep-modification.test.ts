import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { AzVolume } from "../../core/api/az-volume.ts";
import { LATE_REQUEST_MS } from "../../core/azure/late-request.ts";
import { fail, ok, type Result } from "../../core/failure/result.ts";
import { toTimestamp } from "../../core/primitives/timestamp.ts";
import { aDetail, aDiskSpec, aVolume } from "../../core/testing/objects.ts";
import { mayCopySnapshots } from "../../core/volume/copies/recent-snapshots.ts";
import { checkModification } from "../../core/volume/modification/volume-modification.ts";
import type { CloudProvisioner, DiskFacts } from "../../ports/cloud/cloud-provisioner.ts";
import { recoverVolumes } from "../adoption/recover-volumes.ts";
import { type ReconcileWorld, withControllerPorts } from "../testing/a-controller.ts";
import { aDisk } from "../testing/a-disk.ts";
import { diskReconciler } from "./disk-reconciler.ts";

const never = new AbortController().signal;
const requested = { networkAccessPolicy: "DenyAll" } as const;
const late = aDisk({ networkAccessPolicy: "AllowAll", tags: {} });

function modified(nowMs: number, storeIncarnation: number): AzVolume {
  const endTime = toTimestamp(nowMs);
  return aVolume({
    spec: { disk: aDiskSpec({ ...requested, tags: {} }) },
    status: {
      detail: aDetail(),
      modification: { requested, observedGeneration: 1 },
      recentModification: { made: requested, endTime, storeIncarnation },
    },
  });
}

function recover(world: ReconcileWorld): Promise<Result<number>> {
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

describe("a disk whose SKU another client has changed", () => {
  const before = aVolume({ spec: { disk: aDiskSpec({ tags: {} }) }, status: { detail: aDetail() } });
  const converted = aDisk({ skuName: "PremiumV2_LRS", diskIOPSReadWrite: 3000, diskMBpsReadWrite: 125 });

  it("is known by its new SKU, which host cache and growing snapshots depend on", () =>
    withControllerPorts(async (world) => {
      await world.given("AzVolume", before);
      const cloud: CloudProvisioner = {
        ...world.ports.cloud,
        listDisks: async () => ok([converted]),
        getDisk: async () => ok(converted),
        updateDisk: async () => ok(converted),
      };
      const ports = { ...world.ports, cloud };
      const reconciler = diskReconciler(ports);
      assert.equal(mayCopySnapshots(before), false);
      assert.deepEqual(await recoverVolumes(ports, never), ok(0));
      await reconcileUntil(world, reconciler, (volume) => volume.status?.detail?.skuName !== "Premium_LRS");
      await reconcileUntil(world, reconciler, (volume) => volume.spec.modification === undefined);
      const after = world.volume() ?? assert.fail("no volume");
      assert.equal(after.status?.detail?.skuName, "PremiumV2_LRS");
      assert.equal(after.spec.disk.skuName, "PremiumV2_LRS");
      assert.equal(mayCopySnapshots(after), true);
      const { resourceVersion } = after.metadata;
      assert.deepEqual(await recoverVolumes(ports, never), ok(0));
      assert.equal(world.volume()?.metadata.resourceVersion, resourceVersion, "nothing more is written");
    }));

  it("is known by the zone in which it was made again under its name", () =>
    withControllerPorts(async (world) => {
      await world.given("AzVolume", before);
      const moved = aDisk({ zones: ["2"] });
      const cloud: CloudProvisioner = {
        ...world.ports.cloud,
        listDisks: async () => ok([moved]),
        getDisk: async () => ok(moved),
        updateDisk: async () => ok(moved),
      };
      const ports = { ...world.ports, cloud };
      assert.deepEqual(await recoverVolumes(ports, never), ok(0));
      await reconcileUntil(world, diskReconciler(ports), ({ status }) => status?.detail?.zones[0] === "2");
    }));

  it("is cached by no host once several VMs may share it", () =>
    withControllerPorts(async (world) => {
      const status = { detail: aDetail({ maxShares: 1 }) };
      await world.given("AzVolume", aVolume({ spec: before.spec, status }));
      const shared = aDisk({ maxShares: 2 });
      const cloud: CloudProvisioner = {
        ...world.ports.cloud,
        listDisks: async () => ok([shared]),
        getDisk: async () => ok(shared),
        updateDisk: async () => ok(shared),
      };
      const ports = { ...world.ports, cloud };
      assert.deepEqual(await recoverVolumes(ports, never), ok(0));
      await reconcileUntil(world, diskReconciler(ports), ({ status }) => status?.detail?.maxShares === 2);
    }));

  it("may become a Premium SSD v2 once the bursting has ended that its spec states", () =>
    withControllerPorts(async (world) => {
      const sizes = { sizeGiB: 1024, maxShares: 1 };
      const spec = { disk: aDiskSpec({ ...sizes, burstingEnabled: true }), maxMountReplicaCount: 0 };
      await world.given("AzVolume", aVolume({ spec, status: { detail: aDetail(sizes) } }));
      const ended = aDisk({ ...sizes, burstingEnabled: false });
      const cloud: CloudProvisioner = {
        ...world.ports.cloud,
        listDisks: async () => ok([ended]),
        getDisk: async () => ok(ended),
        updateDisk: async () => ok(ended),
      };
      const ports = { ...world.ports, cloud };
      assert.deepEqual(await recoverVolumes(ports, never), ok(0));
      await reconcileUntil(world, diskReconciler(ports), ({ status }) => status?.modification !== undefined);
      await reconcileUntil(world, diskReconciler(ports), (volume) => volume.spec.modification === undefined);
      const after = world.volume() ?? assert.fail("no volume");
      const { detail } = after.status ?? {};
      assert.ok(detail !== undefined);
      const toV2 = { skuName: "PremiumV2_LRS" };
      assert.deepEqual(checkModification(toV2, { detail, disk: after.spec.disk }), ok(undefined));
      const { resourceVersion } = after.metadata;
      assert.deepEqual(await recoverVolumes(ports, never), ok(0));
      assert.equal(world.volume()?.metadata.resourceVersion, resourceVersion, "nothing more is written");
    }));
});

/** Fails where two runs do not lead there. */
async function reconcileUntil(
  world: ReconcileWorld,
  reconciler: ReturnType<typeof diskReconciler>,
  isReached: (volume: AzVolume) => boolean,
): Promise<void> {
  for (let run = 1; run <= 2; run++) {
    assert.equal((await world.answerOf(reconciler.reconcile("pvc-1", never))).ok, true);
    const volume = world.volume();
    if (volume !== undefined && isReached(volume)) return;
  }
  assert.fail(`not reached: ${JSON.stringify(world.volume()?.status)}`);
}

describe("the last look at a modified disk", () => {
  const look = async (world: ReconcileWorld, disk: DiskFacts): Promise<AzVolume | undefined> => {
    const cloud = { ...world.ports.cloud, getDisk: async () => ok(disk) };
    assert.deepEqual(
      await world.answerOf(diskReconciler({ ...world.ports, cloud }).reconcile("pvc-1", never)),
      ok({}),
    );
    return world.volume();
  };
  const lookedMs = LATE_REQUEST_MS - 1;

  it("asks again for what a late request has changed, and forgets it only afterwards", () =>
    withControllerPorts(async (world) => {
      await world.given("AzVolume", modified(world.clock.nowMs() - lookedMs, 0));
      const asked = await look(world, late);
      assert.deepEqual(asked?.spec.modification, requested);
      assert.deepEqual(asked?.status?.recentModification?.made, requested);
    }));

  it("forgets what was made of a disk that nothing has changed", () =>
    withControllerPorts(async (world) => {
      await world.given("AzVolume", modified(world.clock.nowMs() - lookedMs, 0));
      const looked = await look(world, aDisk({ ...requested, tags: {} }));
      assert.equal(looked?.spec.modification, undefined);
      assert.equal(looked?.status?.recentModification, undefined);
      assert.deepEqual(looked?.status?.modification?.requested, requested);
    }));

  for (const { where, answer, takesMs } of [
    {
      where: "Azure refuses it",
      answer: fail({ kind: "DiskInUse", diskUri: late.diskUri, attachedTo: [] } as const),
      takesMs: 0,
    },
    { where: "another client takes it back at once", answer: ok(late), takesMs: 0 },
    {
      where: "Azure takes long and another client takes it back",
      answer: ok(late),
      takesMs: LATE_REQUEST_MS,
    },
  ])
    it(`asks again once, where ${where}`, () =>
      withControllerPorts(async (world) => {
        await world.given("AzVolume", modified(world.clock.nowMs() - LATE_REQUEST_MS + 60_000, 0));
        let asked = 0;
        const updateDisk: CloudProvisioner["updateDisk"] = async () => {
          asked += 1;
          await world.clock.sleep(takesMs, never);
          return answer;
        };
        const cloud = { ...world.ports.cloud, getDisk: async () => ok(late), updateDisk };
        const reconciler = diskReconciler({ ...world.ports, cloud });
        for (let pass = 0; pass < 12; pass += 1) {
          await world.answerOf(reconciler.reconcile("pvc-1", never));
          await world.answerOf(world.clock.sleep(1_000, never));
        }
        assert.equal(asked, 1);
        assert.equal(world.volume()?.status?.recentModification, undefined);
      }));

  it("waits until Azure answers for the disk", () =>
    withControllerPorts(async (world) => {
      await world.given("AzVolume", modified(world.clock.nowMs() - lookedMs, 0));
      const throttled = fail({ kind: "Throttled", retryAfterMs: 1_000, detail: "later" } as const);
      const cloud = { ...world.ports.cloud, getDisk: async () => throttled };
      assert.deepEqual(
        await world.answerOf(diskReconciler({ ...world.ports, cloud }).reconcile("pvc-1", never)),
        throttled,
      );
      assert.deepEqual(world.volume()?.status?.recentModification?.made, requested);
    }));
});
