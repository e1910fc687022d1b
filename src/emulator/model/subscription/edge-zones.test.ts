import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { at, type Json, textAt } from "../api/json.ts";
import { addVirtualMachine } from "../set-up.ts";
import {
  aModel,
  codeOf,
  COMPUTE,
  dataDisksOf,
  listBody,
  type ModelFixture,
} from "../testing/model-fixture.ts";

const EDGE = { name: "losangeles", type: "EdgeZone" };

function disk(more: Readonly<Record<string, Json>> = {}): Json {
  return {
    location: "eastus",
    sku: { name: "Premium_LRS" },
    properties: { creationData: { createOption: "Empty" }, diskSizeGB: 64 },
    ...more,
  };
}

function copyOf(source: string, more: Readonly<Record<string, Json>> = {}): Json {
  const creationData = { createOption: "Copy", sourceResourceId: `${COMPUTE}/${source}` };
  return disk({ properties: { creationData }, ...more });
}

function snapshotOf(source: string, more: Readonly<Record<string, Json>> = {}): Json {
  const creationData = { createOption: "Copy", sourceResourceId: `${COMPUTE}/${source}` };
  return { location: "eastus", properties: { creationData, incremental: true }, ...more };
}

/** A disk in the region, one in its edge zone, and a VM in each. */
function withEdge(): ModelFixture {
  const azure = aModel({ virtualMachines: [] });
  const place = { subscriptionId: "sub-1", resourceGroup: "rg", location: "eastus" };
  addVirtualMachine(azure.model.world, { ...place, name: "vm-edge", edgeZone: "losangeles" });
  addVirtualMachine(azure.model.world, { ...place, name: "vm-region" });
  azure.finish("PUT", "disks/edge", disk({ extendedLocation: EDGE }));
  azure.finish("PUT", "disks/region", disk());
  return azure;
}

function refusal(answer: {
  readonly status: number;
  readonly body?: Json;
}): readonly [number, string, string] {
  return [answer.status, codeOf(answer.body) ?? "", textAt(answer.body, "error", "message") ?? ""];
}

