import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { at, type Json, listAt, objectAt, textAt } from "../api/json.ts";
import {
  aModel,
  codeOf,
  COMPUTE,
  dataDisksOf,
  diskBody,
  etagOf,
  listBody,
  type ModelFixture,
} from "../testing/model-fixture.ts";

function withDisks(fixture: ModelFixture, ...names: readonly string[]): ModelFixture {
  for (const name of names) fixture.finish("PUT", `disks/${name}`, diskBody());
  return fixture;
}

describe("a VM's data-disk list", () => {
  // The disk names the VM until then.
  it("keeps an omitted disk as leaving until its detach has ended", () => {
    const azure = withDisks(aModel(), "pvc-1", "pvc-2");
    azure.finish("PATCH", "virtualMachines/node-a", listBody({ 0: "pvc-1", 1: "pvc-2" }));
    const answer = azure.send("PATCH", "virtualMachines/node-a", listBody({ 1: "pvc-2" }));
    assert.equal(textAt(answer.body, "properties", "provisioningState"), "Updating");
    assert.equal(dataDisksOf(azure, "node-a"), "0:pvc-1(leaving) 1:pvc-2");
    assert.equal(
      textAt(azure.send("GET", "disks/pvc-1").body, "managedBy"),
      `${COMPUTE}/virtualMachines/node-a`,
    );
    azure.settle();
    assert.equal(dataDisksOf(azure, "node-a"), "1:pvc-2");
    assert.equal(textAt(azure.send("GET", "disks/pvc-1").body, "managedBy"), undefined);
  });

  it("lists an attaching disk at once, while the disk still reads Unattached", () => {
    const azure = withDisks(aModel(), "pvc-1");
    azure.send("PATCH", "virtualMachines/node-a", listBody({ 0: "pvc-1" }));
    assert.equal(dataDisksOf(azure, "node-a"), "0:pvc-1");
    assert.equal(textAt(azure.send("GET", "disks/pvc-1").body, "properties", "diskState"), "Unattached");
    azure.settle();
    assert.equal(textAt(azure.send("GET", "disks/pvc-1").body, "properties", "diskState"), "Attached");
  });

  it("refuses a concurrent write, or lets it take over if set so", () => {
    const azure = withDisks(aModel(), "pvc-1");
    azure.send("PATCH", "virtualMachines/node-a", listBody({ 0: "pvc-1" }));
    assert.equal(codeOf(azure.send("PATCH", "virtualMachines/node-a", {}).body), "Conflict");

    const goalSeeking = withDisks(aModel({ settings: { concurrentVmWrite: "preempt" } }), "pvc-1");
    const first = goalSeeking.send("PATCH", "virtualMachines/node-a", listBody({ 0: "pvc-1" }));
    goalSeeking.finish("PATCH", "virtualMachines/node-a", listBody({}));
    const status = goalSeeking.send("GET", new URL(first.headers["azure-asyncoperation"] ?? "").pathname);
    assert.deepEqual(
      [status.status, textAt(status.body, "status"), codeOf(status.body)],
      [200, "Canceled", "OperationPreempted"],
    );
    assert.equal(dataDisksOf(goalSeeking, "node-a"), "");
  });

  it("lets a forced detach preempt a detach that waits for a hung guest", () => {
    const azure = withDisks(aModel(), "pvc-1");
    azure.finish("PATCH", "virtualMachines/node-a", listBody({ 0: "pvc-1" }));
    azure.send("POST", "/emulator/v1/virtualMachineEvents", {
      vmId: `${COMPUTE}/virtualMachines/node-a`,
      event: "GuestHang",
    });
    const stuck = azure.send("PATCH", "virtualMachines/node-a", listBody({}));
    azure.advance(3_600_000);
    assert.equal(dataDisksOf(azure, "node-a"), "0:pvc-1(leaving)");
    const forced = azure.finish(
      "PATCH",
      "virtualMachines/node-a",
      listBody({ 0: "pvc-1" }, { "pvc-1": { toBeDetached: true, detachOption: "ForceDetach" } }),
    );
    assert.equal(textAt(forced, "status"), "Succeeded");
    assert.equal(dataDisksOf(azure, "node-a"), "");
    assert.equal(
      codeOf(azure.send("GET", new URL(stuck.headers["azure-asyncoperation"] ?? "").pathname).body),
      "DataDisksForceDetached",
    );
  });

  it("continues a detach once the guest answers, or once the VM is switched off", () => {
    const vmId = `${COMPUTE}/virtualMachines/node-a`;
    const hung = (): ModelFixture => {
      const azure = withDisks(aModel(), "pvc-1");
      azure.finish("PATCH", "virtualMachines/node-a", listBody({ 0: "pvc-1" }));
      azure.send("POST", "/emulator/v1/virtualMachineEvents", { vmId, event: "GuestHang" });
      azure.finish("PATCH", "virtualMachines/node-a", listBody({}));
      assert.equal(dataDisksOf(azure, "node-a"), "0:pvc-1(leaving)");
      return azure;
    };
    const recovered = hung();
    recovered.send("POST", "/emulator/v1/virtualMachineEvents", { vmId, event: "GuestRecovery" });
    recovered.settle();
    assert.equal(dataDisksOf(recovered, "node-a"), "");
    const stopped = hung();
    assert.equal(
      textAt(stopped.finish("POST", "virtualMachines/node-a/powerOff?skipShutdown=true"), "status"),
      "Succeeded",
    );
    assert.equal(dataDisksOf(stopped, "node-a"), "");
    assert.equal(textAt(stopped.send("GET", "disks/pvc-1").body, "managedBy"), undefined);
  });

  it("marks a disk whose detach failed, and retries with the next write", () => {
    const azure = withDisks(aModel(), "pvc-1");
    azure.finish("PATCH", "virtualMachines/node-a", listBody({ 0: "pvc-1" }));
    azure.model.faults.add({
      disk: "*pvc-1",
      times: 1,
      effect: { kind: "FailOperation", code: "InternalOperationError" },
    });
    assert.equal(
      codeOf(azure.finish("PATCH", "virtualMachines/node-a", listBody({}))),
      "InternalOperationError",
    );
    assert.equal(dataDisksOf(azure, "node-a"), "0:pvc-1(leaving)");
    assert.equal(
      textAt(azure.send("GET", "virtualMachines/node-a").body, "properties", "provisioningState"),
      "Failed",
    );
    assert.equal(
      codeOf(azure.send("PATCH", "virtualMachines/node-a", listBody({ 0: "pvc-1" })).body),
      "AttachDiskWhileBeingDetached",
    );
    azure.finish("PATCH", "virtualMachines/node-a", {});
    assert.equal(dataDisksOf(azure, "node-a"), "");
  });

  const shared = { properties: { maxShares: 2 } };
  const refusals: readonly {
    because: string;
    prepare?: (azure: ModelFixture) => void;
    body: Parameters<ModelFixture["send"]>[2];
    expected: readonly [number, string];
  }[] = [
    {
      because: "a LUN above 63 does not exist",
      body: listBody({ 64: "pvc-1" }),
      expected: [400, "InvalidParameter"],
    },
    { because: "the disk does not exist", body: listBody({ 0: "missing" }), expected: [404, "NotFound"] },
    {
      because: "two disks can't have one LUN",
      body: {
        properties: {
          storageProfile: {
            dataDisks: [0, 0].map((lun, index) => ({
              lun,
              createOption: "Attach",
              managedDisk: { id: `${COMPUTE}/disks/pvc-${index + 1}` },
            })),
          },
        },
      },
      expected: [400, "InvalidParameter"],
    },
    {
      because: "the LUN of a disk that stays can't change",
      prepare: (azure) => azure.finish("PATCH", "virtualMachines/node-a", listBody({ 0: "pvc-1" })),
      body: listBody({ 1: "pvc-1" }),
      expected: [409, "PropertyChangeNotAllowed"],
    },
    {
      because: "the LUN of a leaving disk is still taken",
      prepare: (azure) => azure.finish("PATCH", "virtualMachines/node-a", listBody({ 0: "pvc-1" })),
      body: listBody({ 0: "pvc-2" }),
      expected: [400, "InvalidParameter"],
    },
    {
      because: "another VM has the disk",
      prepare: (azure) => azure.finish("PATCH", "virtualMachines/node-b", listBody({ 0: "pvc-1" })),
      body: listBody({ 0: "pvc-1" }),
      expected: [409, "ConflictingUserInput"],
    },
    {
      because: "the disk is on its way to another VM",
      prepare: (azure) => azure.send("PATCH", "virtualMachines/node-b", listBody({ 0: "pvc-1" })),
      body: listBody({ 0: "pvc-1" }),
      expected: [409, "ConflictingUserInput"],
    },
    {
      because: "an LRS disk stays in its zone",
      prepare: (azure) => azure.finish("PUT", "disks/z2", diskBody({ zones: ["2"] })),
      body: listBody({ 0: "z2" }),
      expected: [400, "BadRequest"],
    },
    {
      because: "a shared disk is not cached",
      prepare: (azure) => azure.finish("PUT", "disks/shared", diskBody(shared)),
      body: listBody({ 0: "shared" }, { shared: { caching: "ReadOnly" } }),
      expected: [400, "BadRequest"],
    },
    {
      because: "nothing above 4095 GiB is cached",
      prepare: (azure) => azure.finish("PUT", "disks/large", diskBody({ properties: { diskSizeGB: 4096 } })),
      body: listBody({ 0: "large" }, { large: { caching: "ReadOnly" } }),
      expected: [400, "InvalidParameter"],
    },
    {
      because: "Premium SSD v2 is not cached",
      prepare: (azure) => azure.finish("PUT", "disks/v2", diskBody({ sku: "PremiumV2_LRS" })),
      body: listBody({ 0: "v2" }, { v2: { caching: "ReadWrite" } }),
      expected: [400, "InvalidParameter"],
    },
    {
      because: "Premium needs a VM size that takes it",
      prepare: (azure) =>
        azure.finish("PATCH", "virtualMachines/node-a", {
          properties: { hardwareProfile: { vmSize: "Standard_D2_v3" } },
        }),
      body: listBody({ 0: "pvc-1" }),
      expected: [400, "InvalidParameter"],
    },
    {
      because: "a disk stays in its region",
      prepare: (azure) =>
        azure.finish("PUT", "disks/far", { ...(diskBody() as object), location: "westus2" }),
      body: listBody({ 0: "far" }),
      expected: [409, "Conflict"],
    },
    {
      because: "what a disk in the list was made of can't change",
      prepare: (azure) => azure.finish("PATCH", "virtualMachines/node-a", listBody({ 0: "pvc-1" })),
      body: listBody({ 0: "pvc-1" }, { "pvc-1": { createOption: "FromImage" } }),
      expected: [409, "PropertyChangeNotAllowed"],
    },
    {
      because: "Ultra must be enabled",
      prepare: (azure) => azure.finish("PUT", "disks/ultra", diskBody({ sku: "UltraSSD_LRS" })),
      body: listBody({ 0: "ultra" }),
      expected: [400, "InvalidParameter"],
    },
    {
      because: "Empty and an id contradict each other",
      body: listBody({ 0: "pvc-1" }, { "pvc-1": { createOption: "Empty" } }),
      expected: [400, "InvalidParameterConflictingProperties"],
    },
    {
      because: "a disk of another subscription can't be attached",
      body: listBody(
        { 0: "x" },
        {
          x: {
            managedDisk: { id: "/subscriptions/other/resourceGroups/rg/providers/Microsoft.Compute/disks/x" },
          },
        },
      ),
      expected: [400, "InvalidParameter"],
    },
    {
      because: "force without leaving means nothing",
      body: listBody({ 0: "pvc-1" }, { "pvc-1": { detachOption: "ForceDetach" } }),
      expected: [400, "InvalidParameter"],
    },
  ];
  for (const { because, prepare, body, expected } of refusals) {
    it(`refuses a list because ${because}, and changes nothing`, () => {
      const azure = withDisks(aModel(), "pvc-1", "pvc-2");
      prepare?.(azure);
      const before = [dataDisksOf(azure, "node-a"), etagOf(azure, "node-a")];
      const answer = azure.send("PATCH", "virtualMachines/node-a", body);
      assert.deepEqual([answer.status, codeOf(answer.body)], expected, JSON.stringify(answer.body));
      assert.deepEqual([dataDisksOf(azure, "node-a"), etagOf(azure, "node-a")], before);
    });
  }

  it("refuses a disk of another zone in words that users report (2021 to 2026)", () => {
    const azure = aModel();
    azure.finish("PUT", "availabilitySets/set", { location: "eastus", sku: { name: "Aligned" } });
    azure.finish("PUT", "virtualMachines/in-set", {
      location: "eastus",
      properties: {
        availabilitySet: { id: `${COMPUTE}/availabilitySets/set` },
        hardwareProfile: { vmSize: "Standard_D8s_v5" },
        networkProfile: {},
      },
    });
    for (const zone of ["", "1", "2"])
      azure.finish("PUT", `disks/in${zone}`, diskBody({ zones: zone === "" ? [] : [zone] }));
    const id = (name: string): string => `${COMPUTE}/disks/${name}`.replace("/rg/", "/RG/");
    const refusal = (vm: string, disk: string): string | undefined => {
      const { status, body } = azure.send("PATCH", `virtualMachines/${vm}`, listBody({ 0: disk }));
      assert.deepEqual([status, codeOf(body)], [400, "BadRequest"]);
      return textAt(body, "error", "message");
    };
    assert.equal(
      refusal("node-a", "in2"),
      `Disk ${id("in2")} cannot be attached to the VM because it is not in the same zone as the VM. ` +
        "VM zone: '1'. Disk zone: '2'.",
    );
    assert.equal(
      refusal("node-a", "in"),
      `Disk ${id("in")} cannot be attached to the VM because it is not in zone '1'.`,
    );
    assert.equal(
      refusal("in-set", "in1"),
      `Zonal Disk '${id("in1")}' cannot be attached to resource 'in-set' because the resource belongs to ` +
        "an Availability Set and this feature is not supported.",
    );
  });

  it("takes Premium SSD v2 only in a zone", () => {
    const azure = aModel({ virtualMachines: [{ name: "zonal" }] });
    azure.finish("PUT", "virtualMachines/regional", {
      location: "eastus",
      properties: { networkProfile: {} },
    });
    for (const [name, zones] of [
      ["v2", ["1"]],
      ["nowhere", []],
    ] as const)
      azure.finish("PUT", `disks/${name}`, diskBody({ sku: "PremiumV2_LRS", zones }));
    const answers = [
      azure.send("PATCH", "virtualMachines/zonal", listBody({ 0: "v2" })),
      azure.send("PATCH", "virtualMachines/regional", listBody({ 0: "nowhere" })),
    ];
    assert.deepEqual(
      answers.map(({ status, body }) => [status, codeOf(body)]),
      [
        [200, undefined],
        [400, "BadRequest"],
      ],
    );
  });

  it("refuses more disks than the size allows, in Azure's words", () => {
    const azure = withDisks(
      aModel({ virtualMachines: [{ name: "node-a", size: "Standard_D2s_v5" }] }),
      "a",
      "b",
      "c",
      "d",
      "e",
    );
    const answer = azure.send(
      "PATCH",
      "virtualMachines/node-a",
      listBody({ 0: "a", 1: "b", 2: "c", 3: "d", 4: "e" }),
    );
    assert.deepEqual([answer.status, codeOf(answer.body)], [409, "OperationNotAllowed"]);
    assert.match(textAt(answer.body, "error", "message") ?? "", /attached to a VM of this size is 4/);
  });

  it("refuses a size that takes fewer disks than remain after the update", () => {
    const azure = withDisks(aModel(), "a", "b", "c", "d", "e");
    azure.finish("PATCH", "virtualMachines/node-a", listBody({ 0: "a", 1: "b", 2: "c", 3: "d", 4: "e" }));
    const resize = (list: Json = {}): Json => ({
      properties: { hardwareProfile: { vmSize: "Standard_D2s_v5" }, ...objectAt(list, "properties") },
    });
    const refused = azure.send("PATCH", "virtualMachines/node-a", resize());
    assert.deepEqual([refused.status, codeOf(refused.body)], [409, "OperationNotAllowed"]);
    assert.match(textAt(refused.body, "error", "message") ?? "", /attached to a VM of this size is 4/);
    assert.equal(
      textAt(
        azure.finish("PATCH", "virtualMachines/node-a", resize(listBody({ 0: "a", 1: "b", 2: "c", 3: "d" }))),
        "status",
      ),
      "Succeeded",
    );
    assert.equal(
      textAt(azure.send("GET", "virtualMachines/node-a").body, "properties", "hardwareProfile", "vmSize"),
      "Standard_D2s_v5",
    );
  });

  it("shares a disk among maxShares VMs, and attaches a ZRS disk in any zone", () => {
    const azure = aModel({
      virtualMachines: [{ name: "node-a" }, { name: "node-b", zone: "2" }, { name: "node-c", zone: "3" }],
    });
    azure.finish("PUT", "disks/shared", diskBody({ sku: "Premium_ZRS", properties: { maxShares: 2 } }));
    azure.finish("PATCH", "virtualMachines/node-a", listBody({ 0: "shared" }));
    azure.finish("PATCH", "virtualMachines/node-b", listBody({ 5: "shared" }));
    const disk = azure.send("GET", "disks/shared").body;
    assert.deepEqual(at(disk, "managedByExtended"), [
      `${COMPUTE}/virtualMachines/node-a`,
      `${COMPUTE}/virtualMachines/node-b`,
    ]);
    assert.equal(
      codeOf(azure.send("PATCH", "virtualMachines/node-c", listBody({ 0: "shared" })).body),
      "ConflictingUserInput",
    );
  });

  it("lets two close first attaches of a shared disk collide, as Azure does", () => {
    const azure = aModel();
    azure.finish("PUT", "disks/shared", diskBody({ properties: { maxShares: 2 } }));
    azure.send("PATCH", "virtualMachines/node-a", listBody({ 0: "shared" }));
    azure.advance(100);
    assert.equal(
      codeOf(azure.send("PATCH", "virtualMachines/node-b", listBody({ 0: "shared" })).body),
      "ConflictingUserInput",
    );
    azure.advance(200);
    assert.equal(azure.send("PATCH", "virtualMachines/node-b", listBody({ 0: "shared" })).status, 200);
  });
});

