import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  accessibleZones,
  choosePlacement,
  nextPlacement,
  parseZoneValue,
  satisfiesRequisite,
  topologyOfNodes,
  zonelessRegionsOf,
  zoneValue,
  type TopologyRequirement,
  triedPlaces,
} from "./topology.ts";

type Place = Parameters<typeof nextPlacement>[0];

describe("choosePlacement", () => {
  const chosen = [
    { preferred: [], requisite: [], location: undefined, zone: undefined, because: "nothing is required" },
    {
      preferred: ["eastus-2"],
      requisite: ["eastus-1"],
      location: "eastus",
      zone: "2",
      because: "preferred goes before requisite",
    },
    {
      preferred: [],
      requisite: ["eastus-3", "eastus-1"],
      location: "eastus",
      zone: "3",
      because: "the first requisite, in the order given",
    },
    {
      preferred: [""],
      requisite: ["eastus-1"],
      location: undefined,
      zone: undefined,
      because: "the preferred nodes have no zone",
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
    const topology = { preferred: ["westus-1"], requisite: ["eastus-2"] };
    assert.deepEqual(choosePlacement({ topology, skuName: "Premium_LRS", location: "eastus" }), {
      ok: true,
      value: { location: "eastus", zone: "2" },
    });
  });

  it("places a disk for nodes without a zone where some are, or may be", () => {
    const placed = (location: string, zonelessRegions?: readonly string[]) =>
      choosePlacement({
        topology: { preferred: ["", "westus-1"], requisite: [], zonelessRegions },
        skuName: "Premium_LRS",
        location,
      });
    assert.deepEqual(
      [
        placed("westus"),
        placed("westus", ["eastus", "westus"]),
        placed("westus", ["eastus"]),
        placed("northeurope", ["eastus", "westus"]),
      ],
      [
        { ok: true, value: { location: "westus" } },
        { ok: true, value: { location: "westus" } },
        { ok: true, value: { location: "westus", zone: "1" } },
        {
          ok: false,
          failure: {
            kind: "InvalidArgument",
            field: "location",
            value: "northeurope",
            problem: "none of the volume's required topologies lies there: eastus, westus, westus-1",
          },
        },
      ],
    );
  });

  it("places a zone-redundant disk in the region, without a zone", () => {
    const topology = { preferred: [], requisite: ["eastus-2"] };
    assert.deepEqual(choosePlacement({ topology, skuName: "Premium_ZRS", location: undefined }), {
      ok: true,
      value: { location: "eastus" },
    });
  });

  const refused = [
    {
      term: "zone one",
      location: undefined,
      field: "accessibility_requirements",
      because: "a value that is no zone",
    },
    {
      term: "westus-1",
      location: "eastus",
      field: "location",
      because: "no term lies in the region asked for",
    },
    {
      term: "",
      location: "eastus",
      zonelessRegions: ["westus"],
      field: "location",
      because: "the nodes without a zone are in another region",
    },
  ];
  for (const { term, location, zonelessRegions, field, because } of refused) {
    it(`refuses: ${because}`, () => {
      const placement = choosePlacement({
        topology: { preferred: [], requisite: [term], zonelessRegions },
        skuName: "Premium_LRS",
        location,
      });
      assert.ok(!placement.ok);
      assert.equal(placement.failure.field, field);
    });
  }
});

describe("accessibleZones", () => {
  it("is the disk's zone where it has one", () => {
    const zones = accessibleZones({ skuName: "Premium_LRS", location: "eastus", zones: ["2"] });
    assert.deepEqual(zones, ["eastus-2"]);
  });

  it("is the empty zone for a regional disk", () => {
    assert.deepEqual(accessibleZones({ skuName: "Premium_LRS", location: "eastus", zones: [] }), [""]);
  });

  it("is every zone of the region, and none, for a zone-redundant disk", () => {
    const zones = accessibleZones({ skuName: "Premium_ZRS", location: "eastus", zones: [] });
    assert.deepEqual(zones, ["eastus-1", "eastus-2", "eastus-3", "eastus-4", ""]);
  });
});

describe("zoneValue", () => {
  it("is region and zone as node labels have them, empty without a zone", () => {
    assert.equal(zoneValue({ location: "East US", zone: "1" }), "eastus-1");
    assert.equal(zoneValue({ location: "eastus", zone: "" }), "");
  });
});

