import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { at, type Json, listAt, objectAt, textAt } from "../../api/json.ts";
import {
  aModel,
  codeOf,
  COMPUTE,
  diskBody,
  listBody,
  type ModelFixture,
} from "../../testing/model-fixture.ts";

const VM = "virtualMachines/node-a";

function osDiskOf(azure: ModelFixture, vm = VM): Json | undefined {
  return at(azure.send("GET", vm).body, "properties", "storageProfile", "osDisk");
}

function osDiskPath(azure: ModelFixture, vm = VM): string {
  const id = textAt(osDiskOf(azure, vm), "managedDisk", "id") ?? assert.fail(`${vm} has no OS disk`);
  return id.slice(COMPUTE.length + 1);
}

function diskNames(azure: ModelFixture): readonly (string | undefined)[] {
  return (listAt(azure.send("GET", "disks").body, "value") ?? []).map((disk) => textAt(disk, "name"));
}

/** A VM as `az vm create` asks for one. */
function vmBody(osDisk: Record<string, Json> = {}): Json {
  return {
    location: "eastus",
    zones: ["1"],
    properties: {
      hardwareProfile: { vmSize: "Standard_D8s_v5" },
      networkProfile: {},
      storageProfile: {
        imageReference: { publisher: "Debian", offer: "debian-12", sku: "12-gen2", version: "latest" },
        osDisk: { createOption: "FromImage", ...osDisk },
      },
    },
  };
}

