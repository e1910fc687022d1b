import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { accessibleZones, satisfiesRequisite, zonelessRegionsOf, zoneValue } from "../../azure/topology.ts";
import { whyUnreachable } from "../../schedule/why-unreachable.ts";
import { diskUri } from "../../testing/objects.ts";
import { cloneTopology } from "./clone-topology.ts";
import { placeCopy } from "./copy-source.ts";

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
