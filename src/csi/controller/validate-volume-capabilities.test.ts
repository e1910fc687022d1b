import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { aCluster, aClusterVolume } from "../../controller/testing/a-cluster.ts";
import { aDisk } from "../../controller/testing/a-disk.ts";
import { foreignVolumeObjectName } from "../../core/api/object-names.ts";
import { fail, ok, type Result } from "../../core/failure/result.ts";
import { gibToBytes } from "../../core/primitives/units.ts";
import type { ValidateVolumeCapabilitiesRequest } from "../gen/csi/v1/csi.ts";
import { volumeMessage } from "../messages/volume-message.ts";
import { aCall } from "../testing/a-call.ts";
import { type ControllerWorld, withController } from "../testing/a-controller.ts";
import { aDetail, aDiskUri, anAttachmentObject, aVolumeObject } from "../testing/objects.ts";
import { aBlockCapability, aMountCapability } from "../testing/requests.ts";
import type { ControllerContext } from "./controller-context.ts";
import { expandVolume } from "./expand-volume.ts";
import { getVolume } from "./list-volumes.ts";
import { modifyVolume } from "./modify-volume.ts";
import { validateVolumeCapabilities } from "./validate-volume-capabilities.ts";

const valid: ValidateVolumeCapabilitiesRequest = {
  volumeId: aDiskUri(),
  volumeContext: {},
  volumeCapabilities: [aMountCapability()],
  parameters: {},
  secrets: {},
  mutableParameters: {},
};

function validate(
  world: ControllerWorld,
  change: Partial<ValidateVolumeCapabilitiesRequest>,
): ReturnType<typeof validateVolumeCapabilities> {
  return world.answerOf(validateVolumeCapabilities(world.context, { ...valid, ...change }, aCall()));
}

