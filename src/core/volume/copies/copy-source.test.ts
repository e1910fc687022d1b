import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import {
  accessibleZones,
  satisfiesRequisite,
  type TopologyRequirement,
  zonelessRegionsOf,
  zoneValue,
} from "../../azure/topology.ts";
import { gibToBytes } from "../../primitives/units.ts";
import { whyUnreachable } from "../../schedule/why-unreachable.ts";
import { diskUri } from "../../testing/objects.ts";
import {
  checkCopySku,
  cloneTopology,
  copyCapacity,
  copySectors,
  type CopySource,
  placeCopy,
} from "./copy-source.ts";

const ofDisk: CopySource = {
  sourceUri: diskUri,
  kind: "disk",
  location: "East US",
  zones: ["1"],
  sizeGiB: 10,
  sectorSizeBytes: 512,
};
const ofSnapshot: CopySource = {
  ...ofDisk,
  sourceUri: diskUri.replace("/disks/", "/snapshots/"),
  kind: "snapshot",
  zones: [],
};

const inZones = (...values: readonly string[]): TopologyRequirement => ({
  requisite: values,
  preferred: [],
});

describe("copyCapacity", () => {
  const range = (required: bigint, limit = 0n): Parameters<typeof copyCapacity>[0] => ({
    requiredBytes: required,
    limitBytes: limit,
  });

  for (const { given, requiredBytes } of [
    { given: range(0n), requiredBytes: gibToBytes(10) },
    { given: range(0n, gibToBytes(20)), requiredBytes: gibToBytes(10) },
    { given: range(gibToBytes(10) - 1n), requiredBytes: gibToBytes(10) },
    { given: range(gibToBytes(11)), requiredBytes: gibToBytes(11) },
  ])
    it(`of ${given.requiredBytes} to ${given.limitBytes} bytes is at least the source's`, () => {
      assert.deepEqual(copyCapacity(given, ofDisk), { ok: true, value: { ...given, requiredBytes } });
    });

  for (const [bytes, limit, made] of [
    [gibToBytes(9), 0n, gibToBytes(10)],
    [gibToBytes(9), gibToBytes(9), undefined],
    [gibToBytes(8), 0n, undefined],
  ] as const)
    it(`of a snapshot of 9.25 GiB: ${bytes} to ${limit} bytes become ${made ?? "none"}`, () => {
      const copied = copyCapacity(range(bytes, limit), { ...ofSnapshot, sizeGiB: 10, shownGiB: 9 });
      assert.equal(copied.ok ? copied.value.requiredBytes : undefined, made);
    });

  for (const { given, field } of [
    { given: range(gibToBytes(9)), field: "capacity_range.required_bytes" },
    { given: range(0n, gibToBytes(10) - 1n), field: "capacity_range.limit_bytes" },
  ])
    it(`refuses ${field} below the source's size, and states both`, () => {
      assert.deepEqual(copyCapacity(given, ofDisk), {
        ok: false,
        failure: {
          kind: "OutOfRange",
          field,
          value: String(given.requiredBytes || given.limitBytes),
          problem: `must be at least 10737418240 bytes (10 GiB), the size of the source ${diskUri}`,
        },
      });
    });
});

