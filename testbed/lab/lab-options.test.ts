import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { labSettings } from "./lab-options.ts";

describe("lab options", () => {
  it("are three nodes in two zones by default", () => {
    assert.deepEqual(labSettings({}), {
      name: "lab",
      vms: [
        { kind: "vm", name: "node-a", zone: "1" },
        { kind: "vm", name: "node-b", zone: "1" },
        { kind: "vm", name: "node-c", zone: "2" },
      ],
      vmSize: "Standard_D8s_v5",
      timeScale: 0.05,
      kubelet: {},
      apiserverFlags: [],
      controllerManagerFlags: [],
      schedulerFlags: [],
    });
  });

  it("put every node in one zone on request", () => {
    assert.deepEqual(
      labSettings({ nodes: 4, zones: 1 }).vms.map(({ zone }) => zone),
      ["1", "1", "1", "1"],
    );
  });

  it("make each node of a list what the list says", () => {
    assert.deepEqual(
      labSettings({ nodes: ["uniform", "flex", "vm"] }).vms.map(({ name, kind }) => [name, kind]),
      [
        ["node-a", "uniform"],
        ["node-b", "flex"],
        ["node-c", "vm"],
      ],
    );
  });

  it("spread VMs of the availability set over its fault domains, in no zone", () => {
    assert.deepEqual(labSettings({ nodes: ["avset", "vm", "avset", "avset"] }).vms, [
      { kind: "avset", name: "node-a", faultDomain: "0" },
      { kind: "vm", name: "node-b", zone: "1" },
      { kind: "avset", name: "node-c", faultDomain: "1" },
      { kind: "avset", name: "node-d", faultDomain: "0" },
    ]);
  });

  for (const [options, message] of [
    [{ nodes: [] }, /1 to 8 nodes, not 0/u],
    [{ nodes: 0 }, /1 to 8 nodes, not 0/u],
    [{ nodes: Number("three") }, /1 to 8 nodes, not NaN/u],
    [{ zones: 3 }, /1 or 2 zones, not 3/u],
    [{ timeScale: 0 }, /from 0\.0001 to 1, not 0/u],
  ] as const) {
    it(`are refused if invalid: ${JSON.stringify(options)}`, () => {
      assert.throws(() => labSettings(options), message);
    });
  }
});
