import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { at, type Json, type JsonObject, listAt, objectAt, textAt } from "../api/json.ts";
import { aModel, type ModelFixture } from "../testing/model-fixture.ts";

/**
 * From recordings of cloud-provider-azure (January 2026), of Azure's SDKs for Go and .NET, and of Azure's CLI
 * (2024; Azure/azure-cli, vm module's recordings that are named at the tests).
 */
const location = "eastus2";
const SUBNET = { subnet: { id: "/subscriptions/sub-1/subnets/subnet1" } };
const POOL = "virtualMachineScaleSets/pool";

function poolBody(properties: JsonObject = {}, more: JsonObject = {}): JsonObject {
  const configuration = {
    name: "nic",
    properties: { primary: true, ipConfigurations: [{ name: "ip", properties: SUBNET }] },
  };
  return {
    location,
    sku: { name: "Standard_D2s_v3", capacity: 2 },
    ...more,
    properties: {
      virtualMachineProfile: {
        networkProfile: { networkInterfaceConfigurations: [configuration] },
        osProfile: { adminUsername: "user", computerNamePrefix: "vmss" },
        storageProfile: {
          imageReference: { publisher: "MicrosoftWindowsServer", sku: "2019-Datacenter", version: "latest" },
        },
      },
      ...properties,
    },
  };
}

function aPool(properties: JsonObject = {}, more: JsonObject = {}): ModelFixture {
  const azure = aModel({ virtualMachines: [] });
  azure.finish("PUT", POOL, poolBody(properties, more));
  return azure;
}

const read = (azure: ModelFixture, path: string): Json | undefined => azure.send("GET", path).body;

