import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { defaultDriverName } from "../../core/api/driver-name.ts";
import { specRules } from "../../core/api/spec-rules.ts";
import type { CopySource } from "../../core/volume/copies/copy-source.ts";
import type { CreateVolumeRequest } from "../gen/csi/v1/csi.ts";
import { aDiskUri, anAttachmentObject } from "../testing/objects.ts";
import { aBlockCapability, aCreateVolumeRequest, aMountCapability } from "../testing/requests.ts";
import { readCreateRequest, readDiskPlace } from "./volume-spec.ts";

type Read = ReturnType<typeof readCreateRequest>;

const OTHER_NAME = "disk2.csi.azure.com";
const read = (
  request: CreateVolumeRequest,
  topologyOfNodes: Parameters<typeof readCreateRequest>[1]["topologyOfNodes"] = () => undefined,
  source?: CopySource,
): Read => readCreateRequest(request, { driverName: defaultDriverName, topologyOfNodes, source });
const inZone = (zone: string, key = "topology.disk.csi.azure.com/zone") => ({
  segments: { [key]: `eastus-${zone}` },
});
const longTag = (_: unknown, index: number): string => `${String(index).padStart(500, "t")}=x`;
const specOf = (result: Read) => (result.ok ? result.value.spec : assert.fail(JSON.stringify(result)));

