import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { at, type Json, listAt, numberAt, objectAt, textAt } from "../api/json.ts";
import {
  aModel,
  codeOf,
  COMPUTE,
  dataDisksOf,
  diskBody,
  listBody,
  type ModelFixture,
} from "../testing/model-fixture.ts";

type Entry = Readonly<Record<string, Json>>;

const fresh: Entry = { lun: 0, createOption: "Empty", name: "fresh", diskSizeGB: 32 };

/** A body that replaces a VM's list of data disks. */
function bodyOf(...dataDisks: readonly Entry[]): Json {
  return { properties: { storageProfile: { dataDisks } } };
}

function newVm(...dataDisks: readonly Entry[]): Json {
  return {
    location: "eastus",
    zones: ["1"],
    properties: { networkProfile: {}, storageProfile: { dataDisks } },
  };
}

function listOf(azure: ModelFixture, vm = "node-a"): readonly Json[] {
  return (
    listAt(azure.send("GET", `virtualMachines/${vm}`).body, "properties", "storageProfile", "dataDisks") ?? []
  );
}

function ownerOf(azure: ModelFixture, disk: string): string | undefined {
  return textAt(azure.send("GET", `disks/${disk}`).body, "managedBy");
}

describe("a data disk of createOption Empty", () => {
  it("is not made twice, also in the place of one that the same update was making", () => {
    const azure = aModel({ settings: { concurrentVmWrite: "preempt" } });
    azure.send("PATCH", "virtualMachines/node-b", bodyOf(fresh));
    azure.send("PATCH", "virtualMachines/node-a", bodyOf({ ...fresh, name: "other" }));
    const { status, body } = azure.send("PATCH", "virtualMachines/node-a", bodyOf(fresh));
    assert.deepEqual([status, codeOf(body)], [409, "Conflict"]);
    azure.settle();
    assert.deepEqual(
      listOf(azure).map((entry) => textAt(entry, "name")),
      ["other"],
    );
    assert.deepEqual(
      listOf(azure, "node-b").map((entry) => textAt(entry, "name")),
      ["fresh"],
    );
  });

  it("is made by numbers in quotes, too, as Azure's templates have them", () => {
    const azure = aModel();
    const quoted = { lun: "1", createOption: "empty", diskSizeGB: "1023", writeAcceleratorEnabled: "false" };
    azure.finish("PATCH", "virtualMachines/node-a", bodyOf(quoted));
    const [made] = listOf(azure);
    assert.deepEqual([at(made, "lun"), at(made, "diskSizeGB")], [1, 1023]);
  });

  it("is made at the end of the VM's update, with size, SKU and zone", () => {
    const azure = aModel();
    const body = bodyOf({ ...fresh, managedDisk: { storageAccountType: "StandardSSD_LRS" } });
    assert.equal(azure.send("PATCH", "virtualMachines/node-a", body).status, 200);
    assert.equal(azure.send("GET", "disks/fresh").status, 404);
    const [coming] = listOf(azure);
    assert.deepEqual(
      [textAt(coming, "createOption"), numberAt(coming, "diskSizeGB"), objectAt(coming, "managedDisk")],
      ["Empty", 32, { storageAccountType: "StandardSSD_LRS" }],
    );
    azure.settle();
    const disk = azure.send("GET", "disks/fresh").body;
    assert.deepEqual(
      [
        at(disk, "sku"),
        at(disk, "zones"),
        numberAt(disk, "properties", "diskSizeGB"),
        textAt(disk, "properties", "diskState"),
        textAt(disk, "managedBy"),
        textAt(listOf(azure)[0], "managedDisk", "id"),
      ],
      [
        { name: "StandardSSD_LRS", tier: "Standard" },
        ["1"],
        32,
        "Attached",
        `${COMPUTE}/virtualMachines/node-a`,
        `${COMPUTE}/disks/fresh`,
      ],
    );
  });

  it("comes with a new VM, with a name of Azure's where it has none", () => {
    const azure = aModel();
    azure.finish("PUT", "virtualMachines/new", newVm({ lun: 2, createOption: "empty", diskSizeGB: 8 }));
    const name = textAt(listOf(azure, "new")[0], "name") ?? "";
    assert.match(name, /^new_disk2_[0-9a-f]{32}$/);
    assert.equal(ownerOf(azure, name), `${COMPUTE}/virtualMachines/new`);
    // A template is deployed again, and names nothing.
    azure.finish("PUT", "virtualMachines/new", newVm({ lun: 2, createOption: "Empty", diskSizeGB: 8 }));
    assert.equal(dataDisksOf(azure, "new"), `2:${name}`);
  });

  it("has no name of Azure's in the first answer, which a read then shows", () => {
    const azure = aModel({ settings: { osDisks: true } });
    const named = { lun: 1, createOption: "Empty", diskSizeGB: 8, name: "named" };
    const namesIn = (body: Json | undefined): readonly unknown[] => [
      at(body, "properties", "storageProfile", "osDisk", "name"),
      ...(listAt(body, "properties", "storageProfile", "dataDisks") ?? []).map((entry) => at(entry, "name")),
    ];
    const unnamed = { lun: 0, createOption: "Empty", diskSizeGB: 8 };
    const vm = "virtualMachines/new";
    const { status, body } = azure.send("PUT", vm, newVm(unnamed, named));
    assert.deepEqual([status, namesIn(body)], [201, [undefined, undefined, "named"]]);
    const [osDisk, ...dataDisks] = namesIn(azure.send("GET", vm).body);
    assert.match(String(osDisk), /^new_OsDisk_1_/);
    assert.match(String(dataDisks[0]), /^new_disk2_/);
    azure.settle();
    // A later write shows what the VM has, without the name of one that is new to it.
    const again = azure.send("PATCH", vm, bodyOf(unnamed, named, { ...unnamed, lun: 2 })).body;
    assert.deepEqual(namesIn(again), [osDisk, ...dataDisks, undefined]);
  });

  it("stays when a client puts back what it read, and once it is attached otherwise", () => {
    const azure = aModel();
    azure.finish("PATCH", "virtualMachines/node-a", bodyOf(fresh));
    const read = azure.send("GET", "virtualMachines/node-a").body;
    azure.finish("PUT", "virtualMachines/node-a", read);
    assert.equal(dataDisksOf(azure, "node-a"), "0:fresh");
    azure.finish("POST", "virtualMachines/node-a/attachDetachDataDisks", {
      dataDisksToAttach: [{ diskId: `${COMPUTE}/disks/fresh` }],
    });
    assert.equal(dataDisksOf(azure, "node-a"), "0:fresh");
    assert.equal(
      codeOf(azure.send("PATCH", "virtualMachines/node-a", listBody({ 0: "fresh" })).body),
      "PropertyChangeNotAllowed",
    );
    azure.finish("PATCH", "virtualMachines/node-a", bodyOf());
    azure.finish("PATCH", "virtualMachines/node-b", listBody({ 0: "fresh" }));
    assert.equal(textAt(listOf(azure, "node-b")[0], "createOption"), "Attach");
  });

  it("stays or goes with its VM as its deleteOption says", () => {
    const azure = aModel();
    const entries = [fresh, { ...fresh, lun: 1, name: "gone", deleteOption: "Delete" }];
    azure.finish("PATCH", "virtualMachines/node-a", bodyOf(...entries));
    azure.finish("DELETE", "virtualMachines/node-a");
    assert.deepEqual(
      ["fresh", "gone"].map((name) => azure.send("GET", `disks/${name}`).status),
      [200, 404],
    );
    assert.equal(ownerOf(azure, "fresh"), undefined);
  });

  it("takes its name while it is being made", () => {
    const azure = aModel();
    azure.send("PATCH", "virtualMachines/node-a", bodyOf(fresh));
    assert.equal(codeOf(azure.send("PUT", "disks/fresh", diskBody()).body), "Conflict");
    assert.equal(codeOf(azure.send("PATCH", "virtualMachines/node-b", bodyOf(fresh)).body), "Conflict");
    azure.settle();
    assert.equal(ownerOf(azure, "fresh"), `${COMPUTE}/virtualMachines/node-a`);
  });

  it("is made by the update after a failed one, unless its name is taken", () => {
    const failed = (): ModelFixture => {
      const azure = aModel();
      azure.model.faults.add({
        operation: "VirtualMachines_Update",
        times: 1,
        effect: { kind: "FailOperation", code: "InternalOperationError" },
      });
      azure.finish("PATCH", "virtualMachines/node-a", bodyOf(fresh));
      assert.deepEqual(
        [dataDisksOf(azure, "node-a"), azure.send("GET", "disks/fresh").status],
        ["0:fresh", 404],
      );
      return azure;
    };
    const repaired = failed();
    repaired.finish("PATCH", "virtualMachines/node-a", {});
    assert.equal(ownerOf(repaired, "fresh"), `${COMPUTE}/virtualMachines/node-a`);

    const taken = failed();
    taken.finish("PUT", "disks/fresh", diskBody());
    assert.equal(codeOf(taken.finish("PATCH", "virtualMachines/node-a", {})), "ConflictingUserInput");
    taken.finish("DELETE", "virtualMachines/node-a");
    assert.equal(taken.send("GET", "disks/fresh").status, 200, "the disk of another client stays");
  });

  it("is never made if a forced detach takes over from its update", () => {
    const azure = aModel();
    azure.finish("PUT", "disks/pvc-1", diskBody());
    azure.finish("PATCH", "virtualMachines/node-a", listBody({ 1: "pvc-1" }));
    azure.send("PATCH", "virtualMachines/node-a", {
      properties: {
        storageProfile: {
          dataDisks: [
            fresh,
            { lun: 1, createOption: "Attach", managedDisk: { id: `${COMPUTE}/disks/pvc-1` } },
          ],
        },
      },
    });
    azure.finish(
      "PATCH",
      "virtualMachines/node-a",
      listBody({ 1: "pvc-1" }, { "pvc-1": { toBeDetached: true, detachOption: "ForceDetach" } }),
    );
    assert.deepEqual([dataDisksOf(azure, "node-a"), azure.send("GET", "disks/fresh").status], ["", 404]);
  });

  const refusals: readonly {
    readonly because: string;
    readonly entry: Entry;
    readonly is: string;
    readonly target: string;
  }[] = [
    {
      because: "without a size",
      entry: { lun: 0, createOption: "Empty", name: "fresh" },
      is: "InvalidParameter",
      target: "dataDisk.diskSizeGB",
    },
    {
      because: "without a LUN",
      entry: { ...fresh, lun: null },
      is: "InvalidParameter",
      target: "dataDisk.lun",
    },
    {
      because: "larger than its SKU",
      entry: { ...fresh, diskSizeGB: 99_999 },
      is: "InvalidParameter",
      target: "diskSizeGB",
    },
    {
      because: "of an unknown SKU",
      entry: { ...fresh, managedDisk: { storageAccountType: "Best_LRS" } },
      is: "BadRequest",
      target: "vm.properties.storageProfile.dataDisks[0].managedDisk.storageAccountType",
    },
    {
      because: "of a SKU that the VM does not take",
      entry: { ...fresh, managedDisk: { storageAccountType: "UltraSSD_LRS" } },
      is: "InvalidParameter",
      target: "managedDisk.storageAccountType",
    },
    {
      because: "under a name that is none",
      entry: { ...fresh, name: "a/b" },
      is: "InvalidParameter",
      target: "dataDisk.name",
    },
    {
      because: "under the name of a disk that exists",
      entry: { ...fresh, name: "there" },
      is: "ConflictingUserInput",
      target: `${COMPUTE}/disks/there`,
    },
    {
      because: "with the id of a disk",
      entry: { ...fresh, managedDisk: { id: `${COMPUTE}/disks/there` } },
      is: "InvalidParameterConflictingProperties",
      target: "dataDisk.createOption",
    },
    {
      because: "encrypted with a set that does not exist",
      entry: { ...fresh, managedDisk: { diskEncryptionSet: { id: `${COMPUTE}/diskEncryptionSets/none` } } },
      is: "NotFound",
      target: "",
    },
  ];
  for (const { because, entry, is, target } of refusals)
    it(`is refused ${because}`, () => {
      const azure = aModel();
      azure.finish("PUT", "disks/there", diskBody());
      const { body } = azure.send("PATCH", "virtualMachines/node-a", bodyOf(entry));
      assert.deepEqual([codeOf(body), textAt(body, "error", "target") ?? ""], [is, target]);
      assert.equal(dataDisksOf(azure, "node-a"), "");
    });

  it("makes a disk's device before it attaches it", () => {
    const azure = aModel({ hasDataPlane: true });
    azure.advance(0);
    for (const due of azure.model.takeDueEffects()) azure.model.settleOperation(due.operationId);
    azure.send("PATCH", "virtualMachines/node-a", bodyOf(fresh));
    azure.advance(600_000);
    const effects = azure.model.takeDueEffects().flatMap((due) => {
      azure.model.settleOperation(due.operationId);
      return due.effects.map(({ kind }) => kind);
    });
    assert.deepEqual(effects, ["diskCreated", "diskAttached"]);
  });
});