describe("the OS disk of a VM", () => {
  it("is a disk of the set-up's VM, which has Azure's profiles", () => {
    const azure = aModel({ virtualMachines: [{ name: "node-a" }] });
    const { properties, ...vm } = objectAt(azure.send("GET", VM).body) ?? {};
    const name = textAt(osDiskOf(azure), "name") ?? "";
    assert.match(name, /^node-a_OsDisk_1_[0-9a-f]{32}$/u);
    const id = `${COMPUTE}/disks/${name}`;
    assert.deepEqual(osDiskOf(azure), {
      osType: "Linux",
      name,
      createOption: "FromImage",
      caching: "ReadWrite",
      deleteOption: "Delete",
      managedDisk: { storageAccountType: "Premium_LRS", id },
      diskSizeGB: 30,
    });
    assert.deepEqual(
      [at(properties, "osProfile", "adminUsername"), at(properties, "osProfile", "computerName")],
      ["azureuser", "node-a"],
    );
    assert.deepEqual(at(properties, "networkProfile"), {
      networkInterfaces: [
        {
          id: `${COMPUTE.replace("Compute", "Network")}/networkInterfaces/node-aVMNic`,
          properties: { deleteOption: "Delete" },
        },
      ],
    });
    const disk = azure.send("GET", `disks/${name}`).body;
    assert.deepEqual(
      [textAt(disk, "managedBy"), at(disk, "zones"), at(disk, "properties", "diskState")],
      [vm["id"], ["1"], "Attached"],
    );
    assert.deepEqual(
      [at(disk, "properties", "osType"), at(disk, "properties", "creationData")],
      [
        "Linux",
        {
          createOption: "FromImage",
          imageReference: {
            id:
              "/Subscriptions/sub-1/Providers/Microsoft.Compute/Locations/eastus/Publishers/Canonical/" +
              "ArtifactTypes/VMImage/Offers/0001-com-ubuntu-server-jammy/Skus/22_04-lts-gen2/Versions/" +
              "22.04.202511010",
          },
        },
      ],
    );
    assert.deepEqual(diskNames(azure), [name]);
  });

  it("comes with a VM, as its body asks for it, once the VM is made", () => {
    const azure = aModel({ virtualMachines: [] });
    const osDisk = { name: "system", diskSizeGB: 64, managedDisk: { storageAccountType: "StandardSSD_LRS" } };
    azure.send("PUT", "virtualMachines/vm", vmBody(osDisk));
    assert.deepEqual(
      [diskNames(azure), at(osDiskOf(azure, "virtualMachines/vm"), "managedDisk")],
      [[], { storageAccountType: "StandardSSD_LRS" }],
    );
    // Its name is taken already.
    assert.equal(codeOf(azure.send("PUT", "disks/system", diskBody()).body), "Conflict");
    azure.settle();
    const { sku, properties } = objectAt(azure.send("GET", "disks/system").body) ?? {};
    assert.deepEqual(
      [at(sku, "name"), at(properties, "diskSizeGB"), at(properties, "diskState")],
      ["StandardSSD_LRS", 64, "Attached"],
    );
    assert.equal(at(osDiskOf(azure, "virtualMachines/vm"), "deleteOption"), "Detach");
  });

  const REFUSED: readonly (readonly [because: string, osDisk: Record<string, Json>, code: string])[] = [
    ["its name is a disk's", { name: "pvc-1" }, "ConflictingUserInput"],
    [
      "its SKU is for data only",
      { managedDisk: { storageAccountType: "PremiumV2_LRS" } },
      "InvalidParameter",
    ],
    ["it is too large", { diskSizeGB: 40_000 }, "InvalidParameter"],
    ["its name breaks the rule", { name: "-" }, "InvalidParameter"],
    [
      "the disk of which it is made is not there",
      { createOption: "Attach", managedDisk: { id: `${COMPUTE}/disks/none` } },
      "NotFound",
    ],
  ];
  for (const [because, osDisk, code] of REFUSED)
    it(`is refused where ${because}`, () => {
      const azure = aModel({ virtualMachines: [] });
      azure.finish("PUT", "disks/pvc-1", diskBody());
      assert.equal(codeOf(azure.send("PUT", "virtualMachines/vm", vmBody(osDisk)).body), code);
      assert.deepEqual(diskNames(azure), ["pvc-1"]);
    });

  it("is neither deleted nor attached elsewhere, nor to its own VM", () => {
    const azure = aModel();
    const path = osDiskPath(azure);
    const list = listBody({ 0: path.slice("disks/".length) });
    assert.deepEqual(
      [
        azure.send("DELETE", path),
        azure.send("PATCH", "virtualMachines/node-b", list),
        azure.send("PATCH", VM, list),
      ].map(({ status, body }) => [status, codeOf(body)]),
      [
        [409, "OperationNotAllowed"],
        [409, "ConflictingUserInput"],
        [409, "ConflictingUserInput"],
      ],
    );
    assert.equal(at(azure.send("GET", path).body, "properties", "diskState"), "Attached");
  });

  it("goes with its VM, or stays, and has bytes once it is attached", () => {
    const azure = aModel({ hasDataPlane: true });
    const run = (): readonly string[] => {
      const kinds: string[] = [];
      for (let next = azure.model.nextEventAtMs(); ; next = azure.model.nextEventAtMs()) {
        const due = azure.model.takeDueEffects();
        if (due.length === 0 && next === undefined) return kinds;
        for (const { operationId, effects } of due) {
          kinds.push(...effects.map(({ kind }) => kind));
          azure.model.settleOperation(operationId);
        }
        if (next !== undefined) azure.advance(Math.max(0, next - azure.nowMs()));
      }
    };
    run();
    const [going, staying] = [osDiskPath(azure), osDiskPath(azure, "virtualMachines/node-b")];
    azure.send("PATCH", "virtualMachines/node-b", {
      properties: { storageProfile: { osDisk: { deleteOption: "Detach" } } },
    });
    run();
    azure.send("DELETE", VM);
    azure.send("DELETE", "virtualMachines/node-b");
    run();
    assert.equal(azure.send("GET", going).status, 404);
    const left = azure.send("GET", staying).body;
    assert.deepEqual([at(left, "managedBy"), at(left, "properties", "diskState")], [undefined, "Unattached"]);
    // No device has the bytes of an image: a copy of it is an empty disk, and so is it itself.
    azure.send("PUT", "snapshots/backup", {
      location: "eastus",
      properties: { creationData: { createOption: "Copy", sourceResourceId: `${COMPUTE}/${staying}` } },
    });
    assert.deepEqual(run(), ["diskCreated"]);
    azure.send("PATCH", staying, { properties: { diskSizeGB: 40 } });
    assert.deepEqual(run(), []);
    azure.send("PUT", "virtualMachines/rescue", vmBody());
    run();
    const list = listBody({ 0: staying.slice("disks/".length) });
    azure.send("PATCH", "virtualMachines/rescue", list);
    assert.deepEqual(run(), ["diskCreated", "diskAttached"]);
    azure.send("PATCH", "virtualMachines/rescue", listBody({}));
    run();
    azure.send("PATCH", "virtualMachines/rescue", list);
    assert.deepEqual(run(), ["diskAttached"]);
  });

  it("grows while its VM is deallocated, by itself only", () => {
    const azure = aModel();
    const path = osDiskPath(azure);
    const grow = { properties: { diskSizeGB: 64 } };
    const throughVm = { properties: { storageProfile: { osDisk: { diskSizeGB: 64 } } } };
    const refused = azure.send("PATCH", path, grow).body;
    assert.deepEqual(
      [codeOf(refused), at(refused, "error", "innererror", "internalErrorCode")],
      ["OperationNotAllowed", "ChangeDiskSizeWhileAttachedNotAllowed"],
    );
    assert.equal(codeOf(azure.send("PATCH", VM, throughVm).body), "Conflict");
    azure.finish("POST", `${VM}/deallocate`);
    assert.equal(at(azure.send("GET", path).body, "properties", "diskState"), "Reserved");
    assert.equal(codeOf(azure.send("PATCH", VM, throughVm).body), "ResizeDiskError");
    azure.finish("PATCH", path, grow);
    azure.finish("POST", `${VM}/start`);
    assert.equal(at(osDiskOf(azure), "diskSizeGB"), 64);
  });

  // Azure/azure-cli, recording test_vm_os_disk_swap.yaml (2024).
  it("gives way to another disk while the VM is powered off", () => {
    const azure = aModel();
    azure.finish("PUT", "disks/restored", diskBody());
    const managedDisk = { id: `${COMPUTE}/disks/restored` };
    azure.finish("POST", `${VM}/powerOff`);
    azure.finish("PATCH", VM, { properties: { storageProfile: { osDisk: { managedDisk } } } });
    assert.equal(at(osDiskOf(azure), "name"), "restored");
  });

  it("gives way to another disk while the VM is deallocated", () => {
    const azure = aModel();
    const before = osDiskPath(azure);
    azure.finish("PUT", "disks/restored", diskBody());
    const id = `${COMPUTE}/disks/restored`;
    const swap = { properties: { storageProfile: { osDisk: { name: "restored", managedDisk: { id } } } } };
    assert.equal(codeOf(azure.send("PATCH", VM, swap).body), "OperationNotAllowed");
    azure.finish("POST", `${VM}/deallocate`);
    azure.finish("PATCH", VM, swap);
    assert.deepEqual(
      [at(osDiskOf(azure), "name"), at(osDiskOf(azure), "managedDisk"), at(osDiskOf(azure), "diskSizeGB")],
      ["restored", { id }, undefined],
    );
    assert.deepEqual(
      [before, "disks/restored"].map((path) =>
        textAt(azure.send("GET", path).body, "properties", "diskState"),
      ),
      ["Unattached", "Reserved"],
    );
    azure.finish("POST", `${VM}/start`);
    assert.equal(at(osDiskOf(azure), "diskSizeGB"), 128);
  });

  it("stays what it is in an update that sends back what was read, or null", () => {
    const azure = aModel({ settings: { etagMovedBy: "change" } });
    const { body, headers } = azure.send("GET", VM);
    azure.finish("PUT", VM, body);
    azure.finish("PATCH", VM, { properties: { storageProfile: { osDisk: { managedDisk: null } } } });
    assert.deepEqual(
      [azure.send("GET", VM).headers["etag"], osDiskOf(azure)],
      [headers["etag"], at(body, "properties", "storageProfile", "osDisk")],
    );
  });

  it("of a VM that is made of a disk is that disk", () => {
    const azure = aModel({ virtualMachines: [] });
    azure.finish("PUT", "disks/golden", diskBody());
    const id = `${COMPUTE}/disks/golden`;
    azure.send("PUT", "virtualMachines/vm", vmBody({ createOption: "Attach", managedDisk: { id } }));
    assert.equal(codeOf(azure.send("DELETE", "disks/golden").body), "OperationNotAllowed");
    azure.settle();
    assert.deepEqual(
      [textAt(azure.send("GET", "disks/golden").body, "managedBy"), diskNames(azure)],
      [`${COMPUTE}/virtualMachines/vm`, ["golden"]],
    );
  });

  it("on the host's own disk is no resource, and keeps its VM from being deallocated", () => {
    const azure = aModel({ virtualMachines: [] });
    azure.finish("PUT", "virtualMachines/vm", vmBody({ diffDiskSettings: { option: "Local" } }));
    assert.deepEqual(
      [diskNames(azure), at(osDiskOf(azure, "virtualMachines/vm"), "diffDiskSettings")],
      [[], { option: "Local" }],
    );
    const { status, body } = azure.send("POST", "virtualMachines/vm/deallocate");
    assert.deepEqual(
      [status, codeOf(body), textAt(body, "error", "message")],
      [
        409,
        "OperationNotAllowed",
        "Operation 'deallocate' is not supported for VMs or VM Scale Set instances using an ephemeral OS " +
          "disk.",
      ],
    );
    assert.equal(azure.send("POST", "virtualMachines/vm/powerOff").status, 202);
  });

  it("on the host's own disk keeps no instance of a scale set from anything but that", () => {
    const azure = aModel({ virtualMachines: [] });
    const osDisk = { createOption: "FromImage", diffDiskSettings: { option: "Local" } };
    azure.finish("PUT", "virtualMachineScaleSets/pool", {
      location: "eastus",
      sku: { name: "Standard_D2s_v5", capacity: 1 },
      properties: { virtualMachineProfile: { storageProfile: { osDisk }, networkProfile: {} } },
    });
    const { status, body } = azure.send("POST", "virtualMachineScaleSets/pool/deallocate");
    assert.deepEqual([status, codeOf(body)], [409, "OperationNotAllowed"]);
    assert.equal(azure.send("POST", "virtualMachineScaleSets/pool/reimage").status, 202);
  });

  it("that has a system already allows no osProfile", () => {
    const azure = aModel({ virtualMachines: [] });
    azure.finish("PUT", "disks/golden", diskBody());
    const managedDisk = { id: `${COMPUTE}/disks/golden` };
    const { status, body } = azure.send("PUT", "virtualMachines/vm", {
      location: "eastus",
      zones: ["1"],
      properties: {
        networkProfile: {},
        osProfile: { computerName: "vm" },
        storageProfile: { osDisk: { createOption: "Attach", managedDisk } },
      },
    });
    assert.deepEqual(
      [status, codeOf(body), textAt(body, "error", "message")],
      [400, "InvalidParameter", "Parameter 'osProfile' is not allowed."],
    );
    assert.equal(azure.send("GET", "virtualMachines/vm").status, 404);
  });

  it("of an instance has Azure's name, and is the instance's own", () => {
    const azure = aModel({
      virtualMachines: [],
      scaleSets: [
        { subscriptionId: "sub-1", resourceGroup: "rg", name: "pool", location: "eastus", capacity: 2 },
      ],
    });
    const instances = (
      listAt(azure.send("GET", "virtualMachineScaleSets/pool/virtualMachines").body, "value") ?? []
    ).map((vm) => textAt(vm, "properties", "storageProfile", "osDisk", "name") ?? "");
    assert.deepEqual(
      instances.map((name) => name.replace(/[0-9a-f]{32}$/u, "…")),
      ["pool_pool_0_OsDisk_1_…", "pool_pool_1_OsDisk_1_…"],
    );
    assert.deepEqual(diskNames(azure), instances);
    assert.equal(
      textAt(azure.send("GET", `disks/${instances[1] ?? ""}`).body, "managedBy"),
      `${COMPUTE}/virtualMachineScaleSets/pool/virtualMachines/pool_1`,
    );
    azure.finish("PUT", "virtualMachineScaleSets/pool", {
      location: "eastus",
      sku: { name: "Standard_D8s_v5", capacity: 1 },
      properties: {},
    });
    azure.settle();
    assert.deepEqual(diskNames(azure), [instances[0]]);
  });

  for (const [orchestrationMode, deleteOption, isKept] of [
    ["Uniform", undefined, false],
    ["Flexible", undefined, false],
    ["Flexible", "Detach", true],
  ] as const)
    it(`of an instance ${isKept ? "stays" : "goes"} by the model of a set: ${orchestrationMode} ${deleteOption}`, () => {
      const azure = aModel({ virtualMachines: [] });
      const osDisk = { createOption: "FromImage", ...(deleteOption === undefined ? {} : { deleteOption }) };
      const set = { location: "eastus", sku: { name: "Standard_D2s_v5", capacity: 1 } };
      const virtualMachineProfile = { storageProfile: { osDisk }, networkProfile: {} };
      azure.finish("PUT", "virtualMachineScaleSets/pool", {
        ...set,
        properties: { orchestrationMode, virtualMachineProfile },
      });
      const made = diskNames(azure);
      assert.equal(made.length, 1);
      azure.finish("PATCH", "virtualMachineScaleSets/pool", { sku: { capacity: 0 } });
      azure.settle();
      assert.deepEqual(diskNames(azure), isKept ? made : []);
    });

  it("stays as it is where a write sets it to null", () => {
    const azure = aModel();
    const shown = (): Json | undefined =>
      at(azure.send("GET", VM).body, "properties", "storageProfile", "osDisk");
    const before = shown();
    assert.equal(textAt(before, "caching"), "ReadWrite");
    azure.finish("PATCH", VM, { properties: { storageProfile: { osDisk: null, imageReference: null } } });
    assert.deepEqual(shown(), before);
  });

  it("of an instance stays its own after an upgrade to another image", () => {
    const azure = aModel({ virtualMachines: [] });
    const pool = "virtualMachineScaleSets/pool";
    const put = (sku: string, caching: string): void => {
      const storageProfile = { imageReference: { sku }, osDisk: { createOption: "FromImage", caching } };
      azure.finish("PUT", pool, {
        location: "eastus",
        sku: { name: "Standard_D2s_v5", capacity: 1 },
        properties: { virtualMachineProfile: { storageProfile } },
      });
    };
    const shown = (): Json | undefined =>
      at(azure.send("GET", `${pool}/virtualMachines/0`).body, "properties", "storageProfile");
    put("22_04", "ReadWrite");
    const before = objectAt(shown(), "osDisk");
    assert.equal(textAt(before, "name"), diskNames(azure)[0]);
    put("24_04", "ReadOnly");
    azure.finish("POST", `${pool}/manualupgrade`, { instanceIds: ["0"] });
    assert.deepEqual(objectAt(shown(), "osDisk"), { ...before, caching: "ReadOnly" });
    assert.equal(textAt(shown(), "imageReference", "sku"), "24_04");
    azure.finish("DELETE", pool);
    azure.settle();
    assert.deepEqual(diskNames(azure), []);
  });

  it("has the tags that its VM had when it was made", () => {
    const azure = aModel({ virtualMachines: [{ name: "node-a", tags: { pool: "system" } }] });
    azure.finish("PATCH", VM, { tags: { pool: "user" } });
    assert.deepEqual(at(azure.send("GET", osDiskPath(azure)).body, "tags"), { pool: "system" });
  });

  it("takes no random number: other ids and latencies are the same without it", () => {
    const ids = [true, false].map((osDisks) => {
      const azure = aModel({ settings: { osDisks } });
      azure.finish("PUT", "virtualMachines/vm", vmBody());
      azure.finish("PUT", "disks/pvc-1", diskBody());
      return [azure.nowMs(), at(azure.send("GET", "disks/pvc-1").body, "properties", "uniqueId")];
    });
    assert.deepEqual(ids[0], ids[1]);
  });
});