describe("satisfiesRequisite", () => {
  for (const [accessible, requisite, satisfied, because] of [
    [["eastus-1"], [], true, "nothing is required"],
    [["eastus-1"], ["eastus-2", "eastus-1"], true, "one term is enough"],
    [["eastus-1"], ["eastus-2"], false, "another zone"],
    [[""], ["eastus-2"], false, "a regional disk does not attach to zonal nodes"],
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

describe("zonelessRegionsOf", () => {
  for (const { because, places, regions } of [
    { because: "there is no node", places: [], regions: undefined },
    { because: "all nodes have a zone", places: [["eastus", "1"]], regions: undefined },
    { because: "of one node the region is not known", places: [["eastus"], [""]], regions: undefined },
    {
      because: "each region once",
      places: [["West US"], ["eastus"], ["westus"], ["northeurope", "1"]],
      regions: ["eastus", "westus"],
    },
  ])
    it(`answers ${regions?.join(" and ") ?? "any"}: ${because}`, () => {
      const nodes = places.map(([location = "", zone = ""]) => ({ location, zone }));
      assert.deepEqual(zonelessRegionsOf(nodes), regions);
    });
});

describe("nextPlacement", () => {
  const terms = (preferred: readonly string[], requisite = preferred): TopologyRequirement => ({
    preferred,
    requisite,
  });
  const inZone = (zone: string): Place => ({ location: "eastus", zone });
  const rows: readonly (readonly [
    because: string,
    present: Place,
    topology: TopologyRequirement | undefined,
    next: Place | undefined,
  ])[] = [
    ["the next preferred", inZone("2"), terms(["eastus-2", "eastus-1"]), inZone("1")],
    ["then the first requisite", inZone("2"), terms(["eastus-2"], ["eastus-1", "eastus-2"]), inZone("1")],
    ["each once", inZone("1"), terms(["eastus-2", "eastus-1"], ["eastus-1", "eastus-2"]), undefined],
    ["whatever the case", inZone("1"), terms(["EastUS-1", "EastUS-2"]), inZone("2")],
    ["none of another region", inZone("1"), terms(["eastus-1", "westus-2"]), undefined],
    ["a region of nodes without a zone", inZone("1"), terms(["eastus-1", ""]), { location: "eastus" }],
    [
      "no region without such nodes",
      inZone("1"),
      { ...terms(["eastus-1", ""]), zonelessRegions: ["westus"] },
      undefined,
    ],
    ["nothing for a zone that is not allowed", inZone("3"), terms(["eastus-1", "eastus-2"]), undefined],
    ["nothing for a disk without a zone", { location: "eastus" }, terms(["", "eastus-2"]), undefined],
    ["nothing where no topology is required", inZone("1"), undefined, undefined],
  ];
  for (const [because, present, topology, next] of rows)
    it(`is ${because}`, () => assert.deepEqual(nextPlacement(present, topology), next));
});

describe("triedPlaces", () => {
  const topology = { preferred: ["eastus-2", "", "westus-1"], requisite: ["eastus-1", "eastus-2"] };
  for (const [zone, tried] of [
    ["2", ["eastus-2"]],
    ["1", ["eastus-2", "eastus", "eastus-1"]],
    ["3", ["eastus-3"]],
    [undefined, ["eastus"]],
  ] as const)
    it(`are ${tried.join(", ")} where the last one is ${zone ?? "no zone"}`, () =>
      assert.deepEqual(triedPlaces({ location: "eastus", zone }, topology), tried));

  it("are not those that were of no use, but for the first and the last", () => {
    const required = { preferred: ["eastus-3"], requisite: ["eastus-1", "eastus-2"] };
    assert.deepEqual(
      triedPlaces({ location: "eastus", zone: "2" }, required, () => false),
      ["eastus-3", "eastus-2"],
    );
  });
});

describe("topologyOfNodes", () => {
  const rows = [
    { because: "there is no node", zones: [], chosen: undefined },
    { because: "no node has a zone", zones: ["", ""], chosen: "" },
    { because: "all nodes are in one zone", zones: ["3"], chosen: "eastus-3" },
    { because: "most nodes are in that zone", zones: ["1", "2", "2"], chosen: "eastus-2" },
    { because: "most have a zone", zones: ["", "1", "", "1", "1"], chosen: "eastus-1" },
    { because: "most have no zone", zones: ["", "1", ""], chosen: "" },
    { because: "no zone has more nodes than VMs have none", zones: ["1", "", "2"], chosen: "" },
    { because: "it comes first of those that tie", zones: ["2", "1", "2", "1"], chosen: "eastus-1" },
  ];
  for (const { because, zones, chosen } of rows)
    it(`answers ${chosen === "" ? "no zone" : (chosen ?? "nothing")}: ${because}`, () => {
      const nodes = zones.map((zone) => ({ location: "East US", zone }));
      assert.deepEqual(
        topologyOfNodes(nodes),
        chosen === undefined ? undefined : { requisite: [], preferred: [chosen] },
      );
    });

  it("counts zones of one number in two regions apart", () => {
    const nodes = ["eastus", "westus", "westus"].map((location) => ({ location, zone: "1" }));
    assert.deepEqual(topologyOfNodes(nodes)?.preferred, ["westus-1"]);
  });
});