describe("the data disks of a scale set's model", () => {
  const POOL = "virtualMachineScaleSets/pool";
  const model = (dataDisks: readonly Entry[], more: Readonly<Record<string, Json>> = {}): Json => ({
    location: "eastus",
    zones: ["1"],
    sku: { name: "Standard_D8s_v5", capacity: 2 },
    properties: { virtualMachineProfile: { storageProfile: { dataDisks } }, ...more },
  });
  const scratch: Entry = { lun: 7, createOption: "Empty", diskSizeGB: 16 };
  const disksOf = (azure: ModelFixture): readonly string[] =>
    (listAt(azure.send("GET", "disks").body, "value") ?? []).map((disk) => textAt(disk, "name") ?? "");

  it("are each instance's own, and go with it", () => {
    const azure = aModel({ settings: { osDisks: false } });
    azure.finish("PUT", POOL, model([scratch]));
    assert.deepEqual(
      disksOf(azure).map((name) => name.replace(/[0-9a-f]{32}$/, "")),
      ["pool_pool_0_disk2_", "pool_pool_1_disk2_"],
    );
    const [first = ""] = disksOf(azure);
    assert.equal(ownerOf(azure, first), `${COMPUTE}/virtualMachineScaleSets/pool/virtualMachines/pool_0`);
    azure.finish("DELETE", `${POOL}/virtualMachines/0`);
    assert.equal(azure.send("GET", `disks/${first}`).status, 404);
    azure.finish("DELETE", POOL);
    assert.deepEqual(disksOf(azure), []);
  });

  it("stay after a flexible set's VM where its model says so", () => {
    const azure = aModel({ settings: { osDisks: false } });
    const flexible = { orchestrationMode: "Flexible" };
    azure.finish("PUT", POOL, model([{ ...scratch, deleteOption: "Detach" }], flexible));
    azure.finish("DELETE", POOL);
    assert.equal(disksOf(azure).length, 2);
  });

  it("can't be disks that exist", () => {
    const azure = aModel();
    const { body } = azure.send(
      "PUT",
      POOL,
      model([{ ...scratch, managedDisk: { id: `${COMPUTE}/disks/x` } }]),
    );
    assert.deepEqual(
      [codeOf(body), textAt(body, "error", "target")],
      ["InvalidParameter", "dataDisk.managedDisk.id"],
    );
  });

  it("are made for one instance by its own update as well", () => {
    const azure = aModel();
    azure.finish("PUT", POOL, model([]));
    azure.finish("PUT", `${POOL}/virtualMachines/1`, bodyOf(fresh));
    assert.equal(ownerOf(azure, "fresh"), `${COMPUTE}/virtualMachineScaleSets/pool/virtualMachines/pool_1`);
  });

  it("have the IOPS and MB/s of the model, which their instances show", () => {
    const azure = aModel({ settings: { osDisks: false } });
    const performance = { diskIOPSReadWrite: 4000, diskMBpsReadWrite: 200 };
    const managedDisk = { storageAccountType: "PremiumV2_LRS" };
    azure.finish("PUT", POOL, model([{ ...scratch, managedDisk, ...performance }]));
    const shown = (body: Json | undefined): unknown => ({
      diskIOPSReadWrite: at(body, "diskIOPSReadWrite"),
      diskMBpsReadWrite: at(body, "diskMBpsReadWrite"),
    });
    const [disk] = disksOf(azure);
    assert.deepEqual(shown(at(azure.send("GET", `disks/${disk ?? ""}`).body, "properties")), performance);
    const instance = azure.send("GET", `${POOL}/virtualMachines/0`).body;
    assert.deepEqual(shown(listAt(instance, "properties", "storageProfile", "dataDisks")?.[0]), performance);
  });
});
