import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { defaultDriverName } from "../api/driver-name.ts";
import { nodeTopology, readZones, type Topology, volumeTopology } from "./zone-keys.ts";

const KEY = "topology.disk.csi.azure.com/zone";
const WELL_KNOWN_KEY = "topology.kubernetes.io/zone";
const OTHER_NAME = "disk2.csi.azure.com";
const KEY_OF_OTHER_NAME = "topology.disk2.csi.azure.com/zone";

const inZone = (value: string, key = KEY): Topology => ({ segments: { [key]: value } });

describe("volumeTopology", () => {
  it("has the key of the driver's name, and no other", () => {
    assert.deepEqual(volumeTopology("eastus-1", defaultDriverName), inZone("eastus-1"));
    assert.deepEqual(volumeTopology("eastus-1", OTHER_NAME), inZone("eastus-1", KEY_OF_OTHER_NAME));
  });
});

describe("nodeTopology", () => {
  for (const [driverName, key] of [
    [defaultDriverName, KEY],
    [OTHER_NAME, KEY_OF_OTHER_NAME],
  ] as const) {
    it(`of ${driverName} has its own and Kubernetes' key on a zonal node`, () => {
      assert.deepEqual(nodeTopology({ zoneValue: "eastus-1" }, driverName), {
        segments: { [key]: "eastus-1", [WELL_KNOWN_KEY]: "eastus-1" },
      });
    });

    it(`of ${driverName} has only its own key, empty, on any other node`, () => {
      assert.deepEqual(nodeTopology({ zoneValue: "" }, driverName), inZone("", key));
    });
  }

  // Kubelet would refuse the plug-in.
  it("omits Kubernetes' own key where the Node has another value of it", () => {
    const node = { zoneValue: "eastus-1", zoneLabel: "eastus-2" };
    assert.deepEqual(nodeTopology(node, defaultDriverName), inZone("eastus-1"));
    assert.deepEqual(nodeTopology({ ...node, zoneLabel: "eastus-1" }, defaultDriverName).segments, {
      [KEY]: "eastus-1",
      [WELL_KNOWN_KEY]: "eastus-1",
    });
  });
});

describe("readZones", () => {
  const bothKeys = { segments: { [WELL_KNOWN_KEY]: "0", [KEY]: "" } };
  const threeKeys = {
    segments: { [WELL_KNOWN_KEY]: "0", [KEY]: "eastus-2", [KEY_OF_OTHER_NAME]: "eastus-1" },
  };
  for (const [topologies, driverName, zones, because] of [
    [[], defaultDriverName, [], "nothing is required"],
    [[inZone("eastus-3"), inZone("EastUS-1")], defaultDriverName, ["eastus-3", "eastus-1"], "in their order"],
    [[inZone("eastus-1", WELL_KNOWN_KEY)], defaultDriverName, ["eastus-1"], "Kubernetes' own key serves too"],
    [[bothKeys], defaultDriverName, [""], "Azure puts a fault domain into Kubernetes' key"],
    [[threeKeys], OTHER_NAME, ["eastus-1"], "the driver's own key goes first"],
    [[bothKeys], OTHER_NAME, [""], "the default name's key goes before Kubernetes'"],
  ] as const) {
    it(`reads ${JSON.stringify(zones)}: ${because}`, () => {
      assert.deepEqual(readZones(topologies, driverName), { ok: true, value: zones });
    });
  }

  it("refuses a topology with no key that it reads, and lists those", () => {
    const read = readZones([inZone("eastus-1"), inZone("eastus-1", KEY_OF_OTHER_NAME)], defaultDriverName);
    assert.deepEqual(read, {
      ok: false,
      failure: {
        kind: "InvalidArgument",
        field: "accessibility_requirements",
        value: '{"topology.disk2.csi.azure.com/zone":"eastus-1"}',
        problem: `must have one of ${KEY}, ${WELL_KNOWN_KEY}`,
      },
    });
  });
});
