import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import type { AzVolume, VolumeDetail } from "../api/az-volume.ts";
import { driverZoneKey } from "../azure/topology.ts";
import { gibToBytes } from "../primitives/units.ts";
import { createRequestDifference } from "./create-request-difference.ts";

type VolumeSpec = AzVolume["spec"];

function aSpec(overrides: Partial<VolumeSpec> = {}): VolumeSpec {
  return {
    volumeName: "pvc-1",
    capabilities: [{ accessMode: "SINGLE_NODE_WRITER", accessType: "mount" }],
    requiredBytes: Number(gibToBytes(10)),
    limitBytes: 0,
    parameters: { skuName: "Premium_LRS" },
    maxShares: 1,
    maxMountReplicaCount: 0,
    deleteRequested: false,
    ...overrides,
  };
}

function aVolume(overrides: Partial<VolumeSpec> = {}, detail?: Partial<VolumeDetail>): AzVolume {
  const metadata = {
    name: "pvc-1",
    uid: "u-1",
    resourceVersion: "1",
    generation: 1,
    creationTimestamp: "2026-01-01T00:00:00.000Z",
  };
  const spec = aSpec(overrides);
  if (detail === undefined) return { metadata, spec };
  return {
    metadata,
    spec,
    status: {
      state: "Created",
      observedGeneration: 1,
      conditions: [],
      detail: {
        diskUri: "/subscriptions/s/resourceGroups/r/providers/Microsoft.Compute/disks/pvc-1",
        sizeGiB: 10,
        maxShares: 1,
        skuName: "Premium_LRS",
        location: "eastus",
        zones: ["1"],
        volumeContext: {},
        accessibleTopology: [{ segments: { [driverZoneKey]: "eastus-1" } }],
        ...detail,
      },
    },
  };
}

const inZone = (zone: string): Pick<VolumeSpec, "accessibilityRequirements"> => ({
  accessibilityRequirements: {
    requisite: [{ segments: { [driverZoneKey]: `eastus-${zone}` } }],
    preferred: [],
  },
});

/** StorageClass parameters, valid and invalid, in any case and number. */
const anyParameters = fc.dictionary(
  fc.oneof(
    fc.constantFrom(
      "skuName",
      "SKUNAME",
      "maxShares",
      "maxMountReplicaCount",
      "cachingMode",
      "fsType",
      "tags",
      "location",
      "zoned",
      "__proto__",
      "constructor",
    ),
    fc.string(),
  ),
  fc.oneof(
    fc.constantFrom(
      "Premium_LRS",
      "UltraSSD_LRS",
      "3",
      "1",
      "None",
      "xfs",
      "a=1,b=2",
      "__proto__=1,constructor=2",
      "East US",
      "",
    ),
    fc.string(),
  ),
  { maxKeys: 6 },
);

describe("createRequestDifference", () => {
  it("finds none between any request and itself, and throws for none", () => {
    fc.assert(
      fc.property(anyParameters, fc.integer({ min: 0, max: 2 ** 50 }), (parameters, requiredBytes) => {
        const request = { parameters, requiredBytes };
        assert.equal(createRequestDifference(aVolume(request), aSpec(request)), undefined);
      }),
    );
  });

  const matching = [
    { existing: aVolume(), requested: aSpec(), because: "the same request while the disk is being made" },
    { existing: aVolume({}, {}), requested: aSpec(), because: "the same request once the disk is there" },
    {
      existing: aVolume(
        {
          diskUri: "/subscriptions/s/resourceGroups/r/providers/Microsoft.Compute/disks/pvc-1",
          parameters: {},
        },
        {},
      ),
      requested: aSpec({ parameters: { skuName: "Premium_LRS", maxMountReplicaCount: "0" } }),
      because: "its object was lost in between, and recreated from the disk",
    },
    { existing: aVolume({}, { sizeGiB: 20 }), requested: aSpec(), because: "the disk has grown since" },
    {
      existing: aVolume({ maxMountReplicaCount: 2 }),
      requested: aSpec(),
      because: "the replica count was edited since",
    },
    {
      existing: aVolume(),
      requested: aSpec({ parameters: { SKUNAME: "Premium_LRS", zoned: "true" } }),
      because: "the same parameters in other words",
    },
    {
      existing: aVolume(),
      requested: aSpec({
        capabilities: [{ accessMode: "SINGLE_NODE_SINGLE_WRITER", accessType: "mount", fsType: "" }],
      }),
      because: "a capability that the volume has too",
    },
    { existing: aVolume(inZone("1"), {}), requested: aSpec(inZone("1")), because: "the zone that it is in" },
    {
      existing: aVolume({ parameters: { partition: "1" } }),
      requested: aSpec({ parameters: { partition: "1" } }),
      because: "the same words, though this version does not know them",
    },
  ];
  for (const { existing, requested, because } of matching) {
    it(`finds none: ${because}`, () => assert.equal(createRequestDifference(existing, requested), undefined));
  }

  const different = [
    {
      existing: aVolume({}, {}),
      requested: aSpec({ requiredBytes: Number(gibToBytes(11)) }),
      difference: /has 10 GiB, .*11811160064 to any number/u,
    },
    {
      existing: aVolume(),
      requested: aSpec({ requiredBytes: Number(gibToBytes(11)) }),
      difference: /has 10 GiB/u,
    },
    {
      existing: aVolume({}, {}),
      requested: aSpec({ requiredBytes: 0, limitBytes: Number(gibToBytes(5)) }),
      difference: /has 10 GiB, .*0 to 5368709120/u,
    },
    {
      existing: aVolume(),
      requested: aSpec({ parameters: { skuName: "Premium_ZRS" } }),
      difference: /skuName is "Premium_LRS", not "Premium_ZRS"/u,
    },
    {
      existing: aVolume(),
      requested: aSpec({ parameters: { skuName: "Premium_LRS", fsType: "xfs" } }),
      difference: /fsType is the default, not "xfs"/u,
    },
    {
      existing: aVolume(),
      requested: aSpec({ parameters: { skuName: "Premium_LRS", tags: "a=1" } }),
      difference: /tag a is "", not "1"/u,
    },
    {
      existing: aVolume(),
      requested: aSpec({ capabilities: [{ accessMode: "SINGLE_NODE_WRITER", accessType: "block" }] }),
      difference: /access type block/u,
    },
    { existing: aVolume(), requested: aSpec({ volumeName: "PVC-1" }), difference: /made as "pvc-1"/u },
    {
      existing: aVolume(inZone("1"), {}),
      requested: aSpec(inZone("2")),
      difference: /reachable from .*eastus-1.*not from .*eastus-2/u,
    },
    {
      existing: aVolume(inZone("1")),
      requested: aSpec(inZone("2")),
      difference: /created in zone 1, not in zone 2/u,
    },
    {
      existing: aVolume({ parameters: { partition: "1" } }),
      requested: aSpec({ parameters: { partition: "2" } }),
      difference: /parameters differ/u,
    },
  ];
  for (const { existing, requested, difference } of different) {
    it(`names it: ${difference.source}`, () =>
      assert.match(createRequestDifference(existing, requested) ?? "none", difference));
  }
});