describe("readCreateRequest", () => {
  it("resolves the disk, and how many replicas the request means", () => {
    const request = aCreateVolumeRequest({
      parameters: { skuName: "Premium_LRS", maxShares: "3", kind: "Dedicated" },
    });
    assert.deepEqual(specOf(read(request)), {
      volumeName: "pvc-1",
      capabilities: [{ accessMode: "SINGLE_NODE_WRITER", accessType: "mount", fsType: "", mountFlags: [] }],
      disk: {
        skuName: "Premium_LRS",
        sizeGiB: 10,
        maxShares: 3,
        tags: { "k8s-azure-created-by": "kubernetes-azure-dd" },
        networkAccessPolicy: "DenyAll",
        publicNetworkAccess: "Disabled",
      },
      maxMountReplicaCount: 2,
      volumeContext: {
        skuName: "Premium_LRS",
        maxShares: "3",
        kind: "Managed",
        cachingMode: "None",
        requestedsizegib: "10",
      },
      deleteRequested: false,
    });
  });

  it("leaves room in a volume's context for what external-provisioner adds", () => {
    const withLast = (chars: number): Read => {
      const tags = [...Array.from({ length: 32 }, longTag), `${"u".repeat(chars)}=x`];
      return read(aCreateVolumeRequest({ parameters: { tags: tags.join(",") } }));
    };
    const longest = Array.from({ length: 500 }, (_, index) => withLast(index + 1)).findLast(({ ok }) => ok);
    // As of v6.4.0: the time in milliseconds, a number below 10,000 and the name of the driver.
    const added = {
      "storage.kubernetes.io/csiProvisionerIdentity": `1790000000000-9999-${"d".repeat(63)}`,
    };
    const volumeContext = { ...specOf(longest ?? withLast(1)).volumeContext, ...added };
    const attachment = anAttachmentObject().spec;
    for (const { holds, message } of specRules.AzVolumeAttachment)
      assert.ok(holds({ ...attachment, volumeContext }, undefined), message);
  });

  it("places the disk by the required topology, whatever nodes there are", () => {
    const accessibilityRequirements = {
      requisite: [inZone("2"), inZone("1")],
      preferred: [inZone("1")],
    };
    const spec = specOf(
      read(aCreateVolumeRequest({ accessibilityRequirements }), () => assert.fail("asked")),
    );
    assert.deepEqual([spec.disk.location, spec.disk.zone], ["eastus", "1"]);
  });

  for (const [key, because] of [
    ["topology.disk2.csi.azure.com/zone", "the key of its name"],
    ["topology.disk.csi.azure.com/zone", "the default name's, as classes of V1 have it"],
    ["topology.kubernetes.io/zone", "Kubernetes' own"],
  ] as const) {
    it(`reads zones under another driver name by ${because}`, () => {
      const accessibilityRequirements = { requisite: [inZone("2", key)], preferred: [] };
      const result = readCreateRequest(aCreateVolumeRequest({ accessibilityRequirements }), {
        driverName: OTHER_NAME,
        topologyOfNodes: () => assert.fail("asked"),
        source: undefined,
      });
      assert.equal(specOf(result).disk.zone, "2");
    });
  }

  it("refuses a topology without a zone's key, and names the keys that it reads", () => {
    const accessibilityRequirements = { requisite: [{ segments: { rack: "7" } }], preferred: [] };
    assert.deepEqual(read(aCreateVolumeRequest({ accessibilityRequirements })), {
      ok: false,
      failure: {
        kind: "InvalidArgument",
        field: "accessibility_requirements",
        value: '{"rack":"7"}',
        problem: "must have one of topology.disk.csi.azure.com/zone, topology.kubernetes.io/zone",
      },
    });
  });

  it("places the disk by the nodes where no topology is required", () => {
    const spec = specOf(read(aCreateVolumeRequest(), () => ({ requisite: [], preferred: ["eastus-3"] })));
    assert.deepEqual([spec.disk.location, spec.disk.zone], ["eastus", "3"]);
  });

  it("never keeps a secret", () => {
    const spec = specOf(read(aCreateVolumeRequest({ secrets: { password: "hunter2" } })));
    assert.doesNotMatch(JSON.stringify(spec), /hunter2/u);
  });

  it("fills in tags of a VolumeAttributesClass by names beside the StorageClass", () => {
    const request = aCreateVolumeRequest({
      parameters: {
        skuName: "Premium_LRS",
        "csi.storage.k8s.io/pv/name": "pvc-1",
        "csi.storage.k8s.io/pvc/name": "data",
        "csi.storage.k8s.io/pvc/namespace": "shop",
      },
      // external-provisioner adds nothing to these.
      mutableParameters: {
        tags: "pace=fast,claim=${pvc.metadata.namespace}/${pvc.metadata.name},volume=${pv.metadata.name}",
      },
    });
    const { pace, claim, volume } = specOf(read(request)).disk.tags;
    assert.deepEqual({ pace, claim, volume }, { pace: "fast", claim: "shop/data", volume: "pvc-1" });
  });

  const refused = [
    { change: { volumeCapabilities: [] }, kind: "InvalidArgument", field: "volume_capabilities" },
    {
      change: { volumeCapabilities: [{ ...aMountCapability(), accessMode: undefined }] },
      kind: "InvalidArgument",
      field: "volume_capabilities.access_mode",
    },
    {
      change: { volumeCapabilities: [{ ...aMountCapability(), accessType: undefined }] },
      kind: "InvalidArgument",
      field: "volume_capabilities.access_type",
    },
    {
      change: { volumeCapabilities: [aMountCapability("MULTI_NODE_MULTI_WRITER")] },
      kind: "InvalidArgument",
      field: "volume_capability.access_mode",
    },
    {
      change: {
        volumeCapabilities: [aBlockCapability(), aBlockCapability("MULTI_NODE_READER_ONLY")],
        parameters: { skuName: "Premium_LRS", maxShares: "2" },
      },
      kind: "InvalidArgument",
      field: "volume_capabilities.access_mode",
    },
    {
      change: {
        volumeCapabilities: [aMountCapability(), aMountCapability("MULTI_NODE_READER_ONLY")],
        parameters: { skuName: "Premium_LRS", maxShares: "2" },
      },
      kind: "InvalidArgument",
      field: "volume_capability.access_mode",
    },
    {
      change: { mutableParameters: { fsType: "xfs" } },
      kind: "InvalidArgument",
      field: "mutable_parameters.fsType",
    },
    {
      change: { mutableParameters: { skuName: "Gold" } },
      kind: "InvalidArgument",
      field: "mutable_parameters.skuName",
    },
    {
      // 34 tags, of the longest names and short values: more than an attachment can keep.
      change: { parameters: { tags: Array.from({ length: 34 }, longTag).join(",") } },
      kind: "InvalidArgument",
      field: "parameters",
    },
    { change: { parameters: { colour: "blue" } }, kind: "InvalidArgument", field: "parameters.colour" },
    {
      change: { parameters: { maxShares: "2", maxMountReplicaCount: "2", skuName: "Premium_LRS" } },
      kind: "InvalidArgument",
      field: "parameters.maxMountReplicaCount",
    },
    {
      change: { capacityRange: { requiredBytes: -1n, limitBytes: 0n } },
      kind: "InvalidArgument",
      field: "capacity_range.required_bytes",
    },
    {
      change: { capacityRange: { requiredBytes: 2n ** 62n, limitBytes: 0n } },
      kind: "OutOfRange",
      field: "capacity_range.required_bytes",
    },
    {
      change: { accessibilityRequirements: { requisite: [{ segments: { rack: "1" } }], preferred: [] } },
      kind: "InvalidArgument",
      field: "accessibility_requirements",
    },
  ] as const;
  for (const { change, kind, field } of refused)
    it(`refuses with ${kind} on ${field}`, () => {
      const spec = read(aCreateVolumeRequest(change));
      assert.ok(!spec.ok && (spec.failure.kind === "InvalidArgument" || spec.failure.kind === "OutOfRange"));
      assert.deepEqual([spec.failure.kind, spec.failure.field], [kind, field]);
    });

  const source: CopySource = {
    sourceUri: aDiskUri("source"),
    kind: "disk",
    location: "eastus",
    zones: ["2"],
    sizeGiB: 20,
    sectorSizeBytes: 512,
  };

  it("makes a copy as large as its source, and beside it, where nothing is requested", () => {
    const request = aCreateVolumeRequest({ capacityRange: undefined });
    const { disk, volumeContext } = specOf(read(request, () => assert.fail("asked"), source));
    assert.deepEqual(
      [disk.sourceUri, disk.sizeGiB, disk.location, disk.zone, volumeContext["requestedsizegib"]],
      [source.sourceUri, 20, "eastus", "2", "20"],
    );
  });

  it("places a copy that can be in any zone by the nodes", () => {
    const ofNodes = () => ({ requisite: [], preferred: ["eastus-3"] });
    const request = aCreateVolumeRequest({ capacityRange: undefined });
    assert.equal(specOf(read(request, ofNodes, { ...source, zones: [] })).disk.zone, "3");
  });
});

describe("readDiskPlace", () => {
  for (const name of ["", "a".repeat(254)])
    it(`refuses a name of ${name.length} characters`, () => {
      const place = readDiskPlace(aCreateVolumeRequest({ name }));
      assert.ok(!place.ok);
      assert.deepEqual([place.failure.kind, place.failure.field], ["InvalidArgument", "name"]);
    });
});
