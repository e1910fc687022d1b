import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { at, type Json, type JsonObject, merged, objectAt, textAt } from "./api/json.ts";
import { aModel, COMPUTE, diskBody } from "./testing/model-fixture.ts";

const OS_PROFILE = { computerName: "host", adminUsername: "azure" };
const SECRETS = { adminPassword: "secret", customData: "aGVsbG8=" };

const VM = { location: "eastus", properties: { networkProfile: {} } };
const MODEL = { osProfile: { windowsConfiguration: {} }, storageProfile: { imageReference: { sku: "x" } } };
/** What a client states of members that Azure's description has as read-only, and the path to them. */
const READ_ONLY: readonly {
  readonly path: string;
  readonly body: JsonObject;
  readonly stated: JsonObject;
  readonly member: readonly string[];
}[] = [
  {
    path: "disks/d",
    body: diskBody() as JsonObject,
    stated: { properties: { creationData: { sourceUniqueId: "stated" } } },
    member: ["properties", "creationData", "sourceUniqueId"],
  },
  {
    path: "virtualMachines/vm",
    body: { ...VM, properties: { ...VM.properties, ...MODEL } },
    stated: { properties: { storageProfile: { imageReference: { exactVersion: "stated" } } } },
    member: ["properties", "storageProfile", "imageReference", "exactVersion"],
  },
  {
    path: "virtualMachines/vm",
    body: { ...VM, properties: { ...VM.properties, ...MODEL } },
    stated: { properties: { osProfile: { windowsConfiguration: { enableVMAgentPlatformUpdates: false } } } },
    member: ["properties", "osProfile", "windowsConfiguration", "enableVMAgentPlatformUpdates"],
  },
  {
    path: "virtualMachines/vm",
    body: VM,
    stated: { identity: { type: "UserAssigned", principalId: "stated" } },
    member: ["identity", "principalId"],
  },
  {
    path: "virtualMachineScaleSets/pool",
    body: { location: "eastus", properties: { virtualMachineProfile: MODEL } },
    stated: { properties: { virtualMachineProfile: { timeCreated: "stated" } } },
    member: ["properties", "virtualMachineProfile", "timeCreated"],
  },
  {
    path: "diskEncryptionSets/keys",
    body: {
      location: "eastus",
      identity: { type: "SystemAssigned" },
      properties: { activeKey: { keyUrl: "https://vault.vault.azure.net/keys/key/1" } },
    },
    stated: { properties: { previousKeys: [{ keyUrl: "stated" }] } },
    member: ["properties", "previousKeys"],
  },
];

