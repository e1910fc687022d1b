import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { status } from "@grpc/grpc-js";
import { driverTags } from "../../controller/disk/disk-tags.ts";
import { aCluster, aClusterVolume } from "../../controller/testing/a-cluster.ts";
import { aDisk } from "../../controller/testing/a-disk.ts";
import type { AzVolume, DiskModification } from "../../core/api/az-volume.ts";
import { foreignVolumeObjectName } from "../../core/api/object-names.ts";
import type { Failure } from "../../core/failure/failure.ts";
import { fail, ok } from "../../core/failure/result.ts";
import { toTimestamp } from "../../core/primitives/timestamp.ts";
import { toObjectError } from "../../objects/object-error.ts";
import { toGrpcStatus } from "../server/to-grpc-status.ts";
import { aCall } from "../testing/a-call.ts";
import { type ControllerWorld, withController } from "../testing/a-controller.ts";
import { aDetail, aDiskUri, aVolumeObject } from "../testing/objects.ts";
import type { ControllerContext } from "./controller-context.ts";
import { modifyVolume } from "./modify-volume.ts";

const never = new AbortController().signal;
const standard = { skuName: "StandardSSD_LRS" };

function modify(
  world: ControllerWorld,
  mutableParameters: Readonly<Record<string, string>>,
  volumeId = aDiskUri(),
  deadlineMs = Number.POSITIVE_INFINITY,
): ReturnType<typeof modifyVolume> {
  return modifyVolume(world.context, { volumeId, mutableParameters, secrets: {} }, aCall({ deadlineMs }));
}

const isRequested = (world: ControllerWorld, modification: DiskModification): boolean =>
  JSON.stringify(world.volume("pvc-1")?.spec.modification) === JSON.stringify(modification);

/** What the disk loop writes once Azure has answered. */
async function end(world: ControllerWorld, failure?: Failure, name = "pvc-1"): Promise<void> {
  await world.setStatus(name, ({ status, spec, metadata }) => {
    assert.ok(status !== undefined && spec.modification !== undefined);
    const error = failure === undefined ? {} : { error: toObjectError(failure, { nowMs: 0, retries: 0 }) };
    const modification = {
      requested: spec.modification,
      observedGeneration: metadata.generation,
      ...error,
    };
    return { ...status, modification };
  });
}

async function changeSpec(world: ControllerWorld, change: Partial<AzVolume["spec"]>): Promise<void> {
  const present = await world.answerOf(world.store.get("AzVolume", "pvc-1", never));
  assert.ok(present.ok);
  const spec = { ...present.value.spec, ...change };
  assert.ok((await world.answerOf(world.store.update("AzVolume", { ...present.value, spec }, never))).ok);
}