describe("attachDetachDataDisks", () => {
  it("chooses free LUNs, mixes both directions, and accepts repetition", () => {
    const azure = withDisks(aModel(), "pvc-1", "pvc-2", "pvc-3");
    const id = (name: string): string => `${COMPUTE}/disks/${name}`;
    azure.finish("POST", "virtualMachines/node-a/attachDetachDataDisks", {
      dataDisksToAttach: [{ diskId: id("pvc-1") }, { diskId: id("pvc-2") }],
    });
    assert.equal(dataDisksOf(azure, "node-a"), "0:pvc-1 1:pvc-2");
    const body = {
      dataDisksToAttach: [{ diskId: id("pvc-3") }, { diskId: id("pvc-2"), lun: 1 }],
      dataDisksToDetach: [{ diskId: id("pvc-1") }],
    };
    const answer = azure.send("POST", "virtualMachines/node-a/attachDetachDataDisks", body);
    assert.deepEqual([answer.status, listAt(answer.body, "dataDisks")?.length], [200, 3]);
    azure.settle();
    assert.equal(dataDisksOf(azure, "node-a"), "1:pvc-2 2:pvc-3");
    assert.equal(
      textAt(azure.finish("POST", "virtualMachines/node-a/attachDetachDataDisks", body), "status"),
      "Succeeded",
    );
  });
});

