import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { AzVolume } from "../../core/api/az-volume.ts";
import { VOLUME_FINALIZER } from "../../core/api/finalizers.ts";
import { fail, ok, type Result } from "../../core/failure/result.ts";
import { aDetail, aDiskSpec, aVolume, diskUri } from "../../core/testing/objects.ts";
import { checkModification } from "../../core/volume/modification/volume-modification.ts";
import type { CloudProvisioner, DiskFacts } from "../../ports/cloud/cloud-provisioner.ts";
import { type ReconcileWorld, withControllerPorts } from "../testing/a-controller.ts";
import { aDisk } from "../testing/a-disk.ts";
import { diskReconciler } from "./disk-reconciler.ts";

const never = new AbortController().signal;
const modification = { skuName: "StandardSSD_LRS", tags: { team: "storage" } };
const asked = aVolume({
  metadata: { finalizers: [VOLUME_FINALIZER] },
  spec: { modification, disk: aDiskSpec({ maxShares: 1, tags: { a: "b" } }), maxMountReplicaCount: 0 },
  status: { detail: aDetail({ maxShares: 1 }) },
});
const inUse = { kind: "DiskInUse", diskUri, attachedTo: ["vm-a"] } as const;

type Update = CloudProvisioner["updateDisk"];

/** What the disk is when it is read. */
type Shown = Result<Partial<DiskFacts>>;
const asItWas: Shown = ok({ tags: { a: "b" } });

function reconcile(
  world: ReconcileWorld,
  updateDisk: Update,
  shown: Shown = asItWas,
): Promise<Result<unknown>> {
  const getDisk: CloudProvisioner["getDisk"] = async () => (shown.ok ? ok(aDisk(shown.value)) : shown);
  const ports = { ...world.ports, cloud: { ...world.ports.cloud, updateDisk, getDisk } };
  return world.answerOf(diskReconciler(ports).reconcile("pvc-1", never));
}

/** Lets the cache follow what the last pass wrote. */
async function reconciled(
  world: ReconcileWorld,
  updateDisk: Update,
  shown?: Shown,
): Promise<Result<unknown>> {
  const outcome = await reconcile(world, updateDisk, shown);
  await world.answerOf(world.clock.sleep(1_000, never));
  return outcome;
}

const answering =
  (answer: Result<DiskFacts>, changes: object[] = []): Update =>
  async ({ change, precondition }, signal) => {
    changes.push(change);
    return (await precondition(signal)) ? answer : fail({ kind: "Refused", diskUri });
  };

const once = (): Update => async () => assert.fail("asked Azure again");

function spec(world: ReconcileWorld): AzVolume["spec"] | undefined {
  return world.volume()?.spec;
}

