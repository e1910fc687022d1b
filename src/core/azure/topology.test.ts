import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Topology } from "../api/az-volume.ts";
import {
  accessibleTopology,
  choosePlacement,
  driverZoneKey,
  nodeTopology,
  parseZoneValue,
  satisfiesRequisite,
  wellKnownZoneKey,
} from "./topology.ts";

function inZone(value: string, key: string = driverZoneKey): Topology {
  return { segments: { [key]: value } };
}

describe("choosePlacement", () => {
  const chosen = [
    { preferred: [], requisite: [], location: undefined, zone: undefined, because: "nothing is required" },
    {
      preferred: [inZone("eastus-2")],
      requisite: [inZone("eastus-1")],
      location: "eastus",
      zone: "2",
      because: "preferred goes before requisite",
    },
    {
      preferred: [],
      requisite: [inZone("eastus-3"), inZone("eastus-1")],
      location: "eastus",
      zone: "3",
      because: "the first requisite, in the order given",
    },
    {
      preferred: [],
      requisite: [inZone("eastus-1", wellKnownZoneKey)],
      location: "eastus",
      zone: "1",
      because: "Kubernetes' own key serves too",
    },
    {
      preferred: [inZone("")],
      requisite: [inZone("eastus-1")],
      location: undefined,
      zone: undefined,
      because: "the preferred nodes have no zone",
    },
    {
      preferred: [inZone("EastUS-1")],
      requisite: [],
      location: "eastus",
      zone: "1",
      because: "labels may differ in case",
    },
  ];
  for (const { preferred, requisite, location, zone, because } of chosen) {
    it(`answers ${location ?? "the cluster's region"}, zone ${zone ?? "none"}: ${because}`, () => {
      assert.deepEqual(
        choosePlacement({
          topology: { preferred, requisite },
          skuName: "Premium_LRS",
          location: undefined,
        }),
        {
          ok: true,
          value: { ...(location === undefined ? {} : { location }), ...(zone === undefined ? {} : { zone }) },
        },
      );
    });
  }

  it("skips terms outside the region asked for", () => {
    const topology = { preferred: [inZone("westus-1")], requisite: [inZone("eastus-2")] };
    assert.deepEqual(choosePlacement({ topology, skuName: "Premium_LRS", location: "eastus" }), {
      ok: true,
      value: { location: "eastus", zone: "2" },
    });
  });

  it("places a zone-redundant disk in the region, without a zone", () => {
    const topology = { preferred: [], requisite: [inZone("eastus-2")] };
    assert.deepEqual(choosePlacement({ topology, skuName: "Premium_ZRS", location: undefined }), {
      ok: true,
      value: { location: "eastus" },
    });
  });

  const refused = [
    {
      term: { segments: { rack: "7" } },
      location: undefined,
      field: "accessibility_requirements",
      because: "a key that the driver never reported",
    },
    {
      term: inZone("zone one"),
      location: undefined,
      field: "accessibility_requirements",
      because: "a value that is no zone",
    },
    {
      term: inZone("westus-1"),
      location: "eastus",
      field: "location",
      because: "no term lies in the region asked for",
    },
  ];
  for (const { term, location, field, because } of refused) {
    it(`refuses: ${because}`, () => {
      const placement = choosePlacement({
        topology: { preferred: [], requisite: [term] },
        skuName: "Premium_LRS",
        location,
      });
      assert.ok(!placement.ok);
      assert.equal(placement.failure.field, field);
    });
  }
});

describe("accessibleTopology", () => {
  it("is the disk's zone where it has one", () => {
    assert.deepEqual(accessibleTopology({ skuName: "Premium_LRS", location: "eastus", zones: ["2"] }), [
      inZone("eastus-2"),
    ]);
  });

  it("is the empty zone for a regional disk", () => {
    assert.deepEqual(accessibleTopology({ skuName: "Premium_LRS", location: "eastus", zones: [] }), [
      inZone(""),
    ]);
  });

  it("is every zone of the region, and none, for a zone-redundant disk", () => {
    assert.deepEqual(accessibleTopology({ skuName: "Premium_ZRS", location: "eastus", zones: [] }), [
      inZone("eastus-1"),
      inZone("eastus-2"),
      inZone("eastus-3"),
      inZone(""),
    ]);
  });
});

describe("nodeTopology", () => {
  it("has both keys on a zonal node", () => {
    assert.deepEqual(nodeTopology({ location: "eastus", zone: "1" }), {
      segments: { [driverZoneKey]: "eastus-1", [wellKnownZoneKey]: "eastus-1" },
    });
  });

  it("has only the driver's key, empty, on any other node", () => {
    assert.deepEqual(nodeTopology({ location: "eastus", zone: "" }), inZone(""));
  });

  // Kubelet would refuse the plug-in.
  it("omits Kubernetes' own key where the Node has another value of it", () => {
    assert.deepEqual(
      nodeTopology({ location: "eastus", zone: "1", zoneLabel: "eastus-2" }),
      inZone("eastus-1"),
    );
    assert.deepEqual(nodeTopology({ location: "eastus", zone: "1", zoneLabel: "eastus-1" }).segments, {
      [driverZoneKey]: "eastus-1",
      [wellKnownZoneKey]: "eastus-1",
    });
  });
});

describe("satisfiesRequisite", () => {
  for (const [accessible, requisite, satisfied, because] of [
    [[inZone("eastus-1")], [], true, "nothing is required"],
    [[inZone("eastus-1")], [inZone("eastus-2"), inZone("eastus-1")], true, "one term is enough"],
    [[inZone("eastus-1")], [inZone("eastus-1", wellKnownZoneKey)], true, "either key counts"],
    [[inZone("eastus-1")], [inZone("eastus-2")], false, "another zone"],
    [[inZone("")], [inZone("eastus-2")], false, "a regional disk does not attach to zonal nodes"],
  ] as const) {
    it(`says ${satisfied}: ${because}`, () =>
      assert.equal(satisfiesRequisite(accessible, requisite), satisfied));
  }
});

describe("parseZoneValue", () => {
  for (const value of ["", "1", "eastus", "eastus-", "-1", "eastus-1-2"]) {
    it(`refuses ${JSON.stringify(value)}`, () => assert.equal(parseZoneValue(value), undefined));
  }
});
