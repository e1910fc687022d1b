import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { LIMIT_MS } from "../../adapters/virtual/testing/settled-on.ts";
import type { AzVolume } from "../../core/api/az-volume.ts";
import { VOLUME_FINALIZER } from "../../core/api/finalizers.ts";
import { CONTROLLER_LEASE } from "../../core/api/lease.ts";
import { nodeLabel } from "../../core/api/node-labels.ts";
import type { Failure } from "../../core/failure/failure.ts";
import { fail, ok } from "../../core/failure/result.ts";
import { aLease } from "../../core/testing/a-lease.ts";
import {
  aDiskSpec,
  aDetail,
  agoMs,
  anAttachment,
  aRecord,
  aVolume,
  aWriter,
  diskUri,
  identity,
  instanceUriOf,
} from "../../core/testing/objects.ts";
import { listIn } from "../../core/testing/record-lists.ts";
import { must } from "../../core/testing/value-of.ts";
import { stateTagsOf } from "../../core/volume/tags/state-tags.ts";
import type {
  CloudProvisioner,
  CreateDiskRequest,
  DiskFacts,
  Precondition,
} from "../../ports/cloud/cloud-provisioner.ts";
import { type ReconcileWorld, withControllerPorts } from "../testing/a-controller.ts";
import { aDisk } from "../testing/a-disk.ts";
import { aDriverNode } from "../testing/a-driver-node.ts";
import { diskReconciler } from "./disk-reconciler.ts";
import { driverTags } from "./disk-tags.ts";

const never = new AbortController().signal;
const a = identity("node-a");
const formatted = { fsType: "ext4", uuid: "u-1", time: agoMs(0), nodeName: "node-a" };
const deleted = { deletionTimestamp: agoMs(0), finalizers: [VOLUME_FINALIZER] };
const run = (world: ReconcileWorld): Promise<unknown> =>
  world.answerOf(diskReconciler(world.ports).reconcile("pvc-1", never));

/** Removes the volume and recreates it under its name, before the controller's cache shows that. */
async function recreated(world: ReconcileWorld): Promise<void> {
  world.store.holdWatches(true);
  const present = await world.other.get("AzVolume", "pvc-1", never);
  assert.ok(present.ok);
  await world.other.update(
    "AzVolume",
    { ...present.value, metadata: { ...present.value.metadata, finalizers: [] } },
    never,
  );
  const made = await world.other.create(
    "AzVolume",
    { metadata: { name: "pvc-1", finalizers: [VOLUME_FINALIZER] }, spec: aVolume().spec },
    never,
  );
  assert.ok(made.ok);
  await world.other.updateStatus("AzVolume", { ...made.value, status: aVolume().status }, never);
}