describe("checkCopySku", () => {
  const problemOf = (checked: ReturnType<typeof checkCopySku>): string =>
    checked.ok ? "" : checked.failure.problem;

  it("copies sectors of 512 bytes to any SKU, and an Ultra disk from a snapshot only", () => {
    assert.equal(problemOf(checkCopySku(ofDisk, "StandardSSD_ZRS")), "");
    assert.equal(problemOf(checkCopySku(ofSnapshot, "UltraSSD_LRS")), "");
    assert.match(problemOf(checkCopySku(ofDisk, "UltraSSD_LRS")), /^needs a snapshot as its source/u);
  });

  for (const { sectorSizeBytes, skuName, stated, value, because } of [
    { sectorSizeBytes: 512, skuName: "PremiumV2_LRS", value: 512, because: "that is not the default" },
    {
      sectorSizeBytes: 512,
      skuName: "UltraSSD_LRS",
      stated: 512,
      value: 512,
      because: "as the class states",
    },
    { sectorSizeBytes: 512, skuName: "Premium_LRS", because: "the SKU has no others" },
    { sectorSizeBytes: 4096, skuName: "PremiumV2_LRS", because: "that is the default" },
  ] as const)
    it(`states ${value ?? "no"} bytes a sector of a ${skuName} copy: ${because}`, () => {
      const parameters = { skuName, ...(stated === undefined ? {} : { LogicalSectorSize: stated }) };
      const expected = value === undefined ? {} : { logicalSectorSize: value };
      assert.deepEqual(copySectors({ ...ofSnapshot, sectorSizeBytes }, parameters), {
        ok: true,
        value: expected,
      });
    });

  it("refuses larger sectors than the source's", () => {
    const refused = copySectors(ofSnapshot, { skuName: "PremiumV2_LRS", LogicalSectorSize: 4096 });
    assert.equal(refused.ok ? "" : refused.failure.field, "parameters.LogicalSectorSize");
  });

  it("copies sectors of 4 KiB only to SKUs that have them", () => {
    const large = { ...ofSnapshot, sectorSizeBytes: 4096 };
    assert.match(problemOf(checkCopySku(large, "Premium_LRS")), /^must be PremiumV2_LRS or UltraSSD_LRS/u);
    assert.equal(problemOf(checkCopySku(large, "PremiumV2_LRS")), "");
  });
});

describe("placeCopy", () => {
  const skuName = "Premium_LRS";
  const rows = [
    {
      because: "follows its source where nothing is requested",
      request: { source: ofDisk, topology: undefined, skuName },
      place: { location: "eastus", zone: "1" },
    },
    {
      because: "of a snapshot is in the first zone requested of its region",
      request: { source: ofSnapshot, topology: inZones("westus-1", "eastus-3", "eastus-1"), skuName },
      place: { location: "eastus", zone: "3" },
    },
    {
      because: "of a disk is in its zone where that is one of those requested",
      request: { source: ofDisk, topology: inZones("eastus-3", "eastus-1"), skuName },
      place: { location: "eastus", zone: "1" },
    },
    {
      because: "that is zone-redundant is reachable from any zone",
      request: { source: ofDisk, topology: inZones("eastus-3"), skuName: "Premium_ZRS" },
      place: { location: "eastus" },
    },
    {
      because: "of a disk without zone is for nodes without zone",
      request: { source: { ...ofDisk, zones: [] }, topology: inZones(""), skuName },
      place: { location: "eastus" },
    },
  ];
  for (const { because, request, place } of rows)
    it(because, () => {
      assert.deepEqual(placeCopy({ ...request, location: undefined }), { ok: true, value: place });
    });

  it("names its source's place where no requested topology is that", () => {
    const failureOf = (source: CopySource, ...values: readonly string[]) => {
      const placed = placeCopy({ source, topology: inZones(...values), skuName, location: undefined });
      return placed.ok ? placed : placed.failure;
    };
    const { sourceUri } = ofDisk;
    assert.deepEqual(failureOf(ofDisk, "eastus-2", ""), {
      kind: "CopyUnreachable",
      sourceUri,
      place: "eastus-1",
      requested: ["eastus-2", ""],
    });
    const mixed = failureOf(ofDisk, "westus-1", "eastus-2");
    assert.equal("kind" in mixed && mixed.kind, "CopyUnreachable");
    const elsewhere = failureOf(ofSnapshot, "westus-1");
    // No other node of the cluster would help, so this is final.
    assert.equal("kind" in elsewhere && elsewhere.kind, "InvalidArgument");
  });

  it("is made for nodes without a zone only where some are, or may be", () => {
    const placed = (zonelessRegions?: readonly string[], ...zones: readonly string[]) =>
      placeCopy({
        source: ofSnapshot,
        topology: { ...inZones("", ...zones), zonelessRegions },
        skuName,
        location: undefined,
      });
    assert.deepEqual(
      [
        placed(),
        placed(["eastus", "westus"]),
        placed(["westus"], "eastus-2"),
        placed(["westus"], "westus-1"),
      ],
      [
        { ok: true, value: { location: "eastus" } },
        { ok: true, value: { location: "eastus" } },
        { ok: true, value: { location: "eastus", zone: "2" } },
        {
          ok: false,
          failure: {
            kind: "InvalidArgument",
            field: "volume_content_source",
            value: ofSnapshot.sourceUri,
            problem: "is in eastus, and Azure copies in a source's own region only: the nodes are in westus",
          },
        },
      ],
    );
  });

  it("refuses another region than its source's, and a topology that can't be read", () => {
    const elsewhere = placeCopy({ source: ofDisk, topology: undefined, skuName, location: "westus" });
    assert.equal(
      !elsewhere.ok && "field" in elsewhere.failure && elsewhere.failure.field,
      "parameters.location",
    );
    const unreadable = placeCopy({
      source: ofDisk,
      topology: inZones("zone 1"),
      skuName,
      location: undefined,
    });
    assert.equal(!unreadable.ok && unreadable.failure.kind, "InvalidArgument");
  });
});