describe("the modification of a disk", () => {
  it("is made, recorded for its generation, and moves into the spec's disk", () =>
    withControllerPorts(async (world) => {
      await world.given("AzVolume", asked);
      const changes: object[] = [];
      const disk = aDisk({ skuName: "StandardSSD_LRS", tags: { a: "b", team: "storage" } });
      assert.deepEqual(await reconciled(world, answering(ok(disk), changes)), ok({}));
      assert.deepEqual(changes, [modification]);
      const { status } = world.volume() ?? {};
      assert.equal(status?.detail?.skuName, "StandardSSD_LRS");
      assert.deepEqual(status?.modification, {
        requested: modification,
        observedGeneration: 1,
      });
      assert.deepEqual(status?.recentModification, {
        made: modification,
        endTime: "2026-01-01T00:00:00.000Z",
        storeIncarnation: 0,
      });
      const outage = fail({
        kind: "CloudUnavailable",
        code: "InternalError",
        message: "",
        requestId: "",
      } as const);
      assert.deepEqual(await reconciled(world, once(), outage), outage);
      assert.deepEqual(spec(world)?.modification, modification);
      assert.deepEqual(await reconciled(world, once(), ok(disk)), ok({}));
      assert.deepEqual(spec(world)?.disk.tags, { a: "b", team: "storage" });
      assert.deepEqual(
        [spec(world)?.disk.skuName, spec(world)?.modification],
        ["StandardSSD_LRS", undefined],
      );
      assert.deepEqual(await reconciled(world, once()), ok({}));
      assert.equal(world.volume()?.status?.observedGeneration, world.volume()?.metadata.generation);
      const lookMs = 19 * 60_000 - 4_000;
      assert.deepEqual(
        await reconciled(world, once()),
        ok({ requeueAfterMs: lookMs }),
        "it was made 4 s ago",
      );
    }));

  for (const failure of [
    inUse,
    { kind: "CloudRejected", code: "PropertyChangeNotAllowed", message: "no", requestId: "r-1" },
    { kind: "QuotaExceeded", detail: "changes a day" },
  ] as const)
    it(`that ends with ${failure.kind} leaves the spec, whose disk stays as it was`, () =>
      withControllerPorts(async (world) => {
        await world.given("AzVolume", asked);
        assert.deepEqual(await reconciled(world, answering(fail(failure))), ok({}));
        assert.equal(world.volume()?.status?.modification?.error?.kind, failure.kind);
        assert.deepEqual(
          world.emitted.map(({ reason }) => reason),
          ["ModificationFailed"],
        );
        assert.deepEqual(await reconciled(world, once()), ok({}));
        const { modification: _, ...without } = asked.spec;
        assert.deepEqual(spec(world), without);
        assert.deepEqual(await reconciled(world, once()), ok({}));
        assert.equal(world.volume()?.status?.modification?.error?.kind, failure.kind);
      }));

  it("that replicas are in the way of says how long they stay, and what to do", () =>
    withControllerPorts(async (world) => {
      const disk = aDiskSpec({ maxShares: 3 });
      await world.given("AzVolume", { ...asked, spec: { ...asked.spec, disk, maxMountReplicaCount: 2 } });
      await reconciled(world, answering(fail(inUse)));
      const says =
        /start no pod with this volume for 300 s: its replicas are detached so long after.* to vm-a/u;
      assert.match(world.volume()?.status?.modification?.error?.message ?? "", says);
      assert.match(world.emitted[0]?.message ?? "", says);
    }));

  it("shows a conversion until Azure has completed it, read once a minute", () =>
    withControllerPorts(async (world) => {
      await world.given("AzVolume", asked);
      await reconciled(world, answering(ok(aDisk({ skuName: "PremiumV2_LRS", completionPercent: 10 }))));
      assert.equal(world.volume()?.status?.conversion?.percent, 10);
      await reconciled(world, once());
      await reconciled(world, once());
      const look = async (completionPercent: number | undefined): Promise<unknown> => {
        const getDisk: CloudProvisioner["getDisk"] = async () =>
          ok(
            aDisk({
              skuName: "PremiumV2_LRS",
              ...(completionPercent === undefined ? {} : { completionPercent }),
            }),
          );
        const ports = { ...world.ports, cloud: { ...world.ports.cloud, getDisk } };
        const outcome = await world.answerOf(diskReconciler(ports).reconcile("pvc-1", never));
        await world.answerOf(world.clock.sleep(60_000, never));
        return outcome;
      };
      await look(15);
      assert.equal(world.volume()?.status?.conversion?.percent, 10, "too early to ask again");
      assert.deepEqual(await look(60), ok({}));
      assert.match(world.volume()?.status?.conditions[0]?.message ?? "", /60 %/u);
      assert.deepEqual(await look(undefined), ok({}));
      const { status } = world.volume() ?? {};
      assert.deepEqual([status?.conversion, status?.conditions], [undefined, []]);
      assert.deepEqual(
        world.emitted.map(({ reason }) => reason),
        ["Converting", "Converting", "Converted"],
      );
      assert.deepEqual(
        await look(5),
        ok({ requeueAfterMs: 957_000 }),
        "no conversion is known, so none is read",
      );
      assert.equal(world.volume()?.status?.conversion, undefined);
    }));

  it("is tried again after a passing failure", () =>
    withControllerPorts(async (world) => {
      await world.given("AzVolume", asked);
      const throttled = { kind: "Throttled", retryAfterMs: 1_000, detail: "writes" } as const;
      assert.deepEqual(await reconciled(world, answering(fail(throttled))), fail(throttled));
      assert.deepEqual(
        [world.volume()?.status?.error?.kind, world.volume()?.status?.modification],
        ["Throttled", undefined],
      );
      assert.deepEqual(await reconciled(world, answering(ok(aDisk()))), ok({}));
      assert.equal(world.volume()?.status?.error, undefined);
    }));

  it("is not made once another request has replaced it", () =>
    withControllerPorts(async (world) => {
      await world.given("AzVolume", asked);
      const other = { skuName: "Standard_LRS" };
      const replacing: Update = async ({ precondition }, signal) => {
        const present = await world.other.get("AzVolume", "pvc-1", signal);
        assert.ok(present.ok);
        const { spec: before } = present.value;
        await world.other.update(
          "AzVolume",
          { ...present.value, spec: { ...before, modification: other } },
          signal,
        );
        assert.equal(await precondition(signal), false);
        return fail({ kind: "Refused", diskUri });
      };
      assert.deepEqual(await reconciled(world, replacing), fail({ kind: "Refused", diskUri }));
      const changes: object[] = [];
      await reconciled(world, answering(ok(aDisk({ skuName: "Standard_LRS" })), changes));
      assert.deepEqual(changes, [other]);
    }));

  it("shows in the spec what Azure has made of a request that was replaced", () =>
    withControllerPorts(async (world) => {
      await world.given("AzVolume", asked);
      const other = { networkAccessPolicy: "AllowAll" } as const;
      const made = aDisk({ skuName: "StandardSSD_LRS", tags: { a: "b", team: "storage" } });
      const replaced: Update = async ({ precondition }, signal) => {
        assert.equal(await precondition(signal), true);
        const present = await world.other.get("AzVolume", "pvc-1", signal);
        assert.ok(present.ok);
        const { spec: before } = present.value;
        await world.other.update(
          "AzVolume",
          { ...present.value, spec: { ...before, modification: other } },
          signal,
        );
        return ok(made);
      };
      await reconciled(world, replaced);
      assert.deepEqual(spec(world)?.modification, other);
      const rejected = {
        kind: "CloudRejected",
        code: "OperationNotAllowed",
        message: "no",
        requestId: "r",
      } as const;
      await reconciled(world, answering(fail(rejected)));
      await reconciled(world, once(), ok(made));
      assert.equal(spec(world)?.modification, undefined);
      assert.deepEqual(
        [spec(world)?.disk.skuName, spec(world)?.disk.tags],
        ["StandardSSD_LRS", { a: "b", team: "storage" }],
      );
    }));

  it("that Azure has made is in the spec also where the next read is older", () =>
    withControllerPorts(async (world) => {
      const performance = { skuName: "PremiumV2_LRS", diskIOPSReadWrite: 3000, diskMBpsReadWrite: 125 };
      const disk = aDiskSpec({ maxShares: 1, sizeGiB: 128, ...performance });
      const faster = { diskIOPSReadWrite: 8000 };
      await world.given("AzVolume", { ...asked, spec: { ...asked.spec, disk, modification: faster } });
      await reconciled(world, answering(ok(aDisk({ ...performance, ...faster }))));
      await reconciled(world, once(), ok(performance));
      const after = spec(world);
      assert.deepEqual([after?.disk.diskIOPSReadWrite, after?.modification], [8000, undefined]);
      assert.ok(after !== undefined);
      const detail = aDetail({ maxShares: 1, sizeGiB: 128, skuName: "PremiumV2_LRS" });
      const next = { detail, disk: after.disk };
      assert.deepEqual(checkModification({ diskMBpsReadWrite: 1000 }, next), ok(undefined));
    }));

  it("ends where the disk is gone", () =>
    withControllerPorts(async (world) => {
      await world.given("AzVolume", asked);
      await reconciled(world, answering(fail(inUse)));
      assert.deepEqual(await reconciled(world, once(), fail({ kind: "DiskNotFound", diskUri })), ok({}));
      assert.equal(spec(world)?.modification, undefined);
    }));

  it("keeps a request that replaced one whose end is recorded late", () =>
    withControllerPorts(async (world) => {
      await world.given("AzVolume", asked);
      await reconciled(world, answering(ok(aDisk({ skuName: "StandardSSD_LRS" }))));
      world.store.holdWatches(true);
      const present = await world.other.get("AzVolume", "pvc-1", never);
      assert.ok(present.ok);
      const other = { skuName: "Standard_LRS" };
      await world.other.update(
        "AzVolume",
        { ...present.value, spec: { ...present.value.spec, modification: other } },
        never,
      );
      assert.deepEqual(await reconcile(world, once()), ok({}));
      assert.deepEqual(spec(world)?.modification, other);
    }));

  it("is not made for a volume that is being deleted", () =>
    withControllerPorts(async (world) => {
      await world.given("AzVolume", asked);
      const deleting: Update = async ({ precondition }, signal) => {
        await world.other.delete("AzVolume", "pvc-1", {}, signal);
        assert.equal(await precondition(signal), false);
        return fail({ kind: "Refused", diskUri });
      };
      assert.deepEqual(await reconcile(world, deleting), fail({ kind: "Refused", diskUri }));
    }));
});