describe("validateVolumeCapabilities", () => {
  it("confirms what the volume can serve", () =>
    withController(async (world) => {
      await world.given("AzVolume", aVolumeObject());
      const confirmed = {
        volumeContext: {},
        volumeCapabilities: [aMountCapability("SINGLE_NODE_SINGLE_WRITER")],
        parameters: { skuName: "Premium_LRS" },
        mutableParameters: {},
      };
      assert.deepEqual(await validate(world, confirmed), ok({ confirmed, message: "" }));
    }));

  it("confirms a copy, whose source no parameter names, with mutable parameters", () =>
    withController(async (world) => {
      const volume = aVolumeObject();
      const disk = { ...volume.spec.disk, sourceUri: aDiskUri("source") };
      await world.given("AzVolume", { ...volume, spec: { ...volume.spec, disk } });
      const answer = await validate(world, {
        parameters: { skuName: "StandardSSD_LRS" },
        mutableParameters: { skuName: "Premium_LRS" },
      });
      assert.equal(answer.ok && answer.value.message, "");
    }));

  it("confirms the performance that was chosen by the size at creation", () =>
    withController(async (world) => {
      const volume = aVolumeObject();
      const performance = { skuName: "UltraSSD_LRS", diskIOPSReadWrite: 1024, diskMBpsReadWrite: 100 };
      const disk = { ...volume.spec.disk, ...performance, sizeGiB: 2048 };
      await world.given("AzVolume", { ...volume, spec: { ...volume.spec, disk } });
      const answer = await validate(world, { parameters: { skuName: "UltraSSD_LRS" } });
      assert.equal(answer.ok && answer.value.message, "");
      const other = { skuName: "UltraSSD_LRS", DiskIOPSReadWrite: "2048" };
      const refused = await validate(world, { parameters: other });
      assert.match(refused.ok ? refused.value.message : "", /its DiskIOPSReadWrite is 1024, not 2048/u);
    }));

  it("confirms tags with templates, which the names that CreateVolume stated fill in", () =>
    withController(async (world) => {
      const volume = aVolumeObject();
      const volumeContext = { "csi.storage.k8s.io/pvc/name": "data" };
      const tags = { "kubernetes.io-created-for-pvc-name": "data", team: "data", ...volume.spec.disk.tags };
      await world.given("AzVolume", {
        ...volume,
        spec: { ...volume.spec, volumeContext, disk: { ...volume.spec.disk, tags } },
      });
      const mutableParameters = { tags: "team=${pvc.metadata.name}" };
      for (const parameters of [{}, { skuName: "Premium_LRS" }]) {
        const answer = await validate(world, { parameters, mutableParameters });
        assert.equal(answer.ok && answer.value.message, "");
      }
    }));

  for (const [change, message] of [
    [{ volumeCapabilities: [aMountCapability("MULTI_NODE_READER_ONLY")] }, /one node only/u],
    [{ volumeCapabilities: [aBlockCapability("MULTI_NODE_MULTI_WRITER")] }, /maxShares is 1/u],
    [{ volumeCapabilities: [aBlockCapability()] }, /access type block/u],
    [
      { volumeCapabilities: [{ ...aMountCapability(), accessMode: { mode: "UNKNOWN" as const } }] },
      /access mode/u,
    ],
    [{ parameters: { skuName: "Premium_ZRS" } }, /skuName/u],
    [{ parameters: { skuName: "Premium_LRS", blockSize: "1024" } }, /blockSize is the default, not 1024/u],
    [{ volumeContext: { partition: "0" } }, /from 1 to 128/u],
    [{ volumeContext: { fsType: "zfs" } }, /must be one of ext4/u],
    [{ mutableParameters: { fsType: "xfs" } }, /no parameter that a VolumeAttributesClass changes/u],
    [
      { mutableParameters: { skuName: "StandardSSD_LRS" } },
      /its skuName is "Premium_LRS", not "StandardSSD/u,
    ],
    [{ mutableParameters: { tags: "team=storage" } }, /its tag team is "", not "storage"/u],
    [
      { mutableParameters: { networkAccessPolicy: "AllowAll" } },
      /its networkAccessPolicy is "DenyAll", not "AllowAll"/u,
    ],
  ] as const) {
    it(`says why not: ${message.source}`, () =>
      withController(async (world) => {
        await world.given("AzVolume", aVolumeObject());
        const answer = await validate(world, change);
        assert.ok(answer.ok);
        assert.equal(answer.value.confirmed, undefined);
        assert.match(answer.value.message, message);
      }));
  }

  it("compares no more than mutable parameters where those alone are stated", () =>
    withController(async (world) => {
      await world.given("AzVolume", aVolumeObject({ spec: { cachingMode: "None", fsType: "xfs" } }));
      const answer = await validate(world, { mutableParameters: { storageAccountType: "Premium_LRS" } });
      assert.equal(answer.ok && answer.value.message, "");
    }));

  it("knows no other volume, and needs an id and capabilities", () =>
    withController(async (world) => {
      const kindOf = async (change: Partial<ValidateVolumeCapabilitiesRequest>): Promise<unknown> => {
        const answer = await validate(world, change);
        return !answer.ok && answer.failure.kind;
      };
      assert.deepEqual(
        [await kindOf({}), await kindOf({ volumeId: "" }), await kindOf({ volumeCapabilities: [] })],
        ["VolumeNotFound", "InvalidArgument", "InvalidArgument"],
      );
    }));
});