describe("modifyVolume", () => {
  it("adopts a disk that no call has named before, such as a static volume's", () =>
    withController(async (world) => {
      const diskUri = aDiskUri();
      const cloud: ControllerContext["cloud"] = { getDisk: async () => ok(aDisk({ diskUri })) };
      const context = { ...world.context, cloud };
      // NOT_FOUND would call the modification infeasible.
      const what = "its PersistentVolume, or its first publish, to say what the disk is for";
      const unknown = await world.answerOf(modify({ ...world, context }, { tags: "a=b" }));
      assert.deepEqual(unknown, fail({ kind: "StillWaiting", volumeId: diskUri, what }));
      const clusterVolumes = aCluster([aClusterVolume({ volumeId: diskUri })]);
      const answer = modify({ ...world, context: { ...context, clusterVolumes } }, { tags: "a=b" });
      const name = foreignVolumeObjectName(diskUri);
      await world.until(() => world.volume(name) !== undefined);
      await world.setStatus(name, ({ metadata }) => ({
        state: "Created",
        observedGeneration: metadata.generation,
        conditions: [],
        detail: aDetail({ diskUri }),
      }));
      await world.until(() => world.volume(name)?.spec.modification !== undefined);
      await end(world, undefined, name);
      assert.deepEqual(await world.answerOf(answer), ok({}));
    }));

  it("refuses to change a failed copy that no node has had", () =>
    withController(async (world) => {
      const volume = aVolumeObject();
      const { status = assert.fail("no status") } = volume;
      const since = toTimestamp(0);
      const copy = { percent: 40, since, readTime: since, failedState: "Failed" };
      await world.given("AzVolume", { ...volume, status: { ...status, copy } });
      const deadlineMs = world.clock.elapsedMs() + 5_000;
      assert.deepEqual(
        await world.answerOf(modify(world, { tags: "a=b" }, aDiskUri(), deadlineMs)),
        fail({ kind: "DiskCopyFailed", diskUri: aDiskUri(), sourceUri: "", state: "Failed" }),
      );
      assert.equal(world.volume("pvc-1")?.spec.modification, undefined);
    }));

  it("refuses nothing by a SKU that another client has changed, and has it recorded", () =>
    withController(async (world) => {
      await world.given("AzVolume", aVolumeObject());
      const shown = aDisk({ diskUri: aDiskUri(), skuName: "PremiumV2_LRS" });
      const cloud: ControllerContext["cloud"] = { getDisk: async () => ok(shown) };
      const context = { ...world.context, cloud };
      const faster = { DiskIOPSReadWrite: "5000" };
      const answer = await world.answerOf(modify({ ...world, context }, faster, aDiskUri(), 1_000));
      const what = "its SKU to be recorded, which another client has changed to PremiumV2_LRS";
      assert.deepEqual(answer, fail({ kind: "StillWaiting", volumeId: aDiskUri(), what }));
      assert.deepEqual(world.volume("pvc-1")?.spec.modification, {}, "the disk's loop reads it");
    }));

  it("refuses a class of a disk that was made again, by nothing that disk has", () =>
    withController(async (world) => {
      await world.given("AzVolume", aVolumeObject({ detail: aDetail({ uniqueId: "first" }) }));
      const shown = aDisk({ diskUri: aDiskUri(), skuName: "PremiumV2_LRS", uniqueId: "second" });
      const context = { ...world.context, cloud: { getDisk: async () => ok(shown) } };
      const faster = { DiskIOPSReadWrite: "5000" };
      const answer = await world.answerOf(modify({ ...world, context }, faster, aDiskUri(), 1_000));
      const replaced = { diskUri: aDiskUri(), uniqueId: "first", shownId: "second" };
      assert.deepEqual(answer, fail({ kind: "DiskReplaced", ...replaced } as const));
      assert.equal(world.volume("pvc-1")?.spec.modification, undefined, "no look at it is asked for");
    }));

  for (const { because, known, stated } of [
    { because: "as recorded", known: { burstingEnabled: true }, stated: false },
    { because: "as stated, and never read", known: {}, stated: true },
  ])
    it(`refuses nothing by bursting that another client has ended: ${because}`, () =>
      withController(async (world) => {
        const sizes = { skuName: "Premium_LRS", sizeGiB: 1024 } as const;
        const { disk } = aVolumeObject().spec;
        const spec = { disk: { ...disk, ...sizes, burstingEnabled: stated } };
        await world.given("AzVolume", aVolumeObject({ spec, detail: aDetail({ ...sizes, ...known }) }));
        let burstingEnabled = false;
        const cloud: ControllerContext["cloud"] = {
          getDisk: async () => ok(aDisk({ ...sizes, diskUri: aDiskUri(), burstingEnabled })),
        };
        const context = { ...world.context, cloud };
        const toV2 = (): ReturnType<typeof modify> =>
          modify({ ...world, context }, { skuName: "PremiumV2_LRS" }, aDiskUri(), 1_000);
        const what = "its bursting to be recorded, which another client has ended";
        const waits = fail({ kind: "StillWaiting", volumeId: aDiskUri(), what } as const);
        assert.deepEqual(await world.answerOf(toV2()), waits);
        assert.deepEqual(world.volume("pvc-1")?.spec.modification, {}, "the disk's loop reads it");
        burstingEnabled = true;
        const refused = await world.answerOf(toV2());
        assert.equal(!refused.ok && refused.failure.kind, "InvalidArgument", "it is as recorded");
      }));

  it("adopts a disk whose tags say what it is for, where no PersistentVolume is known", () =>
    withController(async (world) => {
      const diskUri = aDiskUri();
      const capabilities = [{ accessType: "block", accessMode: "MULTI_NODE_MULTI_WRITER" }] as const;
      const tags = driverTags(
        aVolumeObject({ spec: { ...aVolumeObject().spec, capabilities } }),
        "cluster-1",
      );
      const cloud: ControllerContext["cloud"] = { getDisk: async () => ok(aDisk({ diskUri, tags })) };
      const answer = modify({ ...world, context: { ...world.context, cloud } }, standard, diskUri, 1_000);
      await world.until(() => world.volume("pvc-1") !== undefined);
      assert.deepEqual(world.volume("pvc-1")?.spec.capabilities, capabilities);
      assert.equal((await world.answerOf(answer)).ok, false, "no loop looks at the disk here");
    }));

  it("adopts no disk by the tags of another cluster", () =>
    withController(async (world) => {
      const diskUri = aDiskUri();
      const tags = driverTags(aVolumeObject(), "cluster-2");
      const cloud: ControllerContext["cloud"] = { getDisk: async () => ok(aDisk({ diskUri, tags })) };
      const context = { ...world.context, cloud };
      const answer = await world.answerOf(modify({ ...world, context }, standard, diskUri, 1_000));
      assert.equal(!answer.ok && answer.failure.kind, "StillWaiting");
      assert.equal(world.volume("pvc-1"), undefined);
    }));

  it("records the request and answers once the disk is as requested", () =>
    withController(async (world) => {
      await world.given("AzVolume", aVolumeObject());
      const answer = modify(world, { skuName: "StandardSSD_LRS", tags: "a=b" });
      await world.until(() => isRequested(world, { ...standard, tags: { a: "b" } }));
      await end(world);
      assert.deepEqual(await world.answerOf(answer), ok({}));
    }));

  it("has Azure asked also for what the object says the disk has", () =>
    withController(async (world) => {
      await world.given("AzVolume", aVolumeObject());
      const { skuName } = world.volume("pvc-1")?.spec.disk ?? {};
      assert.ok(skuName !== undefined);
      const answer = modify(world, { skuName });
      await world.until(() => isRequested(world, { skuName }));
      await end(world);
      assert.deepEqual(await world.answerOf(answer), ok({}));
    }));

  for (const cachingMode of ["ReadOnly", "ReadWrite"] as const)
    it(`asks for a Premium SSD v2 of a volume whose class states cachingMode ${cachingMode}`, () =>
      withController(async (world) => {
        await world.given("AzVolume", aVolumeObject({ spec: { cachingMode } }));
        const answer = modify(world, { skuName: "PremiumV2_LRS" });
        await world.until(() => isRequested(world, { skuName: "PremiumV2_LRS" }));
        await end(world);
        assert.deepEqual(await world.answerOf(answer), ok({}));
      }));

  it("finds the request of an earlier call, and its end", () =>
    withController(async (world) => {
      await world.given("AzVolume", aVolumeObject());
      const first = modify(world, standard, aDiskUri(), world.clock.elapsedMs() + 5_000);
      await world.until(() => isRequested(world, standard));
      const waiting = await world.answerOf(first);
      assert.equal(!waiting.ok && waiting.failure.kind, "StillWaiting");
      const { generation } = world.volume("pvc-1")?.metadata ?? {};
      const second = modify(world, standard);
      await world.answerOf(world.clock.sleep(1_000, never));
      assert.equal(world.volume("pvc-1")?.metadata.generation, generation);
      await end(world);
      assert.deepEqual(await world.answerOf(second), ok({}));
      assert.deepEqual(await world.answerOf(modify(world, standard)), ok({}));
    }));

  it("answers a refusal of Azure, and asks again when it is repeated", () =>
    withController(async (world) => {
      await world.given("AzVolume", aVolumeObject());
      const inUse = { kind: "DiskInUse", diskUri: aDiskUri(), attachedTo: ["vm-a"] } as const;
      const answer = modify(world, standard);
      await world.until(() => isRequested(world, standard));
      await end(world, inUse);
      assert.deepEqual(await world.answerOf(answer), fail(inUse));
      await changeSpec(world, { modification: undefined });
      const again = modify(world, standard);
      await world.until(() => isRequested(world, standard));
      await end(world);
      assert.deepEqual(await world.answerOf(again), ok({}));
    }));

  it("is replaced by a later request for something else", () =>
    withController(async (world) => {
      await world.given("AzVolume", aVolumeObject());
      const first = modify(world, standard);
      await world.until(() => isRequested(world, standard));
      const second = modify(world, { skuName: "Standard_LRS" });
      await world.until(() => isRequested(world, { skuName: "Standard_LRS" }));
      assert.deepEqual(
        await world.answerOf(first),
        fail({
          kind: "OperationInProgress",
          volumeId: aDiskUri(),
          operation: "another ControllerModifyVolume",
        }),
      );
      await end(world);
      assert.deepEqual(await world.answerOf(second), ok({}));
    }));

  it("takes an end that another change of the spec has moved to a later generation", () =>
    withController(async (world) => {
      await world.given("AzVolume", aVolumeObject());
      const answer = modify(world, standard);
      await world.until(() => isRequested(world, standard));
      const disk = world.volume("pvc-1")?.spec.disk;
      assert.ok(disk !== undefined);
      await changeSpec(world, { disk: { ...disk, sizeGiB: 20 } });
      await end(world);
      assert.deepEqual(await world.answerOf(answer), ok({}));
    }));

  // NOT_FOUND would call the modification infeasible.
  it("is to be called again where the AzVolume is made again during the call", () =>
    withController(async (world) => {
      await world.given("AzVolume", aVolumeObject());
      const answer = modify(world, standard);
      await world.until(() => isRequested(world, standard));
      await world.removeFinalizers("pvc-1");
      await world.answerOf(world.store.delete("AzVolume", "pvc-1", {}, never));
      await world.given("AzVolume", aVolumeObject());
      const ended = await world.answerOf(answer);
      assert.equal(!ended.ok && toGrpcStatus(ended.failure).code, status.UNAVAILABLE);
    }));

  it("changes nothing where nothing is stated", () =>
    withController(async (world) => {
      await world.given("AzVolume", aVolumeObject());
      assert.deepEqual(await world.answerOf(modify(world, {})), ok({}));
      assert.equal(world.volume("pvc-1")?.metadata.generation, 1);
    }));

  const refusals: readonly {
    because: string;
    volume?: AzVolume;
    volumeId?: string;
    parameters: Readonly<Record<string, string>>;
    kind: Failure["kind"];
  }[] = [
    { because: "no volume id", volumeId: "", parameters: standard, kind: "InvalidArgument" },
    {
      because: "an unknown volume",
      volumeId: aDiskUri("pvc-2"),
      parameters: standard,
      kind: "VolumeNotFound",
    },
    { because: "an unknown parameter", parameters: { colour: "blue" }, kind: "InvalidArgument" },
    { because: "a parameter that never changes", parameters: { maxShares: "2" }, kind: "InvalidArgument" },
    {
      because: "a SKU that Azure does not make of the disk's",
      volume: aVolumeObject({ detail: aDetail({ skuName: "PremiumV2_LRS" }) }),
      parameters: standard,
      kind: "InvalidArgument",
    },
    {
      because: "a volume without a disk yet",
      volume: aVolumeObject({ detail: undefined, spec: { diskUri: aDiskUri() } }),
      parameters: standard,
      kind: "StillWaiting",
    },
    {
      because: "a volume that is being deleted",
      volume: aVolumeObject({ spec: { deleteRequested: true } }),
      parameters: standard,
      kind: "OperationInProgress",
    },
  ];
  for (const { because, volume = aVolumeObject(), volumeId, parameters, kind } of refusals)
    it(`refuses with ${kind} and changes nothing: ${because}`, () =>
      withController(async (world) => {
        await world.given("AzVolume", volume);
        const answer = await world.answerOf(modify(world, parameters, volumeId));
        assert.equal(answer.ok ? "ok" : answer.failure.kind, kind);
        assert.equal(world.volume("pvc-1")?.spec.modification, undefined);
      }));
});