describe("a VM's ETag", () => {
  const cases: readonly {
    because: string;
    settings?: Parameters<typeof aModel>[0];
    write: (azure: ModelFixture) => void;
    moves: readonly [atOnce: boolean, inTheEnd: boolean];
  }[] = [
    {
      because: "an empty update moves it",
      write: (azure) => azure.send("PATCH", "virtualMachines/node-a", {}),
      moves: [true, true],
    },
    {
      because: "an empty update may be set not to",
      settings: { settings: { etagMovedBy: "change" } },
      write: (azure) => azure.send("PATCH", "virtualMachines/node-a", {}),
      moves: [false, false],
    },
    {
      because: "a changed tag always does",
      settings: { settings: { etagMovedBy: "change" } },
      write: (azure) => azure.send("PATCH", "virtualMachines/node-a", { tags: { bump: "1" } }),
      moves: [true, true],
    },
    {
      because: "it may move only at the end",
      settings: { settings: { etagMovesAt: "end" } },
      write: (azure) => azure.send("PATCH", "virtualMachines/node-a", {}),
      moves: [false, true],
    },
    {
      because: "a power action moves it",
      write: (azure) => azure.send("POST", "virtualMachines/node-a/deallocate"),
      moves: [true, true],
    },
    {
      because: "a GET does not",
      write: (azure) => azure.send("GET", "virtualMachines/node-a"),
      moves: [false, false],
    },
  ];
  for (const { because, settings, write, moves } of cases) {
    it(because, () => {
      const azure = aModel(settings);
      const before = etagOf(azure, "node-a");
      write(azure);
      const atOnce = etagOf(azure, "node-a") !== before;
      azure.settle();
      assert.deepEqual([atOnce, etagOf(azure, "node-a") !== before], moves);
    });
  }

  it("is three further once a VM is deallocated, and one after other actions", () => {
    const azure = aModel();
    const moved = ["powerOff", "deallocate", "powerOff", "start", "reapply"].map((action) => {
      const before = Number(JSON.parse(etagOf(azure, "node-a")));
      azure.finish("POST", `virtualMachines/node-a/${action}`);
      return Number(JSON.parse(etagOf(azure, "node-a"))) - before;
    });
    assert.deepEqual(moved, [1, 3, 1, 1, 1]);
  });

  it("guards PUT, PATCH and creation", () => {
    const azure = aModel();
    const stale = { ifMatch: '"0"' };
    const body = { location: "eastus", zones: ["1"], properties: { networkProfile: {} } };
    const statuses = [
      azure.send("PATCH", "virtualMachines/node-a", {}, stale).status,
      azure.send("PUT", "virtualMachines/node-a", body, stale).status,
      azure.send("PUT", "virtualMachines/node-a", body, { ifNoneMatch: "*" }).status,
      azure.send("PUT", "virtualMachines/new", body, { ifMatch: "*" }).status,
      azure.send("PUT", "virtualMachines/new", body, { ifNoneMatch: "*" }).status,
      azure.send("PATCH", "virtualMachines/node-a", {}, { ifMatch: etagOf(azure, "node-a") }).status,
    ];
    assert.deepEqual(statuses, [412, 412, 412, 412, 201, 200]);
  });
});

