import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { AzVolume } from "../../../core/api/az-volume.ts";
import { VOLUME_FINALIZER } from "../../../core/api/finalizers.ts";
import { fail, ok } from "../../../core/failure/result.ts";
import {
  aDetail,
  aDiskSpec,
  agoMs,
  anObservedVolume,
  aVolume,
  diskUri,
} from "../../../core/testing/objects.ts";
import { whySourceIsKept } from "../../../core/volume/copies/copy-progress.ts";
import { planDisk } from "../../../core/volume/plan-disk.ts";
import type { CloudProvisioner, DiskFacts } from "../../../ports/cloud/cloud-provisioner.ts";
import { type ReconcileWorld, withControllerPorts } from "../../testing/a-controller.ts";
import { aDisk } from "../../testing/a-disk.ts";
import { diskReconciler } from "../disk-reconciler.ts";
import { driverTags } from "../disk-tags.ts";

const never = new AbortController().signal;
const MINUTE_MS = 60_000;
const sourceUri = diskUri.replace("/disks/pvc-1", "/snapshots/backup");
const disk = aDiskSpec({ sourceUri });
const made = aDisk({ sourceUri, completionPercent: 0, skuName: "PremiumV2_LRS" });
const { completionPercent: _, ...complete } = made;

/** Reconciles on an Azure that shows the disk so, and then lets a minute pass. */
async function reconcile(
  world: ReconcileWorld,
  shown: DiskFacts,
  cloud: Partial<CloudProvisioner> = {},
): Promise<unknown> {
  const tags = driverTags(world.volume() ?? assert.fail("no volume"), "cluster-1");
  const answer = async (): ReturnType<CloudProvisioner["getDisk"]> => ok({ ...shown, tags });
  const azure = { ...world.ports.cloud, createDisk: answer, getDisk: answer, ...cloud };
  const outcome = await world.answerOf(
    diskReconciler({ ...world.ports, cloud: azure }).reconcile("pvc-1", never),
  );
  await world.answerOf(world.clock.sleep(MINUTE_MS, never));
  return outcome;
}

/** A volume that Azure fills, as CreateVolume has made it. */
async function givenCopy(
  world: ReconcileWorld,
  changes: Partial<AzVolume["spec"]> = {},
  shown: DiskFacts = made,
): Promise<void> {
  const status = { state: "Pending", detail: undefined, record: undefined } as const;
  await world.given("AzVolume", aVolume({ spec: { disk, ...changes }, status }));
  await reconcile(world, shown);
}

