import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { LIMIT_MS } from "../../adapters/virtual/testing/settled-on.ts";
import type { AttachmentStatus, AzVolumeAttachment } from "../../core/api/az-volume-attachment.ts";
import type { AzVolume, VolumeStatus, WriterRecord } from "../../core/api/az-volume.ts";
import { ATTACHMENT_FINALIZER } from "../../core/api/finalizers.ts";
import { nodeLabel } from "../../core/api/node-labels.ts";
import { attachmentObjectName } from "../../core/api/object-names.ts";
import { formatDiskUri } from "../../core/azure/ids/disk-uri.ts";
import { fail, ok, type Result } from "../../core/failure/result.ts";
import {
  aDetail,
  anAttachment,
  aPod,
  aRecord,
  aReplica,
  attachmentName,
  aVolume,
  aVolumeWithRecord,
  aWriter,
  diskUri,
  identity,
  instanceUriOf,
  leaving,
} from "../../core/testing/objects.ts";
import { type RecordChanges, changedRecord } from "../../core/testing/record-lists.ts";
import { planDisk } from "../../core/volume/plan-disk.ts";
import { beginFence, distrust, newRecord } from "../../core/writer/record/writer-steps.ts";
import { requestWriter } from "../../objects/writer-request.ts";
import type { CloudProvisioner } from "../../ports/cloud/cloud-provisioner.ts";
import type { Logger } from "../../ports/logger.ts";
import { diskReconciler } from "../disk/disk-reconciler.ts";
import { mayCompleteDetach } from "../fencing/foreign-detach.ts";
import { observeVolume } from "../observe-volume.ts";
import { type ReconcileWorld, withControllerPorts } from "../testing/a-controller.ts";
import { aDisk } from "../testing/a-disk.ts";
import { aDriverNode } from "../testing/a-driver-node.ts";
import { anInstance } from "../testing/an-instance.ts";
import { recordedCalls } from "../testing/recorded-calls.ts";
import { removeVolume } from "../testing/remake-volume.ts";
import { removeLabels } from "../testing/remove-labels.ts";
import { attachmentReconciler } from "./attachment-reconciler.ts";
import { detach } from "./removal/detach.ts";
import { resetAttachment } from "./removal/reset-attachment.ts";

const never = new AbortController().signal;
const a = identity("node-a");
const b = identity("node-b");
const metadata = { finalizers: [ATTACHMENT_FINALIZER] };
const otherUri = formatDiskUri({ subscriptionId: "sub-1", resourceGroup: "rg-1", diskName: "pvc-2" });
const run = (world: ReconcileWorld): Promise<unknown> => runOn(world, {});

/** Reconciles on an Azure with some methods replaced. */
function runOn(world: ReconcileWorld, cloud: Partial<CloudProvisioner>): Promise<unknown> {
  const ports = { ...world.ports, cloud: { ...world.ports.cloud, ...cloud } };
  return world.answerOf(attachmentReconciler(ports).reconcile(attachmentName("node-a"), never));
}

/** Changes the volume's status without the controller's cache, as another client does. */
async function setStatus(
  world: ReconcileWorld,
  change: (status: VolumeStatus) => AzVolume["status"],
): Promise<void> {
  const read = await world.other.get("AzVolume", aVolume().metadata.name, never);
  const { status: before, ...volume } = read.ok ? read.value : assert.fail("no volume");
  const status = before === undefined ? undefined : change(before);
  const written = await world.other.updateStatus(
    "AzVolume",
    { ...volume, ...(status === undefined ? {} : { status }) },
    never,
  );
  assert.ok(written.ok);
}

async function read<T>(call: Promise<Result<T, unknown>>): Promise<{ readonly value: T }> {
  const result = await call;
  return result.ok ? result : assert.fail(JSON.stringify(result));
}

const givenNode = (world: ReconcileWorld): Promise<void> =>
  world.given("AzDriverNode", aDriverNode("node-a"));

/** In a world with node-a. */
function withNode(act: (world: ReconcileWorld) => Promise<void>): Promise<void> {
  return withControllerPorts(async (world) => {
    await givenNode(world);
    await act(world);
  });
}

/** Removes an attachment for good, as `kubectl` does when it removes the finalizer. */
async function erase(world: ReconcileWorld): Promise<void> {
  await world.other.delete("AzVolumeAttachment", attachmentName("node-a"), {}, never);
  const present = await world.other.get("AzVolumeAttachment", attachmentName("node-a"), never);
  assert.ok(present.ok);
  await world.other.update(
    "AzVolumeAttachment",
    { ...present.value, metadata: { ...present.value.metadata, finalizers: [] } },
    never,
  );
}

/**
 * Removes an attachment for good and recreates it under its name, as an unpublish and a publish in quick
 * succession do.
 */
async function recreated(world: ReconcileWorld): Promise<void> {
  await erase(world);
  const made = await world.other.create(
    "AzVolumeAttachment",
    {
      metadata: { name: attachmentName("node-a"), finalizers: [ATTACHMENT_FINALIZER] },
      spec: anAttachment("node-a").spec,
    },
    never,
  );
  assert.ok(made.ok);
}