describe("a disk without an AzVolume", () => {
  const diskUri = aDiskUri();
  const cloud: ControllerContext["cloud"] = { getDisk: async () => ok(aDisk({ diskUri })) };
  const calls = {
    validateVolumeCapabilities: (context: ControllerContext): Promise<Result<unknown>> =>
      validateVolumeCapabilities(context, valid, aCall()),
    getVolume: (context: ControllerContext): Promise<Result<unknown>> =>
      getVolume(context, { volumeId: diskUri }, aCall()),
  };
  for (const [name, call] of Object.entries(calls)) {
    it(`is found by ${name} where its PersistentVolume says what it is for`, () =>
      withController(async (world) => {
        const clusterVolumes = aCluster([aClusterVolume({ volumeId: diskUri })]);
        const answer = call({ ...world.context, cloud, clusterVolumes });
        const volumeName = foreignVolumeObjectName(diskUri);
        await world.until(() => world.volume(volumeName) !== undefined);
        await world.setStatus(volumeName, ({ metadata }) => ({
          state: "Created",
          observedGeneration: metadata.generation,
          conditions: [],
          detail: aDetail({ diskUri }),
        }));
        assert.equal((await world.answerOf(answer)).ok, true);
      }));

    it(`is adopted by no ${name} alone, whose use would be for good`, () =>
      withController(async (world) => {
        const answer = await world.answerOf(call({ ...world.context, cloud }));
        assert.equal(!answer.ok && answer.failure.kind, "StillWaiting");
        assert.deepEqual(world.context.cache.list("AzVolume"), []);
      }));
  }
});

describe("an AzVolume without a disk", () => {
  const diskUri = aDiskUri();
  const gone = { kind: "DiskNotFound", diskUri } as const;
  const copying = { kind: "DiskBeingCopied", diskUri, percent: 40 } as const;
  const capacityRange = { requiredBytes: gibToBytes(20), limitBytes: 0n };
  const calls = {
    validateVolumeCapabilities: (context: ControllerContext): Promise<Result<unknown>> =>
      validateVolumeCapabilities(context, valid, aCall()),
    getVolume: (context: ControllerContext): Promise<Result<unknown>> =>
      getVolume(context, { volumeId: diskUri }, aCall()),
    expandVolume: (context: ControllerContext): Promise<Result<unknown>> =>
      expandVolume(
        context,
        { volumeId: diskUri, capacityRange, secrets: {}, volumeCapability: undefined },
        aCall(),
      ),
    modifyVolume: (context: ControllerContext): Promise<Result<unknown>> =>
      modifyVolume(context, { volumeId: diskUri, mutableParameters: { tags: "a=b" }, secrets: {} }, aCall()),
  };
  for (const [name, call] of Object.entries(calls)) {
    it(`is no volume for ${name} where Azure did not have its disk, and does not now`, () =>
      withController(async (world) => {
        await world.given("AzVolume", aVolumeObject({ spec: { diskUri }, detail: undefined }));
        await world.failed("pvc-1", "CreationFailed", gone);
        const cloud: ControllerContext["cloud"] = { getDisk: async () => fail(gone) };
        assert.deepEqual(
          await world.answerOf(call({ ...world.context, cloud })),
          fail({ kind: "VolumeNotFound", volumeId: diskUri }),
        );
      }));

    it(`has its copy waited for by ${name}`, () =>
      withController(async (world) => {
        await world.given("AzVolume", aVolumeObject({ spec: { diskUri }, detail: undefined }));
        await world.failed("pvc-1", "Pending", copying);
        assert.deepEqual(await world.answerOf(call(world.context)), fail(copying));
      }));
  }
});

describe("getVolume", () => {
  it("shows a volume and the nodes that it is published on", () =>
    withController(async (world) => {
      const volume = aVolumeObject();
      await world.given("AzVolume", volume);
      await world.given("AzVolumeAttachment", anAttachmentObject({ nodeName: "node-b" }));
      const answer = await world.answerOf(
        getVolume(world.context, { volumeId: aDiskUri().toUpperCase() }, aCall()),
      );
      assert.ok(volume.status?.detail !== undefined);
      assert.deepEqual(
        answer,
        ok({
          volume: volumeMessage(volume.spec, volume.status.detail, world.context.driverName),
          status: { publishedNodeIds: ["node-b"] },
        }),
      );
    }));

  it("knows no other volume", () =>
    withController(async (world) => {
      const answer = await world.answerOf(getVolume(world.context, { volumeId: aDiskUri() }, aCall()));
      assert.deepEqual(answer, { ok: false, failure: { kind: "VolumeNotFound", volumeId: aDiskUri() } });
    }));
});
