import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { aDisk } from "../../../controller/testing/a-disk.ts";
import { LATE_REQUEST_MS } from "../../../core/azure/late-request.ts";
import { describeFailure } from "../../../core/failure/describe-failure.ts";
import { fail, ok, type Result } from "../../../core/failure/result.ts";
import { valueOf } from "../../../core/testing/value-of.ts";
import { OperationLock } from "../../../runtime/operation-lock.ts";
import type { CreateSnapshotRequest, CreateSnapshotResponse } from "../../gen/csi/v1/csi.ts";
import { aCall } from "../../testing/a-call.ts";
import { anEmptyContext } from "../../testing/a-context.ts";
import { type ControllerWorld, withController } from "../../testing/a-controller.ts";
import {
  aSnapshot,
  aSnapshotUri,
  createFakeSnapshots,
  type FakeSnapshots,
} from "../../testing/fake-snapshots.ts";
import { aDetail, aDiskUri, aVolumeObject } from "../../testing/objects.ts";
import type { ControllerContext } from "../controller-context.ts";
import { createSnapshot } from "./create-snapshot.ts";

function aRequest(changes: Partial<CreateSnapshotRequest> = {}): CreateSnapshotRequest {
  return {
    sourceVolumeId: aDiskUri(),
    name: "snapshot-1",
    secrets: {},
    parameters: {},
    accessibilityRequirements: undefined,
    ...changes,
  };
}

const getDisk: ControllerContext["cloud"]["getDisk"] = async ({ diskUri }) =>
  ok(aDisk({ diskUri, skuName: "Premium_LRS" }));

function create(
  snapshots: FakeSnapshots,
  changes: Partial<CreateSnapshotRequest> = {},
  locks = new OperationLock(),
): Promise<Result<CreateSnapshotResponse>> {
  return createSnapshot(anEmptyContext({ snapshots, cloud: { getDisk }, locks }), aRequest(changes), aCall());
}

