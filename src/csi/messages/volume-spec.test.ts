import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { gibToBytes } from "../../core/primitives/units.ts";
import { CreateVolumeRequest } from "../gen/csi/v1/csi.ts";
import { aCreateVolumeRequest, aMountCapability } from "../testing/requests.ts";
import { volumeSpecOf } from "./volume-spec.ts";

describe("volumeSpecOf", () => {
  it("records the request, and how many replicas it means", () => {
    const request = aCreateVolumeRequest({ parameters: { skuName: "Premium_LRS", maxShares: "3" } });
    assert.deepEqual(volumeSpecOf(request), {
      ok: true,
      value: {
        volumeName: "pvc-1",
        capabilities: [{ accessMode: "SINGLE_NODE_WRITER", accessType: "mount", fsType: "", mountFlags: [] }],
        requiredBytes: Number(gibToBytes(10)),
        limitBytes: 0,
        parameters: { skuName: "Premium_LRS", maxShares: "3" },
        maxShares: 3,
        maxMountReplicaCount: 2,
        deleteRequested: false,
      },
    });
  });

  it("keeps topologies, in their order", () => {
    const accessibilityRequirements = {
      requisite: [
        { segments: { "topology.disk.csi.azure.com/zone": "eastus-2" } },
        { segments: { "topology.disk.csi.azure.com/zone": "eastus-1" } },
      ],
      preferred: [{ segments: { "topology.disk.csi.azure.com/zone": "eastus-1" } }],
    };
    const spec = volumeSpecOf(aCreateVolumeRequest({ accessibilityRequirements }));
    assert.deepEqual(spec.ok ? spec.value.accessibilityRequirements : spec, accessibilityRequirements);
  });

  it("keeps a limit too large for exact JSON as one that no disk reaches", () => {
    const spec = volumeSpecOf(
      aCreateVolumeRequest({ capacityRange: { requiredBytes: 1n, limitBytes: 2n ** 63n - 1n } }),
    );
    assert.equal(spec.ok ? spec.value.limitBytes : spec, Number.MAX_SAFE_INTEGER);
  });

  it("never keeps a secret", () => {
    const spec = volumeSpecOf(aCreateVolumeRequest({ secrets: { password: "hunter2" } }));
    assert.doesNotMatch(JSON.stringify(spec), /hunter2/u);
  });

  const refused = [
    { change: { name: "" }, kind: "InvalidArgument", field: "name" },
    { change: { name: "a".repeat(254) }, kind: "InvalidArgument", field: "name" },
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
      change: { mutableParameters: { skuName: "Premium_LRS" } },
      kind: "InvalidArgument",
      field: "mutable_parameters",
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
  for (const { change, kind, field } of refused) {
    it(`refuses with ${kind} on ${field}`, () => {
      const spec = volumeSpecOf(aCreateVolumeRequest(change));
      assert.ok(!spec.ok && (spec.failure.kind === "InvalidArgument" || spec.failure.kind === "OutOfRange"));
      assert.deepEqual([spec.failure.kind, spec.failure.field], [kind, field]);
    });
  }

  it("does not make volumes from snapshots or other volumes yet", () => {
    const { volumeContentSource } = CreateVolumeRequest.fromPartial({
      volumeContentSource: { type: { $case: "snapshot", value: { snapshotId: "s" } } },
    });
    const spec = volumeSpecOf(aCreateVolumeRequest({ volumeContentSource }));
    assert.equal(!spec.ok && spec.failure.kind, "Unsupported");
  });
});