describe("diskReconciler", () => {
  describe("creating a disk", () => {
    const ownTags = (world: ReconcileWorld): DiskFacts["tags"] =>
      driverTags(world.volume() ?? assert.fail("no volume"), "cluster-1");
    const create = async (
      world: ReconcileWorld,
      found: (world: ReconcileWorld) => Partial<DiskFacts>,
      disk = aDiskSpec(),
    ): Promise<void> => {
      await world.given(
        "AzVolume",
        aVolume({ spec: { disk }, status: { state: "Pending", detail: undefined, record: undefined } }),
      );
      world.disks.add(diskUri);
      const shown = aDisk(found(world));
      const cloud: CloudProvisioner = {
        ...world.ports.cloud,
        createDisk: async () => ok(shown),
        getDisk: async () => ok(shown),
      };
      await world.answerOf(diskReconciler({ ...world.ports, cloud }).reconcile("pvc-1", never));
    };

    it("asks for the disk of the spec, with the tags that name cluster and object", () =>
      withControllerPorts(async (world) => {
        const disk = aDiskSpec({ zone: "2", resourceGroup: "rg-2", tags: { a: "1" } });
        const requests: CreateDiskRequest[] = [];
        const cloud: CloudProvisioner = {
          ...world.ports.cloud,
          createDisk: async (request) => {
            requests.push(request);
            return fail({ kind: "Throttled", retryAfterMs: 1, detail: "writes" });
          },
        };
        await world.given("AzVolume", { ...aVolume({ spec: { disk } }), status: undefined });
        await world.answerOf(diskReconciler({ ...world.ports, cloud }).reconcile("pvc-1", never));
        const [{ precondition: _, ...asked } = assert.fail("nothing asked")] = requests;
        assert.deepEqual(asked, { ...disk, diskName: "pvc-1", tags: { a: "1", ...ownTags(world) } });
      }));

    it("marks the volume right before the request, with the read that allows it", () =>
      withControllerPorts(async (world) => {
        await world.given("AzVolume", { ...aVolume(), status: undefined });
        let reads = 0;
        const store: typeof world.ports.store = {
          ...world.ports.store,
          get: (kind, name, signal) => {
            reads += 1;
            return world.ports.store.get(kind, name, signal);
          },
        };
        const seen: unknown[] = [];
        const cloud: CloudProvisioner = {
          ...world.ports.cloud,
          createDisk: async ({ precondition }, signal) => {
            const before = world.volume()?.status?.state;
            seen.push(before, await precondition(signal), world.volume()?.status?.state, reads);
            return fail({ kind: "Throttled", retryAfterMs: 1, detail: "writes" });
          },
        };
        await world.answerOf(diskReconciler({ ...world.ports, cloud, store }).reconcile("pvc-1", never));
        assert.deepEqual(seen, [undefined, true, "Creating", 1]);
      }));

    it("asks for no disk that Azure can't make, as its spec was edited", () =>
      withControllerPorts(async (world) => {
        const disk = aDiskSpec({ maxShares: 4 });
        await world.given("AzVolume", { ...aVolume({ spec: { disk } }), status: undefined });
        await run(world);
        const { state, error } = world.volume()?.status ?? {};
        assert.deepEqual([state, [...world.disks]], ["CreationFailed", []]);
        assert.match(error?.message ?? "", /spec\.disk\.maxShares "4": must be from 1 to 3/u);
      }));

    it("starts the record of a disk made for this very object without distrusted nodes", () =>
      withControllerPorts(async (world) => {
        await create(world, (made) => ({ tags: ownTags(made) }));
        assert.deepEqual(
          [world.record()?.defaultAccess, listIn(world.record(), "unverified")],
          ["clean", []],
        );
      }));

    it("does not treat a disk as new that a VM has attached already", () =>
      withControllerPorts(async (world) => {
        await create(world, (made) => ({ tags: ownTags(made), attachedTo: [instanceUriOf("node-a")] }));
        assert.deepEqual(
          [
            world.record()?.defaultAccess,
            listIn(world.record(), "unverified").map(({ instanceUri }) => instanceUri),
          ],
          ["quarantined", [instanceUriOf("node-a")]],
        );
      }));

    it("does not treat a disk as new of which a node has a checkpoint", () =>
      withControllerPorts(async (world) => {
        const checkpoint = { volumeName: "pvc-1", uid: "u-1", epoch: 7 };
        await world.given("AzDriverNode", aDriverNode("node-a", { volumes: [checkpoint] }));
        await create(world, (made) => ({ tags: ownTags(made) }));
        const { defaultAccess, epoch } = world.record() ?? assert.fail("no record");
        assert.deepEqual([defaultAccess, epoch], ["quarantined", 7]);
      }));

    it("does not treat a disk as new whose tags show a first format and a fence", () =>
      withControllerPorts(async (world) => {
        const kept = stateTagsOf(
          aVolume({ status: { detail: aDetail({ formatted }), record: aRecord({ quarantined: [a] }) } })
            .status,
        );
        await create(world, (made) => ({ tags: { ...ownTags(made), ...kept } }));
        assert.deepEqual(
          [world.record()?.defaultAccess, listIn(world.record(), "quarantined")],
          ["quarantined", [a]],
        );
        assert.deepEqual(world.volume()?.status?.detail?.formatted, formatted);
      }));

    const refusesOtherSizes =
      (shown: DiskFacts): CloudProvisioner["createDisk"] =>
      async ({ diskName: volumeName, sizeGiB }) =>
        sizeGiB === shown.sizeGiB
          ? ok(shown)
          : fail({ kind: "VolumeExistsWithOtherRequest", volumeName, difference: "size" });
    for (const { whose, sizeGiB, tags, isTaken } of [
      { whose: "its own, grown since", sizeGiB: 128, tags: {}, isTaken: true },
      { whose: "its own, but smaller", sizeGiB: 32, tags: {}, isTaken: false },
      {
        whose: "another cluster's",
        sizeGiB: 128,
        tags: { "disk.csi.azure.com-cluster-id": "cluster-2" },
        isTaken: false,
      },
      {
        whose: "another volume's",
        sizeGiB: 128,
        tags: { "disk.csi.azure.com-volume-name": "pvc-2" },
        isTaken: false,
      },
    ])
      it(`${isTaken ? "takes" : "refuses"} a disk of another size that is ${whose}`, () =>
        withControllerPorts(async (world) => {
          // Made again by hand from a manifest of earlier: no status, and another uid than the disk names.
          const disk = aDiskSpec({ sizeGiB: 64 });
          await world.given("AzVolume", { ...aVolume({ spec: { disk } }), status: undefined });
          world.disks.add(diskUri);
          const uid = { "disk.csi.azure.com-uid": "of-the-object-before" };
          const shown = aDisk({ sizeGiB, tags: { ...ownTags(world), ...uid, ...tags } });
          const cloud: CloudProvisioner = {
            ...world.ports.cloud,
            createDisk: refusesOtherSizes(shown),
            getDisk: async () => ok(shown),
          };
          await world.answerOf(diskReconciler({ ...world.ports, cloud }).reconcile("pvc-1", never));
          const { state, detail, record } = world.volume()?.status ?? {};
          assert.deepEqual(
            [state, detail?.sizeGiB, record?.defaultAccess],
            isTaken ? ["Created", sizeGiB, "quarantined"] : ["CreationFailed", undefined, undefined],
          );
        }));

    it("looks again at a disk of another size that it could not read", () =>
      withControllerPorts(async (world) => {
        await world.given("AzVolume", { ...aVolume(), status: undefined });
        const cloud: CloudProvisioner = {
          ...world.ports.cloud,
          createDisk: refusesOtherSizes(aDisk({ sizeGiB: 4_096 })),
          getDisk: async () => fail({ kind: "Throttled", retryAfterMs: 1, detail: "reads" }),
        };
        const answer = await world.answerOf(
          diskReconciler({ ...world.ports, cloud }).reconcile("pvc-1", never),
        );
        assert.equal(!answer.ok && answer.failure.kind, "Throttled");
        assert.notEqual(world.volume()?.status?.state, "CreationFailed");
      }));

    for (const { because, diskName, tags, state } of [
      {
        because: "this driver made for another volume",
        tags: { "disk.csi.azure.com-volume-name": "pvc-2" },
        state: "CreationFailed",
      },
      {
        because: "V1 made for another volume",
        tags: { "kubernetes.io-created-for-pv-name": "pvc-2" },
        state: "CreationFailed",
      },
      {
        because: "names no volume, under a name that the class chose",
        diskName: "data",
        tags: {},
        state: "CreationFailed",
      },
      {
        because: "V1 made for this volume, under a name that the class chose",
        diskName: "data",
        tags: { "kubernetes.io-created-for-pv-name": "pvc-1" },
        state: "Created",
      },
      { because: "names no volume, under the volume's name", tags: {}, state: "Created" },
    ])
      it(`${state === "Created" ? "takes" : "refuses"} a disk that ${because}`, () =>
        withControllerPorts(async (world) => {
          const disk = aDiskSpec(diskName === undefined ? {} : { diskName });
          await create(
            world,
            () => ({ tags: { "k8s-azure-created-by": "kubernetes-azure-dd", ...tags } }),
            disk,
          );
          assert.equal(world.volume()?.status?.state, state);
          assert.equal(world.record() === undefined, state !== "Created");
        }));

    it("asks for a disk of the name that the class chose", () =>
      withControllerPorts(async (world) => {
        const names: string[] = [];
        const cloud: CloudProvisioner = {
          ...world.ports.cloud,
          createDisk: async ({ diskName }) => {
            names.push(diskName);
            return fail({ kind: "Throttled", retryAfterMs: 1, detail: "writes" });
          },
        };
        const disk = aDiskSpec({ diskName: "Data" });
        await world.given("AzVolume", { ...aVolume({ spec: { disk } }), status: undefined });
        await world.answerOf(diskReconciler({ ...world.ports, cloud }).reconcile("pvc-1", never));
        assert.deepEqual(names, ["Data"]);
      }));

    it("refuses a disk of that name that another cluster made, and names that cluster", () =>
      withControllerPorts(async (world) => {
        await create(world, (made) => ({
          tags: { ...ownTags(made), "disk.csi.azure.com-cluster-id": "cluster-2" },
        }));
        const { state, error } = world.volume()?.status ?? {};
        assert.deepEqual([state, error?.kind], ["CreationFailed", "VolumeExistsWithOtherRequest"]);
        assert.match(error?.message ?? "", /was made by cluster cluster-2, not by this one \(cluster-1\)/u);
        assert.equal(world.record(), undefined);
      }));
  });

  it("deletes the disk of a volume that DeleteVolume has marked, then the object", () =>
    withControllerPorts(async (world) => {
      world.disks.add(diskUri);
      await world.given("AzVolume", aVolume({ metadata: deleted, spec: { deleteRequested: true } }));
      await run(world);
      assert.deepEqual([[...world.disks], world.volume()], [[], undefined]);
    }));

  it("completes the deletion of a volume whose creation has failed", () =>
    withControllerPorts(async (world) => {
      world.disks.add(diskUri);
      await world.given(
        "AzVolume",
        aVolume({ metadata: { finalizers: [VOLUME_FINALIZER] }, spec: { deleteRequested: true } }),
      );
      await run(world);
      assert.ok(world.volume()?.metadata.deletionTimestamp !== undefined);
      await run(world);
      assert.deepEqual([[...world.disks], world.volume()], [[], undefined]);
    }));

  const unrecorded = aVolume({
    metadata: deleted,
    spec: { deleteRequested: true },
    status: { state: "Creating", detail: undefined },
  });
  for (const { because, uid, left } of [
    { because: "deletes the disk of an unrecorded creation", uid: undefined, left: [] },
    { because: "deletes no disk of that name that was made for another volume", uid: "u-2", left: [diskUri] },
  ])
    it(because, () =>
      withControllerPorts(async (world) => {
        await world.given("AzVolume", unrecorded);
        world.disks.add(diskUri);
        const volume = world.volume() ?? assert.fail("no volume");
        const metadata = { ...volume.metadata, uid: uid ?? volume.metadata.uid };
        const made = aDisk({ tags: driverTags({ ...volume, metadata }, "cluster-1") });
        const getDisk: CloudProvisioner["getDisk"] = async (asked) =>
          asked.diskUri === diskUri ? ok(made) : fail({ kind: "DiskNotFound", ...asked });
        const cloud = { ...world.ports.cloud, getDisk };
        await world.answerOf(diskReconciler({ ...world.ports, cloud }).reconcile("pvc-1", never));
        assert.deepEqual([[...world.disks], world.volume()], [left, undefined]);
      }),
    );

  it("keeps a deleted volume whose unrecorded disk one read alone does not find", () =>
    withControllerPorts(async (world) => {
      await world.given("AzVolume", unrecorded);
      world.disks.add(diskUri);
      const getDisk: CloudProvisioner["getDisk"] = async (asked) => fail({ kind: "DiskNotFound", ...asked });
      const cloud = { ...world.ports.cloud, getDisk };
      await world.answerOf(diskReconciler({ ...world.ports, cloud }).reconcile("pvc-1", never));
      assert.notEqual(world.volume(), undefined);
      world.disks.clear();
      await world.answerOf(diskReconciler({ ...world.ports, cloud }).reconcile("pvc-1", never));
      assert.equal(world.volume(), undefined);
    }));

  for (const { because, isRead, isListed } of [
    { because: "it is gone", isRead: false, isListed: false },
    { because: "Azure shows it", isRead: true, isListed: true },
    { because: "Azure lists it", isRead: false, isListed: true },
  ])
    it(`${isListed ? "keeps" : "removes"} a volume whose disk it may not delete: ${because}`, () =>
      withControllerPorts(async (world) => {
        const lock = { code: "ScopeLocked", message: "a lock", requestId: "r" };
        const locked = fail({ kind: "CloudRejected", ...lock } as const);
        await world.given("AzVolume", aVolume({ metadata: deleted, spec: { deleteRequested: true } }));
        const cloud: typeof world.ports.cloud = {
          ...world.ports.cloud,
          deleteDisk: async () => locked,
          getDisk: async () => (isRead ? ok(aDisk()) : fail({ kind: "DiskNotFound", diskUri })),
          listDisks: async () => ok(isListed ? [aDisk()] : []),
        };
        await world.answerOf(diskReconciler({ ...world.ports, cloud }).reconcile("pvc-1", never));
        assert.equal(world.volume() !== undefined, isListed);
      }));

  const unread = aVolume({
    metadata: deleted,
    spec: { diskUri, deleteRequested: true },
    status: { state: "Pending", detail: undefined, record: undefined },
  });
  for (const { what, volume, code, isGone } of [
    { what: "without a recorded disk", volume: unrecorded, code: "ResourceGroupNotFound", isGone: true },
    { what: "without a recorded disk", volume: unrecorded, code: "SubscriptionNotFound", isGone: false },
    { what: "that was not read yet", volume: unread, code: "ResourceGroupNotFound", isGone: true },
    { what: "that was not read yet", volume: unread, code: "SubscriptionNotFound", isGone: false },
  ])
    it(`${isGone ? "removes" : "keeps"} a deleted volume ${what} after ${code}`, () =>
      withControllerPorts(async (world) => {
        await world.given("AzVolume", volume);
        const rejected = fail({ kind: "CloudRejected", code, message: "no", requestId: "r" } as const);
        const cloud = { ...world.ports.cloud, getDisk: async () => rejected };
        await world.answerOf(diskReconciler({ ...world.ports, cloud }).reconcile("pvc-1", never));
        assert.equal(world.volume() === undefined, isGone);
      }));

  it("never deletes the disk of a recreated volume while the cache shows the old one", () =>
    withControllerPorts(async (world) => {
      world.disks.add(diskUri);
      await world.given("AzVolume", aVolume({ metadata: deleted, spec: { deleteRequested: true } }));
      await recreated(world);
      await run(world);
      assert.deepEqual([...world.disks], [diskUri]);
      assert.deepEqual(world.volume()?.metadata.finalizers, [VOLUME_FINALIZER]);
    }));

  it("never deletes the disk of a volume whose deletion a restored backup has reverted", () =>
    withControllerPorts(async (world) => {
      world.disks.add(diskUri);
      await world.given("AzVolume", aVolume({ metadata: { finalizers: [VOLUME_FINALIZER] } }));
      const putBack = world.backUp();
      const present = await world.other.get("AzVolume", "pvc-1", never);
      assert.ok(present.ok);
      assert.ok(
        (
          await world.other.update(
            "AzVolume",
            { ...present.value, spec: { ...present.value.spec, deleteRequested: true } },
            never,
          )
        ).ok,
      );
      await world.markDeleted("AzVolume", "pvc-1");
      world.store.holdWatches(true);
      putBack();
      await run(world);
      assert.deepEqual(
        [[...world.disks], world.volume()?.metadata.finalizers],
        [[diskUri], [VOLUME_FINALIZER]],
      );
    }));

  it("recreates the object of a volume deleted by hand, with its disk", () =>
    withControllerPorts(async (world) => {
      world.disks.add(diskUri);
      await world.given("AzVolume", aVolume({ metadata: deleted }));
      await run(world);
      assert.deepEqual([...world.disks], [diskUri]);
      assert.deepEqual(
        [world.volume()?.spec.diskUri, world.volume()?.metadata.deletionTimestamp, world.volume()?.status],
        [diskUri, undefined, undefined],
      );
    }));

  it("keeps the labels of a volume deleted by hand, but for those of nodes", () =>
    withControllerPorts(async (world) => {
      world.disks.add(diskUri);
      const labels = { "disk.csi.azure.com/pvc": "data", team: "storage", [nodeLabel("node-1")]: "" };
      await world.given("AzVolume", aVolume({ metadata: { ...deleted, labels } }));
      await run(world);
      assert.deepEqual(world.volume()?.metadata.labels, {
        "disk.csi.azure.com/pvc": "data",
        team: "storage",
      });
    }));

  it("keeps the writer of a volume deleted by hand while Azure does not list it yet", () =>
    withControllerPorts(async (world) => {
      world.disks.add(diskUri);
      const record = aRecord({ writer: aWriter("node-1", { epoch: 4 }) });
      await world.given("AzVolume", aVolume({ metadata: deleted, status: { record } }));
      await run(world);
      await run(world);
      const rebuilt = world.volume()?.status?.record;
      assert.deepEqual(
        [rebuilt?.epoch, listIn(rebuilt, "unverified").map(({ nodeName }) => nodeName)],
        [4, ["node-1"]],
      );
    }));

  it("does not grow a disk when its object is recreated after a refused growth", () =>
    withControllerPorts(async (world) => {
      world.disks.add(diskUri);
      const refused = aVolume({
        metadata: deleted,
        spec: { disk: aDiskSpec({ sizeGiB: 32 }) },
        status: { state: "UpdateFailed" },
      });
      await world.given("AzVolume", refused);
      await run(world);
      assert.equal(refused.status?.detail?.sizeGiB, 10);
      assert.equal(world.volume()?.spec.disk.sizeGiB, 10);
    }));

  it("releases an object that was deleted by hand after its disk", () =>
    withControllerPorts(async (world) => {
      await world.given("AzVolume", aVolume({ metadata: deleted }));
      await run(world);
      assert.deepEqual([world.volume(), world.emitted], [undefined, []]);
    }));

  it("releases an object that was deleted by hand after its resource group", () =>
    withControllerPorts(async (world) => {
      await world.given("AzVolume", aVolume({ metadata: deleted }));
      const code = "ResourceGroupNotFound";
      const gone = { kind: "CloudRejected", code, message: "no", requestId: "r" } as const;
      const cloud = { ...world.ports.cloud, getDisk: async () => fail(gone) };
      await world.answerOf(diskReconciler({ ...world.ports, cloud }).reconcile("pvc-1", never));
      assert.deepEqual([world.volume(), world.emitted], [undefined, []]);
    }));

  it("keeps an object that was deleted by hand until Azure can read its disk", () =>
    withControllerPorts(async (world) => {
      const unavailable = { kind: "CloudUnavailable", code: "503", message: "", requestId: "r" } as const;
      await world.given("AzVolume", aVolume({ metadata: deleted }));
      const cloud = { ...world.ports.cloud, getDisk: async () => fail(unavailable) };
      assert.deepEqual(
        await world.answerOf(diskReconciler({ ...world.ports, cloud }).reconcile("pvc-1", never)),
        fail(unavailable),
      );
      assert.deepEqual(
        [world.volume()?.metadata.finalizers, world.volume()?.status?.state],
        [[VOLUME_FINALIZER], "Created"],
      );
      world.disks.add(diskUri);
      await run(world);
      assert.deepEqual([world.volume()?.spec.diskUri, world.volume()?.status], [diskUri, undefined]);
    }));

  it("leaves the finalizer on an object that was already recreated", () =>
    withControllerPorts(async (world) => {
      world.disks.add(diskUri);
      await world.given("AzVolume", aVolume({ metadata: deleted }));
      await recreated(world);
      await run(world);
      assert.deepEqual(world.volume()?.metadata.finalizers, [VOLUME_FINALIZER]);
    }));

  it("completes the deletion of a disk that has gone before it was read", () =>
    withControllerPorts(async (world) => {
      const { status: _, ...unknown } = aVolume({
        metadata: deleted,
        spec: { diskUri, deleteRequested: true },
      });
      await world.given("AzVolume", unknown);
      assert.deepEqual(await run(world), { ok: true, value: {} });
      assert.equal(world.volume(), undefined);
    }));

  describe("of a disk that is not new", () => {
    const { status: _, ...unknown } = aVolume({ spec: { diskUri } });

    async function withHolder(act: (world: ReconcileWorld) => Promise<void>): Promise<void> {
      await withControllerPorts(async (world) => {
        world.instances.set(instanceUriOf("node-a"), a.vmId);
        await world.given("AzVolume", unknown);
        await act(world);
      });
    }

    function adopt(
      world: ReconcileWorld,
      disk = aDisk({ attachedTo: [instanceUriOf("node-a")] }),
    ): Promise<unknown> {
      const { inspectInstance } = world.ports.cloud;
      const cloud: CloudProvisioner = {
        ...world.ports.cloud,
        getDisk: async () => ok(disk),
        inspectInstance: async (request, signal) => {
          const instance = await inspectInstance(request, signal);
          return instance.ok
            ? ok({ ...instance.value, dataDisks: [{ diskUri, lun: 4, beingDetached: false }] })
            : instance;
        },
      };
      return world.answerOf(diskReconciler({ ...world.ports, cloud }).reconcile("pvc-1", never));
    }

    it("distrusts all VMs that have it, and grants it to no node before that is recorded", () =>
      withHolder(async (world) => {
        world.store.failNext({ fault: "unavailable", verb: "create", kind: "AzVolumeAttachment" });
        await adopt(world);
        assert.deepEqual(
          [listIn(world.record(), "unverified"), world.volume()?.status?.detail, world.attachment("node-a")],
          [[identity("node-a")], undefined, undefined],
        );
        assert.deepEqual(await adopt(world), { ok: true, value: {} });
        assert.deepEqual(world.attachment("node-a")?.status, {
          state: "Attached",
          vmId: a.vmId,
          instanceUri: a.instanceUri,
          lun: 4,
        });
        assert.deepEqual(
          [listIn(world.record(), "unverified"), world.volume()?.status?.detail?.diskUri],
          [[identity("node-a")], diskUri],
        );
      }));

    it("distrusts them where another client has removed the record", () =>
      withControllerPorts(async (world) => {
        world.instances.set(instanceUriOf("node-a"), a.vmId);
        await world.given("AzVolume", aVolume({ status: { record: undefined } }));
        assert.deepEqual(await adopt(world), { ok: true, value: {} });
        assert.deepEqual(
          [listIn(world.record(), "unverified"), world.volume()?.status?.detail?.diskUri],
          [[identity("node-a")], diskUri],
        );
        assert.equal(world.attachment("node-a")?.status?.state, "Attached");
      }));

    it("keeps the first format that was recorded while the disk was read again", () =>
      withControllerPorts(async (world) => {
        await world.given("AzVolume", aVolume({ status: { record: undefined } }));
        const getDisk: CloudProvisioner["getDisk"] = async () => {
          const present = await must(world.other.get("AzVolume", "pvc-1", never));
          const status = { ...(present.status ?? assert.fail()), detail: aDetail({ formatted }) };
          await must(world.other.updateStatus("AzVolume", { ...present, status }, never));
          return ok(aDisk({ attachedTo: [] }));
        };
        const cloud = { ...world.ports.cloud, getDisk };
        await world.answerOf(diskReconciler({ ...world.ports, cloud }).reconcile("pvc-1", never));
        assert.deepEqual(world.volume()?.status?.detail?.formatted, formatted);
        assert.notEqual(world.record(), undefined);
      }));

    const unanswered: readonly {
      readonly answers: string;
      readonly failure: Failure;
      readonly state: string;
    }[] = [
      {
        answers: "refuses to show the disk for now",
        failure: {
          kind: "CloudUnauthorized",
          code: "ExpiredAuthenticationToken",
          message: "expired",
          requestId: "r",
        },
        state: "Pending",
      },
      { answers: "has no such disk", failure: { kind: "DiskNotFound", diskUri }, state: "CreationFailed" },
    ];
    for (const { answers, failure, state } of unanswered)
      it(`${state === "Pending" ? "is tried again" : "ends"} where Azure ${answers}`, () =>
        withHolder(async (world) => {
          const cloud: CloudProvisioner = { ...world.ports.cloud, getDisk: async () => fail(failure) };
          const { ok: isDone } = (await world.answerOf(
            diskReconciler({ ...world.ports, cloud }).reconcile("pvc-1", never),
          )) as { ok: boolean };
          assert.deepEqual(
            [isDone, world.volume()?.status?.state ?? "Pending"],
            [state !== "Pending", state],
          );
          await adopt(world);
          assert.equal(world.record() !== undefined, state === "Pending");
        }));

    for (const { answers, failure } of unanswered)
      it(`repeats the adoption of a lost record: Azure ${answers}`, () =>
        withControllerPorts(async (world) => {
          world.instances.set(instanceUriOf("node-a"), a.vmId);
          await world.given("AzVolume", aVolume({ status: { record: undefined } }));
          const cloud: CloudProvisioner = { ...world.ports.cloud, getDisk: async () => fail(failure) };
          const reconciler = diskReconciler({ ...world.ports, cloud });
          assert.deepEqual(await world.answerOf(reconciler.reconcile("pvc-1", never)), fail(failure));
          const { state, refusedGrowth, error } = world.volume()?.status ?? {};
          assert.deepEqual([state, refusedGrowth, error?.kind], ["Created", undefined, failure.kind]);
          const [event, ...others] = world.emitted;
          assert.deepEqual([event?.reason, others], ["RecordNotRebuilt", []]);
          assert.match(event?.message ?? "", /^the volume's record was removed, and could not be rebuilt: /);
          assert.deepEqual(await adopt(world), { ok: true, value: {} });
          assert.deepEqual(
            [listIn(world.record(), "unverified"), world.volume()?.status?.error],
            [[identity("node-a")], undefined],
          );
        }));

    const copied = { sourceUri: diskUri.replace("pvc-1", "source") };
    const detailOf = (world: ReconcileWorld): string | undefined => world.volume()?.status?.detail?.diskUri;

    for (const { because, disk, failure } of [
      {
        because: "Azure is still making",
        disk: { state: "Updating" },
        failure: { kind: "DiskBeingCopied", diskUri, percent: 0 },
      },
      {
        because: "Azure failed to copy",
        disk: { state: "Failed" },
        failure: { kind: "DiskCopyFailed", diskUri, ...copied, state: "Failed" },
      },
      {
        because: "Azure stopped copying",
        disk: { state: "Canceled" },
        failure: { kind: "DiskCopyFailed", diskUri, ...copied, state: "Canceled" },
      },
    ] as const)
      it(`gives no node a disk that ${because}, until it is complete`, () =>
        withHolder(async (world) => {
          assert.deepEqual(await adopt(world, aDisk({ ...copied, ...disk })), fail(failure));
          const { state, error } = world.volume()?.status ?? {};
          assert.deepEqual([detailOf(world), state, error?.kind], [undefined, "Pending", failure.kind]);
          await adopt(world, aDisk(copied));
          assert.deepEqual([detailOf(world), world.volume()?.status?.error], [diskUri, undefined]);
        }));

    for (const { because, disk } of [
      {
        because: "a VM has",
        disk: { completionPercent: 40, attachedTo: [instanceUriOf("node-a")] },
      },
      {
        because: "was formatted",
        disk: {
          state: "Failed",
          tags: stateTagsOf(aVolume({ status: { detail: aDetail({ formatted }) } }).status),
        },
      },
      { because: "is no copy", disk: { completionPercent: 40, sourceUri: undefined } },
    ])
      it(`takes a disk that ${because} for complete, whatever Azure shows`, () =>
        withHolder(async (world) => {
          await adopt(world, aDisk({ ...copied, ...disk }));
          assert.equal(detailOf(world), diskUri);
        }));

    for (const { because, attachedTo, isUsed } of [
      { because: "Azure still fills", attachedTo: [], isUsed: false },
      { because: "a VM has while Azure fills it", attachedTo: [instanceUriOf("node-a")], isUsed: true },
    ])
      it(`adopts a disk that ${because}, and says how far that is`, () =>
        withHolder(async (world) => {
          await adopt(world, aDisk({ ...copied, completionPercent: 40, attachedTo }));
          const { percent, firstAttachTime } = world.volume()?.status?.copy ?? {};
          assert.deepEqual([detailOf(world), percent, firstAttachTime !== undefined], [diskUri, 40, isUsed]);
          assert.ok(world.emitted.some(({ reason }) => reason === "Copying"));
        }));

    it("deletes a copy that never became complete", () =>
      withControllerPorts(async (world) => {
        const { status: __, ...doomed } = aVolume({
          metadata: deleted,
          spec: { diskUri, deleteRequested: true },
        });
        await world.given("AzVolume", doomed);
        assert.deepEqual(await adopt(world, aDisk({ ...copied, state: "Failed" })), { ok: true, value: {} });
        assert.equal(detailOf(world), diskUri, "the next plan deletes it");
      }));

    it("starts above every epoch in the nodes' checkpoints", () =>
      withHolder(async (world) => {
        await world.given(
          "AzDriverNode",
          aDriverNode("node-a", { volumes: [{ volumeName: "pvc-1", uid: "an earlier object's", epoch: 7 }] }),
        );
        await adopt(world);
        assert.equal(world.record()?.epoch, 7);
      }));

    it("keeps what a record of an earlier store incarnation says", () =>
      withControllerPorts(async (world) => {
        world.instances.set(instanceUriOf("node-a"), a.vmId);
        const [b, c, d] = [identity("node-b"), identity("node-c"), identity("node-d")];
        const record = aRecord({
          writer: aWriter("node-b", { epoch: 8 }),
          quarantined: [c],
          barrierPending: [d],
          epoch: 8,
          storeIncarnation: 1,
        });
        await world.given(
          "AzVolume",
          aVolume({ spec: { diskUri }, status: { state: "Pending", detail: undefined, record } }),
        );
        await adopt(world);
        assert.deepEqual(
          world.record(),
          aRecord({
            defaultAccess: "quarantined",
            unverified: [a, b],
            quarantined: [c],
            barrierPending: [a, b, d],
            epoch: 8,
          }),
        );
      }));

    it("takes the store incarnation from before Azure is asked", () =>
      withHolder(async (world) => {
        const disk = aDisk({ attachedTo: [instanceUriOf("node-a")] });
        const cloud: CloudProvisioner = {
          ...world.ports.cloud,
          getDisk: async () => {
            const { spec, metadata } = aLease({ incarnation: 2 });
            const raised = { metadata: { name: CONTROLLER_LEASE, annotations: metadata.annotations }, spec };
            await must(world.other.create("Lease", raised, never));
            return ok(disk);
          },
        };
        await world.answerOf(diskReconciler({ ...world.ports, cloud }).reconcile("pvc-1", never));
        assert.equal(world.record()?.storeIncarnation, 0, "a rebuild since may have allowed an attach");
      }));

    it("requires a write barrier where an earlier record may have sent a detach", () =>
      withHolder(async (world) => {
        await adopt(
          world,
          aDisk({ attachedTo: [instanceUriOf("node-a")], tags: driverTags(unknown, "cluster-1") }),
        );
        assert.deepEqual(listIn(world.record(), "barrierPending"), [a]);
      }));

    for (const { because, given } of [
      {
        because: "a node has a checkpoint of it",
        given: (world: ReconcileWorld) =>
          world.given(
            "AzDriverNode",
            aDriverNode("node-a", {
              volumes: [{ volumeName: "pvc-1", uid: "an earlier object's", epoch: 7 }],
            }),
          ),
      },
      {
        because: "an attachment of it exists",
        given: (world: ReconcileWorld) => world.given("AzVolumeAttachment", anAttachment("node-a")),
      },
    ])
      it(`requires it also where the disk's tags show no record, and ${because}`, () =>
        withHolder(async (world) => {
          await given(world);
          await adopt(world);
          assert.deepEqual(listIn(world.record(), "barrierPending"), [a]);
        }));

    for (const { because, status, barrierPending } of [
      { because: "keep a fence", status: { record: aRecord({ fencing: a }) }, barrierPending: [a] },
      { because: "keep a first format", status: { detail: aDetail({ formatted }) }, barrierPending: [a] },
      {
        because: "were copied from another disk",
        status: { detail: aDetail({ formatted, diskUri: diskUri.replace("pvc-1", "pvc-2") }) },
        barrierPending: [],
      },
    ])
      it(`lists ${barrierPending.length} nodes for a barrier where the state tags of V1's disk ${because}`, () =>
        withHolder(async (world) => {
          const tags = stateTagsOf(aVolume({ status }).status);
          await adopt(world, aDisk({ attachedTo: [instanceUriOf("node-a")], tags }));
          assert.deepEqual(listIn(world.record(), "barrierPending"), barrierPending);
        }));

    it("sends no write barrier for a disk that never had a record, as those of V1", () =>
      withHolder(async (world) => {
        await adopt(
          world,
          aDisk({
            attachedTo: [instanceUriOf("node-a")],
            tags: {
              "k8s-azure-created-by": "kubernetes-azure-dd",
              "kubernetes.io-created-for-pv-name": "pvc-1",
            },
          }),
        );
        assert.deepEqual(listIn(world.record(), "barrierPending"), []);
      }));
  });

  describe("checks the volume before each request that writes the disk", () => {
    const pending = { state: "Pending", observedGeneration: 0, conditions: [] } as const;
    const volumes = {
      createDisk: { ...aVolume({ metadata: { finalizers: [VOLUME_FINALIZER] } }), status: pending },
      resizeDisk: aVolume({
        metadata: { finalizers: [VOLUME_FINALIZER] },
        spec: { disk: aDiskSpec({ sizeGiB: 20 }) },
        status: { detail: aDetail({ maxShares: 1 }) },
      }),
      deleteDisk: aVolume({ metadata: deleted, spec: { deleteRequested: true } }),
    };
    const markDeleted = (world: ReconcileWorld): Promise<unknown> =>
      world.other.delete("AzVolume", "pvc-1", {}, never);
    const replaced = async (world: ReconcileWorld): Promise<void> => {
      await markDeleted(world);
      await recreated(world);
    };
    const created = async (world: ReconcileWorld): Promise<void> => {
      const present = await world.other.get("AzVolume", "pvc-1", never);
      assert.ok(present.ok);
      await world.other.updateStatus("AzVolume", { ...present.value, status: aVolume().status }, never);
    };
    const lowered = async (world: ReconcileWorld): Promise<void> => {
      const present = await must(world.other.get("AzVolume", "pvc-1", never));
      const spec = { ...present.spec, disk: aDiskSpec({ sizeGiB: 15 }) };
      await must(world.other.update("AzVolume", { ...present, spec }, never));
    };
    const refusedToAnother = async (world: ReconcileWorld): Promise<void> => {
      const present = await must(world.other.get("AzVolume", "pvc-1", never));
      const refusedGrowth = { sizeGiB: 20, skuName: aDetail().skuName };
      const status = { ...(present.status ?? pending), state: "UpdateFailed", refusedGrowth } as const;
      await must(world.other.updateStatus("AzVolume", { ...present, status }, never));
    };
    const rows: readonly [keyof typeof volumes, string, (world: ReconcileWorld) => Promise<unknown>][] = [
      ["createDisk", "gave its name to another", replaced],
      ["createDisk", "is deleted", markDeleted],
      ["createDisk", "has its disk by another controller", created],
      ["createDisk", "can't be read", async (world) => world.store.setReachable(false)],
      ["resizeDisk", "gave its name to another", replaced],
      ["resizeDisk", "is deleted", markDeleted],
      ["resizeDisk", "is to have a smaller size", lowered],
      ["resizeDisk", "was refused that size by another controller", refusedToAnother],
      ["deleteDisk", "gave its name to another", replaced],
    ];
    for (const [call, what, change] of rows)
      it(`and refuses ${call} where the volume ${what}`, () =>
        withControllerPorts(async (world) => {
          await world.given("AzVolume", volumes[call]);
          const answers: unknown[] = [];
          const refused = fail({ kind: "Refused", diskUri } as const);
          const asking = async (
            { precondition }: { readonly precondition: Precondition },
            signal: AbortSignal,
          ): Promise<typeof refused> => {
            answers.push(await precondition(signal));
            await change(world);
            answers.push(await precondition(signal));
            return refused;
          };
          const ports = { ...world.ports, cloud: { ...world.ports.cloud, [call]: asking } };
          assert.deepEqual(await world.answerOf(diskReconciler(ports).reconcile("pvc-1", never)), refused);
          assert.deepEqual(answers, [true, false]);
          assert.deepEqual(world.emitted, []);
        }));
  });

  it("reports on the claim and its pods why a disk does not exist yet, or never will", () =>
    withControllerPorts(async (world) => {
      await world.given("AzVolume", {
        ...aVolume(),
        status: { state: "Pending", observedGeneration: 0, conditions: [] },
      });
      const about = { kind: "AzVolume", name: "pvc-1" } as const;
      const create = (failure: Failure): Promise<unknown> => {
        const cloud = { ...world.ports.cloud, createDisk: async () => fail(failure) };
        return world.answerOf(diskReconciler({ ...world.ports, cloud }).reconcile("pvc-1", never));
      };
      await create({ kind: "Throttled", retryAfterMs: 7_000, detail: "too many" });
      await create({ kind: "QuotaExceeded", detail: "PremiumDiskCount" });
      assert.deepEqual(world.emitted, [
        {
          about,
          reason: "CreationDelayed",
          message: "the disk could not be made: Azure throttles requests (too many); tried again in 7 s",
          localKey: "Throttled",
        },
        {
          about,
          reason: "CreationFailed",
          message:
            "the disk could not be made: an Azure quota is used up; " +
            "ask for more or delete what is not needed (PremiumDiskCount)",
          localKey: "an Azure quota is used up; ask for more or delete what is not needed (PremiumDiskCount)",
        },
      ]);
    }));

  it("leaves the event about one zone to CreateVolume, which knows the others", () =>
    withControllerPorts(async (world) => {
      await world.given("AzVolume", {
        ...aVolume(),
        status: { state: "Pending", observedGeneration: 0, conditions: [] },
      });
      const createDisk: CloudProvisioner["createDisk"] = async () =>
        fail({ kind: "NotOfferedInZone", zone: "1", detail: "No such disk." });
      const ports = { ...world.ports, cloud: { ...world.ports.cloud, createDisk } };
      await world.answerOf(diskReconciler(ports).reconcile("pvc-1", never));
      assert.equal(world.volume()?.status?.error?.kind, "NotOfferedInZone");
      assert.deepEqual(world.emitted, []);
    }));

  it("reports performance that had to rise with a disk", () =>
    withControllerPorts(async (world) => {
      const cloud: CloudProvisioner = {
        ...world.ports.cloud,
        resizeDisk: async ({ sizeGiB }) =>
          ok({ sizeGiB, raised: { diskIOPSReadWrite: 65_536, diskMBpsReadWrite: 256 } }),
      };
      const disk = aDiskSpec({ skuName: "UltraSSD_LRS", sizeGiB: 65_536 });
      const detail = aDetail({ skuName: "UltraSSD_LRS", maxShares: 1 });
      await world.given("AzVolume", aVolume({ spec: { disk }, status: { detail } }));
      await world.answerOf(diskReconciler({ ...world.ports, cloud }).reconcile("pvc-1", never));
      assert.equal(world.volume()?.status?.detail?.sizeGiB, 65_536);
      assert.deepEqual(world.emitted, [
        {
          about: { kind: "AzVolume", name: "pvc-1" },
          reason: "PerformanceRaised",
          message: "the disk has 65536 IOPS and 256 MB/s now, Azure's least for its size",
        },
      ]);
    }));

  it("does not ask again for a refused size when the spec changes otherwise", () =>
    withControllerPorts(async (world) => {
      const asked: number[] = [];
      const cloud: CloudProvisioner = {
        ...world.ports.cloud,
        resizeDisk: async ({ sizeGiB }) => {
          asked.push(sizeGiB);
          return fail({ kind: "CloudRejected", code: "BadRequest", message: "no", requestId: "r" });
        },
      };
      const reconcile = (): Promise<unknown> =>
        world.answerOf(diskReconciler({ ...world.ports, cloud }).reconcile("pvc-1", never));
      const change = async (spec: Partial<AzVolume["spec"]>): Promise<void> => {
        const present = await must(world.other.get("AzVolume", "pvc-1", never));
        const next = { ...present, spec: { ...present.spec, ...spec } };
        const { metadata } = await must(world.other.update("AzVolume", next, never));
        const isShown = (): boolean =>
          world.ports.cache.get("AzVolume", "pvc-1")?.metadata.generation === metadata.generation;
        assert.ok(await world.clock.runUntil(isShown, LIMIT_MS));
      };
      const detail = aDetail({ maxShares: 1 });
      await world.given(
        "AzVolume",
        aVolume({ spec: { disk: aDiskSpec({ sizeGiB: 20 }) }, status: { detail } }),
      );
      await reconcile();
      await change({ snapshotGroups: ["rg-2"] });
      await reconcile();
      assert.deepEqual([asked, world.volume()?.status?.state], [[20], "UpdateFailed"]);
      await change({ disk: aDiskSpec({ sizeGiB: 15 }) });
      await reconcile();
      await change({ disk: aDiskSpec({ sizeGiB: 10 }) });
      await reconcile();
      const { state, refusedGrowth, error } = world.volume()?.status ?? {};
      assert.deepEqual([asked, state, refusedGrowth, error], [[20, 15], "Updated", undefined, undefined]);
    }));

  for (const { because, maxShares, state } of [
    { because: "gives up a size that Azure grants no disk in use", maxShares: 1, state: "UpdateFailed" },
    { because: "keeps the size of a shared disk that names a VM yet", maxShares: 3, state: "Updating" },
  ] as const)
    it(`${because}`, () =>
      withControllerPorts(async (world) => {
        const inUse = { kind: "DiskInUse", diskUri, attachedTo: [instanceUriOf("node-a")] } as const;
        const cloud = { ...world.ports.cloud, resizeDisk: async () => fail(inUse) };
        const reconcile = (): Promise<unknown> =>
          world.answerOf(diskReconciler({ ...world.ports, cloud }).reconcile("pvc-1", never));
        const status = { state: "Updating", detail: aDetail({ maxShares }) } as const;
        await world.given("AzVolume", aVolume({ spec: { disk: aDiskSpec({ sizeGiB: 20 }) }, status }));
        await reconcile();
        const recorded = world.volume()?.status;
        assert.deepEqual([recorded?.state, recorded?.error?.kind], [state, "DiskInUse"]);
      }));

  it("reports once why a shared disk in use does not grow", () =>
    withControllerPorts(async (world) => {
      await world.given("AzVolume", aVolume({ spec: { disk: aDiskSpec({ sizeGiB: 20 }) } }));
      await world.given("AzVolumeAttachment", anAttachment("node-a"));
      await run(world);
      const message =
        "the disk did not grow: a node has the volume published: a shared disk grows only while no VM has it";
      assert.deepEqual(world.emitted, [
        { about: { kind: "AzVolume", name: "pvc-1" }, reason: "NotExpanded", message },
      ]);
    }));
});