describe("the properties that reads return", () => {
  it("leaves out a VM's password and custom data, and user data unless asked for", () => {
    const azure = aModel({ settings: { osDisks: false } });
    azure.finish("PUT", "virtualMachines/vm", {
      location: "eastus",
      properties: { networkProfile: {}, osProfile: { ...OS_PROFILE, ...SECRETS }, userData: "dXNlcg==" },
    });
    const read = azure.send("GET", "virtualMachines/vm").body;
    assert.deepEqual(at(read, "properties", "osProfile"), OS_PROFILE);
    assert.equal(at(read, "properties", "userData"), undefined);
    const asked = azure.send("GET", "virtualMachines/vm?$expand=userData").body;
    assert.equal(textAt(asked, "properties", "userData"), "dXNlcg==");
    // What a client has read and puts back changes none of them.
    azure.finish("PUT", "virtualMachines/vm", read);
    assert.equal(
      textAt(azure.send("GET", "virtualMachines/vm?$expand=userdata").body, "properties", "userData"),
      "dXNlcg==",
    );
  });

  it("leaves out the secrets of a scale set's model, which can be put back as read", () => {
    const azure = aModel({ settings: { osDisks: false } });
    const extension = { type: "CustomScript", settings: { script: "run" } };
    const model = {
      userData: "dXNlcg==",
      osProfile: { computerNamePrefix: "worker", ...SECRETS },
      extensionProfile: {
        extensions: [{ name: "script", properties: { ...extension, protectedSettings: { key: "secret" } } }],
      },
    };
    const sku = { name: "Standard_D8s_v5", capacity: 1 };
    azure.finish("PUT", "virtualMachineScaleSets/pool", {
      location: "eastus",
      sku,
      properties: { virtualMachineProfile: model },
    });
    const read = azure.send("GET", "virtualMachineScaleSets/pool").body;
    assert.deepEqual(at(read, "properties", "virtualMachineProfile"), {
      osProfile: { computerNamePrefix: "worker" },
      extensionProfile: { extensions: [{ name: "script", properties: extension }] },
      timeCreated: at(read, "properties", "timeCreated"),
    });
    azure.finish("PUT", "virtualMachineScaleSets/pool", read);
    const instance = azure.send("GET", "virtualMachineScaleSets/pool/virtualMachines/0").body;
    assert.equal(at(instance, "properties", "latestModelApplied"), true);
    assert.equal(textAt(instance, "properties", "osProfile", "computerName"), "worker000000");
    assert.equal(
      textAt(
        azure.send("GET", "virtualMachineScaleSets/pool?$expand=userData").body,
        ...["properties", "virtualMachineProfile", "userData"],
      ),
      "dXNlcg==",
    );
  });

  it("shows on an instance what is its own of the model: user name and interfaces", () => {
    const azure = aModel({ settings: { osDisks: false } });
    const nic = { name: "nic", properties: { primary: true } };
    azure.finish("PUT", "virtualMachineScaleSets/pool", {
      location: "eastus",
      sku: { name: "Standard_D8s_v5", capacity: 1 },
      properties: {
        virtualMachineProfile: {
          priority: "Spot",
          osProfile: { adminUsername: "azure" },
          networkProfile: { healthProbe: { id: "/probe" }, networkInterfaceConfigurations: [nic] },
        },
      },
    });
    const instance = "virtualMachineScaleSets/pool/virtualMachines/0";
    const { body } = azure.send("GET", instance);
    const shown = ["priority", "osProfile", "networkProfile", "networkProfileConfiguration"].map((member) =>
      at(body, "properties", member),
    );
    assert.deepEqual(shown, [
      undefined,
      { adminUsername: "azure", computerName: "pool000000" },
      { networkInterfaces: [{ id: `${COMPUTE}/${instance}/networkInterfaces/nic` }] },
      { networkInterfaceConfigurations: [nic] },
    ]);
  });

  it("changes by a PATCH only the members that it names, at any depth", () => {
    const azure = aModel({ settings: { osDisks: false } });
    const profile = (path: string, ...to: readonly string[]): Json | undefined =>
      at(azure.send("GET", path).body, "properties", ...to);
    const storageProfile = { imageReference: { sku: "22_04" }, osDisk: { createOption: "FromImage" } };
    azure.finish("PUT", "virtualMachines/vm", {
      location: "eastus",
      properties: { networkProfile: {}, osProfile: OS_PROFILE, storageProfile },
    });
    azure.finish("PATCH", "virtualMachines/vm", {
      properties: { storageProfile: { osDisk: { deleteOption: "Delete" } } },
    });
    assert.deepEqual(profile("virtualMachines/vm", "storageProfile", "imageReference"), { sku: "22_04" });
    assert.deepEqual(profile("virtualMachines/vm", "storageProfile", "osDisk"), {
      createOption: "FromImage",
      deleteOption: "Delete",
    });
    const model = { storageProfile, osProfile: { adminUsername: "azure" } };
    azure.finish("PUT", "virtualMachineScaleSets/pool", {
      location: "eastus",
      sku: { name: "Standard_D8s_v5", capacity: 1 },
      properties: { virtualMachineProfile: model },
    });
    azure.finish("PATCH", "virtualMachineScaleSets/pool", {
      properties: { virtualMachineProfile: { storageProfile: { imageReference: { sku: "24_04" } } } },
    });
    assert.deepEqual(profile("virtualMachineScaleSets/pool", "virtualMachineProfile"), {
      ...model,
      storageProfile: { ...storageProfile, imageReference: { sku: "24_04" } },
      timeCreated: profile("virtualMachineScaleSets/pool", "timeCreated"),
    });
  });

  it("has no member that Azure does not describe, and none that a write sets to null", () => {
    const azure = aModel({ settings: { osDisks: false } });
    const read = (path: string): JsonObject => objectAt(azure.send("GET", path).body, "properties") ?? {};
    azure.finish("PUT", "disks/d", {
      location: "eastus",
      sku: { name: "Premium_LRS" },
      properties: { creationData: { createOption: "Empty" }, diskSizeGB: 8, osType: "Linux", foo: 1 },
    });
    assert.deepEqual([read("disks/d")["osType"], read("disks/d")["foo"]], ["Linux", undefined]);
    azure.finish("PATCH", "disks/d", { properties: { osType: null, bar: {} } });
    assert.deepEqual(
      ["osType", "bar"].filter((member) => member in read("disks/d")),
      [],
    );
    azure.finish("PUT", "virtualMachines/vm", {
      location: "eastus",
      properties: { networkProfile: {}, licenseType: null, osProfile: { computerName: "vm", secrets: null } },
    });
    assert.deepEqual(
      [read("virtualMachines/vm")["osProfile"], "licenseType" in read("virtualMachines/vm")],
      [{ computerName: "vm" }, false],
    );
  });

  it("has the host name in a VM's instance view, and expands it in any case", () => {
    const azure = aModel({ virtualMachines: [{ name: "node-a", computerName: "host" }] });
    for (const expand of ["instanceView", "InstanceView", "userData, instanceView"])
      assert.equal(
        textAt(
          azure.send("GET", `virtualMachines/node-a?$expand=${expand}`).body,
          ...["properties", "instanceView", "computerName"],
        ),
        "host",
      );
  });

  it("spells the time of a disk's last change of hands as Azure does", () => {
    const azure = aModel();
    azure.finish("PUT", "disks/data", diskBody());
    const id = textAt(azure.send("GET", "disks/data").body, "id") ?? "";
    azure.finish("POST", "virtualMachines/node-a/attachDetachDataDisks", {
      dataDisksToAttach: [{ diskId: id }],
    });
    const changedAt = (version: string): Json | undefined =>
      at(
        azure.send("GET", "disks/data", undefined, { query: { "api-version": version } }).body,
        "properties",
        "LastOwnershipUpdateTime",
      );
    assert.match(JSON.stringify(changedAt("2025-01-02")), /^"2023-11-14T/);
    assert.equal(changedAt("2022-07-02"), undefined);
  });

  for (const { path, body, stated, member } of READ_ONLY)
    it(`have no ${member.join(".")} of a client's`, () => {
      const azure = aModel();
      const first = azure.finish("PUT", path, merged(body, stated));
      assert.equal(textAt(first, "status"), "Succeeded");
      azure.finish("PUT", path, merged(body, stated));
      assert.notDeepEqual(at(azure.send("GET", path).body, ...member), at(stated, ...member));
    });

  it("have what Azure keeps of a VM without an effect here", () => {
    const azure = aModel();
    const hardwareProfile = { vmSize: "Standard_D8s_v5", vmSizeProperties: { vCPUsAvailable: 4 } };
    azure.finish("PUT", "virtualMachines/vm", {
      location: "eastus",
      properties: {
        networkProfile: {},
        hardwareProfile,
        storageProfile: { alignRegionalDisksToVMZone: true },
      },
    });
    azure.finish("PATCH", "virtualMachines/vm", {
      properties: { hardwareProfile: { vmSize: "Standard_D16s_v5" } },
    });
    const { body } = azure.send("GET", "virtualMachines/vm");
    assert.deepEqual(
      [
        at(body, "properties", "hardwareProfile"),
        at(body, "properties", "storageProfile", "alignRegionalDisksToVMZone"),
      ],
      [{ ...hardwareProfile, vmSize: "Standard_D16s_v5" }, true],
    );
  });

  it("have what an availability set states until a write sets it to null", () => {
    const azure = aModel();
    const proximityPlacementGroup = { id: `${COMPUTE}/proximityPlacementGroups/near` };
    const scheduledEventsPolicy = { userInitiatedReboot: { automaticallyApprove: true } };
    const shown = (): readonly unknown[] =>
      ["proximityPlacementGroup", "scheduledEventsPolicy"].map((member) =>
        at(azure.send("GET", "availabilitySets/set").body, "properties", member),
      );
    azure.send("PUT", "availabilitySets/set", {
      location: "eastus",
      properties: { proximityPlacementGroup, scheduledEventsPolicy },
    });
    azure.send("PATCH", "availabilitySets/set", { tags: { team: "storage" } });
    assert.deepEqual(shown(), [proximityPlacementGroup, scheduledEventsPolicy]);
    azure.send("PATCH", "availabilitySets/set", { properties: { proximityPlacementGroup: null } });
    assert.deepEqual(shown(), [undefined, scheduledEventsPolicy]);
  });

  it("have what Azure adds to the profile of a system", () => {
    const azure = aModel();
    const ofAny = { secrets: [], allowExtensionOperations: true, requireGuestProvisionSignal: true };
    const patchSettings = { patchMode: "ImageDefault", assessmentMode: "ImageDefault" };
    const ssh = { publicKeys: [] };
    const linuxConfiguration = {
      disablePasswordAuthentication: false,
      provisionVMAgent: true,
      patchSettings,
    };
    const ofLinux = { ...ofAny, linuxConfiguration: { ...linuxConfiguration, ssh } };
    const windowsConfiguration = {
      provisionVMAgent: true,
      enableAutomaticUpdates: true,
      patchSettings: { ...patchSettings, patchMode: "AutomaticByOS" },
      enableVMAgentPlatformUpdates: true,
    };
    const shown = (path: string, ...to: readonly string[]): Json | undefined =>
      at(azure.send("GET", path).body, "properties", ...to, "osProfile");
    const vm = (osProfile: Json, storageProfile: Json): Json => ({
      location: "eastus",
      properties: { networkProfile: {}, osProfile, storageProfile },
    });
    const stated = { ...OS_PROFILE, linuxConfiguration: { ssh } };
    azure.finish("PUT", "virtualMachines/linux", vm(stated, {}));
    assert.deepEqual(shown("virtualMachines/linux"), { ...OS_PROFILE, ...ofLinux });
    const windows = { imageReference: { publisher: "MicrosoftWindowsServer" } };
    azure.finish("PUT", "virtualMachines/windows", vm(OS_PROFILE, windows));
    assert.deepEqual(shown("virtualMachines/windows"), { ...OS_PROFILE, ...ofAny, windowsConfiguration });
    azure.finish("PUT", "virtualMachineScaleSets/windows", {
      location: "eastus",
      sku: { name: "Standard_D8s_v5", capacity: 1 },
      properties: {
        virtualMachineProfile: { osProfile: { computerNamePrefix: "worker" }, storageProfile: windows },
      },
    });
    // Recorded: patches and updates of the agent are of VMs only.
    assert.deepEqual(shown("virtualMachineScaleSets/windows/virtualMachines/0"), {
      ...ofAny,
      windowsConfiguration: { provisionVMAgent: true, enableAutomaticUpdates: true },
      computerName: "worker000000",
    });
    const model = { computerNamePrefix: "worker", linuxConfiguration: { ssh } };
    azure.finish("PUT", "virtualMachineScaleSets/pool", {
      location: "eastus",
      sku: { name: "Standard_D8s_v5", capacity: 1 },
      properties: { virtualMachineProfile: { osProfile: model } },
    });
    const { patchSettings: _ofVms, ...ofModel } = linuxConfiguration;
    const ofInstances = { ...ofAny, linuxConfiguration: { ...ofModel, ssh } };
    assert.deepEqual(shown("virtualMachineScaleSets/pool", "virtualMachineProfile"), {
      ...model,
      ...ofInstances,
    });
    azure.finish("PATCH", "virtualMachineScaleSets/pool", { tags: {} });
    const instance = "virtualMachineScaleSets/pool/virtualMachines/0";
    assert.deepEqual(shown(instance), { computerName: "worker000000", ...ofInstances });
    assert.equal(at(azure.send("GET", instance).body, "properties", "latestModelApplied"), true);
  });
});
