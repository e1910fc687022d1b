import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { status } from "@grpc/grpc-js";
import { noClusterVolumes } from "../../adapters/embedded/no-cluster-volumes.ts";
import { aCluster, aClusterVolume } from "../../controller/testing/a-cluster.ts";
import { aDisk } from "../../controller/testing/a-disk.ts";
import type { AzVolume } from "../../core/api/az-volume.ts";
import { foreignVolumeObjectName } from "../../core/api/object-names.ts";
import { describeFailure } from "../../core/failure/describe-failure.ts";
import type { Failure } from "../../core/failure/failure.ts";
import { fail, ok } from "../../core/failure/result.ts";
import { toTimestamp } from "../../core/primitives/timestamp.ts";
import { gibToBytes } from "../../core/primitives/units.ts";
import { aDiskSpec, aPod } from "../../core/testing/objects.ts";
import { toObjectError } from "../../objects/object-error.ts";
import type { DiskFacts } from "../../ports/cloud/cloud-provisioner.ts";
import type { CapacityRange } from "../gen/csi/v1/csi.ts";
import { toGrpcStatus } from "../server/to-grpc-status.ts";
import { aCall } from "../testing/a-call.ts";
import type { ControllerWorld } from "../testing/a-controller.ts";
import { withController } from "../testing/a-controller.ts";
import {
  aSnapshot,
  aSnapshotUri,
  createFakeSnapshots,
  type FakeSnapshots,
} from "../testing/fake-snapshots.ts";
import { aDetail, aDiskUri, anAttachmentObject, aRecord, aVolumeObject } from "../testing/objects.ts";
import { aBlockCapability, aMountCapability } from "../testing/requests.ts";
import type { ControllerContext } from "./controller-context.ts";
import { expandVolume } from "./expand-volume.ts";

const never = new AbortController().signal;
function expand(
  world: ControllerWorld,
  sizeGiB: number,
  range: Partial<CapacityRange> = {},
  deadlineMs = Number.POSITIVE_INFINITY,
): ReturnType<typeof expandVolume> {
  const capacityRange = { requiredBytes: gibToBytes(sizeGiB), limitBytes: 0n, ...range };
  return expandVolume(
    world.context,
    { volumeId: aDiskUri(), capacityRange, secrets: {}, volumeCapability: undefined },
    aCall({ deadlineMs }),
  );
}

const grownTo = (sizeGiB: number): unknown =>
  ok({ capacityBytes: gibToBytes(sizeGiB), nodeExpansionRequired: true });
const isRequested = (world: ControllerWorld, sizeGiB: number): boolean =>
  world.volume("pvc-1")?.spec.disk.sizeGiB === sizeGiB;

/** What a reconciler writes once the disk has its size. */
async function grow(world: ControllerWorld, sizeGiB: number): Promise<void> {
  await world.setStatus("pvc-1", ({ status, metadata }) => {
    assert.ok(status?.detail !== undefined);
    return {
      ...status,
      state: "Updated",
      observedGeneration: metadata.generation,
      detail: { ...status.detail, sizeGiB },
    };
  });
}

/** A volume whose expansion to 20 GiB Azure has refused for good, and the call has said so. */
async function refuse20(world: ControllerWorld): Promise<void> {
  await world.given("AzVolume", aVolumeObject());
  const refused = expand(world, 20);
  await world.until(() => isRequested(world, 20));
  const failure = { kind: "CloudRejected", code: "BadRequest", message: "no", requestId: "r" } as const;
  await world.failed("pvc-1", "UpdateFailed", failure);
  assert.deepEqual(await world.answerOf(refused), { ok: false, failure });
}

function sharedVolume(record = aRecord()): AzVolume {
  const volume = aVolumeObject({
    detail: aDetail({ maxShares: 3 }),
    spec: { disk: aDiskSpec(), maxMountReplicaCount: 2 },
  });
  assert.ok(volume.status !== undefined);
  return { ...volume, status: { ...volume.status, record } };
}

