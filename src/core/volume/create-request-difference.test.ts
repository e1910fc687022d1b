import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import type { AzVolume, DiskModification, DiskSpec, VolumeDetail } from "../api/az-volume.ts";
import type { TopologyRequirement } from "../azure/topology.ts";
import { gibToBytes } from "../primitives/units.ts";
import { aDiskSpec } from "../testing/objects.ts";
import { type CreateRequest, createRequestDifference } from "./create-request-difference.ts";
import { withoutModification } from "./modification/plan-modification.ts";
import { resolveVolumeSpec } from "./parameters/resolve-volume-spec.ts";
import { parseVolumeParameters } from "./parameters/volume-parameters.ts";

type VolumeSpec = AzVolume["spec"];

function aSpec(overrides: Partial<VolumeSpec> = {}): VolumeSpec {
  return {
    volumeName: "pvc-1",
    capabilities: [{ accessMode: "SINGLE_NODE_WRITER", accessType: "mount" }],
    disk: aDiskSpec({ maxShares: 1 }),
    maxMountReplicaCount: 0,
    volumeContext: {},
    deleteRequested: false,
    ...overrides,
  };
}

function aRequest(overrides: Partial<VolumeSpec> = {}, others: Partial<CreateRequest> = {}): CreateRequest {
  const spec = aSpec(overrides);
  const capacity = { requiredBytes: gibToBytes(spec.disk.sizeGiB), limitBytes: 0n };
  return { spec, capacity, topology: undefined, ...others };
}

const ofDisk = (overrides: Partial<DiskSpec>): Partial<VolumeSpec> => ({
  disk: aDiskSpec({ maxShares: 1, ...overrides }),
});

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
        ...detail,
      },
    },
  };
}

const sourceUri = "/subscriptions/s/resourceGroups/r/providers/Microsoft.Compute/snapshots/s-1";
const inZone = (zone: string): { readonly topology: TopologyRequirement } => ({
  topology: { requisite: [`eastus-${zone}`], preferred: [] },
});
const placedIn = (zone: string): Partial<VolumeSpec> => ofDisk({ location: "eastus", zone });

const diskUri = "/subscriptions/s/resourceGroups/RG-1/providers/Microsoft.Compute/disks/pvc-1";

/** After a modification that Azure has made of a disk with its own defaults. */
function modified(overrides: Partial<VolumeSpec>, made: DiskModification): AzVolume {
  const { spec, ...volume } = aVolume(overrides, {});
  const { skuName, tags } = spec.disk;
  const shown = { skuName, tags, networkAccessPolicy: "AllowAll", publicNetworkAccess: "Enabled" };
  return { ...volume, spec: withoutModification({ ...spec, modification: made }, shown, made) };
}