const linux = { skuName: "Premium_LRS", platform: "linux" } as const;
const zonal = { location: "East US", zones: ["1"] };

describe("cloneTopology", () => {
  it("is the source's zone, unless a copy goes to any zone", () => {
    const disk = { ...linux, location: "eastus" };
    assert.deepEqual(cloneTopology(zonal, linux), { disk: { ...disk, zones: ["1"] }, place: "eastus-1" });
    const anywhere = { disk: { ...disk, zones: undefined }, place: "eastus" };
    assert.deepEqual(cloneTopology({ ...zonal, zones: [] }, linux), anywhere);
    const zrs = { ...linux, skuName: "Premium_ZRS" };
    assert.deepEqual(cloneTopology(zonal, zrs), { ...anywhere, disk: { ...anywhere.disk, ...zrs } });
  });

  it("is reached from the nodes that reach what placeCopy makes for them, no others", () => {
    const location = fc.constantFrom("eastus", "westus");
    const node = fc.record({ location, zone: fc.constantFrom("", "1", "2") });
    const source = fc.record({ location, zones: fc.constantFrom([], ["1"], ["2"]) });
    const skuName = fc.constantFrom("Premium_LRS", "PremiumV2_LRS", "StandardSSD_ZRS");
    const counts = { reached: 0, refused: 0 };
    fc.assert(
      fc.property(source, skuName, fc.array(node, { minLength: 1 }), (from, sku, nodes) => {
        const { disk } = cloneTopology(from, { skuName: sku, platform: "linux" });
        const zonelessRegions = zonelessRegionsOf(nodes);
        const requisite = [...new Set(nodes.map(zoneValue))];
        for (const chosen of nodes) {
          const placed = placeCopy({
            source: { ...from, sourceUri: diskUri, kind: "disk", sizeGiB: 1, sectorSizeBytes: 512 },
            topology: { preferred: [zoneValue(chosen), ...requisite], requisite, zonelessRegions },
            skuName: sku,
            location: undefined,
          });
          const { location: madeIn, zone } = placed.ok ? placed.value : {};
          const zones = zone === undefined ? [] : [zone];
          const isReached =
            madeIn === chosen.location &&
            satisfiesRequisite(accessibleZones({ skuName: sku, location: madeIn, zones }), [
              zoneValue(chosen),
            ]);
          assert.equal(whyUnreachable(disk, chosen) === undefined, isReached);
          counts[isReached ? "reached" : "refused"]++;
        }
      }),
    );
    assert.ok(counts.reached > 0 && counts.refused > 0);
  });
});