describe("createSnapshot", () => {
  it("creates a snapshot beside its disk, with the tags that make it the cluster's own", async () => {
    const snapshots = createFakeSnapshots();
    const created = await create(snapshots, { parameters: { tags: "team=a" } });
    assert.deepEqual(created, {
      ok: true,
      value: {
        snapshot: {
          snapshotId: aSnapshotUri("snapshot-1"),
          sourceVolumeId: aDiskUri(),
          sizeBytes: 10n * 1024n ** 3n,
          creationTime: { seconds: 1_767_225_600n, nanos: 0 },
          readyToUse: true,
          groupSnapshotId: "",
          accessibleTopology: [],
        },
      },
    });
    assert.deepEqual(snapshots.created[0]?.tags, {
      "k8s-azure-created-by": "kubernetes-azure-dd",
      "disk.csi.azure.com-cluster-id": "cluster-1",
      "disk.csi.azure.com-snapshot-name": "snapshot-1",
      source_volume_id: aDiskUri(),
      team: "a",
    });
    assert.equal(snapshots.created[0]?.location, "eastus");
  });

  it("finds its snapshot again, and reports that its copy still runs", async () => {
    const snapshots = createFakeSnapshots();
    await create(snapshots);
    const [[key, made] = []] = [...snapshots.present];
    assert.ok(key !== undefined && made !== undefined);
    snapshots.present.set(key, { ...made, isRestorable: false });
    const again = await create(snapshots);
    assert.equal(again.ok && again.value.snapshot?.readyToUse, false);
    assert.equal(snapshots.present.size, 1);
  });

  describe("of a disk that Azure still fills", () => {
    const refusal = {
      kind: "CloudRejected",
      code: "OperationNotAllowed",
      message: "",
      requestId: "",
    } as const;
    const filling = { kind: "DiskBeingCopied", diskUri: aDiskUri(), percent: 40 } as const;
    const failed = { kind: "DiskCopyFailed", diskUri: aDiskUri(), sourceUri: "", state: "Failed" } as const;
    const since = "2026-01-01T00:00:00Z";
    for (const { because, isFilling, refused, parameters, answer, known } of [
      { because: "is answered where Azure makes it", isFilling: true, answer: "made" },
      { because: "waits where Azure refuses it", isFilling: true, refused: refusal, answer: filling },
      { because: "is final where the disk is filled", isFilling: false, refused: refusal, answer: refusal },
      {
        because: "waits with instant access, which Azure refuses",
        isFilling: true,
        parameters: { instantAccessDurationMinutes: "60" },
        answer: filling,
      },
      {
        because: "waits with a freeze, which would be in vain",
        isFilling: true,
        parameters: { fileSystemFreezeSeconds: "5" },
        answer: filling,
      },
      {
        because: "is refused where that has failed: the snapshot would lack data, too",
        isFilling: true,
        known: { failedState: "Failed" },
        answer: failed,
      },
      {
        because: "is made of a failed one that a node has had, whose writes are in no other place",
        isFilling: true,
        known: { failedState: "Failed", firstAttachTime: since },
        answer: "made",
      },
    ] as const)
      it(because, () =>
        withController(async (world) => {
          const volume = aVolumeObject({
            detail: aDetail({ diskUri: aDiskUri(), skuName: "PremiumV2_LRS" }),
          });
          await world.given("AzVolume", {
            ...volume,
            status: {
              ...(volume.status ?? assert.fail("no status")),
              ...(isFilling ? { copy: { percent: 40, since, readTime: since, ...known } } : {}),
            },
          });
          const fake = createFakeSnapshots();
          const snapshots =
            refused === undefined ? fake : { ...fake, createSnapshot: async () => fail(refused) };
          const cloud: ControllerContext["cloud"] = {
            getDisk: async ({ diskUri }) => ok(aDisk({ diskUri, skuName: "PremiumV2_LRS" })),
          };
          const context = { ...world.context, snapshots, cloud };
          const asked = aRequest({ parameters: parameters ?? {} });
          const answered = await world.answerOf(createSnapshot(context, asked, aCall()));
          assert.deepEqual(answered.ok ? "made" : answered.failure, answer);
          assert.equal(fake.created.length, answer === "made" ? 1 : 0);
        }),
      );
  });

  it("is refused for good only once no earlier request for it may arrive", () =>
    withController(async (world) => {
      const detail = aDetail({ diskUri: aDiskUri(), skuName: "PremiumV2_LRS" });
      await world.given("AzVolume", aVolumeObject({ detail }));
      const refusal = { kind: "CloudRejected", code: "BadRequest", message: "", requestId: "" } as const;
      const lost = { kind: "CloudUnavailable", code: "NoAnswer", message: "", requestId: "" } as const;
      const fake = createFakeSnapshots();
      const answeredBy = (failure: typeof refusal | typeof lost) => {
        const refuse: FakeSnapshots["createSnapshot"] = async ({ note }, signal) => {
          const noted = await note?.write(signal);
          if (noted?.ok === false) return noted;
          if (failure === refusal) await note?.end(signal);
          return fail(failure);
        };
        const cloud: ControllerContext["cloud"] = {
          getDisk: async ({ diskUri }) => ok(aDisk({ diskUri, skuName: "PremiumV2_LRS" })),
        };
        const context = { ...world.context, snapshots: { ...fake, createSnapshot: refuse }, cloud };
        return world.answerOf(createSnapshot(context, aRequest(), aCall()));
      };
      assert.deepEqual(await answeredBy(refusal), fail(refusal));
      assert.deepEqual(await answeredBy(lost), fail(lost));
      const waits = await answeredBy(refusal);
      assert.ok(!waits.ok && waits.failure.kind === "StillWaiting");
      assert.match(waits.failure.what, /snapshot-1, of .+, to arrive in Azure.+BadRequest/u);
      await world.clock.advance(LATE_REQUEST_MS);
      assert.deepEqual(await answeredBy(refusal), fail(refusal));
    }));

  for (const { shownId, answer } of [
    { shownId: "first", answer: "made" },
    { shownId: undefined, answer: "made" },
    {
      shownId: "second",
      answer: { kind: "DiskReplaced", diskUri: aDiskUri(), uniqueId: "first", shownId: "second" },
    },
  ])
    it(`of a volume is ${answer === "made" ? answer : "not"} of a disk with the id ${shownId}`, () =>
      withController(async (world) => {
        await world.given("AzVolume", aVolumeObject({ detail: aDetail({ uniqueId: "first" }) }));
        const snapshots = createFakeSnapshots();
        const shown = aDisk({ diskUri: aDiskUri(), ...(shownId && { uniqueId: shownId }) });
        const context = { ...world.context, snapshots, cloud: { getDisk: async () => ok(shown) } };
        const answered = await world.answerOf(createSnapshot(context, aRequest(), aCall()));
        assert.deepEqual(answered.ok ? "made" : answered.failure, answer);
        assert.equal(snapshots.created.length, answer === "made" ? 1 : 0);
      }));

  const [before, after] = ["2025-12-31T00:00:00Z", "2026-01-02T00:00:00Z"];
  for (const { because, knownId, diskMadeAt, madeOf, shownId, isMade } of [
    { because: "is the volume's", knownId: "first", madeOf: "first", shownId: "first", isMade: true },
    {
      because: "took its name",
      knownId: "first",
      madeOf: "second",
      shownId: "second",
      isMade: false,
    },
    {
      because: "was the volume's before",
      knownId: "second",
      madeOf: "first",
      shownId: "second",
      isMade: true,
    },
    { because: "is known by no id", knownId: undefined, madeOf: "second", shownId: "second", isMade: true },
    { because: "is gone since", knownId: "second", madeOf: "first", shownId: undefined, isMade: true },
    {
      because: "came before the volume's, which is gone since",
      knownId: "second",
      diskMadeAt: after,
      madeOf: "first",
      shownId: undefined,
      isMade: true,
    },
    {
      because: "took its name, and is gone since",
      knownId: "first",
      diskMadeAt: before,
      madeOf: "second",
      shownId: undefined,
      isMade: false,
    },
    {
      because: "took its name, as did another one since",
      knownId: "first",
      diskMadeAt: before,
      madeOf: "second",
      shownId: "third",
      isMade: false,
    },
  ] as const)
    it(`is ${isMade ? "" : "not "}answered where the disk that it was made of ${because}`, () =>
      withController(async (world) => {
        const timeCreated = diskMadeAt === undefined ? {} : { timeCreated: diskMadeAt };
        const detail = aDetail(knownId === undefined ? {} : { uniqueId: knownId, ...timeCreated });
        await world.given("AzVolume", aVolumeObject({ detail }));
        const snapshots = createFakeSnapshots();
        const snapshotUri = aSnapshotUri("snapshot-1");
        const ofDisk: typeof snapshots.createSnapshot = async (request, signal) => {
          const made = await snapshots.createSnapshot(request, signal);
          snapshots.change(snapshotUri, { sourceUniqueId: madeOf });
          return made.ok ? snapshots.getSnapshot({ snapshotUri }, signal) : made;
        };
        let looks = 0;
        const getLater: typeof getDisk = async ({ diskUri }) => {
          looks += 1;
          // The first look is before the request.
          const uniqueId = looks === 1 ? knownId : shownId;
          if (uniqueId === undefined && looks > 1) return fail({ kind: "DiskNotFound", diskUri });
          return ok(aDisk({ diskUri, ...(uniqueId && { uniqueId }) }));
        };
        const context = {
          ...world.context,
          snapshots: { ...snapshots, createSnapshot: ofDisk },
          cloud: { getDisk: getLater },
        };
        // The next call finds the snapshot.
        for (const call of ["first", "next"]) {
          const answered = await world.answerOf(createSnapshot(context, aRequest(), aCall()));
          const refused = {
            kind: "DiskReplaced",
            diskUri: aDiskUri(),
            uniqueId: knownId,
            shownId: madeOf,
          };
          assert.deepEqual(answered.ok ? "made" : answered.failure, isMade ? "made" : refused, call);
        }
      }));

  for (const location of [undefined, "westus"])
    it(`is made in its disk's edge zone${location === undefined ? "" : ", and copied without one"}`, () =>
      withController(async (world) => {
        const snapshots = createFakeSnapshots();
        const inEdgeZone: typeof getDisk = async ({ diskUri }) => ok(aDisk({ diskUri, edgeZone: "perth" }));
        const context = { ...world.context, snapshots, cloud: { getDisk: inEdgeZone } };
        const parameters: Record<string, string> = location === undefined ? {} : { location };
        valueOf(await world.answerOf(createSnapshot(context, aRequest({ parameters }), aCall())));
        assert.deepEqual(
          snapshots.created.map((request) => [request.location, request.edgeZone]),
          [["eastus", "perth"], ...(location === undefined ? [] : [[location, undefined]])],
        );
      }));

  it("is not copied to another region where another disk took the volume's name", () =>
    withController(async (world) => {
      await world.given("AzVolume", aVolumeObject({ detail: aDetail({ uniqueId: "first" }) }));
      const snapshots = createFakeSnapshots();
      const ofDisk: typeof snapshots.createSnapshot = async (request, signal) => {
        const made = await snapshots.createSnapshot(request, signal);
        const { snapshotUri } = request;
        snapshots.change(snapshotUri, { sourceUniqueId: "second" });
        return made.ok ? snapshots.getSnapshot({ snapshotUri }, signal) : made;
      };
      let looks = 0;
      const getLater: typeof getDisk = async ({ diskUri }) =>
        ok(aDisk({ diskUri, uniqueId: (looks += 1) === 1 ? "first" : "second" }));
      const context = {
        ...world.context,
        snapshots: { ...snapshots, createSnapshot: ofDisk },
        cloud: { getDisk: getLater },
      };
      const request = aRequest({ parameters: { location: "westus" } });
      for (let call = 0; call < 2; call++) {
        const answered = await world.answerOf(createSnapshot(context, request, aCall()));
        assert.equal(answered.ok ? "made" : answered.failure.kind, "DiskReplaced");
      }
      assert.deepEqual(
        snapshots.created.map(({ sourceUri }) => sourceUri),
        [aDiskUri()],
      );
    }));

  describe("of a disk that has to grow", () => {
    const growing = (skuName: string): ReturnType<typeof aVolumeObject> => {
      const volume = aVolumeObject({ detail: aDetail({ skuName }) });
      return { ...volume, spec: { ...volume.spec, disk: { ...volume.spec.disk, sizeGiB: 20 } } };
    };
    const answered = async (
      world: ControllerWorld,
      snapshots: FakeSnapshots,
      changes: Partial<ControllerContext> = {},
    ): Promise<string> => {
      const context = { ...world.context, snapshots, cloud: { getDisk }, ...changes };
      const answer = await world.answerOf(createSnapshot(context, aRequest(), aCall()));
      return answer.ok ? "made" : describeFailure(answer.failure);
    };

    for (const skuName of ["PremiumV2_LRS", "UltraSSD_LRS"])
      it(`waits until it has: Azure would fail a snapshot that it copies then: ${skuName}`, () =>
        withController(async (world) => {
          const snapshots = createFakeSnapshots();
          await world.given("AzVolume", growing(skuName));
          assert.match(
            await answered(world, snapshots),
            /still waiting for its disk to grow to 20 GiB: Azure/u,
          );
          assert.deepEqual(snapshots.created, []);
          await world.diskCreated("pvc-1", 20);
          await world.until(
            () => world.context.cache.get("AzVolume", "pvc-1")?.status?.detail?.sizeGiB === 20,
          );
          assert.equal(await answered(world, snapshots), "made");
        }));

    it("waits for a growth that the cache does not show yet", () =>
      withController(async (world) => {
        await world.given("AzVolume", growing("PremiumV2_LRS"));
        const before = [aVolumeObject({ detail: aDetail({ skuName: "PremiumV2_LRS" }) })];
        const byIndex = (() => before) as unknown as ControllerContext["cache"]["byIndex"];
        const cache = { ...world.context.cache, byIndex };
        const snapshots = createFakeSnapshots();
        assert.match(await answered(world, snapshots, { cache }), /still waiting for its disk to grow/u);
        assert.deepEqual(snapshots.created, []);
      }));

    it("answers one that is there, and does not wait where Azure has refused the growth", () =>
      withController(async (world) => {
        await world.given("AzVolume", growing("PremiumV2_LRS"));
        const made = createFakeSnapshots(aSnapshot({ tags: own }));
        assert.equal(await answered(world, made), "made");
        await world.setStatus("pvc-1", ({ status }) => ({
          ...(status ?? assert.fail("no status")),
          state: "UpdateFailed",
          refusedGrowth: { sizeGiB: 20, skuName: "PremiumV2_LRS" },
        }));
        await world.until(
          () => world.context.cache.get("AzVolume", "pvc-1")?.status?.state === "UpdateFailed",
        );
        assert.equal(await answered(world, createFakeSnapshots()), "made");
      }));

    it("says of a shared disk that its pods have to end before", () =>
      withController(async (world) => {
        const volume = aVolumeObject({ detail: aDetail({ skuName: "PremiumV2_LRS", maxShares: 2 }) });
        const disk = { ...volume.spec.disk, sizeGiB: 20 };
        await world.given("AzVolume", { ...volume, spec: { ...volume.spec, disk } });
        assert.match(
          await answered(world, createFakeSnapshots()),
          /GiB, which a shared disk does only while/u,
        );
      }));

    it("does not wait where Azure copies nothing in the background", () =>
      withController(async (world) => {
        await world.given("AzVolume", growing("Premium_LRS"));
        assert.equal(await answered(world, createFakeSnapshots()), "made");
      }));
  });

  it("reports a snapshot that Azure shows as failed before it is ready", () =>
    withController(async (world) => {
      const snapshots = createFakeSnapshots();
      const context = { ...world.context, snapshots, cloud: { getDisk } };
      const again = async (): Promise<boolean | undefined> => {
        const answer = await world.answerOf(createSnapshot(context, aRequest(), aCall()));
        return answer.ok ? answer.value.snapshot?.readyToUse : undefined;
      };
      await world.given("AzVolume", aVolumeObject());
      assert.equal(await again(), true);
      snapshots.change(aSnapshotUri("snapshot-1"), { isRestorable: false, isBeingCopied: true });
      assert.equal(await again(), false);
      assert.deepEqual(world.emitted, []);
      snapshots.change(aSnapshotUri("snapshot-1"), { state: "Failed", isBeingCopied: false });
      assert.equal(await again(), false);
      const message = `Azure shows snapshot ${aSnapshotUri("snapshot-1")} as Failed, and it is not ready`;
      const about = { kind: "AzVolume", name: "pvc-1" };
      assert.deepEqual(world.emitted, [{ about, reason: "SnapshotFailed", message }]);
    }));

  const own = { "disk.csi.azure.com-cluster-id": "cluster-1", "k8s-azure-created-by": "kubernetes-azure-dd" };
  for (const { because, present, parameters = {}, difference } of [
    {
      because: "of another volume",
      present: { tags: own, sourceUri: aDiskUri("pvc-2") },
      difference: /pvc-2/u,
    },
    {
      because: "that is a full copy",
      present: { tags: own, isIncremental: false },
      difference: /full copy/u,
    },
    {
      because: "of a name in another case",
      present: { tags: { ...own, "disk.csi.azure.com-snapshot-name": "Snapshot-1" } },
      difference: /Snapshot-1/u,
    },
    {
      because: "of another cluster",
      present: { tags: { ...own, "disk.csi.azure.com-cluster-id": "cluster-2" } },
      difference: /cluster-2/u,
    },
    { because: "that a person made", present: { tags: {} }, difference: /did not make it/u },
    {
      because: "that is in the region of an earlier class",
      present: { tags: own, location: "westus" },
      parameters: { location: "eastus" },
      difference: /it is in westus/u,
    },
    {
      because: "that was copied to the region of an earlier class",
      present: {
        tags: { ...own, source_volume_id: aDiskUri() },
        location: "westus",
        sourceUri: aSnapshotUri("local_snapshot-1"),
      },
      difference: /it is in westus/u,
    },
    {
      because: "that is beside its disk, as an earlier class had it",
      present: { tags: own },
      parameters: { resourceGroup: "backups" },
      difference: /it is in another resource group/u,
    },
  ])
    it(`refuses the name of a snapshot ${because}`, async () => {
      const snapshots = createFakeSnapshots(aSnapshot(present));
      const refused = await create(snapshots, { parameters });
      assert.ok(!refused.ok && refused.failure.kind === "SnapshotExistsWithOtherRequest");
      assert.match(refused.failure.difference, difference);
      assert.equal(snapshots.created.length, 0);
    });

  it("finds its snapshot where the class names its region", async () => {
    const snapshots = createFakeSnapshots(aSnapshot({ tags: own }));
    assert.ok((await create(snapshots, { parameters: { location: "East US" } })).ok);
    assert.equal(snapshots.present.size, 1);
  });

  it("continues a snapshot that V1 began under the same name", async () => {
    const tags = { "k8s-azure-created-by": "kubernetes-azure-dd", source_volume_id: aDiskUri() };
    assert.equal((await create(createFakeSnapshots(aSnapshot({ tags })))).ok, true);
  });

  it("puts the snapshot where the class says", async () => {
    const snapshots = createFakeSnapshots();
    const subscriptionID = "00000000-0000-0000-0000-0000000000aa";
    const parameters = { incremental: "false", subscriptionID, resourceGroup: "backups" };
    const created = await create(snapshots, { parameters });
    assert.equal(
      created.ok && created.value.snapshot?.snapshotId,
      `/subscriptions/${subscriptionID}/resourceGroups/backups/providers/Microsoft.Compute/snapshots/snapshot-1`,
    );
  });

  for (const { changes, kind } of [
    { changes: { name: "" }, kind: "InvalidArgument" },
    { changes: { sourceVolumeId: "" }, kind: "InvalidArgument" },
    { changes: { name: "x".repeat(257) }, kind: "InvalidArgument" },
    { changes: { sourceVolumeId: "none" }, kind: "VolumeNotFound" },
    { changes: { parameters: { userAgents: "x" } }, kind: "InvalidArgument" },
    { changes: { parameters: { instantAccessDurationMinutes: "60" } }, kind: "InvalidArgument" },
    { changes: { parameters: { fileSystemFreezeSeconds: "61" } }, kind: "InvalidArgument" },
    {
      changes: { parameters: { fileSystemFreezeSeconds: "10", location: "westus" } },
      kind: "InvalidArgument",
    },
  ])
    it(`refuses ${JSON.stringify(changes).slice(0, 60)}`, async () => {
      const snapshots = createFakeSnapshots();
      const refused = await create(snapshots, changes as Partial<CreateSnapshotRequest>);
      assert.equal(!refused.ok && refused.failure.kind, kind);
      assert.equal(snapshots.created.length, 0);
    });

  it("reports that the volume does not exist", async () => {
    const missing: typeof getDisk = async ({ diskUri }) => fail({ kind: "DiskNotFound", diskUri });
    const context = anEmptyContext({ snapshots: createFakeSnapshots(), cloud: { getDisk: missing } });
    const refused = await createSnapshot(context, aRequest(), aCall());
    assert.equal(!refused.ok && refused.failure.kind, "DiskNotFound");
  });

  it("does not run beside another call for the same snapshot", async () => {
    const locks = new OperationLock();
    const refused = await locks.run(aSnapshotUri("SNAPSHOT-1"), "DeleteSnapshot", async () => {
      const created = await create(createFakeSnapshots(), {}, locks);
      return created.ok ? ok(undefined) : fail(created.failure);
    });
    assert.equal(!refused.ok && refused.failure.kind, "OperationInProgress");
  });
});