describe("a VM's life", () => {
  // Its disks name the old vmId for a while.
  it("has another vmId after it has been recreated under its name", () => {
    const azure = withDisks(aModel(), "pvc-1");
    azure.finish("PATCH", "virtualMachines/node-a", listBody({ 0: "pvc-1" }));
    const vmId = textAt(azure.send("GET", "virtualMachines/node-a").body, "properties", "vmId");
    const deleted = azure.send("DELETE", "virtualMachines/node-a");
    assert.equal(deleted.status, 202);
    while (azure.send("GET", "virtualMachines/node-a").status !== 404) azure.advance(100);
    assert.notEqual(textAt(azure.send("GET", "disks/pvc-1").body, "managedBy"), undefined);
    azure.settle();
    assert.equal(textAt(azure.send("GET", "disks/pvc-1").body, "managedBy"), undefined);
    assert.equal(
      azure.send("PUT", "virtualMachines/node-a", {
        location: "eastus",
        zones: ["1"],
        properties: { networkProfile: {} },
      }).status,
      201,
    );
    azure.settle();
    assert.notEqual(textAt(azure.send("GET", "virtualMachines/node-a").body, "properties", "vmId"), vmId);
    assert.equal(azure.send("DELETE", "virtualMachines/gone").status, 204);
  });

  it("goes through its power states, and a disk of a deallocated VM is reserved", () => {
    const azure = withDisks(aModel(), "pvc-1");
    const power = (): string | undefined =>
      textAt(
        (
          at(azure.send("GET", "virtualMachines/node-a/instanceView").body, "statuses") as readonly {
            code: string;
          }[]
        )[1],
        "code",
      );
    const diskState = (): string | undefined =>
      textAt(azure.send("GET", "disks/pvc-1").body, "properties", "diskState");
    azure.finish("PATCH", "virtualMachines/node-a", listBody({ 0: "pvc-1" }));
    const seen = [power(), diskState()];
    for (const action of ["powerOff?skipShutdown=true", "start", "deallocate", "start"]) {
      azure.send("POST", `virtualMachines/node-a/${action}`);
      seen.push(power());
      azure.settle();
      seen.push(power(), diskState());
    }
    assert.deepEqual(seen, [
      "PowerState/running",
      "Attached",
      ...["PowerState/stopping", "PowerState/stopped", "Attached"],
      ...["PowerState/starting", "PowerState/running", "Attached"],
      ...["PowerState/deallocating", "PowerState/deallocated", "Reserved"],
      ...["PowerState/starting", "PowerState/running", "Attached"],
    ]);
  });

  // It is attached once the VM starts.
  it("reserves a disk that is attached while the VM is deallocated", () => {
    const azure = withDisks(aModel(), "pvc-1");
    const diskState = (): string | undefined =>
      textAt(azure.send("GET", "disks/pvc-1").body, "properties", "diskState");
    azure.finish("POST", "virtualMachines/node-a/deallocate");
    assert.equal(
      textAt(azure.finish("PATCH", "virtualMachines/node-a", listBody({ 0: "pvc-1" })), "status"),
      "Succeeded",
    );
    const reserved = diskState();
    azure.finish("POST", "virtualMachines/node-a/start");
    assert.deepEqual(
      [reserved, diskState(), dataDisksOf(azure, "node-a")],
      ["Reserved", "Attached", "0:pvc-1"],
    );
  });

  it("only loses its agent status in a network partition: a detach still ends", () => {
    const azure = withDisks(aModel(), "pvc-1");
    azure.finish("PATCH", "virtualMachines/node-a", listBody({ 0: "pvc-1" }));
    azure.send("POST", "/emulator/v1/virtualMachineEvents", {
      vmId: `${COMPUTE}/virtualMachines/node-a`,
      event: "Partition",
    });
    const agent = (): string | undefined =>
      textAt(
        (
          at(
            azure.send("GET", "virtualMachines/node-a/instanceView").body,
            "vmAgent",
            "statuses",
          ) as readonly { displayStatus: string }[]
        )[0],
        "displayStatus",
      );
    const cutOff = agent();
    azure.finish("PATCH", "virtualMachines/node-a", listBody({}));
    azure.send("POST", "/emulator/v1/virtualMachineEvents", {
      vmId: `${COMPUTE}/virtualMachines/node-a`,
      event: "PartitionEnd",
    });
    assert.deepEqual([cutOff, dataDisksOf(azure, "node-a"), agent()], ["Not Ready", "", "Ready"]);
  });

  it("runs again when its power returns, and a detach that hung since then ends", () => {
    const azure = withDisks(aModel(), "pvc-1");
    const vmId = `${COMPUTE}/virtualMachines/node-a`;
    azure.finish("PATCH", "virtualMachines/node-a", listBody({ 0: "pvc-1" }));
    const power = (): string | undefined =>
      textAt(
        (
          at(azure.send("GET", "virtualMachines/node-a/instanceView").body, "statuses") as readonly {
            code: string;
          }[]
        )[1],
        "code",
      );
    azure.send("POST", "/emulator/v1/virtualMachineEvents", { vmId, event: "PowerLoss" });
    const lost = power();
    azure.send("POST", "/emulator/v1/virtualMachineEvents", { vmId, event: "PowerReturn" });
    azure.finish("PATCH", "virtualMachines/node-a", listBody({}));
    assert.deepEqual(
      [lost, power(), dataDisksOf(azure, "node-a")],
      ["PowerState/stopped", "PowerState/running", ""],
    );
  });

  it("looks alive after a silent loss of power, but its agent does not answer", () => {
    const azure = aModel();
    azure.send("POST", "/emulator/v1/virtualMachineEvents", {
      vmId: `${COMPUTE}/virtualMachines/node-a`,
      event: "SilentPowerLoss",
    });
    const view = azure.send("GET", "virtualMachines/node-a/instanceView").body;
    assert.equal(
      textAt((at(view, "statuses") as readonly { code: string }[])[1], "code"),
      "PowerState/running",
    );
    assert.equal(
      textAt((at(view, "vmAgent", "statuses") as readonly { displayStatus: string }[])[0], "displayStatus"),
      "Not Ready",
    );
  });

  // azure-powershell#13213: both may change while it is deallocated.
  it("names neither size nor SKU of its disks while it is deallocated", () => {
    const azure = aModel();
    azure.finish("PUT", "disks/pvc-1", diskBody());
    azure.finish("PATCH", "virtualMachines/node-a", listBody({ 0: "pvc-1" }));
    const shown = (): unknown => {
      const profile = at(azure.send("GET", "virtualMachines/node-a").body, "properties", "storageProfile");
      return [at(profile, "osDisk"), listAt(profile, "dataDisks")?.[0]].map((disk) => [
        at(disk, "diskSizeGB"),
        Object.keys(objectAt(disk, "managedDisk") ?? {}).sort(),
      ]);
    };
    const running = shown();
    azure.finish("POST", "virtualMachines/node-a/deallocate");
    assert.deepEqual(shown(), [
      [undefined, ["id"]],
      [undefined, ["id"]],
    ]);
    azure.finish("POST", "virtualMachines/node-a/start");
    assert.deepEqual(shown(), running);
    assert.deepEqual(running, [
      [30, ["id", "storageAccountType"]],
      [128, ["id", "storageAccountType"]],
    ]);
  });
});