describe("an edge zone", () => {
  it("is kept, and shown of disks, snapshots and VMs", () => {
    const azure = withEdge();
    azure.finish("PUT", "snapshots/s", snapshotOf("disks/edge", { extendedLocation: EDGE }));
    for (const path of ["disks/edge", "snapshots/s", "virtualMachines/vm-edge"])
      assert.deepEqual(at(azure.send("GET", path).body, "extendedLocation"), EDGE, path);
    for (const path of ["disks/region", "virtualMachines/vm-region"])
      assert.equal(at(azure.send("GET", path).body, "extendedLocation"), undefined, path);
  });

  for (const { because, more, code, message } of [
    {
      because: "without a name",
      more: { extendedLocation: { type: "EdgeZone" } },
      code: "InvalidParameter",
      message: /extendedLocation\.name/u,
    },
    {
      because: "of another type",
      more: { extendedLocation: { name: "arc", type: "CustomLocation" } },
      code: "InvalidParameter",
      message: /CustomLocation/u,
    },
    {
      because: "together with an availability zone",
      more: { extendedLocation: EDGE, zones: ["1"] },
      code: "InvalidParameter",
      message: /can't be chosen in the extended location 'losangeles'/u,
    },
    {
      because: "for a zone-redundant disk",
      more: { extendedLocation: EDGE, sku: { name: "Premium_ZRS" } },
      code: "InvalidParameter",
      message: /Premium_ZRS is not supported/u,
    },
  ])
    it(`is refused ${because}`, () => {
      const azure = withEdge();
      const [status, found, text] = refusal(azure.send("PUT", "disks/new", disk(more)));
      assert.deepEqual([status, found], [400, code]);
      assert.match(text, message);
      assert.equal(azure.send("GET", "disks/new").status, 404);
    });

  it("is that of the source of every copy", () => {
    const azure = withEdge();
    azure.finish("PUT", "snapshots/edge", snapshotOf("disks/edge", { extendedLocation: EDGE }));
    // In azuredisk-csi-driver#2450.
    for (const [path, body] of [
      ["snapshots/s", snapshotOf("disks/edge")],
      ["snapshots/s", snapshotOf("snapshots/edge")],
      ["disks/copy", copyOf("disks/edge")],
      ["disks/copy", copyOf("snapshots/edge")],
    ] as const) {
      const [status, code, text] = refusal(azure.send("PUT", path, body));
      assert.deepEqual([status, code], [400, "InvalidParameter"]);
      assert.match(text, /^The ExtendedLocation '' .* does not match the ExtendedLocation 'losangeles'/u);
    }
    const wrong = copyOf("disks/region", { extendedLocation: EDGE });
    assert.match(refusal(azure.send("PUT", "disks/copy", wrong))[2], /'losangeles' of the target/u);
    for (const [name, source] of [
      ["clone", "disks/edge"],
      ["restored", "snapshots/edge"],
    ] as const) {
      azure.finish("PUT", `disks/${name}`, copyOf(source, { extendedLocation: EDGE }));
      assert.equal(textAt(azure.send("GET", `disks/${name}`).body, "extendedLocation", "name"), "losangeles");
    }
  });

  it("is that of the VM that gets a disk", () => {
    const azure = withEdge();
    for (const [vm, name, other] of [
      ["vm-region", "edge", /VM extended location: ''. Disk extended location: 'losangeles'/u],
      ["vm-edge", "region", /VM extended location: 'losangeles'. Disk extended location: ''/u],
    ] as const) {
      const [status, code, text] = refusal(
        azure.send("PATCH", `virtualMachines/${vm}`, listBody({ 0: name })),
      );
      assert.deepEqual([status, code], [400, "BadRequest"]);
      assert.match(text, other);
    }
    azure.finish("PATCH", "virtualMachines/vm-edge", listBody({ 0: "edge" }));
    assert.match(dataDisksOf(azure, "vm-edge"), /edge/u);
  });

  it("is that of a scale set's instances", () => {
    const azure = aModel({ virtualMachines: [] });
    const sku = { name: "Standard_D8s_v5", capacity: 1 };
    azure.finish("PUT", "virtualMachineScaleSets/pool", { location: "eastus", sku, extendedLocation: EDGE });
    // As `POST /emulator/v1/virtualMachines` adds one.
    const place = { subscriptionId: "sub-1", resourceGroup: "rg", location: "eastus" };
    addVirtualMachine(azure.model.world, { ...place, name: "7", scaleSet: "pool" });
    for (const instance of ["0", "7"]) {
      const { body } = azure.send("GET", `virtualMachineScaleSets/pool/virtualMachines/${instance}`);
      assert.deepEqual(at(body, "extendedLocation"), EDGE, instance);
    }
  });

  it("does not change", () => {
    const azure = withEdge();
    const moved = disk({ extendedLocation: { ...EDGE, name: "perth" } });
    for (const path of ["disks/edge", "disks/region"])
      assert.deepEqual(refusal(azure.send("PUT", path, moved)).slice(0, 2), [409, "InvalidResourceLocation"]);
    azure.finish("PUT", "disks/edge", disk());
    const perth = { extendedLocation: { ...EDGE, name: "perth" } };
    for (const path of ["virtualMachines/vm-edge", "virtualMachines/vm-region"])
      assert.deepEqual(refusal(azure.send("PATCH", path, perth)).slice(0, 2), [
        409,
        "InvalidResourceLocation",
      ]);
    azure.finish("PATCH", "virtualMachines/vm-edge", { extendedLocation: null });
    azure.finish("PATCH", "virtualMachines/vm-edge", { extendedLocation: { name: "LosAngeles" } });
    for (const path of ["disks/edge", "virtualMachines/vm-edge"])
      assert.deepEqual(at(azure.send("GET", path).body, "extendedLocation"), EDGE, path);
  });
});