describe("expandVolume", () => {
  it("adopts and grows a disk that no call has named before, such as a static volume's", () =>
    withController(async (world) => {
      const diskUri = aDiskUri();
      const cloud: ControllerContext["cloud"] = { getDisk: async () => ok(aDisk({ diskUri, sizeGiB: 10 })) };
      const clusterVolumes = aCluster([aClusterVolume({ volumeId: diskUri })]);
      const answer = expand({ ...world, context: { ...world.context, cloud, clusterVolumes } }, 20);
      const name = foreignVolumeObjectName(diskUri);
      await world.until(() => world.volume(name) !== undefined);
      await world.setStatus(name, ({ metadata }) => ({
        state: "Created",
        observedGeneration: metadata.generation,
        conditions: [],
        detail: aDetail({ diskUri, sizeGiB: 10 }),
      }));
      await world.until(() => world.volume(name)?.spec.disk.sizeGiB === 20);
      await world.setStatus(name, ({ status }) => ({
        ...(status ?? assert.fail("no status")),
        state: "Updated",
        detail: aDetail({ diskUri, sizeGiB: 20 }),
      }));
      assert.deepEqual(await world.answerOf(answer), grownTo(20));
    }));

  for (const { because, clusterVolumes, expected } of [
    {
      because: "its call states, without an orchestrator",
      clusterVolumes: noClusterVolumes,
      expected: "block",
    },
    {
      because: "its PersistentVolume states, with its attributes",
      clusterVolumes: aCluster([
        aClusterVolume({ volumeId: aDiskUri(), volumeContext: { cachingMode: "None" } }),
      ]),
      expected: "mount",
    },
  ])
    it(`adopts a disk for what ${because}`, () =>
      withController(async (world) => {
        const diskUri = aDiskUri();
        const cloud: ControllerContext["cloud"] = { getDisk: async () => ok(aDisk({ diskUri })) };
        const context = { ...world.context, cloud, clusterVolumes };
        const answer = expandVolume(
          context,
          {
            volumeId: diskUri,
            capacityRange: { requiredBytes: gibToBytes(20), limitBytes: 0n },
            secrets: {},
            volumeCapability: aBlockCapability("MULTI_NODE_MULTI_WRITER"),
          },
          aCall({ deadlineMs: 1_000 }),
        );
        const name = foreignVolumeObjectName(diskUri);
        await world.until(() => world.volume(name) !== undefined);
        const { capabilities, cachingMode } = world.volume(name)?.spec ?? assert.fail("no spec");
        assert.deepEqual(
          [capabilities.map(({ accessType }) => accessType), cachingMode],
          [[expected], clusterVolumes.volumesOf(diskUri)[0]?.volumeContext["cachingMode"]],
        );
        assert.equal((await world.answerOf(answer)).ok, false);
      }));

  it("waits for the cache to show a PersistentVolume, whose attributes no call states", () =>
    withController(async (world) => {
      const diskUri = aDiskUri();
      const cloud: ControllerContext["cloud"] = { getDisk: async () => ok(aDisk({ diskUri })) };
      const context = { ...world.context, cloud, clusterVolumes: aCluster([]) };
      const request = {
        volumeId: diskUri,
        capacityRange: { requiredBytes: gibToBytes(20), limitBytes: 0n },
        secrets: {},
        volumeCapability: aMountCapability(),
      };
      const answer = await world.answerOf(expandVolume(context, request, aCall({ deadlineMs: 1_000 })));
      assert.equal(!answer.ok && answer.failure.kind, "StillWaiting");
      assert.equal(world.volume(foreignVolumeObjectName(diskUri)), undefined);
    }));

  it("grows no disk of which the volume is a partition: that would not grow with it", () =>
    withController(async (world) => {
      const volume = aVolumeObject();
      await world.given("AzVolume", {
        ...volume,
        spec: { ...volume.spec, volumeContext: { partition: "1" } },
      });
      const answer = await world.answerOf(expand(world, 20));
      assert.match(
        answer.ok ? "" : describeFailure(answer.failure),
        /the volume is partition 1 of its disk, and the driver changes no partition table/u,
      );
      assert.ok(!isRequested(world, 20));
    }));

  for (const by of ["an attachment", "one of its PersistentVolumes"] as const)
    it(`grows no disk of which only ${by} says that the volume is a partition`, () =>
      withController(async (world) => {
        const volumeContext = { Partition: "2" };
        await world.given("AzVolume", aVolumeObject());
        const attachment = anAttachmentObject();
        if (by === "an attachment")
          await world.given("AzVolumeAttachment", {
            ...attachment,
            spec: { ...attachment.spec, volumeContext },
          });
        const volumeId = aDiskUri();
        // One with a claim, of the whole disk, and another one of the same disk.
        const bound = aClusterVolume({ volumeId: volumeId.toUpperCase() });
        const known = aClusterVolume({ name: "pv-2", volumeId, volumeContext });
        const clusterVolumes: ControllerContext["clusterVolumes"] =
          by === "an attachment"
            ? noClusterVolumes
            : { ...noClusterVolumes, volumesOf: () => [bound, known], volumeOf: () => bound };
        const answer = await world.answerOf(
          expand({ ...world, context: { ...world.context, clusterVolumes } }, 20),
        );
        assert.match(
          answer.ok ? "" : describeFailure(answer.failure),
          /the volume is partition 2 of its disk/u,
        );
        assert.ok(!isRequested(world, 20));
      }));

  it("grows no disk beyond what its small blocks can serve later", () =>
    withController(async (world) => {
      const volume = aVolumeObject();
      await world.given("AzVolume", {
        ...volume,
        spec: { ...volume.spec, volumeContext: { blockSize: "1024" } },
      });
      const answer = await world.answerOf(expand(world, 33));
      assert.equal(answer.ok ? "" : answer.failure.kind, "OutOfRange");
      assert.match(
        answer.ok ? "" : describeFailure(answer.failure),
        /blockSize is 1024, and must be one of/u,
      );
      assert.ok(!isRequested(world, 33));
    }));

  it("raises the requested size and answers once the disk has it", () =>
    withController(async (world) => {
      await world.given("AzVolume", aVolumeObject());
      const answer = expand(world, 20);
      await world.until(() => isRequested(world, 20));
      await grow(world, 20);
      assert.deepEqual(await world.answerOf(answer), grownTo(20));
      assert.deepEqual(await world.answerOf(expand(world, 20)), grownTo(20));
      const further = expand(world, 30);
      await world.until(() => isRequested(world, 30));
      await grow(world, 30);
      assert.deepEqual(await world.answerOf(further), grownTo(30));
    }));

  it("leaves a disk alone that is large enough", () =>
    withController(async (world) => {
      await world.given("AzVolume", aVolumeObject());
      assert.deepEqual(await world.answerOf(expand(world, 5)), grownTo(10));
      assert.equal(isRequested(world, 10), true);
    }));

  for (const [range, kind, because] of [
    [
      { limitBytes: gibToBytes(5), requiredBytes: gibToBytes(5) },
      "OutOfRange",
      "the disk is larger than the limit",
    ],
    [{ requiredBytes: gibToBytes(40_000) }, "OutOfRange", "no disk is that large"],
    [{ requiredBytes: -1n }, "InvalidArgument", "a negative size"],
  ] as const) {
    it(`refuses with ${kind}: ${because}`, () =>
      withController(async (world) => {
        await world.given("AzVolume", aVolumeObject());
        const answer = await world.answerOf(expand(world, 20, range));
        assert.equal(!answer.ok && answer.failure.kind, kind);
        assert.equal(isRequested(world, 10), true);
      }));
  }

  it("does not grow a shared disk under the node that uses it", () =>
    withController(async (world) => {
      await world.given("AzVolume", sharedVolume());
      await world.given("AzVolumeAttachment", anAttachmentObject({ nodeName: "node-b" }));
      const failure = { kind: "DiskInUse", diskUri: aDiskUri(), attachedTo: ["node-b"] } as const;
      assert.deepEqual(await world.answerOf(expand(world, 20)), { ok: false, failure });
      assert.equal(isRequested(world, 10), true);
      const localKey = describeFailure(failure);
      const message = `the disk did not grow to 20 GiB: ${localKey}`;
      assert.deepEqual(world.emitted, [
        { about: { kind: "AzVolume", name: "pvc-1" }, reason: "NotExpanded", message, localKey },
      ]);
    }));

  const lost = { nodeName: "node-a", vmId: "vm-a", instanceUri: "uri-a" };
  const volumeId = aDiskUri();
  const inUse = { kind: "DiskInUse", diskUri: volumeId, attachedTo: ["node-a"] } as const;
  const what = "default/db-0 to end: a shared disk grows only while no pod uses it or waits for it";
  const unlisted = "the pods to be listed: a shared disk grows only while no pod uses it or waits for it";
  for (const { because, record, pods, failure } of [
    { because: "a node is being fenced", record: { fencing: lost }, pods: [], failure: inUse },
    {
      because: "a node is unverified",
      record: { unverified: [lost] },
      pods: [],
      failure: { kind: "WriterRecordUnverified", volumeId, nodes: ["node-a"] } as const,
    },
    {
      because: "the fence has ended and a pod waits",
      record: { quarantined: [lost] },
      pods: [aPod()],
      failure: { kind: "StillWaiting", volumeId, what } as const,
    },
    {
      because: "the pods are still being listed",
      record: {},
      pods: undefined,
      failure: { kind: "StillWaiting", volumeId, what: unlisted } as const,
    },
  ])
    it(`does not begin to grow a shared disk where ${because}`, () =>
      withController(async (world) => {
        world.pods = pods;
        await world.given("AzVolume", sharedVolume(aRecord(record)));
        await world.given("AzVolumeAttachment", anAttachmentObject({ nodeName: "node-b", role: "Replica" }));
        assert.deepEqual(await world.answerOf(expand(world, 20)), { ok: false, failure });
        assert.equal(isRequested(world, 10), true);
        assert.deepEqual(
          world.emitted.map(({ reason }) => reason),
          ["NotExpanded"],
        );
      }));

  it("reads the store before it refuses, since the cache may lack an unpublish", () =>
    withController(async (world) => {
      await world.given("AzVolume", sharedVolume());
      const attachment = anAttachmentObject({ nodeName: "node-b" });
      await world.given("AzVolumeAttachment", attachment);
      world.store.holdWatches(true);
      const present = await world.answerOf(
        world.store.get("AzVolumeAttachment", attachment.metadata.name, never),
      );
      assert.ok(present.ok);
      const demoted = { ...present.value, spec: { ...present.value.spec, role: "Replica" } } as const;
      assert.ok((await world.answerOf(world.store.update("AzVolumeAttachment", demoted, never))).ok);
      const answer = expand(world, 20);
      await world.until(() => isRequested(world, 20));
      world.store.holdWatches(false);
      await grow(world, 20);
      assert.deepEqual(await world.answerOf(answer), grownTo(20));
    }));

  it("grows a shared disk that only replicas have", () =>
    withController(async (world) => {
      await world.given("AzVolume", sharedVolume());
      await world.given("AzVolumeAttachment", anAttachmentObject({ role: "Replica" }));
      const answer = expand(world, 20);
      await world.until(() => isRequested(world, 20));
      await grow(world, 20);
      assert.deepEqual(await world.answerOf(answer), grownTo(20));
    }));

  it("answers Azure's refusal, and a repeated call asks for another try", () =>
    withController(async (world) => {
      await refuse20(world);
      await world.clock.advance(1_000);
      const again = expand(world, 20);
      await world.until(() => world.volume("pvc-1")?.status?.state === "Created");
      await grow(world, 20);
      assert.deepEqual(await world.answerOf(again), grownTo(20));
    }));

  it("answers a refusal although the spec has changed otherwise since", () =>
    withController(async (world) => {
      await world.given("AzVolume", aVolumeObject());
      const answer = expand(world, 20, {}, world.clock.elapsedMs() + 5_000);
      await world.until(() => isRequested(world, 20));
      const failure = { kind: "CloudRejected", code: "BadRequest", message: "no", requestId: "r" } as const;
      await world.setStatus("pvc-1", ({ spec, metadata, status }) => {
        assert.ok(status?.detail !== undefined);
        return {
          ...status,
          state: "UpdateFailed",
          observedGeneration: metadata.generation - 1,
          refusedGrowth: { sizeGiB: spec.disk.sizeGiB, skuName: status.detail.skuName },
          error: toObjectError(failure, { nowMs: 0, retries: 1 }),
        };
      });
      assert.deepEqual(await world.answerOf(answer), { ok: false, failure });
      const again = expand(world, 20);
      await world.until(() => world.volume("pvc-1")?.status?.state === "Created");
      assert.equal(world.volume("pvc-1")?.status?.refusedGrowth, undefined);
      await grow(world, 20);
      assert.deepEqual(await world.answerOf(again), grownTo(20));
    }));

  it("asks for a smaller size after a refusal, as a lowered claim does", () =>
    withController(async (world) => {
      await refuse20(world);
      await world.clock.advance(1_000);
      const lower = expand(world, 15);
      await world.until(() => isRequested(world, 15));
      await grow(world, 15);
      assert.deepEqual(await world.answerOf(lower), grownTo(15));
    }));

  it("withdraws a refused size when no more than the present one is requested", () =>
    withController(async (world) => {
      await refuse20(world);
      assert.deepEqual(await world.answerOf(expand(world, 10)), grownTo(10));
      assert.ok(isRequested(world, 10));
    }));

  it("keeps a larger size that is under way", () =>
    withController(async (world) => {
      await world.given("AzVolume", aVolumeObject());
      const larger = expand(world, 20, {}, world.clock.elapsedMs() + 5_000);
      await world.until(() => isRequested(world, 20));
      assert.ok(!(await world.answerOf(larger)).ok);
      const lower = expand(world, 15);
      await grow(world, 20);
      assert.deepEqual(await world.answerOf(lower), grownTo(20));
    }));

  // Where the PersistentVolume has the size already, csi-resizer repeats the size that its claim has noted.
  it("answers a size again that the disk has, also under its pod, and keeps a larger", () =>
    withController(async (world) => {
      await world.given("AzVolume", sharedVolume());
      const larger = expand(world, 20, {}, world.clock.elapsedMs() + 5_000);
      await world.until(() => isRequested(world, 20));
      assert.ok(!(await world.answerOf(larger)).ok);
      await world.given("AzVolumeAttachment", anAttachmentObject({ nodeName: "node-b" }));
      assert.deepEqual(await world.answerOf(expand(world, 10)), grownTo(10));
      assert.ok(isRequested(world, 20));
      await grow(world, 20);
      for (const repeated of [20, 10, 20])
        assert.deepEqual(await world.answerOf(expand(world, repeated)), grownTo(20));
      assert.ok(isRequested(world, 20));
      assert.deepEqual(world.emitted, []);
    }));

  it("says what it waits for when the caller can't wait longer", () =>
    withController(async (world) => {
      await world.given("AzVolume", aVolumeObject());
      const answer = await world.answerOf(expand(world, 20, {}, world.clock.elapsedMs() + 5_000));
      assert.deepEqual(answer, {
        ok: false,
        failure: { kind: "StillWaiting", volumeId: aDiskUri(), what: "its disk to grow to 20 GiB" },
      });
    }));

  for (const maxShares of [1, 3])
    it(`is refused while Azure fills the disk, before anything is requested: maxShares ${maxShares}`, () =>
      withController(async (world) => {
        const volume = aVolumeObject({ detail: aDetail({ maxShares }) });
        const { status = assert.fail("no status") } = volume;
        const since = toTimestamp(0);
        const copy = { percent: 40, since, readTime: since };
        await world.given("AzVolume", { ...volume, status: { ...status, copy } });
        const deadlineMs = world.clock.elapsedMs() + 5_000;
        const asks = async (): Promise<unknown> => world.answerOf(expand(world, 20, {}, deadlineMs));
        assert.deepEqual(await asks(), fail({ kind: "DiskBeingCopied", diskUri: aDiskUri(), percent: 40 }));
        await world.setStatus("pvc-1", () => ({ ...status, copy: { ...copy, failedState: "Failed" } }));
        assert.deepEqual(
          await asks(),
          fail({ kind: "DiskCopyFailed", diskUri: aDiskUri(), sourceUri: "", state: "Failed" }),
        );
        assert.equal(isRequested(world, 20), false);
      }));

  describe("of a disk whose snapshots Azure copies in the background", () => {
    const snapshots = (): FakeSnapshots => {
      const fake = createFakeSnapshots(
        aSnapshot({ isBeingCopied: true }),
        aSnapshot({ snapshotUri: aSnapshotUri("other"), sourceUri: aDiskUri("other"), isBeingCopied: true }),
      );
      return {
        ...fake,
        listSnapshots: ({ resourceGroup = "rg-1" }, signal) => fake.listSnapshots({ resourceGroup }, signal),
      };
    };
    const volumeOf = (skuName: string): AzVolume => aVolumeObject({ detail: aDetail({ skuName }) });
    const asks = async (world: ControllerWorld, context: Partial<ControllerContext>): Promise<unknown> => {
      const deadlineMs = world.clock.elapsedMs() + 5_000;
      const cloud = { getDisk: async () => ok(aDisk({ diskUri: aDiskUri() })) };
      const asked = { ...world.context, cloud, ...context };
      const ended = await world.answerOf(expand({ ...world, context: asked }, 20, {}, deadlineMs));
      return ended.ok ? "OK" : describeFailure(ended.failure);
    };

    for (const skuName of ["PremiumV2_LRS", "UltraSSD_LRS"])
      it(`waits until they are complete: ${skuName}`, () =>
        withController(async (world) => {
          await world.given("AzVolume", volumeOf(skuName));
          const fake = snapshots();
          const why = /still waiting for its snapshot snapshot-1 to be complete: Azure fails a snapshot/u;
          assert.match(String(await asks(world, { snapshots: fake })), why);
          assert.deepEqual(
            [isRequested(world, 20), world.emitted.map(({ reason }) => reason)],
            [false, ["NotExpanded"]],
          );
          fake.change(aSnapshotUri("snapshot-1"), { isBeingCopied: false });
          assert.match(String(await asks(world, { snapshots: fake })), /its disk to grow to 20 GiB/u);
          fake.change(aSnapshotUri("snapshot-1"), { isBeingCopied: true });
          assert.match(String(await asks(world, { snapshots: fake })), /its disk to grow to 20 GiB/u);
        }));

    it("waits for no snapshot of an earlier disk of that name", () =>
      withController(async (world) => {
        await world.given("AzVolume", volumeOf("PremiumV2_LRS"));
        const fake = createFakeSnapshots(
          aSnapshot({ isBeingCopied: true, sourceUniqueId: "disk-1" }),
          aSnapshot({
            isBeingCopied: true,
            sourceUniqueId: "disk-2",
            snapshotUri: aSnapshotUri("snapshot-2"),
          }),
        );
        const listSnapshots: FakeSnapshots["listSnapshots"] = (_, signal) =>
          fake.listSnapshots({ resourceGroup: "rg-1" }, signal);
        const asked = async (disk: Partial<DiskFacts>): Promise<string> => {
          const cloud = { getDisk: async () => ok(aDisk({ diskUri: aDiskUri(), ...disk })) };
          return String(await asks(world, { snapshots: { ...fake, listSnapshots }, cloud }));
        };
        assert.match(await asked({}), /its snapshot snapshot-1 to be complete/u, "no id is shown");
        assert.match(await asked({ uniqueId: "disk-2" }), /its snapshot snapshot-2 to be complete/u);
        const unsaid = aSnapshot({ isBeingCopied: true, snapshotUri: aSnapshotUri("unsaid") });
        fake.present.set(unsaid.snapshotUri.toLowerCase(), unsaid);
        assert.match(await asked({ uniqueId: "disk-3" }), /its snapshot unsaid to be complete/u);
        fake.present.delete(unsaid.snapshotUri.toLowerCase());
        // Azure may change the id of a disk: a snapshot that is younger than the disk is of that one.
        const older = { uniqueId: "disk-3", timeCreated: "2025-12-31T00:00:00Z" };
        assert.match(await asked(older), /its snapshot snapshot-1 to be complete/u);
        assert.match(await asked({ uniqueId: "disk-3" }), /its disk to grow to 20 GiB/u);
      }));

    it("lists the cluster's group once, and the group that a class has named", () =>
      withController(async (world) => {
        const volume = volumeOf("PremiumV2_LRS");
        await world.given("AzVolume", { ...volume, spec: { ...volume.spec, snapshotGroups: ["backups"] } });
        const listed: (string | undefined)[] = [];
        const noting: FakeSnapshots = {
          ...snapshots(),
          listSnapshots: async ({ resourceGroup }) => {
            listed.push(resourceGroup);
            return ok([]);
          },
        };
        await asks(world, { snapshots: noting });
        assert.deepEqual(listed, [undefined, "backups"]);
      }));

    it("looks into a group that another controller has noted just now", () =>
      withController(async (world) => {
        const volume = volumeOf("PremiumV2_LRS");
        await world.given("AzVolume", { ...volume, spec: { ...volume.spec, snapshotGroups: ["backups"] } });
        const snapshotUri = aSnapshotUri("elsewhere").replace("/rg-1/", "/backups/");
        const fake = createFakeSnapshots(aSnapshot({ snapshotUri, isBeingCopied: true }));
        const cache: ControllerContext["cache"] = { ...world.context.cache, byIndex: () => [] };
        assert.match(String(await asks(world, { snapshots: fake, cache })), /its snapshot elsewhere/u);
      }));

    it("waits for a snapshot that is being made, not for one that has failed", () =>
      withController(async (world) => {
        await world.given("AzVolume", volumeOf("PremiumV2_LRS"));
        const fake = snapshots();
        fake.change(aSnapshotUri("snapshot-1"), { state: "Creating", isTaken: false, isBeingCopied: false });
        assert.match(
          String(await asks(world, { snapshots: fake })),
          /its snapshot snapshot-1 to be complete/u,
        );
        fake.change(aSnapshotUri("snapshot-1"), { state: "Failed" });
        assert.match(String(await asks(world, { snapshots: fake })), /its disk to grow to 20 GiB/u);
      }));

    it("does not look for them where Azure copies none", () =>
      withController(async (world) => {
        await world.given("AzVolume", volumeOf("Premium_LRS"));
        const none = { ...snapshots(), listSnapshots: () => assert.fail("no call to Azure is needed") };
        assert.match(String(await asks(world, { snapshots: none })), /its disk to grow to 20 GiB/u);
      }));

    it("grows where the driver may not list them, not where Azure can't be asked", () =>
      withController(async (world) => {
        await world.given("AzVolume", volumeOf("PremiumV2_LRS"));
        const failing = (failure: Failure): FakeSnapshots => ({
          ...snapshots(),
          listSnapshots: async () => fail(failure),
        });
        const azure = { code: "AuthorizationFailed", message: "no", requestId: "r" };
        const busy = failing({ kind: "CloudUnavailable", ...azure });
        assert.match(String(await asks(world, { snapshots: busy })), /Azure can't be reached/u);
        assert.equal(isRequested(world, 20), false);
        const denied = failing({ kind: "CloudUnauthorized", ...azure });
        assert.match(String(await asks(world, { snapshots: denied })), /its disk to grow to 20 GiB/u);
      }));
  });

  // NOT_FOUND would call the expansion infeasible.
  it("is to be called again where the AzVolume is made again during the call", () =>
    withController(async (world) => {
      await world.given("AzVolume", aVolumeObject());
      const answer = expand(world, 20);
      await world.until(() => isRequested(world, 20));
      await world.removeFinalizers("pvc-1");
      await world.answerOf(world.store.delete("AzVolume", "pvc-1", {}, never));
      await world.given("AzVolume", aVolumeObject());
      const ended = await world.answerOf(answer);
      assert.equal(!ended.ok && toGrpcStatus(ended.failure).code, status.UNAVAILABLE);
    }));

  it("knows no other volume", () =>
    withController(async (world) => {
      const answer = await world.answerOf(expand(world, 20));
      assert.deepEqual(answer, { ok: false, failure: { kind: "VolumeNotFound", volumeId: aDiskUri() } });
    }));

  it("needs an id and a capacity range", () =>
    withController(async ({ context }) => {
      const request = {
        volumeId: aDiskUri(),
        capacityRange: undefined,
        secrets: {},
        volumeCapability: undefined,
      };
      for (const [change, field] of [
        [{ volumeId: "" }, "volume_id"],
        [{}, "capacity_range"],
        [{ capacityRange: { requiredBytes: 0n, limitBytes: 0n } }, "capacity_range"],
      ] as const) {
        const answer = await expandVolume(context, { ...request, ...change }, aCall());
        assert.equal(!answer.ok && answer.failure.kind === "InvalidArgument" && answer.failure.field, field);
      }
    }));
});