describe("scale sets as Azure was recorded to answer them", () => {
  it("have what Azure adds to a set that does not state it", () => {
    const shown = (azure: ModelFixture): readonly unknown[] =>
      [
        "singlePlacementGroup",
        "overprovision",
        "doNotRunExtensionsOnOverprovisionedVMs",
        "platformFaultDomainCount",
        "zoneBalance",
      ].map((member) => at(read(azure, POOL), "properties", member));
    assert.deepEqual(shown(aPool()), [true, true, false, 5, undefined]);
    assert.deepEqual(shown(aPool({ overprovision: false })), [true, false, false, 5, undefined]);
    assert.deepEqual(shown(aPool({}, { zones: ["1"] })), [false, true, false, 1, false]);
    const automaticOSUpgradePolicy = { enableAutomaticOSUpgrade: false };
    assert.deepEqual(
      at(read(aPool({ upgradePolicy: { automaticOSUpgradePolicy } }), POOL), "properties", "upgradePolicy"),
      {
        mode: "Manual",
        automaticOSUpgradePolicy: { useRollingUpgradePolicy: false, ...automaticOSUpgradePolicy },
      },
    );
  });

  it("have an OS disk and complete interfaces in their model", () => {
    const azure = aPool();
    const model = objectAt(read(azure, POOL), "properties", "virtualMachineProfile");
    assert.deepEqual(at(model, "storageProfile", "osDisk"), {
      osType: "Windows",
      createOption: "FromImage",
      caching: "None",
      managedDisk: { storageAccountType: "Premium_LRS" },
      diskSizeGB: 127,
    });
    const properties = {
      primary: true,
      enableAcceleratedNetworking: false,
      disableTcpStateTracking: false,
      dnsSettings: { dnsServers: [] },
      enableIPForwarding: false,
      ipConfigurations: [{ name: "ip", properties: { privateIPAddressVersion: "IPv4", ...SUBNET } }],
    };
    const networkInterfaceConfigurations = [{ name: "nic", properties }];
    assert.deepEqual(at(model, "networkProfile"), { networkInterfaceConfigurations });
    assert.equal(at(model, "timeCreated"), at(read(azure, POOL), "properties", "timeCreated"));
    const instance = objectAt(read(azure, `${POOL}/virtualMachines/0`), "properties");
    assert.deepEqual(at(instance, "networkProfileConfiguration"), { networkInterfaceConfigurations });
  });

  // test_vmss_create_options.yaml and test_vmss_create_ephemeral_os_disk.yaml: `az vmss create` sends nulls.
  it("have complete data disks in their model, and defaults for what is null", () => {
    const azure = aModel({ virtualMachines: [] });
    const disk = { lun: 0, createOption: "empty", diskSizeGB: 1 };
    const sized = (name: string | null, lun: number): Json => ({
      ...disk,
      lun,
      managedDisk: { storageAccountType: name },
    });
    const osDisk = { createOption: "FromImage", managedDisk: { storageAccountType: "standard_lrs" } };
    const storageProfile = { osDisk, dataDisks: [sized(null, 0), sized("standard_lrs", 1)] };
    azure.finish("PUT", POOL, {
      location,
      sku: { name: "Standard_D2s_v3", capacity: 1 },
      properties: { singlePlacementGroup: null, virtualMachineProfile: { storageProfile } },
    });
    const shown = objectAt(read(azure, POOL), "properties");
    assert.equal(at(shown, "singlePlacementGroup"), true);
    const profile = objectAt(shown, "virtualMachineProfile", "storageProfile");
    assert.equal(textAt(profile, "osDisk", "managedDisk", "storageAccountType"), "Standard_LRS");
    const complete = (name: string, lun: number): Json => ({
      caching: "None",
      managedDisk: { storageAccountType: name },
      lun,
      createOption: "Empty",
      diskSizeGB: 1,
    });
    assert.deepEqual(at(profile, "dataDisks"), [complete("Premium_LRS", 0), complete("Standard_LRS", 1)]);
  });

  it("lose what a later PUT says is null, as VMs do", () => {
    const azure = aPool();
    const withPolicy = (scaleInPolicy: Json, diagnosticsProfile: Json): readonly unknown[] => {
      const machine = { location, properties: { networkProfile: {}, diagnosticsProfile } };
      azure.finish("PUT", POOL, { ...poolBody(), properties: { scaleInPolicy } });
      azure.finish("PUT", "virtualMachines/v", machine);
      return [
        at(read(azure, POOL), "properties", "scaleInPolicy"),
        at(read(azure, "virtualMachines/v"), "properties", "diagnosticsProfile"),
      ];
    };
    const stated = [{ rules: ["OldestVM"] }, { bootDiagnostics: { enabled: true } }] as const;
    assert.deepEqual(withPolicy(...stated), stated);
    assert.deepEqual(withPolicy(null, null), [undefined, undefined]);
  });

  // test_create_flexible_vmss_with_priority_mix_policy.yaml, test_vmss_hibernate.yaml.
  it("that are flexible have defaults of their own, and list instances by name only", () => {
    const azure = aPool({ orchestrationMode: "Flexible" });
    const shown = objectAt(read(azure, POOL), "properties");
    const nic = listAt(
      shown,
      "virtualMachineProfile",
      "networkProfile",
      "networkInterfaceConfigurations",
    )?.[0];
    assert.deepEqual(
      [
        ...["singlePlacementGroup", "platformFaultDomainCount", "constrainedMaximumCapacity"],
        ...["overprovision"],
      ].map((member) => at(shown, member)),
      [false, 1, false, undefined],
    );
    assert.deepEqual(
      ["auxiliaryMode", "auxiliarySku", "deleteOption", "dnsSettings"].map((member) =>
        at(nic, "properties", member),
      ),
      ["None", "None", "Delete", undefined],
    );
    assert.equal(
      textAt(shown, "virtualMachineProfile", "storageProfile", "osDisk", "deleteOption"),
      "Delete",
    );
    const [first] = listAt(read(azure, `${POOL}/virtualMachines`), "value") ?? [];
    const name = textAt(first, "name") ?? "";
    assert.deepEqual(first, {
      name,
      id: `${textAt(read(azure, POOL), "id") ?? ""}/virtualMachines/${name}`,
      type: "Microsoft.Compute/virtualMachineScaleSets/virtualMachines",
      location,
      instanceId: name,
      zones: [null],
    });
  });

  // test_vmss_simple_orchestration_mode.yaml.
  it("that are flexible and have no model have no size, upgrade policy and time either", () => {
    const azure = aModel({ virtualMachines: [] });
    azure.finish("PUT", POOL, { location, properties: { orchestrationMode: "Flexible" } });
    const set = read(azure, POOL);
    assert.deepEqual(
      [at(set, "sku"), at(set, "properties", "upgradePolicy"), at(set, "properties", "timeCreated")],
      [undefined, undefined, undefined],
    );
  });

  // test_create_flexible_vmss_with_priority_mix_policy.yaml, test_vm_simulate_eviction.yaml.
  it("pay what others do for Spot instances, as Spot VMs do", () => {
    const azure = aModel({ virtualMachines: [] });
    const body = poolBody();
    const virtualMachineProfile = {
      ...objectAt(body, "properties", "virtualMachineProfile"),
      priority: "Spot",
      evictionPolicy: "Deallocate",
    };
    azure.finish("PUT", POOL, { ...body, properties: { virtualMachineProfile } });
    const price = { maxPrice: -1 };
    assert.deepEqual(at(read(azure, POOL), "properties", "virtualMachineProfile", "billingProfile"), price);
    azure.finish("PUT", "virtualMachines/v", {
      location,
      properties: { networkProfile: {}, priority: "Spot", billingProfile: null },
    });
    assert.deepEqual(at(read(azure, "virtualMachines/v"), "properties", "billingProfile"), price);
  });

  // test_vmss_*.yaml: `az vmss update` sends the set back without its image.
  it("keep their image in a PUT that leaves it out, which dates their model", () => {
    const azure = aPool();
    const before = read(azure, POOL);
    const model = objectAt(before, "properties", "virtualMachineProfile") ?? {};
    const { imageReference, ...storageProfile } = objectAt(model, "storageProfile") ?? {};
    azure.advance(60_000);
    azure.finish("PUT", POOL, {
      ...objectAt(before),
      tags: { a: "b" },
      properties: { virtualMachineProfile: { ...model, storageProfile } },
    });
    const after = objectAt(read(azure, POOL), "properties", "virtualMachineProfile");
    assert.deepEqual(at(after, "storageProfile", "imageReference"), imageReference);
    assert.notEqual(textAt(after, "timeCreated"), textAt(model, "timeCreated"));
    assert.equal(at(read(azure, `${POOL}/virtualMachines/0`), "properties", "latestModelApplied"), true);
  });

  // From the tests of Azure's SDK for Java, which run against Azure (`canUpdateVMSSInCreateOrUpdateMode`).
  it("show no model of a flexible set that has none, until one is stated", () => {
    const azure = aModel({ virtualMachines: [] });
    const showsModel = (): boolean =>
      Object.hasOwn(objectAt(read(azure, POOL), "properties") ?? {}, "virtualMachineProfile");
    azure.finish("PUT", POOL, { location, properties: { orchestrationMode: "Flexible" } });
    assert.equal(showsModel(), false);
    azure.finish("PATCH", POOL, { tags: { a: "b" } });
    assert.equal(showsModel(), false);
    azure.finish("PUT", POOL, poolBody({ orchestrationMode: "Flexible" }));
    assert.equal(showsModel(), true);
  });

  it("give their instances size, resilience and disks of Azure's names", () => {
    const azure = aPool();
    const instance = objectAt(read(azure, `${POOL}/virtualMachines/1`), "properties");
    assert.deepEqual(at(instance, "hardwareProfile"), { vmSize: "Standard_D2s_v3" });
    assert.equal(at(instance, "resilientVMDeletionStatus"), "Disabled");
    const osDisk = objectAt(instance, "storageProfile", "osDisk") ?? {};
    assert.match(textAt(osDisk, "name") ?? "", /^pool_pool_1_OsDisk_1_[0-9a-f]{32}$/);
    assert.deepEqual([osDisk["caching"], osDisk["deleteOption"]], ["None", undefined]);
    const long = "virtualMachineScaleSets/testParentResource";
    azure.finish("PUT", long, poolBody());
    assert.match(
      textAt(read(azure, `${long}/virtualMachines/0`), "properties", "storageProfile", "osDisk", "name") ??
        "",
      /^testParentResource_testParentResource_0_OS__1_[0-9a-f]{32}$/,
    );
  });

  it("spread their instances over fault and update domains", () => {
    const azure = aPool({ platformFaultDomainCount: 2 }, { sku: { name: "Standard_D2s_v3", capacity: 6 } });
    const domains = (view: Json | undefined): readonly unknown[] =>
      ["platformFaultDomain", "platformUpdateDomain"].map((member) => at(view, member));
    const all = listAt(read(azure, `${POOL}/virtualMachines?$expand=instanceView`), "value") ?? [];
    assert.deepEqual(
      all.map((vm) => domains(at(vm, "properties", "instanceView"))),
      [0, 1, 2, 3, 4, 5].map((number) => [number % 2, number % 5]),
    );
    const view = read(azure, `${POOL}/virtualMachines/3/instanceView`);
    assert.deepEqual(domains(view), [1, 3]);
    assert.match(textAt(view, "placementGroupId") ?? "", /^[0-9a-f-]{36}$/);
  });

  it("have the ETag of their creation until something changes them", () => {
    const azure = aPool();
    const etags = (): readonly unknown[] =>
      [POOL, `${POOL}/virtualMachines/0`].map((path) => at(read(azure, path), "etag"));
    assert.deepEqual(etags(), ['"1"', '"1"']);
    azure.finish("PUT", POOL, poolBody());
    assert.deepEqual(etags(), ['"1"', '"1"']);
    azure.finish("PATCH", POOL, { tags: { a: "1" } });
    assert.deepEqual(etags(), ['"2"', '"1"']);
  });

  it("refuse an instance id that is no number", () => {
    const { status, body } = aPool().send("GET", `${POOL}/virtualMachines/0notfound`);
    assert.deepEqual(
      [status, ...["code", "target", "message"].map((member) => at(body, "error", member))],
      [400, "InvalidParameter", "instanceId", "Virtual Machine Scale Set VM instanceId must be a number."],
    );
  });

  it("show what a Windows guest reports", () => {
    const view = read(aPool(), `${POOL}/virtualMachines/0/instanceView`);
    assert.equal(at(view, "osName"), "Windows Server 2019 Datacenter");
    assert.equal(
      at(listAt(view, "vmAgent", "statuses")?.[0], "message"),
      "GuestAgent is running and processing the extensions.",
    );
  });

  it("name both ETags where the condition of a write does not hold", () => {
    const azure = aPool();
    for (const ifMatch of ["invalid", '"invalid"'])
      assert.equal(
        textAt(azure.send("PUT", POOL, poolBody(), { ifMatch }).body, "error", "message"),
        'Etag provided in if-match header "invalid" does not match etag "1" of resource.',
      );
  });
});
