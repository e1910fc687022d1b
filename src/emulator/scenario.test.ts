import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { parseScenario } from "./scenario.ts";

describe("a scenario", () => {
  it("spreads a row of VMs over zones and fills in what the file says once", () => {
    const parsed = parseScenario(`
subscriptionId: 00000000-0000-0000-0000-00000000beef
location: westeurope
seed: 7
resourceGroups: [rg]
scaleSets:
  - { name: pool, capacity: 2, zones: ["1", "2"], firstInstanceId: 68, computerNamePrefix: aks-np-vmss }
virtualMachines:
  - { name: vm, computerName: node, count: 3, zones: ["1", "2"], size: Standard_D2s_v6 }
settings: { timeScale: 0.01, latencies: { attach: { medianMs: 100, p99Ms: 200 } } }
faults:
  - { disk: "*poison*", effect: { kind: FailOperation, code: InternalOperationError } }
`);
    const vm = (index: number, zone: string): object => ({
      subscriptionId: "00000000-0000-0000-0000-00000000beef",
      resourceGroup: "rg",
      location: "westeurope",
      name: `vm-${index}`,
      computerName: `node-${index}`,
      zone,
      size: "Standard_D2s_v6",
    });
    assert.ok(parsed.ok);
    assert.deepEqual(parsed.value.virtualMachines, [vm(0, "1"), vm(1, "2"), vm(2, "1")]);
    assert.deepEqual(parsed.value.scaleSets, [
      {
        subscriptionId: "00000000-0000-0000-0000-00000000beef",
        resourceGroup: "rg",
        location: "westeurope",
        name: "pool",
        capacity: 2,
        zones: ["1", "2"],
        orchestrationMode: "Uniform",
        firstInstanceId: 68,
        computerNamePrefix: "aks-np-vmss",
      },
    ]);
    assert.deepEqual(parsed.value.resourceGroups, [
      { subscriptionId: "00000000-0000-0000-0000-00000000beef", name: "rg", location: "westeurope" },
    ]);
    assert.deepEqual(parsed.value.settings.latencies?.attach, {
      medianMs: 100,
      p99Ms: 200,
      perDiskMs: 300,
    });
    assert.deepEqual(
      [parsed.value.seed, parsed.value.settings.timeScale, parsed.value.faults.length],
      [7, 0.01, 1],
    );
  });

  it("lets actors act on VMs or on a scale set, with defaults", () => {
    const parsed = parseScenario(`
resourceGroups: [rg]
actors:
  - { kind: V1Writer, virtualMachines: [vm-0], disks: 2 }
  - { kind: AksUpgrade, scaleSet: pool, surge: 0 }
`);
    assert.ok(parsed.ok);
    const place = { subscriptionId: "00000000-0000-0000-0000-000000000000", resourceGroup: "rg" };
    assert.deepEqual(parsed.value.actors, [
      { kind: "V1Writer", ...place, virtualMachines: ["vm-0"], everyS: 30, disks: 2, staleS: 0 },
      { kind: "AksUpgrade", ...place, scaleSet: "pool", afterS: 60, surge: 0, drainS: 30 },
    ]);
  });

  it("takes an empty list of an actor's VMs for none, beside a scale set", () => {
    const parsed = parseScenario(
      "resourceGroups: [rg]\nactors: [{ kind: PortalUser, scaleSet: pool, virtualMachines: [] }]",
    );
    const place = { subscriptionId: "00000000-0000-0000-0000-000000000000", resourceGroup: "rg" };
    assert.deepEqual(parsed.ok ? parsed.value.actors : parsed.reason, [
      { kind: "PortalUser", ...place, scaleSet: "pool", everyS: 120 },
    ]);
  });

  for (const { actor, reason } of [
    {
      actor: "{ kind: V2Writer }",
      reason: "an actor: 'kind' is one of V1Writer, PortalUser, TerraformDrift, AksUpgrade; got \"V2Writer\"",
    },
    {
      actor: "{ kind: V1Writer }",
      reason: "actor V1Writer needs either 'virtualMachines', a list of names, or 'scaleSet'",
    },
    { actor: "{ kind: AksUpgrade }", reason: "'scaleSet' is missing in an actor; it is a text" },
    {
      actor: "{ kind: PortalUser, scaleSet: pool, everyS: 0 }",
      reason: "an actor: 'everyS' is a number from 1 to 86400; got 0",
    },
    {
      actor: "{ kind: V1Writer, scaleSet: pool, disks: 1.5 }",
      reason: "an actor: 'disks' is a whole number from 1 to 16; got 1.5",
    },
    {
      actor: "{ kind: PortalUser, scaleSet: pool, staleS: 5 }",
      reason:
        "'staleS' is not a member of an actor; it has kind, subscriptionId, resourceGroup, " +
        "virtualMachines, scaleSet, everyS",
    },
  ])
    it(`refuses the actor ${actor}`, () => {
      assert.deepEqual(parseScenario(`resourceGroups: [rg]\nactors: [${actor}]`), { ok: false, reason });
    });

  it("has the subscription that it names, also without a resource group", () => {
    const subscriptionId = "00000000-0000-0000-0000-00000000beef";
    const parsed = parseScenario(`{ subscriptionId: ${subscriptionId}, settings: { subscriptions: ["*"] } }`);
    assert.deepEqual(parsed.ok && parsed.value.settings.subscriptions, [subscriptionId, "*"]);
  });

  for (const text of [
    "subscriptionId: prod",
    "virtualMachines: [{ name: a, resourceGroup: rg, subscriptionId: prod }]",
    "scaleSets: [{ name: a, resourceGroup: rg, subscriptionId: prod, capacity: 1 }]",
  ])
    it(`refuses '${text}': subscriptions are GUIDs`, () => {
      assert.deepEqual(parseScenario(text), { ok: false, reason: "'subscriptionId' is a GUID, not 'prod'" });
    });

  it("takes a key without a value for an absent one", () => {
    const parsed = parseScenario(
      "virtualMachines: [{ name: a, resourceGroup: rg, zone: }]\nfaults:\nsettings:",
    );
    assert.deepEqual(parsed.ok ? parsed.value.virtualMachines.map((vm) => vm.zone) : parsed.reason, [
      undefined,
    ]);
  });

  it("sets events of a VM before the first call", () => {
    const parsed = parseScenario(
      "virtualMachines: [{ name: a, resourceGroup: rg, events: [GuestHang, Partition] }]",
    );
    assert.deepEqual(parsed.ok ? parsed.value.virtualMachines.map((vm) => vm.events) : parsed.reason, [
      ["GuestHang", "Partition"],
    ]);
  });

  const wrong: readonly { readonly text: string; readonly because: RegExp }[] = [
    { text: "- a", because: /a scenario: this is an object; got \["a"\]/ },
    { text: "location: [a", because: /^Flow sequence .* at line 1, column 13:/ },
    { text: "location: *nowhere", because: /Unresolved alias .*nowhere/ },
    { text: "vms: []", because: /'vms' is not a member of a scenario/ },
    {
      text: "virtualMachines: [{ name: a }]",
      because: /'resourceGroup' is missing in a virtual machine; it is a text/,
    },
    {
      text: "virtualMachines: [{ name: a, resourceGroup: rg, zoen: '1' }]",
      because: /'zoen' is not a member of a virtual machine/,
    },
    {
      text: "virtualMachines: [{ name: a, resourceGroup: rg, events: [Flood] }]",
      because: /'events\[0\]' is one of PowerLoss, SilentPowerLoss, .*; got "Flood"/,
    },
    {
      text: "virtualMachines: [{ name: a, resourceGroup: rg, events: Partition }]",
      because: /'events' is a list; got "Partition"/,
    },
    { text: "scaleSets: [pool]", because: /a scale set: this is an object; got "pool"/ },
    {
      text: "scaleSets: [{ name: pool }]",
      because: /'resourceGroup' is missing in a scale set; it is a text/,
    },
    {
      text: "scaleSets: [{ name: pool, resourceGroup: rg, count: 2 }]",
      because: /'count' is not a member of a scale set/,
    },
    {
      text: "scaleSets: [{ name: pool, resourceGroup: rg, capacity: 1001 }]",
      because: /'capacity' is a whole number from 0 to 1000/,
    },
    {
      text: "scaleSets: [{ name: pool, resourceGroup: rg, firstInstanceId: -1 }]",
      because: /'firstInstanceId' is a whole number from 0/,
    },
    {
      text: "scaleSets: [{ name: pool, resourceGroup: rg, orchestrationMode: Loose }]",
      because: /'orchestrationMode' is one of Uniform, Flexible/,
    },
    {
      text: "settings: { timescale: 1 }",
      because: /'timescale' is not a member of the settings; it has timeScale, /,
    },
    { text: "settings: { etagMovesAt: never }", because: /'etagMovesAt' is one of recorded, start, end/ },
    {
      text: "settings: { latencies: { atach: { medianMs: 1 } } }",
      because: /'latencies.atach' is not a member of the settings; it has diskCreate, /,
    },
    { text: "faults: [{ effect: { kind: Explode } }]", because: /'effect.kind' is one of/ },
    { text: "seed: one", because: /'seed' is a whole number/ },
    { text: "location: 7", because: /'location' is a text; got 7/ },
    { text: "resourceGroups: rg", because: /'resourceGroups' is a list; got "rg"/ },
    {
      text: "resourceGroups: [{ name: rg, location: westus }]",
      because: /'resourceGroups\[0\].location' is not a member of a scenario; it has name/,
    },
    { text: "virtualMachines: { name: a }", because: /'virtualMachines' is a list; got \{"name":"a"\}/ },
    ...["zone: 1", "zones: [1, 2]", "count: '3'", "size: 8", "tags: [a]", "ultraSsdEnabled: 'yes'"].map(
      (member) => ({
        text: `virtualMachines: [{ name: a, resourceGroup: rg, ${member} }]`,
        because:
          /^a virtual machine: '(\w+)(\[0\])?' is (a text|a whole number from 1 to 5000|an object|true or false); got/,
      }),
    ),
    {
      text: "scaleSets: [{ name: pool, resourceGroup: rg, capacity: '3' }]",
      because: /'capacity' is a whole number from 0 to 1000; got "3"/,
    },
    { text: "settings: [timeScale]", because: /the settings: this is an object/ },
    {
      text: "settings: { latencies: { attach: { medianMs: 1, perDisk: 5 } } }",
      because:
        /'latencies.attach.perDisk' is not a member of the settings; it has medianMs, p99Ms, perDiskMs/,
    },
    {
      text: "settings: { latencies: { attach: { medianMs: 2, p99Ms: 1 } } }",
      because: /'latencies.attach' needs a p99Ms that is not below its medianMs/,
    },
  ];
  for (const { text, because } of wrong) {
    it(`refuses "${text}" and names the fault`, () => {
      const parsed = parseScenario(text);
      assert.match(parsed.ok ? "" : parsed.reason, because);
    });
  }
});