describe("attachmentReconciler", () => {
  it("gives an attachment the labels back by which its node sees it", () =>
    withNode(async (world) => {
      await world.given("AzVolume", aVolumeWithRecord({ writer: aWriter("node-a") }));
      await world.given("AzVolumeAttachment", anAttachment("node-a"));
      const { labels } = world.attachment("node-a")?.metadata ?? assert.fail("no attachment");
      await removeLabels(world, "node-a");
      await run(world);
      assert.deepEqual(world.attachment("node-a")?.metadata.labels, labels);
      const { resourceVersion } = world.attachment("node-a")?.metadata ?? assert.fail("no attachment");
      await run(world);
      assert.equal(world.attachment("node-a")?.metadata.resourceVersion, resourceVersion);
    }));

  it("delays a refused attach also where its node has written no time of its request", () =>
    withNode(async (world) => {
      await world.given("AzVolume", aVolumeWithRecord({ writer: aWriter("node-a", { held: false }) }));
      const spec = { writerRequest: { since: "soon" } };
      await world.given("AzVolumeAttachment", anAttachment("node-a", { spec, status: undefined }));
      const rejected = { kind: "CloudRejected", code: "NoSuchThing", message: "no", requestId: "" } as const;
      const refusing = { attachDisk: async () => fail(rejected) };
      for (const requeueAfterMs of [15_000, 30_000])
        assert.deepEqual(await runOn(world, refusing), ok({ requeueAfterMs }));
    }));

  it("carries out what is planned for an attachment that takes no labels", () =>
    withNode(async (world) => {
      await world.given("AzVolume", aVolumeWithRecord({ writer: aWriter("node-a", { held: false }) }));
      await world.given("AzVolumeAttachment", anAttachment("node-a", { status: undefined }));
      await removeLabels(world, "node-a");
      const refused = {
        kind: "ObjectInvalid",
        objectKind: "AzVolumeAttachment",
        name: "",
        problem: "",
      } as const;
      const store: ReconcileWorld["store"] = { ...world.store, update: async () => fail(refused) };
      const reconciler = attachmentReconciler({ ...world.ports, store });
      assert.deepEqual(
        await world.answerOf(reconciler.reconcile(attachmentName("node-a"), never)),
        fail(refused),
      );
      assert.equal(world.attachment("node-a")?.status?.state, "Attached");
    }));

  for (const [role, record] of [
    ["Primary", { writer: aWriter("node-a", { held: false }) }],
    ["Replica", {}],
  ] as const)
    it(`attaches the disk, and says in one write where and as which role: ${role}`, () =>
      withNode(async (world) => {
        await world.given("AzVolume", aVolumeWithRecord(record));
        await world.given("AzVolumeAttachment", anAttachment("node-a", { status: undefined }));
        assert.deepEqual(await run(world), { ok: true, value: {} });
        assert.deepEqual(world.attachment("node-a")?.status, {
          state: "Attached",
          role,
          vmId: a.vmId,
          instanceUri: a.instanceUri,
          lun: 0,
        });
      }));

  it("records no role where the node becomes unverified while the disk is attached", () =>
    withNode(async (world) => {
      await world.given("AzVolume", aVolumeWithRecord({}));
      await world.given("AzVolumeAttachment", anAttachment("node-a", { status: undefined }));
      await runOn(world, {
        attachDisk: async () => {
          await world.setRecord((record) => changedRecord(record, { unverified: [a] }));
          return ok({ lun: 0 });
        },
      });
      assert.deepEqual(world.attachment("node-a")?.status, {
        state: "Attached",
        vmId: a.vmId,
        instanceUri: a.instanceUri,
        lun: 0,
      });
    }));

  for (const writeAcceleratorEnabled of [undefined, false, true])
    it(`attaches as the spec says: writeAcceleratorEnabled is ${writeAcceleratorEnabled}`, () =>
      withNode(async (world) => {
        const volume = aVolumeWithRecord({});
        const spec = {
          ...volume.spec,
          ...(writeAcceleratorEnabled === undefined ? {} : { writeAcceleratorEnabled }),
        };
        await world.given("AzVolume", { ...volume, spec });
        await world.given("AzVolumeAttachment", anAttachment("node-a", { status: undefined }));
        const asked: unknown[] = [];
        await runOn(world, {
          attachDisk: async ({ writeAccelerator }) => {
            asked.push(writeAccelerator);
            return ok({ lun: 0 });
          },
        });
        assert.deepEqual(asked, [writeAcceleratorEnabled === true]);
      }));

  it("attaches with the host cache that volume and PersistentVolume state", () =>
    withNode(async (world) => {
      const { spec: ofVolume, status, ...volume } = aVolumeWithRecord({});
      assert.ok(status?.detail !== undefined);
      await world.given("AzVolume", {
        ...volume,
        spec: { ...ofVolume, cachingMode: "ReadWrite" },
        status: { ...status, detail: { ...status.detail, maxShares: 1 } },
      });
      const attachment = anAttachment("node-a", { status: undefined });
      const spec = { ...attachment.spec, volumeContext: { writeAcceleratorEnabled: "true" } };
      await world.given("AzVolumeAttachment", { ...attachment, spec });
      const asked: unknown[] = [];
      await runOn(world, {
        attachDisk: async ({ cachingMode, writeAccelerator }) => {
          asked.push(cachingMode, writeAccelerator);
          return ok({ lun: 0 });
        },
      });
      assert.deepEqual(asked, ["ReadOnly", true]);
    }));

  it("attaches the disk of an AzVolume that is being deleted by hand", () =>
    withNode(async (world) => {
      await world.given("AzVolume", aVolumeWithRecord({}));
      await world.given("AzVolumeAttachment", anAttachment("node-a", { status: undefined }));
      await world.markDeleted("AzVolume", "pvc-1");
      await run(world);
      assert.deepEqual(
        [world.attachment("node-a")?.status?.state, world.attachedTo.has("node-a")],
        ["Attached", true],
      );
    }));

  it("force-detaches a hanging detach only if the record, as it is then, allows it", () =>
    withNode(async (world) => {
      await world.given("AzVolume", aVolumeWithRecord({ writer: aWriter("node-a", { held: false }) }));
      await world.given("AzVolumeAttachment", anAttachment("node-a", { status: undefined }));
      const answers: unknown[] = [];
      await runOn(world, {
        attachDisk: async ({ forcePrecondition }) => {
          answers.push(await forcePrecondition?.(never));
          await setStatus(world, (status) => ({
            ...status,
            record: { ...newRecord(0), writer: aWriter("node-a") },
          }));
          answers.push(await forcePrecondition?.(never));
          await setStatus(world, ({ record: _, ...status }) => status);
          answers.push(await forcePrecondition?.(never));
          return fail({ kind: "NoFreeLun", nodeName: "node-a", lunsMax: 8 });
        },
      });
      assert.deepEqual(answers, [true, false, false]);
    }));

  it("reattaches a disk that was detached from its writer, and reports it", () =>
    withNode(async (world) => {
      await world.given("AzVolume", aVolumeWithRecord({ writer: aWriter("node-a") }));
      await world.given(
        "AzVolumeAttachment",
        anAttachment("node-a", { metadata, status: { deviceMissing: true } }),
      );
      await run(world);
      assert.deepEqual(
        [world.attachedTo.has("node-a"), world.attachment("node-a")?.status?.deviceMissing],
        [true, undefined],
      );
      assert.deepEqual(
        world.emitted.map(({ reason }) => reason),
        ["DiskLost", "Attached"],
      );
    }));

  // A node asks for the look-up whenever it finds a file system that the record does not name: of every copy.
  for (const [isThere, lun, emitted] of [
    ["where it was", 0, ["Attached"]],
    ["at another LUN", 3, ["DiskLost", "Attached"]],
  ] as const)
    it(`reports to a writer what its node misses while Azure lists the disk ${isThere}`, () =>
      withNode(async (world) => {
        await world.given("AzVolume", aVolumeWithRecord({ writer: aWriter("node-a") }));
        await world.given(
          "AzVolumeAttachment",
          anAttachment("node-a", { metadata, status: { lun: 0, deviceMissing: true } }),
        );
        // A disk that the VM lists is answered without a write, and so without the precondition.
        await runOn(world, { attachDisk: async () => ok({ lun }) });
        const { status } = world.attachment("node-a") ?? {};
        assert.deepEqual([status?.state, status?.lun, status?.deviceMissing], ["Attached", lun, undefined]);
        assert.deepEqual(
          world.emitted.map(({ reason }) => reason),
          emitted,
        );
      }));

  it("reads the size of a disk that its node finds of another size", () =>
    withNode(async (world) => {
      await world.given("AzVolume", aVolumeWithRecord({ writer: aWriter("node-a") }));
      await world.given(
        "AzVolumeAttachment",
        anAttachment("node-a", { metadata, status: { lun: 0, deviceMissing: true } }),
      );
      const attachDisk = async () => ok({ lun: 0 });
      const throttled = fail({ kind: "Throttled", retryAfterMs: 1_000, detail: "later" } as const);
      const shown = () => [
        world.volume()?.status?.detail?.sizeGiB,
        world.attachment("node-a")?.status?.deviceMissing,
      ];
      await runOn(world, { attachDisk, getDisk: async () => throttled });
      assert.deepEqual(shown(), [10, true]);
      await runOn(world, { attachDisk, getDisk: async () => ok(aDisk({ diskUri, sizeGiB: 20 })) });
      assert.deepEqual(shown(), [20, undefined]);
    }));

  for (const { because, maxShares, pods } of [
    { because: "a shared disk, while a pod waits", maxShares: 2, pods: [aPod()] },
    { because: "a disk of one VM, after a refusal", maxShares: 1, pods: [] },
  ])
    it(`has a node take a size that Azure has not confirmed: ${because}`, () =>
      withNode(async (world) => {
        const { spec, status } = aVolumeWithRecord({ writer: aWriter("node-a") });
        const asked = { ...spec, maxMountReplicaCount: 0, disk: { ...spec.disk, sizeGiB: 20, maxShares } };
        const detail = aDetail({ maxShares });
        const failed: CloudProvisioner["getDisk"] = async () =>
          ok(aDisk({ diskUri, maxShares, sizeGiB: 20, state: "Failed" }));
        await world.given("AzVolume", aVolume({ spec: asked, status: { ...status, detail } }));
        await world.given(
          "AzVolumeAttachment",
          anAttachment("node-a", { metadata, status: { lun: 0, deviceMissing: true } }),
        );
        let growths = 0;
        const resizeDisk: CloudProvisioner["resizeDisk"] = async () => {
          growths += 1;
          return fail({ kind: "DiskInUse", diskUri, attachedTo: ["vm-a"] });
        };
        const users = { ...world.ports.users, cachedPods: () => pods };
        const ports = { ...world.ports, users, cloud: { ...world.ports.cloud, resizeDisk } };
        const planned = (): unknown => {
          const observed = observeVolume(ports, "pvc-1");
          return observed === undefined ? assert.fail("no volume") : planDisk(observed);
        };
        await world.answerOf(diskReconciler(ports).reconcile("pvc-1", never));
        assert.ok(await world.clock.runUntil(() => planned() === undefined, LIMIT_MS), "no growth follows");
        assert.equal(growths, maxShares === 1 ? 1 : 0);
        await runOn(world, { attachDisk: async () => ok({ lun: 0 }), getDisk: failed });
        const { state, deviceMissing } = world.attachment("node-a")?.status ?? {};
        const { sizeGiB, unconfirmedGiB } = world.volume()?.status?.detail ?? {};
        assert.deepEqual([state, deviceMissing, sizeGiB, unconfirmedGiB], ["Attached", undefined, 10, 20]);
        assert.equal(planned(), undefined, "the node need not wait for a growth");
      }));

  it("reports the loss of a disk that another VM has by now, though none is attached", () =>
    withNode(async (world) => {
      await world.given("AzVolume", aVolumeWithRecord({ writer: aWriter("node-a") }));
      await world.given(
        "AzVolumeAttachment",
        anAttachment("node-a", { metadata, status: { lun: 0, deviceMissing: true } }),
      );
      const diskUri = anAttachment("node-a").spec.volumeId;
      await runOn(world, {
        attachDisk: async () => fail({ kind: "DiskAttachedElsewhere", diskUri, attachedTo: ["other"] }),
      });
      assert.ok(world.emitted.some(({ reason }) => reason === "DiskLost"));
    }));

  it("looks up a missing disk in Azure at once, and then every ten seconds", () =>
    withNode(async (world) => {
      await world.given("AzVolume", aVolumeWithRecord({ writer: aWriter("node-b") }));
      await world.given(
        "AzVolumeAttachment",
        aReplica("node-a", { metadata, status: { deviceMissing: true } }),
      );
      const reconciler = attachmentReconciler(world.ports);
      const lookUps: number[] = [];
      for (const afterMs of [0, 4_000, 10_000]) {
        await world.clock.advance(afterMs);
        const present = world.attachment("node-a");
        assert.ok(present?.status !== undefined);
        await world.answerOf(
          world.other.updateStatus(
            "AzVolumeAttachment",
            { ...present, status: { ...present.status, deviceMissing: true } },
            never,
          ),
        );
        await world.answerOf(
          world.ports.cache.waitUntil(
            "AzVolumeAttachment",
            attachmentName("node-a"),
            (seen) => seen?.status?.deviceMissing === true,
            LIMIT_MS,
            never,
          ),
        );
        await world.answerOf(reconciler.reconcile(attachmentName("node-a"), never));
        lookUps.push(world.steps.filter((step) => step === "attach").length);
      }
      assert.deepEqual(lookUps, [1, 1, 2]);
    }));

  it("does not set Attached for a node that was fenced concurrently", () =>
    withNode(async (world) => {
      await world.given("AzVolume", aVolumeWithRecord({}));
      await world.given("AzVolumeAttachment", anAttachment("node-a", { status: undefined }));
      world.during.attachDisk = async () => {
        await resetAttachment(world.other, { diskUri, node: a }, never);
      };
      await run(world);
      assert.equal(world.attachment("node-a")?.status?.state, "Pending");
    }));

  it("promotes no replica whose disk was off, and had to be attached again", () =>
    withNode(async (world) => {
      await world.given("AzVolume", aVolumeWithRecord({ writer: aWriter("node-a", { held: false }) }));
      await world.given("AzVolumeAttachment", anAttachment("node-a", { status: { role: "Replica" } }));
      await read(resetAttachment(world.other, { diskUri, node: a, proof: "entryGone" }, never));
      const shows = (): string | undefined =>
        world.ports.cache.get("AzVolumeAttachment", attachmentName("node-a"))?.status?.state;
      await world.until(() => shows() === "Pending");
      await run(world);
      await run(world);
      const { state, role } = world.attachment("node-a")?.status ?? {};
      assert.deepEqual([state, role, world.attachedTo.has("node-a")], ["Attached", "Primary", true]);
      assert.deepEqual(
        world.emitted.map(({ reason }) => reason),
        ["Attached"],
      );
    }));

  it("leaves a recreated attachment alone while the cache still shows the old one", () =>
    withNode(async (world) => {
      await world.given("AzVolume", aVolumeWithRecord({}));
      await world.given("AzVolumeAttachment", leaving(aReplica("node-a", { metadata })));
      world.attachedTo.add("node-a");
      world.store.holdWatches(true);
      await recreated(world);
      await run(world);
      assert.deepEqual([...world.attachedTo], ["node-a"]);
      assert.deepEqual(world.attachment("node-a")?.metadata.finalizers, [ATTACHMENT_FINALIZER]);
      assert.equal(world.attachment("node-a")?.status, undefined);
    }));

  it("detaches what is being deleted, and removes the object", () =>
    withNode(async (world) => {
      await world.given("AzVolume", aVolumeWithRecord({ writer: aWriter("node-b") }));
      await world.given("AzVolumeAttachment", leaving(aReplica("node-a", { metadata })));
      world.attachedTo.add("node-a");
      await run(world);
      assert.deepEqual([[...world.attachedTo], world.attachment("node-a")], [[], undefined]);
    }));

  /** An attachment that is being deleted; returns how to restore a backup from before that. */
  async function givenDeletion(
    world: ReconcileWorld,
    record: Parameters<typeof aVolumeWithRecord>[0],
  ): Promise<() => void> {
    await givenNode(world);
    await world.given("AzVolume", aVolumeWithRecord(record));
    await world.given("AzVolumeAttachment", aReplica("node-a", { metadata }));
    world.attachedTo.add("node-a");
    const putBack = world.backUp();
    await world.markDeleted("AzVolumeAttachment", attachmentName("node-a"));
    return putBack;
  }

  it("keeps the finalizer when a restored backup reverts a deletion during detach", () =>
    withControllerPorts(async (world) => {
      const putBack = await givenDeletion(world, { writer: aWriter("node-b") });
      await runOn(world, {
        detachDisk: async ({ precondition }, signal) => {
          assert.ok(await precondition(signal));
          putBack();
          return ok(undefined);
        },
      });
      const kept = world.attachment("node-a");
      assert.deepEqual(
        [kept?.metadata.finalizers, kept?.metadata.deletionTimestamp, kept?.status],
        [[ATTACHMENT_FINALIZER], undefined, { state: "Pending" }],
      );
    }));

  it("marks no detach of an attachment whose deletion the cache alone shows", () =>
    withControllerPorts(async (world) => {
      const putBack = await givenDeletion(world, {});
      putBack();
      assert.deepEqual(await run(world), {
        ok: false,
        failure: { kind: "Refused", diskUri, nodeName: "node-a" },
      });
      assert.equal(world.attachment("node-a")?.status?.state, "Attached");
      assert.deepEqual([...world.attachedTo], ["node-a"]);
    }));

  it("marks a detach and then asks the record, in three calls of the store", () =>
    withControllerPorts(async (world) => {
      await givenDeletion(world, {});
      const calls: string[] = [];
      const recorded = recordedCalls(world.ports.store, calls);
      // The removal of the object is no part of it.
      const store = { ...recorded, update: world.ports.store.update };
      const seen: unknown[] = [];
      const cloud: CloudProvisioner = {
        ...world.ports.cloud,
        detachDisk: async ({ precondition }, signal) => {
          const before = world.attachment("node-a")?.status?.state;
          const answered = await precondition(signal);
          seen.push(before, answered, world.attachment("node-a")?.status?.state, [...calls]);
          return ok(undefined);
        },
      };
      await world.answerOf(
        attachmentReconciler({ ...world.ports, cloud, store }).reconcile(attachmentName("node-a"), never),
      );
      const expected = ["updateStatus AzVolumeAttachment", "get AzVolume", "get Lease"];
      assert.deepEqual(seen, ["Attached", true, "Detaching", expected]);
      assert.equal(world.attachment("node-a"), undefined);
      assert.deepEqual(calls, expected);
    }));

  it("leaves an attachment as it was where the record refuses the detach by then", () =>
    withControllerPorts(async (world) => {
      await givenDeletion(world, {});
      world.during.detachDisk = () => world.setRecord((record) => ({ ...record, writer: aWriter("node-a") }));
      assert.deepEqual(await run(world), {
        ok: false,
        failure: { kind: "Refused", diskUri, nodeName: "node-a" },
      });
      assert.deepEqual([...world.attachedTo], ["node-a"]);
      assert.equal(world.attachment("node-a")?.status?.state, "Attached");
    }));

  it("sends no detach from a node that acquires the volume just before the mark", () =>
    withControllerPorts(async (world) => {
      await givenDeletion(world, {});
      const store: typeof world.ports.store = {
        ...world.ports.store,
        updateStatus: async (kind, object, signal) => {
          // The node reads its attachment after this, and finds the disk attached.
          if (kind === "AzVolumeAttachment")
            await world.setRecord((record) => ({ ...record, writer: aWriter("node-a") }));
          return world.ports.store.updateStatus(kind, object, signal);
        },
      };
      const answer = await world.answerOf(
        attachmentReconciler({ ...world.ports, store }).reconcile(attachmentName("node-a"), never),
      );
      assert.deepEqual(answer, { ok: false, failure: { kind: "Refused", diskUri, nodeName: "node-a" } });
      assert.deepEqual([...world.attachedTo], ["node-a"]);
      // Its next plan takes the mark back, and the one after that recreates the object.
      assert.equal(world.attachment("node-a")?.status?.state, "Detaching");
      const { uid } = world.attachment("node-a")?.metadata ?? {};
      const dataDisks = [{ diskUri, lun: 0, beingDetached: false }];
      await runOn(world, { inspectInstance: async () => ok(anInstance("node-a", { dataDisks })) });
      assert.equal(world.attachment("node-a")?.status?.state, "Attached");
      await run(world);
      assert.notEqual(world.attachment("node-a")?.metadata.uid, uid);
      await run(world);
      assert.equal(world.attachment("node-a")?.status?.state, "Attached");
      assert.deepEqual([...world.attachedTo], ["node-a"]);
    }));

  it("says that a detach has not begun where it fails before its mark", () =>
    withControllerPorts(async (world) => {
      await givenDeletion(world, {});
      const before = world.attachment("node-a")?.status;
      const kind = "CloudUnavailable";
      const unread = { kind, code: "HTTP503", message: "the VM can't be read", requestId: "" } as const;
      assert.deepEqual(await runOn(world, { detachDisk: async () => fail(unread) }), fail(unread));
      const { error, ...status } = world.attachment("node-a")?.status ?? {};
      assert.deepEqual([status, error?.kind], [before, kind], "there is nothing to take back");
      const [{ reason, message } = {}] = world.emitted;
      assert.equal(reason, "DetachFailed");
      assert.match(message ?? "", /^detach from node-a has not begun: /);
    }));

  it("asks the record about a disk that is off already, and marks nothing", () =>
    withControllerPorts(async (world) => {
      await givenDeletion(world, {});
      world.attachedTo.delete("node-a");
      const calls: string[] = [];
      const recorded = recordedCalls(world.ports.store, calls);
      const store = { ...recorded, updateStatus: () => assert.fail("a mark") };
      const cloud: CloudProvisioner = { ...world.ports.cloud, detachDisk: async () => ok(undefined) };
      await world.answerOf(
        attachmentReconciler({ ...world.ports, cloud, store }).reconcile(attachmentName("node-a"), never),
      );
      assert.deepEqual(calls, ["get AzVolume", "get Lease", "update AzVolumeAttachment"]);
      assert.equal(world.attachment("node-a"), undefined);
    }));

  it("keeps an attachment whose disk is off already, but whose node may write by now", () =>
    withControllerPorts(async (world) => {
      await givenDeletion(world, {});
      await runOn(world, {
        detachDisk: async () => {
          await world.setRecord((record) => ({ ...record, writer: aWriter("node-a") }));
          return ok(undefined);
        },
      });
      assert.deepEqual(world.attachment("node-a")?.metadata.finalizers, [ATTACHMENT_FINALIZER]);
    }));

  it("detaches nothing once a restored backup has reverted the deletion", () =>
    withControllerPorts(async (world) => {
      const putBack = await givenDeletion(world, {});
      world.during.detachDisk = async () => putBack();
      assert.deepEqual(await run(world), {
        ok: false,
        failure: { kind: "Refused", diskUri, nodeName: "node-a" },
      });
      assert.deepEqual([...world.attachedTo], ["node-a"]);
    }));

  it("detaches no disk while the volume's object or its record is missing", async () => {
    await withNode(async (world) => {
      await world.given("AzVolumeAttachment", leaving(anAttachment("node-a", { metadata })));
      world.attachedTo.add("node-a");
      world.instances.set(instanceUriOf("node-a"), a.vmId);
      world.disks.add(diskUri);
      assert.deepEqual(await run(world), { ok: true, value: { requeueAfterMs: 30_000 } });
      await world.given("AzVolume", {
        ...aVolume(),
        status: { state: "Pending", observedGeneration: 0, conditions: [] },
      });
      await run(world);
      assert.deepEqual([...world.attachedTo], ["node-a"]);
    });
    await withNode(async (world) => {
      await world.given("AzVolume", aVolumeWithRecord({}));
      await world.given("AzVolumeAttachment", leaving(anAttachment("node-a", { metadata })));
      world.attachedTo.add("node-a");
      world.during.detachDisk = async () => {
        await removeVolume(world);
      };
      await run(world);
      assert.deepEqual([...world.attachedTo], ["node-a"]);
    });
  });

  it("removes an attachment whose volume and disk are both gone", () =>
    withControllerPorts(async (world) => {
      await world.given("AzVolumeAttachment", leaving(anAttachment("node-a", { metadata })));
      await run(world);
      assert.equal(world.attachment("node-a"), undefined);
    }));

  for (const { code, isGone } of [
    { code: "ResourceGroupNotFound", isGone: true },
    { code: "SubscriptionNotFound", isGone: false },
  ])
    it(`${isGone ? "removes" : "keeps"} an attachment without a volume after ${code}`, () =>
      withControllerPorts(async (world) => {
        await world.given("AzVolumeAttachment", leaving(anAttachment("node-a", { metadata })));
        const rejected = { kind: "CloudRejected", code, message: "no", requestId: "r" } as const;
        await runOn(world, { getDisk: async () => fail(rejected) });
        assert.equal(world.attachment("node-a") === undefined, isGone);
      }));

  it("sends no second detach of a disk that a fence has proven to be detached", () =>
    withNode(async (world) => {
      await world.given("AzVolume", aVolumeWithRecord({ quarantined: [a] }));
      await world.given(
        "AzVolumeAttachment",
        leaving(aReplica("node-a", { metadata, status: { state: "Pending", provenOff: a.vmId } })),
      );
      assert.deepEqual(await runOn(world, { detachDisk: () => assert.fail("a call to Azure") }), {
        ok: true,
        value: {},
      });
      assert.equal(world.attachment("node-a"), undefined);
    }));

  it("keeps such an attachment where the record was rebuilt, before the cache shows it", () =>
    withNode(async (world) => {
      await world.given("AzVolume", aVolumeWithRecord({ quarantined: [a] }));
      await world.given(
        "AzVolumeAttachment",
        leaving(aReplica("node-a", { metadata, status: { state: "Pending", provenOff: a.vmId } })),
      );
      world.store.holdWatches(true);
      await setStatus(world, (status) => ({
        ...status,
        record: changedRecord(newRecord(0), { defaultAccess: "quarantined" }),
      }));
      assert.deepEqual(await run(world), {
        ok: false,
        failure: { kind: "Refused", diskUri, nodeName: "node-a" },
      });
      assert.notEqual(world.attachment("node-a"), undefined);
    }));

  it("discards the proof that a disk was detached once it is attached again", () =>
    withNode(async (world) => {
      await world.given("AzVolume", aVolumeWithRecord({}));
      await world.given(
        "AzVolumeAttachment",
        aReplica("node-a", { metadata, status: { state: "Pending", provenOff: a.vmId } }),
      );
      world.during.attachDisk = async () =>
        assert.equal(world.attachment("node-a")?.status?.provenOff, undefined);
      await run(world);
      assert.deepEqual(
        [world.attachment("node-a")?.status?.state, world.attachment("node-a")?.status?.provenOff],
        ["Attached", undefined],
      );
    }));

  it("withdraws a request made during the volume's deletion once the disk is gone", () =>
    withControllerPorts(async (world) => {
      await world.given(
        "AzVolumeAttachment",
        anAttachment("node-a", { metadata, status: { state: "Pending" } }),
      );
      world.disks.add(diskUri);
      assert.deepEqual(await run(world), { ok: true, value: { requeueAfterMs: 30_000 } });
      assert.equal(world.attachment("node-a")?.metadata.deletionTimestamp, undefined);
      world.disks.delete(diskUri);
      await run(world);
      assert.notEqual(world.attachment("node-a")?.metadata.deletionTimestamp, undefined);
      await run(world);
      assert.equal(world.attachment("node-a"), undefined);
    }));

  it("keeps a request whose volume the cache does not show yet", () =>
    withControllerPorts(async (world) => {
      await world.given(
        "AzVolumeAttachment",
        anAttachment("node-a", { metadata, status: { state: "Pending" } }),
      );
      const { cache } = world.ports;
      await world.given("AzVolume", aVolumeWithRecord({}));
      const late = {
        ...world.ports,
        cache: {
          ...cache,
          get: (kind, name) => (kind === "AzVolume" ? undefined : cache.get(kind, name)),
        } as typeof cache,
      };
      await world.answerOf(
        attachmentReconciler(late).reconcile(world.attachment("node-a")?.metadata.name ?? "", never),
      );
      assert.equal(world.attachment("node-a")?.metadata.deletionTimestamp, undefined);
    }));

  it("recreates an attachment deleted by hand while its node writes, without a detach", () =>
    withNode(async (world) => {
      await world.given("AzVolume", aVolumeWithRecord({ writer: aWriter("node-a") }));
      await world.given(
        "AzVolumeAttachment",
        leaving(anAttachment("node-a", { metadata, status: { lun: 3 } })),
      );
      world.attachedTo.add("node-a");
      const before = world.attachment("node-a");
      await run(world);
      const made = world.attachment("node-a");
      assert.notEqual(made?.metadata.uid, before?.metadata.uid);
      assert.deepEqual(
        [made?.metadata.deletionTimestamp, made?.metadata.finalizers],
        [undefined, [ATTACHMENT_FINALIZER]],
      );
      assert.deepEqual([made?.spec, made?.status], [before?.spec, undefined]);
      assert.deepEqual(
        [[...world.attachedTo], world.emitted.map(({ reason }) => reason)],
        [["node-a"], ["DeletedByHand"]],
      );
    }));

  it("recreates a terminating replica as a primary after its node's reclaim", () =>
    withNode(async (world) => {
      await world.given("AzVolume", aVolumeWithRecord({ writer: aWriter("node-a") }));
      await world.given("AzVolumeAttachment", leaving(aReplica("node-a", { metadata })));
      await run(world);
      const spec = world.attachment("node-a")?.spec;
      assert.deepEqual(
        [
          spec?.role,
          spec?.writerRequest !== undefined,
          world.attachment("node-a")?.metadata.deletionTimestamp,
        ],
        ["Primary", true, undefined],
      );
    }));

  it("leaves a regular deletion alone, though the cached record still names its writer", () =>
    withNode(async (world) => {
      await world.given("AzVolume", aVolumeWithRecord({ writer: aWriter("node-a") }));
      await world.given("AzVolumeAttachment", leaving(aReplica("node-a", { metadata })));
      world.store.holdWatches(true);
      await world.setRecord((record) => ({ ...record, writer: aWriter("node-a", { requested: false }) }));
      const before = world.attachment("node-a");
      await run(world);
      assert.deepEqual(world.attachment("node-a"), before);
    }));

  it("drops a request that was withdrawn while there was no attachment", () =>
    withNode(async (world) => {
      await world.given("AzVolume", aVolumeWithRecord({ writer: aWriter("node-a") }));
      await world.given("AzVolumeAttachment", leaving(anAttachment("node-a", { metadata })));
      const { create } = world.ports.store;
      const store: typeof world.ports.store = {
        ...world.ports.store,
        create: async (kind, object, signal) => {
          await world.setRecord((record) => ({
            ...record,
            writer: aWriter("node-a", { held: false, requested: false }),
          }));
          return create(kind, object, signal);
        },
      };
      await world.answerOf(
        attachmentReconciler({ ...world.ports, store }).reconcile(attachmentName("node-a"), never),
      );
      assert.deepEqual(
        [world.attachment("node-a")?.spec.role, world.attachment("node-a")?.spec.writerRequest],
        ["Replica", undefined],
      );
    }));

  /** Azure reports the disk on node-a. */
  const onNodeA: Partial<CloudProvisioner> = {
    getDisk: async (asked) => ok(aDisk({ ...asked, attachedTo: [instanceUriOf("node-a")] })),
    inspectInstance: async ({ nodeName }) =>
      ok(anInstance(nodeName, { dataDisks: [{ diskUri, lun: 5, beingDetached: false }] })),
  };

  it("recreates an attachment that was erased during its attach", () =>
    withNode(async (world) => {
      await world.given("AzVolume", aVolumeWithRecord({}));
      await world.given("AzVolumeAttachment", anAttachment("node-a", { metadata, status: undefined }));
      world.during.attachDisk = () => erase(world);
      assert.deepEqual(await runOn(world, onNodeA), { ok: true, value: {} });
      const { spec, status } =
        world.attachment("node-a") ?? assert.fail("nothing says that node-a has the disk");
      assert.deepEqual(
        [spec.role, spec.writerRequest, status?.state, status?.lun],
        ["Replica", undefined, "Attached", 5],
      );
    }));

  it("looks at a disk whose attach Azure refuses: its SKU may have changed", () =>
    withNode(async (world) => {
      await world.given("AzVolume", aVolumeWithRecord({ writer: aWriter("node-a", { held: false }) }));
      await world.given(
        "AzVolumeAttachment",
        anAttachment("node-a", { metadata, status: { state: "Pending" } }),
      );
      const message =
        "Storage Account type PremiumV2_LRS is not supported with caching type ReadOnly. Please use " +
        "caching type None.";
      const refusal = { kind: "CloudRejected", code: "InvalidParameter", message, requestId: "r-1" } as const;
      await runOn(world, {
        attachDisk: async () => fail(refusal),
        getDisk: async () => ok(aDisk({ skuName: "PremiumV2_LRS" })),
      });
      assert.equal(world.attachment("node-a")?.status?.error?.kind, "CloudRejected");
      // The disk's loop reads it again, and records the SKU: with that, the host caches nothing.
      assert.deepEqual(world.volume()?.spec.modification, {});
    }));

  it("looks for unrecorded VMs where Azure has no share left and the objects do", () =>
    withControllerPorts(async (world) => {
      await world.given("AzDriverNode", aDriverNode("node-b"));
      await world.given("AzVolume", aVolumeWithRecord({}));
      const own = anAttachment("node-b", { metadata: { name: attachmentName("node-b") }, status: undefined });
      await world.given("AzVolumeAttachment", own);
      const noFreeShare = fail({ kind: "NoFreeShare", diskUri, maxShares: 1 } as const);
      const ports = {
        ...world.ports,
        cloud: { ...world.ports.cloud, ...onNodeA, attachDisk: async () => noFreeShare },
      };
      assert.deepEqual(
        await world.answerOf(attachmentReconciler(ports).reconcile(attachmentName("node-b"), never)),
        noFreeShare,
      );
      assert.deepEqual(
        [world.attachment("node-a")?.spec.role, world.attachment("node-a")?.status?.state],
        ["Replica", "Attached"],
      );
    }));

  it("counts no shares that another client has taken away, once an attach finds none", () =>
    withNode(async (world) => {
      const status = { record: newRecord(0), detail: aDetail({ maxShares: 3 }) };
      await world.given("AzVolume", aVolume({ status }));
      await world.given("AzVolumeAttachment", anAttachment("node-a", { status: undefined }));
      await runOn(world, {
        attachDisk: async () => fail({ kind: "NoFreeShare", diskUri, maxShares: 2 }),
        getDisk: async () => ok(aDisk({ maxShares: 2 })),
      });
      assert.equal(world.attachment("node-a")?.status?.error?.kind, "NoFreeShare");
      // The disk's loop reads it again, and records how many shares there are.
      assert.deepEqual(world.volume()?.spec.modification, {});
    }));

  const fenced = changedRecord(newRecord(0), { quarantined: [a] });
  const distrusted = distrust(fenced, a, "stray");
  assert.ok(distrusted.ok);
  for (const { because, record } of [
    { because: "it was fenced from one", record: fenced },
    { because: "a person has attached that disk again", record: distrusted.value },
    {
      because: "its entry says nothing else",
      record: { ...newRecord(0), nodes: [{ ...a, wasQuarantined: true as const }] },
    },
  ])
    it(`attaches nothing while the VM may still use an old device of any volume: ${because}`, () =>
      withNode(async (world) => {
        await world.given("AzVolume", aVolumeWithRecord({}));
        const other = { record, detail: aDetail({ diskUri: otherUri }) };
        await world.given("AzVolume", aVolume({ metadata: { name: "pvc-2" }, status: other }));
        await world.given("AzVolumeAttachment", anAttachment("node-a", { status: undefined }));
        assert.deepEqual(await run(world), {
          ok: false,
          failure: { kind: "Refused", diskUri, nodeName: "node-a" },
        });
        assert.deepEqual(
          [[...world.attachedTo], world.steps, world.attachment("node-a")?.status],
          [[], [], undefined],
        );
      }));

  const replicaName = attachmentObjectName({ diskUri: otherUri, nodeName: "node-a" });
  const replica = aReplica("node-a", {
    metadata: { name: replicaName },
    spec: { volumeName: "pvc-2", volumeId: otherUri },
  });

  const { lun: _, ...unplaced } = replica.status ?? assert.fail();
  for (const { because, status, isAttached } of [
    { because: "it has no attachment", status: undefined, isAttached: false },
    { because: "its attachment names no LUN", status: { state: "Pending" }, isAttached: false },
    { because: "its attach has begun", status: { ...unplaced, state: "Attaching" }, isAttached: false },
    {
      because: "its detach has begun",
      status: { ...unplaced, state: "Detaching", lun: 3 },
      isAttached: false,
    },
    { because: "its LUN is known", status: { ...unplaced, lun: 3 }, isAttached: true },
    {
      because: "its LUN is known, and leads to no device",
      status: { ...unplaced, lun: 3, deviceMissing: true },
      isAttached: true,
    },
  ] as const)
    it(`attaches ${isAttached ? "a" : "no"} disk beside an unverified one: ${because}`, () =>
      withNode(async (world) => {
        await world.given("AzVolume", aVolumeWithRecord({}));
        const other = { record: aRecord({ unverified: [a] }), detail: aDetail({ diskUri: otherUri }) };
        await world.given("AzVolume", aVolume({ metadata: { name: "pvc-2" }, status: other }));
        await world.given("AzVolumeAttachment", anAttachment("node-a", { status: undefined }));
        if (status !== undefined) await world.given("AzVolumeAttachment", { ...replica, status });
        assert.deepEqual(
          await run(world),
          isAttached ? ok({}) : fail({ kind: "Refused", diskUri, nodeName: "node-a" }),
        );
        assert.deepEqual([...world.attachedTo], isAttached ? ["node-a"] : []);
      }));

  for (const [what, storeIncarnation, attachedTo] of [
    ["detaches no disk by a record of another store incarnation", 7, ["node-a"]],
    ["detaches a disk by a record of the store's own incarnation", 0, []],
  ] as const)
    it(what, () =>
      withNode(async (world) => {
        await world.given("AzVolume", aVolumeWithRecord({ storeIncarnation }));
        await world.given("AzVolumeAttachment", leaving(aReplica("node-a", { metadata })));
        world.attachedTo.add("node-a");
        await run(world);
        assert.deepEqual([...world.attachedTo], attachedTo);
        assert.equal(world.attachment("node-a") === undefined, attachedTo.length === 0);
      }),
    );

  for (const { state, luns } of [
    { state: "Attaching", luns: [3] },
    { state: "AttachmentFailed", luns: [3] },
    { state: "Detaching", luns: [] },
  ] as const)
    it(`${luns.length > 0 ? "gives no disk" : "keeps for none"} the LUN of a missed one: ${state}`, () =>
      withNode(async (world) => {
        await world.given("AzVolume", aVolumeWithRecord({}));
        const other = {
          record: aRecord({ writer: aWriter("node-a") }),
          detail: aDetail({ diskUri: otherUri }),
        };
        await world.given("AzVolume", aVolume({ metadata: { name: "pvc-2" }, status: other }));
        await world.given("AzVolumeAttachment", {
          ...replica,
          status: { ...unplaced, state, lun: 3, deviceMissing: true },
        });
        await world.given("AzVolumeAttachment", anAttachment("node-a", { status: undefined }));
        let reserved: readonly number[] | undefined;
        await runOn(world, {
          attachDisk: async ({ reservedLuns, formerLun }) => {
            assert.equal(formerLun, undefined);
            reserved = reservedLuns?.();
            return fail({ kind: "Refused", diskUri, nodeName: "node-a" });
          },
        });
        assert.deepEqual(reserved, luns);
      }));

  it("asks for the LUN at which its node had the disk, which is free for that alone", () =>
    withNode(async (world) => {
      await world.given("AzVolume", aVolumeWithRecord({ writer: aWriter("node-a") }));
      const missing = { lun: 3, deviceMissing: true } as const;
      await world.given("AzVolumeAttachment", anAttachment("node-a", { status: missing }));
      let asked: unknown;
      await runOn(world, {
        attachDisk: async ({ reservedLuns, formerLun, precondition }, signal) => {
          asked = [formerLun, reservedLuns?.(), await precondition(signal)];
          return fail({ kind: "Refused", diskUri, nodeName: "node-a" });
        },
      });
      assert.deepEqual(asked, [3, [], true]);
    }));

  describe("past a stale cache", () => {
    const elsewhere = { name: replicaName, volumeName: "pvc-2" } as const;
    const lun3 = { ...replica, status: { ...replica.status, state: "Attached", lun: 3 } } as const;
    const ofTheOther = aVolume({
      metadata: { name: "pvc-2" },
      status: { record: newRecord(0), detail: aDetail({ diskUri: otherUri }) },
    });
    const setRecord = async (world: ReconcileWorld, record: WriterRecord): Promise<void> => {
      const { value } = await read(world.other.get("AzVolume", elsewhere.volumeName, never));
      await read(
        world.other.updateStatus(
          "AzVolume",
          { ...value, status: { ...(value.status ?? assert.fail()), record } },
          never,
        ),
      );
    };
    const setPlace = async (world: ReconcileWorld, place: Partial<AttachmentStatus>): Promise<void> => {
      const { value } = await read(world.other.get("AzVolumeAttachment", elsewhere.name, never));
      const status = { ...(value.status ?? assert.fail()), ...place };
      await read(world.other.updateStatus("AzVolumeAttachment", { ...value, status }, never));
    };
    const quarantine = (world: ReconcileWorld): Promise<void> =>
      setRecord(world, changedRecord(newRecord(0), { quarantined: [a] }));
    const label = async (world: ReconcileWorld): Promise<void> => {
      const { value } = await read(world.other.get("AzVolume", elsewhere.volumeName, never));
      const metadata = { ...value.metadata, labels: { [nodeLabel("node-a")]: "" } };
      await read(world.other.update("AzVolume", { ...value, metadata }, never));
    };
    const remove = async (world: ReconcileWorld): Promise<void> => {
      await world.other.delete("AzVolumeAttachment", elsewhere.name, {}, never);
      const { value } = await read(world.other.get("AzVolumeAttachment", elsewhere.name, never));
      await read(
        world.other.update(
          "AzVolumeAttachment",
          { ...value, metadata: { ...value.metadata, finalizers: [] } },
          never,
        ),
      );
    };
    const fence = async (world: ReconcileWorld): Promise<void> => {
      await read(resetAttachment(world.other, { diskUri: otherUri, node: a }, never));
      await quarantine(world);
    };
    const rows: readonly [string, (world: ReconcileWorld) => Promise<void>, boolean][] = [
      ["attaches where nothing has happened", async () => undefined, true],
      ["attaches nothing to a node that another controller has fenced since", fence, false],
      [
        "attaches nothing to it once that attachment is gone, too",
        async (world) => {
          await fence(world);
          await remove(world);
        },
        false,
      ],
      [
        "attaches nothing between the end of a fence's detach and its quarantine",
        async (world) => {
          const begun = beginFence(aRecord({ writer: aWriter("node-a", { requested: false }) }), a);
          await setRecord(world, begun.ok ? begun.value : assert.fail(begun.failure));
          await read(resetAttachment(world.other, { diskUri: otherUri, node: a }, never));
        },
        false,
      ],
      [
        "attaches nothing between a proof without a fence and its quarantine",
        async (world) => {
          await setRecord(world, aRecord({ unverified: [{ ...a, unconfirmed: true }] }));
          await read(resetAttachment(world.other, { diskUri: otherUri, node: a, proof: "entryGone" }, never));
        },
        false,
      ],
      [
        "attaches beside a disk of a rebuilt record whose place there is known",
        (world) => setRecord(world, aRecord({ unverified: [a] })),
        true,
      ],
      [
        "attaches nothing while a rebuilt record names the node, and Azure shows no place",
        async (world) => {
          await setRecord(world, aRecord({ unverified: [a] }));
          await read(resetAttachment(world.other, { diskUri: otherUri, node: a }, never));
        },
        false,
      ],
      [
        "attaches nothing while it does, and the attachment with the place is gone",
        async (world) => {
          await setRecord(world, aRecord({ unverified: [a] }));
          await remove(world);
        },
        false,
      ],
      [
        "attaches nothing while it does, and the attachment names an earlier VM's place",
        async (world) => {
          await setRecord(world, aRecord({ unverified: [a] }));
          await setPlace(world, { vmId: "older" });
        },
        false,
      ],
      [
        "attaches beside a disk that is just off that node in good order",
        async (world) => {
          await read(resetAttachment(world.other, { diskUri: otherUri, node: a }, never));
          await remove(world);
        },
        true,
      ],
    ];
    const oldCache = async (world: ReconcileWorld, others: readonly AzVolumeAttachment[]): Promise<void> => {
      await givenNode(world);
      await world.given("AzVolume", aVolumeWithRecord({}));
      await world.given("AzVolumeAttachment", anAttachment("node-a", { status: undefined }));
      await world.given("AzVolume", ofTheOther);
      for (const other of others) await world.given("AzVolumeAttachment", other);
      world.store.holdWatches(true);
    };
    const refused = { ok: false, failure: { kind: "Refused", diskUri, nodeName: "node-a" } };
    for (const [what, change, isAttached] of rows)
      it(what, () =>
        withControllerPorts(async (world) => {
          await oldCache(world, [lun3]);
          await change(world);
          assert.deepEqual(await run(world), isAttached ? { ok: true, value: {} } : refused);
          assert.deepEqual([...world.attachedTo], isAttached ? ["node-a"] : []);
        }),
      );

    it("attaches nothing to a node that was granted a volume, and fenced, unseen", () =>
      withControllerPorts(async (world) => {
        await oldCache(world, []);
        await label(world);
        await quarantine(world);
        assert.deepEqual(await run(world), refused);
        assert.deepEqual([...world.attachedTo], []);
      }));

    it("attaches nothing to a VM that was fenced since under an earlier name", () =>
      withControllerPorts(async (world) => {
        const a0 = { ...a, nodeName: "node-a0" };
        const { vmId, instanceUri } = a;
        await oldCache(world, [
          aReplica("node-a0", {
            metadata: { name: attachmentObjectName({ diskUri: otherUri, nodeName: "node-a0" }) },
            spec: { volumeName: "pvc-2", volumeId: otherUri },
            status: { vmId, instanceUri, lun: 3 },
          }),
        ]);
        await setRecord(world, changedRecord(newRecord(0), { quarantined: [a0] }));
        await read(resetAttachment(world.other, { diskUri: otherUri, node: a0 }, never));
        assert.deepEqual(await run(world), refused);
        assert.deepEqual([...world.attachedTo], []);
      }));

    it("attaches nothing at a LUN that another controller has reserved since", () =>
      withControllerPorts(async (world) => {
        await oldCache(world, [lun3]);
        await setPlace(world, { lun: 4 });
        let mayProceedNow: unknown;
        await runOn(world, {
          attachDisk: async ({ reservedLuns, precondition }, signal) => {
            assert.deepEqual(reservedLuns?.(), [3]);
            mayProceedNow = await precondition(signal);
            return fail({ kind: "Refused", diskUri, nodeName: "node-a" });
          },
        });
        assert.equal(mayProceedNow, false);
      }));
  });

  it("attaches to the VM that has the name now, whatever an earlier one had", () =>
    withNode(async (world) => {
      await world.given("AzVolume", aVolumeWithRecord({}));
      await world.given("AzVolumeAttachment", anAttachment("node-a", { status: { vmId: "older", lun: 3 } }));
      await run(world);
      assert.deepEqual(
        [
          [...world.attachedTo],
          world.attachment("node-a")?.status?.vmId,
          world.attachment("node-a")?.status?.lun,
        ],
        [["node-a"], a.vmId, 0],
      );
    }));

  describe("on an earlier VM of its node's name, which is kept", () => {
    const earlier = { nodeName: "node-a", vmId: "older", instanceUri: instanceUriOf("an-earlier-node-a") };
    const on = { vmId: earlier.vmId, instanceUri: earlier.instanceUri, lun: 3 };
    const detached: unknown[] = [];
    const detachDisk: CloudProvisioner["detachDisk"] = async ({ node, precondition }, signal) => {
      if (!(await precondition(signal))) return fail({ kind: "Refused", diskUri, nodeName: node.nodeName });
      detached.push(node);
      return ok(undefined);
    };

    it("is detached there, and attached to the VM that has the name now", () =>
      withControllerPorts(async (world) => {
        detached.length = 0;
        await givenNode(world);
        await world.given("AzVolume", aVolumeWithRecord({ writer: aWriter("node-b") }));
        await world.given("AzVolumeAttachment", aReplica("node-a", { metadata, status: on }));
        await runOn(world, { detachDisk });
        assert.deepEqual(detached, [earlier]);
        assert.deepEqual(
          [world.attachment("node-a")?.metadata.finalizers, world.attachment("node-a")?.status],
          [[ATTACHMENT_FINALIZER], { state: "Pending" }],
        );
        await run(world);
        assert.deepEqual(
          [[...world.attachedTo], world.attachment("node-a")?.status?.vmId],
          [["node-a"], a.vmId],
        );
      }));

    it("stays there while the record, as it is by then, allows it to write", () =>
      withControllerPorts(async (world) => {
        detached.length = 0;
        await givenNode(world);
        await world.given("AzVolume", aVolumeWithRecord({ writer: aWriter("node-b") }));
        await world.given("AzVolumeAttachment", aReplica("node-a", { metadata, status: on }));
        await runOn(world, {
          detachDisk: async (request, signal) => {
            await setStatus(world, (status) => ({
              ...status,
              record: changedRecord(newRecord(0), { unverified: [earlier] }),
            }));
            return detachDisk(request, signal);
          },
        });
        assert.deepEqual([detached, world.attachment("node-a")?.status?.vmId], [[], earlier.vmId]);
      }));

    for (const isRequested of [false, true])
      it(`${isRequested ? "stays there, once it is requested" : "is detached there"}, where several nodes write`, () =>
        withControllerPorts(async (world) => {
          detached.length = 0;
          await givenNode(world);
          const capabilities = [{ accessMode: "MULTI_NODE_MULTI_WRITER", accessType: "block" }] as const;
          const { record: _, ...provisioned } = aVolume().status ?? assert.fail("no status");
          const shared = { ...aVolume({ spec: { capabilities } }), status: provisioned };
          await world.given("AzVolume", shared);
          await world.given("AzVolumeAttachment", aReplica("node-a", { metadata, status: on }));
          await runOn(world, {
            detachDisk: async (request, signal) => {
              const present = world.attachment("node-a") ?? assert.fail("no attachment");
              const spec = anAttachment("node-a").spec;
              if (isRequested)
                await read(world.ports.store.update("AzVolumeAttachment", { ...present, spec }, never));
              return detachDisk(request, signal);
            },
          });
          assert.deepEqual(
            [detached, world.attachment("node-a")?.status?.vmId],
            isRequested ? [[], earlier.vmId] : [[earlier], undefined],
          );
        }));

    it("does not report a detach once the next VM's attach has begun, before the cache", () =>
      withNode(async (world) => {
        await world.given("AzVolume", aVolumeWithRecord({ writer: aWriter("node-b") }));
        await world.given("AzVolumeAttachment", aReplica("node-a", { metadata, status: on }));
        const cached = world.attachment("node-a") ?? assert.fail("no attachment");
        const next = {
          state: "Attaching",
          vmId: a.vmId,
          instanceUri: a.instanceUri,
          attempt: "next",
        } as const;
        const stored = await read(world.other.get("AzVolumeAttachment", attachmentName("node-a"), never));
        await read(world.other.updateStatus("AzVolumeAttachment", { ...stored.value, status: next }, never));
        const ports = { ...world.ports, cloud: { ...world.ports.cloud, detachDisk } };
        await world.answerOf(
          detach(ports, cached, { kind: "DetachEarlier", node: earlier, lane: "prune" }, never),
        );
        assert.deepEqual(world.attachment("node-a")?.status, next);
      }));
  });

  it("records no place by an attach after which others' detach is carried out", () =>
    withNode(async (world) => {
      await world.given("AzVolume", aVolumeWithRecord({}));
      await world.given("AzVolumeAttachment", aReplica("node-a", { status: undefined }));
      // Others ask for the detach once the attach has seen the disk there; another disk's update sends it.
      world.during.attachDisk = async () => {
        assert.ok(await mayCompleteDetach(world.ports, { node: a })([diskUri], never));
      };
      assert.deepEqual(await run(world), { ok: true, value: {} });
      assert.equal(world.attachment("node-a")?.status?.state, "Detaching", "its node would mount by it");
      assert.deepEqual(await run(world), { ok: true, value: {} }, "it looks again");
      assert.equal(world.attachment("node-a")?.status?.state, "Attached");
    }));

  for (const [what, later] of [
    ["a later attempt", { state: "Attaching", attempt: "attach-2" }],
    ["a mark", { state: "Detaching", attempt: "mark-1" }],
  ] as const)
    it(`does not write its failure over ${what}`, () =>
      withNode(async (world) => {
        await world.given("AzVolume", aVolumeWithRecord({}));
        await world.given("AzVolumeAttachment", anAttachment("node-a", { status: undefined }));
        const status = { ...later, vmId: a.vmId };
        await runOn(world, {
          attachDisk: async (request) => {
            const present = world.attachment("node-a") ?? assert.fail("no attachment");
            await read(world.other.updateStatus("AzVolumeAttachment", { ...present, status }, never));
            return full(request, never);
          },
        });
        assert.deepEqual([world.attachment("node-a")?.status, world.emitted], [status, []]);
      }));

  for (const state of ["Detaching", "DetachmentFailed"] as const)
    it(`attaches nothing over the mark of a detach: ${state}`, () =>
      withNode(async (world) => {
        await world.given("AzVolume", aVolumeWithRecord({}));
        await world.given("AzVolumeAttachment", anAttachment("node-a", { status: undefined }));
        world.store.holdWatches(true);
        const unmarked = world.attachment("node-a") ?? assert.fail("no attachment");
        // As another leader does after a rollback, for a detach that the lost objects have allowed.
        const { vmId, instanceUri } = a;
        const mark = { state, attempt: "mark-1", vmId, instanceUri, lun: 4 } as const;
        await read(world.other.updateStatus("AzVolumeAttachment", { ...unmarked, status: mark }, never));
        const name = attachmentName("node-a");
        assert.deepEqual(
          await run(world),
          fail({ kind: "ObjectConflict", objectKind: "AzVolumeAttachment", name }),
          "it is planned again",
        );
        assert.deepEqual([world.attachment("node-a")?.status, [...world.attachedTo]], [mark, []]);
      }));

  it("does not write its LUN over a later attempt, and logs that", () =>
    withNode(async (world) => {
      await world.given("AzVolume", aVolumeWithRecord({}));
      await world.given("AzVolumeAttachment", anAttachment("node-a", { status: undefined }));
      world.during.attachDisk = async () => {
        await resetAttachment(world.other, { diskUri, node: a }, never);
        const present = await world.other.get("AzVolumeAttachment", attachmentName("node-a"), never);
        assert.ok(present.ok);
        await world.other.updateStatus(
          "AzVolumeAttachment",
          { ...present.value, status: { state: "Attaching", attempt: "a later one" } },
          never,
        );
      };
      const lines: unknown[] = [];
      const logger: Logger = {
        ...world.ports.logger,
        info: (message, fields) => lines.push([message, fields]),
      };
      const reconciler = attachmentReconciler({ ...world.ports, logger });
      assert.deepEqual(await world.answerOf(reconciler.reconcile(attachmentName("node-a"), never)), ok({}));
      const found = { volumeName: "pvc-1", nodeName: "node-a", lun: 0, state: "Attaching" };
      assert.deepEqual(lines, [["attach not recorded: its attachment has changed", found]]);
      assert.deepEqual(world.attachment("node-a")?.status, { state: "Attaching", attempt: "a later one" });
    }));

  const full: CloudProvisioner["attachDisk"] = async ({ node }) =>
    fail({ kind: "NoFreeLun", nodeName: node.nodeName, lunsMax: 8 });

  it("does not attach at a LUN where the node expects another disk", () =>
    withNode(async (world) => {
      await world.given("AzVolume", aVolumeWithRecord({}));
      await world.given("AzVolumeAttachment", anAttachment("node-a", { status: undefined }));
      await world.given("AzVolumeAttachment", {
        ...replica,
        status: { ...replica.status, state: "Attached", lun: 3 },
      });
      const thirdUri = formatDiskUri({ subscriptionId: "sub-1", resourceGroup: "rg-1", diskName: "pvc-3" });
      const ofAnEarlierVm = aReplica("node-a", {
        metadata: { name: attachmentObjectName({ diskUri: thirdUri, nodeName: "node-a" }) },
        spec: { volumeName: "pvc-3", volumeId: thirdUri },
        status: { vmId: "older", lun: 5 },
      });
      await world.given("AzVolumeAttachment", ofAnEarlierVm);
      let promised: readonly number[] | undefined;
      await runOn(world, {
        attachDisk: async ({ reservedLuns }) => {
          promised = reservedLuns?.();
          return ok({ lun: 0 });
        },
      });
      assert.deepEqual(promised, [3]);
    }));

  for (const [attachment, retries, emitted] of [
    [anAttachment("node-a", { status: undefined }), 1, 1],
    [aReplica("node-a", { status: undefined }), undefined, 0],
  ] as const) {
    it(`refuses an attach beside another Azure disk driver on a ${attachment.spec.role}`, () =>
      withControllerPorts(async (world) => {
        const beside = fail({ kind: "OtherDriver", detail: "pod v1/x serves disk.csi.azure.com" } as const);
        await givenNode(world);
        await world.given("AzVolume", aVolumeWithRecord({}));
        await world.given("AzVolumeAttachment", attachment);
        assert.deepEqual(await runOn(world, { attachDisk: async () => beside }), beside);
        assert.equal(
          world.attachment("node-a")?.status?.error?.retries,
          retries,
          "another node would be chosen after some",
        );
        const messages = world.emitted.filter(({ message }) =>
          message.startsWith(
            "attach to node-a failed: another Azure disk driver runs beside this one: pod v1/x",
          ),
        );
        assert.equal(messages.length, emitted);
      }));
  }

  /** Replicas of pvc-2 and so on, on node-a; the volumes have these records. */
  async function givenReplicas(
    world: ReconcileWorld,
    records: readonly RecordChanges[],
  ): Promise<readonly string[]> {
    const names: string[] = [];
    for (const [index, record] of records.entries()) {
      const name = `pvc-${index + 2}`;
      const uri = formatDiskUri({ subscriptionId: "sub-1", resourceGroup: "rg-1", diskName: name });
      const status = {
        record: { ...newRecord(0), ...record },
        detail: aDetail({ diskUri: uri }),
        unrequestedSince: "2020-01-01T00:00:00.000Z",
      };
      await world.given("AzVolume", aVolume({ metadata: { name }, spec: { volumeName: name }, status }));
      const objectName = attachmentObjectName({ diskUri: uri, nodeName: "node-a" });
      await world.given(
        "AzVolumeAttachment",
        aReplica("node-a", { metadata: { name: objectName }, spec: { volumeName: name, volumeId: uri } }),
      );
      names.push(objectName);
    }
    return names;
  }

  async function leavingOf(world: ReconcileWorld, names: readonly string[]): Promise<readonly boolean[]> {
    const isGoing: boolean[] = [];
    for (const name of names)
      isGoing.push(
        (await read(world.other.get("AzVolumeAttachment", name, never))).value.metadata.deletionTimestamp !==
          undefined,
      );
    return isGoing;
  }

  it("evicts one replica for a primary without a slot, however often it retries", () =>
    withControllerPorts(async (world) => {
      for (const nodeName of ["node-a", "node-b"]) await world.given("AzDriverNode", aDriverNode(nodeName));
      await world.given("AzVolume", aVolumeWithRecord({}));
      await world.given("AzVolumeAttachment", anAttachment("node-a", { status: undefined }));
      const names = await givenReplicas(world, [{ unverified: [b] }, { writer: aWriter("node-b") }, {}]);
      for (let tries = 0; tries < 3; tries++) {
        await runOn(world, { attachDisk: full });
        await world.clock.advance(1_000);
      }
      assert.deepEqual(await leavingOf(world, names), [false, true, false]);
      assert.deepEqual(
        world.emitted.filter(({ reason }) => reason === "ReplicaEvicted").map(({ about }) => about),
        [{ kind: "AzVolume", name: "pvc-3" }],
      );
    }));

  it("evicts as many replicas as primaries wait for a slot of the node", () =>
    withNode(async (world) => {
      await world.given("AzVolume", aVolumeWithRecord({}));
      await world.given("AzVolumeAttachment", anAttachment("node-a", { status: undefined }));
      const names = await givenReplicas(world, [{}, {}, {}]);
      const uri = formatDiskUri({ subscriptionId: "sub-1", resourceGroup: "rg-1", diskName: "pvc-9" });
      const error = {
        kind: "NoFreeLun",
        message: "",
        failure: "{}",
        time: "2026-01-01T00:00:00.000Z",
        retries: 1,
      };
      await world.given(
        "AzVolume",
        aVolume({
          metadata: { name: "pvc-9" },
          spec: { volumeName: "pvc-9" },
          status: { detail: aDetail({ diskUri: uri }) },
        }),
      );
      const other = anAttachment("node-a", {
        metadata: { name: attachmentObjectName({ diskUri: uri, nodeName: "node-a" }) },
        spec: { volumeName: "pvc-9", volumeId: uri },
        status: { state: "AttachmentFailed", error },
      });
      await world.given("AzVolumeAttachment", other);
      for (let tries = 0; tries < 3; tries++) {
        await runOn(world, { attachDisk: full });
        await world.clock.advance(1_000);
      }
      assert.deepEqual(await leavingOf(world, names), [true, true, false]);
    }));

  it("does not evict a replica whose volume has begun to fail over, before the cache", () =>
    withNode(async (world) => {
      await world.given("AzVolume", aVolumeWithRecord({}));
      await world.given("AzVolumeAttachment", anAttachment("node-a", { status: undefined }));
      const names = await givenReplicas(world, [{}]);
      world.store.holdWatches(true);
      const present = (await read(world.other.get("AzVolume", "pvc-2", never))).value;
      assert.ok(present.status !== undefined);
      await read(
        world.other.updateStatus(
          "AzVolume",
          {
            ...present,
            status: { ...present.status, record: changedRecord(newRecord(0), { unverified: [b] }) },
          },
          never,
        ),
      );
      await runOn(world, { attachDisk: full });
      assert.deepEqual(await leavingOf(world, names), [false]);
      assert.ok(world.emitted.every(({ reason }) => reason !== "ReplicaEvicted"));
    }));

  it("leaves a replica that was promoted before the cache shows it", () =>
    withNode(async (world) => {
      await world.given("AzVolume", aVolumeWithRecord({}));
      await world.given("AzVolumeAttachment", anAttachment("node-a", { status: undefined }));
      await givenReplicas(world, [{}]);
      world.store.holdWatches(true);
      await requestWriter(
        { ...world.ports, store: world.other },
        {
          volume: aVolume({
            metadata: { name: "pvc-2" },
            status: { detail: aDetail({ diskUri: otherUri }) },
          }),
          nodeName: "node-a",
          volumeContext: {},
        },
        never,
      );
      await runOn(world, { attachDisk: full });
      const left = await world.other.get("AzVolumeAttachment", replicaName, never);
      assert.deepEqual(
        [left.ok && left.value.spec.role, left.ok && left.value.metadata.deletionTimestamp],
        ["Primary", undefined],
      );
    }));
});