describe("createRequestDifference", () => {
  it("finds none between any valid request and itself", () => {
    const anyParameters = fc.record(
      {
        skuName: fc.constantFrom("Premium_LRS", "UltraSSD_LRS"),
        maxShares: fc.constantFrom("1", "3"),
        cachingMode: fc.constant("None"),
        fsType: fc.constantFrom("xfs", "EXT4", ""),
        tags: fc.constantFrom("a=1,b=2", "__proto__=1,constructor=2", ""),
        location: fc.constantFrom("East US", "eastus"),
        resourceGroup: fc.constantFrom("rg-1", ""),
      },
      { requiredKeys: [] },
    );
    const { capabilities } = aSpec();
    fc.assert(
      fc.property(anyParameters, fc.bigInt({ min: 0n, max: 2n ** 42n }), (given, requiredBytes) => {
        const parsed = parseVolumeParameters(given as Record<string, string>);
        assert.ok(parsed.ok);
        const capacity = { requiredBytes, limitBytes: 0n };
        const resolved = resolveVolumeSpec({ parameters: parsed.value, capabilities, capacity });
        assert.ok(resolved.ok);
        const existing = aVolume(resolved.value);
        assert.equal(createRequestDifference(existing, aRequest(resolved.value, { capacity })), undefined);
      }),
    );
  });

  const matching = [
    { existing: aVolume(), requested: aRequest(), because: "the same request while the disk is being made" },
    { existing: aVolume({}, {}), requested: aRequest(), because: "the same request once the disk is there" },
    {
      existing: aVolume({ ...ofDisk({ location: "eastus", resourceGroup: "RG-1" }), diskUri }, {}),
      requested: aRequest(
        { ...ofDisk({ tags: { a: "1" } }), maxMountReplicaCount: 0, fsType: "xfs" },
        inZone("1"),
      ),
      because: "its object was lost in between, and recreated from the disk",
    },
    {
      existing: aVolume({ ...ofDisk({ resourceGroup: "RG-1" }), diskUri }, {}),
      requested: aRequest(ofDisk({ resourceGroup: "rg-1" })),
      because: "Azure writes the resource group in other letters",
    },
    { existing: aVolume({}, { sizeGiB: 20 }), requested: aRequest(), because: "the disk has grown since" },
    {
      existing: aVolume(ofDisk({ sourceUri })),
      requested: aRequest(ofDisk({ sourceUri: sourceUri.toUpperCase() })),
      because: "the source is written in other letters",
    },
    {
      existing: aVolume({ ...ofDisk({ sourceUri }), diskUri }, {}),
      requested: aRequest(ofDisk({ sourceUri })),
      because: "the object of a copy was recreated from the disk",
    },
    {
      existing: aVolume(ofDisk({ tags: { a: "1", costcenter: "7" } }), {}),
      requested: aRequest(ofDisk({ tags: { a: "1" } })),
      because: "a modification has shown the tags that others have set",
    },
    {
      existing: modified({ ...ofDisk({}), diskUri }, { tags: { team: "storage" } }),
      requested: aRequest(ofDisk({ networkAccessPolicy: "DenyAll", publicNetworkAccess: "Disabled" })),
      because: "an adopted disk whose network policy no class stated got a class with tags",
    },
    {
      existing: aVolume({ maxMountReplicaCount: 2 }),
      requested: aRequest(),
      because: "the replica count was edited since",
    },
    {
      existing: aVolume(),
      requested: aRequest({
        capabilities: [{ accessMode: "SINGLE_NODE_SINGLE_WRITER", accessType: "mount", fsType: "" }],
      }),
      because: "a capability that the volume has too",
    },
    {
      existing: aVolume(placedIn("1"), {}),
      requested: aRequest(placedIn("1"), inZone("1")),
      because: "the zone that it is in",
    },
    {
      existing: aVolume(placedIn("1"), {}),
      requested: aRequest(ofDisk({}), inZone("1")),
      because: "its zone is among the topologies, whichever is the first now",
    },
    {
      existing: aVolume(placedIn("1")),
      requested: aRequest(ofDisk({})),
      because: "no topology is required, and the nodes that chose the zone are gone",
    },
  ];
  matching.push({
    existing: aVolume({ volumeContext: { perfprofile: "BASIC", requestedsizegib: "10" } }),
    requested: aRequest({ volumeContext: { perfProfile: "basic", requestedsizegib: "11" } }),
    because: "the profile is spelled in another case",
  });
  matching.push({
    existing: aVolume({ volumeContext: { blocksize: "1024" } }),
    requested: aRequest({ volumeContext: { blockSize: "1024" } }),
    because: "a size of blocks is spelled in another case",
  });
  matching.push({
    existing: aVolume(ofDisk({ userAgent: "pid-1" })),
    requested: aRequest(ofDisk({ userAgent: "pid-2" })),
    because: "the class was made again with another userAgent, which shapes no volume",
  });
  for (const { existing, requested, because } of matching) {
    it(`finds none: ${because}`, () => assert.equal(createRequestDifference(existing, requested), undefined));
  }

  const large = { capacity: { requiredBytes: gibToBytes(11), limitBytes: 0n } };
  const different = [
    {
      existing: aVolume({}, {}),
      requested: aRequest({}, large),
      difference: /has 10 GiB, .*11811160064 to any number/u,
    },
    { existing: aVolume(), requested: aRequest({}, large), difference: /has 10 GiB/u },
    {
      existing: aVolume({}, {}),
      requested: aRequest({}, { capacity: { requiredBytes: 0n, limitBytes: gibToBytes(5) } }),
      difference: /has 10 GiB, .*0 to 5368709120/u,
    },
    {
      existing: aVolume(),
      requested: aRequest(ofDisk({ skuName: "Premium_ZRS" })),
      difference: /skuName is "Premium_LRS", not "Premium_ZRS"/u,
    },
    {
      existing: aVolume({ ...ofDisk({ maxShares: 2 }), diskUri }, {}),
      requested: aRequest(),
      difference: /maxShares is 2, not 1/u,
    },
    {
      existing: aVolume(),
      requested: aRequest({ fsType: "xfs" }),
      difference: /fsType is the default, not "xfs"/u,
    },
    {
      existing: aVolume({ cachingMode: "None" }),
      requested: aRequest(),
      difference: /cachingMode is "None", not left to the default/u,
    },
    {
      existing: aVolume(ofDisk({ resourceGroup: "rg-1" })),
      requested: aRequest(),
      difference: /resourceGroup is "rg-1", not left to the default/u,
    },
    {
      existing: aVolume(ofDisk({ location: "westus" })),
      requested: aRequest({}, { topology: { requisite: [], preferred: [] } }),
      difference: /location is "westus", not left to the default/u,
    },
    {
      existing: aVolume(ofDisk({ tags: { a: "2" } })),
      requested: aRequest(ofDisk({ tags: { a: "1" } })),
      difference: /tag a is "2", not "1"/u,
    },
    {
      existing: aVolume(),
      requested: aRequest(ofDisk({ tags: { a: "1" } })),
      difference: /tag a is "", not "1"/u,
    },
    {
      existing: aVolume(),
      requested: aRequest({ volumeContext: { perfProfile: "Basic" } }),
      difference: /perfprofile is the default, not basic/u,
    },
    {
      existing: aVolume({ volumeContext: { blockSize: "1024" } }),
      requested: aRequest({ volumeContext: { BlockSize: "2048" } }),
      difference: /blockSize is 1024, not 2048/u,
    },
    {
      existing: aVolume(),
      requested: aRequest({ volumeContext: { bytesPerInode: "4096" } }),
      difference: /bytesPerInode is the default, not 4096/u,
    },
    {
      existing: aVolume({ volumeContext: { "device-setting/queue/scheduler": "none" } }),
      requested: aRequest({ volumeContext: { "device-setting/queue/scheduler": "bfq" } }),
      difference: /device-setting\/queue\/scheduler is none, not bfq/u,
    },
    {
      existing: aVolume(),
      requested: aRequest({ capabilities: [{ accessMode: "SINGLE_NODE_WRITER", accessType: "block" }] }),
      difference: /access type block/u,
    },
    { existing: aVolume(), requested: aRequest({ volumeName: "PVC-1" }), difference: /made as "pvc-1"/u },
    {
      existing: aVolume(placedIn("1"), {}),
      requested: aRequest(placedIn("2"), inZone("2")),
      difference: /reachable from eastus-1, not from eastus-2/u,
    },
    {
      existing: aVolume(placedIn("1")),
      requested: aRequest(placedIn("2"), inZone("2")),
      difference: /is reachable from eastus-1, not from eastus-2/u,
    },
  ];
  for (const { existing, requested, difference } of different) {
    it(`names it: ${difference.source}`, () =>
      assert.match(createRequestDifference(existing, requested) ?? "none", difference));
  }
});
