import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { type Emulator, replayJournal } from "../../src/emulator/index.ts";
import type { JournalEntry } from "../../src/emulator/model/api/journal.ts";
import { type AzureFixture, createDisk, startAzure, SUBSCRIPTION_ID } from "./azure-fixture.ts";
import { call, type WireAnswer } from "./call.ts";

const COMPUTE = `/subscriptions/${SUBSCRIPTION_ID}/resourceGroups/rg/providers/Microsoft.Compute`;

/** The emulator's own API, as a test in any language uses it. */
function adminOf(emulator: Emulator): (method: string, path: string, body?: object) => Promise<WireAnswer> {
  return (method, path, body) =>
    call(emulator.caPem ?? "", `${emulator.url}/emulator/v1${path}`, {
      method,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
}

describe("the emulator's own API", () => {
  let azure: AzureFixture;
  let admin: ReturnType<typeof adminOf>;
  before(async () => {
    azure = await startAzure({
      virtualMachines: [{ name: "node-a", zone: "1" }],
      faults: [{ operation: "Never", effect: { kind: "DropRequest" } }],
    });
    admin = adminOf(azure.emulator);
  });
  after(() => azure.close());

  it("reports that it is ready, and its pace", async () => {
    const { status, body } = await admin("GET", "/health");
    const { nowMs, startedAtMs, ...rest } = body as { nowMs: number; startedAtMs: number };
    assert.deepEqual([status, rest], [200, { status: "ok", timeScale: 0.001 }]);
    assert.ok(nowMs >= startedAtMs);
  });

  it("creates groups and VMs at once, and refuses invalid ones", async () => {
    const group = { subscriptionId: SUBSCRIPTION_ID, name: "rg2", location: "westus2" };
    assert.deepEqual(await statusAndBody(admin("POST", "/resourceGroups", group)), [201, group]);
    const node = { subscriptionId: SUBSCRIPTION_ID, resourceGroup: "rg2", location: "westus2", name: "node" };
    const { status, body } = await admin("POST", "/virtualMachines", {
      virtualMachines: [{ ...node, count: 2, zones: ["1", "2"], tags: { pool: "a" } }],
    });
    const ids = ["node-0", "node-1"].map(
      (name) => `${COMPUTE.replace("/rg/", "/rg2/")}/virtualMachines/${name}`,
    );
    assert.deepEqual([status, body], [201, { ids }]);
    const vm = await azure.client.virtualMachines.get("rg2", "node-1", { expand: "instanceView" });
    assert.deepEqual(
      [vm.zones, vm.tags, vm.instanceView?.statuses?.at(1)?.code],
      [["2"], { pool: "a" }, "PowerState/running"],
    );
    assert.equal((await admin("POST", "/virtualMachines", { ...node, size: "Standard_Odd" })).status, 400);
    assert.equal((await admin("POST", "/resourceGroups", { name: "rg3" })).status, 400);
  });

  it("powers off a VM without Azure's knowledge, and disconnects it", async () => {
    const vmId = `${COMPUTE}/virtualMachines/node-a`;
    const seen = async (): Promise<readonly unknown[]> => {
      const view = await azure.client.virtualMachines.instanceView("rg", "node-a");
      return [view.statuses?.at(1)?.code, view.vmAgent?.statuses?.[0]?.displayStatus];
    };
    const rows = [
      ["Partition", ["PowerState/running", "Not Ready"]],
      ["PartitionEnd", ["PowerState/running", "Ready"]],
      ["SilentPowerLoss", ["PowerState/running", "Not Ready"]],
      ["PowerReturn", ["PowerState/running", "Ready"]],
      ["PowerLoss", ["PowerState/stopped", "Not Ready"]],
      ["PowerReturn", ["PowerState/running", "Ready"]],
    ] as const;
    for (const [event, expected] of rows) {
      assert.equal((await admin("POST", "/virtualMachineEvents", { vmId, event })).status, 202);
      assert.deepEqual(await seen(), expected, event);
    }
    assert.equal((await admin("POST", "/virtualMachineEvents", { vmId, event: "Flood" })).status, 400);
    assert.equal(
      (await admin("POST", "/virtualMachineEvents", { vmId: `${vmId}-none`, event: "Partition" })).status,
      404,
    );
  });

  it("refuses a VM's GUID where its resource id is expected, and says so", async () => {
    const { vmId } = await azure.client.virtualMachines.get("rg", "node-a");
    assert.ok(vmId !== undefined);
    const refused = {
      error: {
        code: "BadRequest",
        message: `'vmId' is the resource id of a VM, /subscriptions/…/virtualMachines/<name>; got '${vmId}'`,
      },
    };
    for (const [path, body] of [
      ["/virtualMachineEvents", { vmId, event: "GuestHang" }],
      ["/scheduledEvents", { vmId, eventType: "Freeze" }],
    ] as const)
      assert.deepEqual(await statusAndBody(admin("POST", path, body)), [400, refused], path);
  });

  it("refuses a kind of calls that the journal does not have", async () => {
    assert.deepEqual(await statusAndBody(admin("GET", "/journal?kind=reads")), [
      400,
      { error: { code: "BadRequest", message: "'kind' is one of arm, poll, admin" } },
    ]);
  });

  it("adds and ends faults, and changes settings, while it runs", async () => {
    const added = await admin("POST", "/faults", {
      id: "busy",
      operation: "Disks_Get",
      effect: { kind: "Error", status: 503, code: "ServerBusy" },
    });
    assert.equal(added.status, 201);
    await assert.rejects(azure.client.disks.get("rg", "any"), { statusCode: 503, code: "ServerBusy" });
    assert.equal((await admin("DELETE", "/faults/busy")).status, 204);
    await assert.rejects(azure.client.disks.get("rg", "any"), { statusCode: 404 });
    const changed = await admin("PATCH", "/settings", { pageSize: 7 });
    assert.equal((changed.body as { pageSize: number }).pageSize, 7);
    assert.deepEqual((await admin("GET", "/settings")).body, changed.body);
  });

  it("shows every call and internal state, and resets to the beginning", async () => {
    const since = azure.emulator.model.journal.lastSequence();
    const { virtualMachines } = azure.client;
    const id = await createDisk(azure, "seen");
    await virtualMachines.attachDetachDataDisks(
      "rg",
      "node-a",
      { dataDisksToAttach: [{ diskId: id }] },
      { updateIntervalInMs: 5 },
    );
    const journal = (await admin("GET", `/journal?since=${since}&kind=arm&limit=100`)).body as {
      value: readonly JournalEntry[];
    };
    assert.deepEqual(
      journal.value.map(({ operation, method, status }) => [operation, method, status]),
      [
        ["Disks_CreateOrUpdate", "PUT", 202],
        ["Disks_Get", "GET", 200],
        ["VirtualMachines_AttachDetachDataDisks", "POST", 200],
      ],
    );
    assert.ok(
      journal.value.every((entry) => (entry.durationMs ?? -1) >= 0 && entry.clientRequestId !== undefined),
    );
    const state = (await admin("GET", "/state")).body as {
      disks: readonly { name: string; emulator: object }[];
      operations: readonly { name: string; status: string }[];
    };
    assert.deepEqual(
      state.disks
        .filter(({ name }) => !name.includes("_OsDisk_1_"))
        .map((disk) => [disk.name, disk.emulator]),
      [["seen", { reservedFor: [] }]],
    );
    assert.ok(
      state.operations.some(
        (operation) =>
          operation.name === "VirtualMachines_AttachDetachDataDisks" && operation.status === "Succeeded",
      ),
    );
    await admin("POST", "/faults", { effect: { kind: "DropResponse" } });
    assert.equal((await admin("POST", "/reset")).status, 202);
    const again = (await admin("GET", "/state")).body as {
      disks: readonly { name: string }[];
      virtualMachines: readonly { name: string }[];
    };
    assert.deepEqual(
      [again.disks.map(({ name }) => name.split("_")[0]), again.virtualMachines.map((vm) => vm.name)],
      [["node-a"], ["node-a"]],
    );
    const faults = (await admin("GET", "/faults")).body as { value: readonly { operation: string }[] };
    assert.deepEqual(
      faults.value.map((rule) => rule.operation),
      ["Never"],
    );
    assert.equal(((await admin("GET", "/settings")).body as { pageSize: number }).pageSize, 7);
    for (const path of ["/journal?since=x", "/journal?limit=0"])
      assert.equal((await admin("GET", path)).status, 400);
  });
});

it("replays a journal fetched over the wire from its seed, and from no other", async () => {
  const setUp = {
    seed: 7,
    settings: {
      timeScale: 0.001,
      throttling: "enforce" as const,
      throttleLimits: { UpdateVMResource: { burst: 4, perMinute: 60 } },
    },
    faults: [
      {
        operation: "VirtualMachines_Update",
        probability: 0.4,
        effect: { kind: "FailOperation" as const, code: "InternalOperationError" },
      },
    ],
  };
  const azure = await startAzure({ ...setUp, virtualMachines: [{ name: "node-a", zone: "1" }] });
  try {
    const admin = adminOf(azure.emulator);
    const { virtualMachines } = azure.client;
    for (let turn = 0; turn < 8; turn += 1) {
      const id = await createDisk(azure, `pvc-${turn}`);
      const dataDisks = [{ lun: turn % 3, createOption: "Attach" as const, managedDisk: { id } }];
      const outcomes = await Promise.allSettled([
        virtualMachines.update("rg", "node-a", { storageProfile: { dataDisks } }, { updateIntervalInMs: 5 }),
      ]);
      if (turn === 4)
        await admin("POST", "/virtualMachineEvents", {
          vmId: `${COMPUTE}/virtualMachines/node-a`,
          event: "PowerLoss",
        });
      assert.equal(outcomes.length, 1);
    }
    await virtualMachines.delete("rg", "node-a", { updateIntervalInMs: 5 });
    const { startedAtMs } = (await admin("GET", "/health")).body as { startedAtMs: number };
    const entries = ((await admin("GET", "/journal")).body as { value: readonly JournalEntry[] }).value;
    const { resourceGroups = [], virtualMachines: vms = [] } = azure.emulator.model.world.initial;
    const same = { ...setUp, resourceGroups, virtualMachines: vms, startedAtMs };
    assert.ok(
      entries.some((entry) => entry.kind === "poll") &&
        entries.some((entry) => entry.kind === "admin") &&
        entries.length > 30,
      `${entries.length} calls`,
    );
    assert.equal(replayJournal(entries, same), undefined);
    assert.notEqual(replayJournal(entries, { ...same, seed: 8 }), undefined);
  } finally {
    await azure.close();
  }
});

async function statusAndBody(answer: Promise<WireAnswer>): Promise<readonly [status: number, body: unknown]> {
  const { status, body } = await answer;
  return [status, body];
}