describe("a copy that Azure fills in the background", () => {
  it("is recorded at once, read each minute, and reported until it is complete", () =>
    withControllerPorts(async (world) => {
      await givenCopy(world);
      const { status } = world.volume() ?? {};
      assert.deepEqual(
        [status?.state, status?.detail?.diskUri, status?.copy !== undefined, status?.copy?.percent],
        ["Created", diskUri, true, undefined],
      );
      for (const completionPercent of [15, 60]) await reconcile(world, { ...made, completionPercent });
      assert.match(world.volume()?.status?.conditions[0]?.message ?? "", /has copied 60 %/u);
      await reconcile(world, complete);
      assert.deepEqual([world.volume()?.status?.copy, world.volume()?.status?.conditions], [undefined, []]);
      assert.deepEqual(
        world.emitted.map(({ reason }) => reason),
        ["Copying", "Copying", "Copied"],
      );
      await reconcile(world, { ...made, completionPercent: 5 });
      assert.equal(world.volume()?.status?.copy, undefined, "one that is complete is not read again");
    }));

  it("is not reported where it is complete at the first look, and kept until then", () =>
    withControllerPorts(async (world) => {
      await givenCopy(world, {}, complete);
      const known = world.volume() ?? assert.fail("no volume");
      assert.equal(whySourceIsKept(known, sourceUri)?.kind, "SourceBeingCopied");
      assert.deepEqual(planDisk(anObservedVolume({ volume: known, nowMs: world.ports.clock.nowMs() })), {
        kind: "ReadCopy",
        diskUri,
      });
      await reconcile(world, complete);
      assert.equal(world.volume()?.status?.copy, undefined);
      assert.deepEqual(world.emitted, []);
    }));

  it("is not looked at where Azure shows the new disk as complete", () =>
    withControllerPorts(async (world) => {
      await givenCopy(world, {}, { ...complete, isShownComplete: true });
      assert.deepEqual([world.volume()?.status?.copy, world.emitted], [undefined, []]);
    }));

  it("is reported where Azure shows its percentage only after the disk is made", () =>
    withControllerPorts(async (world) => {
      await givenCopy(world, {}, complete);
      for (const shown of [{ ...made, completionPercent: 5 }, complete]) await reconcile(world, shown);
      assert.deepEqual(
        world.emitted.map(({ reason }) => reason),
        ["Copying", "Copied"],
      );
    }));

  it("needs its source until its disk is gone for a while: a read may be older", () =>
    withControllerPorts(async (world) => {
      await givenCopy(world);
      await reconcile(world, { ...made, completionPercent: 15 });
      const gone = { getDisk: async () => fail({ kind: "DiskNotFound", diskUri } as const) };
      const kept = (): string | undefined =>
        whySourceIsKept(world.volume() ?? assert.fail("no volume"), sourceUri)?.kind;
      assert.deepEqual(await reconcile(world, made, gone), fail({ kind: "DiskNotFound", diskUri }));
      assert.equal(kept(), "SourceBeingCopied");
      for (let read = 0; read < 9; read += 1) await reconcile(world, made, gone);
      assert.equal(kept(), undefined);
      assert.deepEqual(
        [world.volume()?.status?.conditions, world.emitted.map(({ reason }) => reason)],
        [[], ["Copying"]],
      );
    }));

  it("needs its source until then, and no longer, also where a clock was ahead", () =>
    withControllerPorts(async (world) => {
      await givenCopy(world);
      const { status, ...volume } = world.volume() ?? assert.fail("no volume");
      const copy = { ...(status?.copy ?? assert.fail("no copy")), since: "2126-01-01T00:00:00.000Z" };
      const ahead = { ...volume, status: { ...(status ?? assert.fail("no status")), copy } };
      assert.ok((await world.answerOf(world.ports.store.updateStatus("AzVolume", ahead, never))).ok);
      const gone = { getDisk: async () => fail({ kind: "DiskNotFound", diskUri } as const) };
      for (const _ of Array.from({ length: 10 })) {
        assert.deepEqual(await reconcile(world, made, gone), fail({ kind: "DiskNotFound", diskUri }));
        assert.ok(world.volume()?.status?.copy !== undefined);
      }
      await reconcile(world, made, gone);
      assert.equal(world.volume()?.status?.copy, undefined);
    }));

  it("is reported once as failed, and read on: a later change may have failed", () =>
    withControllerPorts(async (world) => {
      await givenCopy(world);
      for (let read = 0; read < 2; read += 1) await reconcile(world, { ...made, state: "Failed" });
      assert.equal(world.volume()?.status?.copy?.failedState, "Failed");
      await reconcile(world, { ...made, completionPercent: 30 });
      assert.deepEqual(
        world.emitted.map(({ reason }) => reason),
        ["CopyFailed", "Copying"],
      );
    }));

  it("is read behind all calls for which a pod may wait", () =>
    withControllerPorts(async (world) => {
      await givenCopy(world);
      const lanes: unknown[] = [];
      await reconcile(world, made, {
        getDisk: async ({ lane }) => {
          lanes.push(lane);
          return ok(made);
        },
      });
      assert.deepEqual(lanes, ["tag"]);
    }));

  it("is no conversion where the disk is modified", () =>
    withControllerPorts(async (world) => {
      await givenCopy(world);
      const volume = world.volume() ?? assert.fail("no volume");
      const { metadata, spec, status } = volume;
      await world.other.update(
        "AzVolume",
        { metadata, spec: { ...spec, modification: { diskIOPSReadWrite: 4000 } }, ...(status && { status }) },
        never,
      );
      await world.answerOf(world.clock.sleep(1, never));
      const modified = { ...made, completionPercent: 50, diskIOPSReadWrite: 4000 };
      await reconcile(world, modified, { updateDisk: async () => ok(modified) });
      assert.notEqual(world.volume()?.status?.modification, undefined);
      assert.equal(world.volume()?.status?.conversion, undefined);
      assert.notEqual(world.volume()?.status?.copy, undefined);
    }));

  it("keeps the disk of its source although DeleteVolume has marked that", () =>
    withControllerPorts(async (world) => {
      const source = diskUri.replace("pvc-1", "source");
      const ofSource = { metadata: { name: "source", finalizers: [VOLUME_FINALIZER] } };
      const doomed = aVolume({
        metadata: { ...ofSource.metadata, deletionTimestamp: agoMs(0) },
        spec: { deleteRequested: true },
        status: { detail: aDetail({ diskUri: source }) },
      });
      await world.given("AzVolume", doomed);
      await givenCopy(world, { disk: aDiskSpec({ sourceUri: source }) });
      const deletion = (): Promise<unknown> =>
        world.answerOf(diskReconciler(world.ports).reconcile("source", never));
      world.disks.add(source);
      const error = (): string | undefined =>
        world.ports.cache.get("AzVolume", "source")?.status?.error?.kind;
      await deletion();
      assert.deepEqual([world.disks.has(source), error()], [true, "SourceBeingCopied"]);
      await reconcile(world, complete);
      await deletion();
      assert.deepEqual([world.disks.has(source), error()], [false, undefined]);
    }));
});
