import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { at, type Json, textAt } from "../model/api/json.ts";
import { addVirtualMachine } from "../model/set-up.ts";
import { aModel, COMPUTE, diskBody, listBody, type ModelFixture } from "../model/testing/model-fixture.ts";
import { answerInstanceMetadata } from "./instance-metadata.ts";

const NEWEST = "2025-04-07";

function asked(
  azure: ModelFixture,
  path: string,
  { version = NEWEST as string | null, format = undefined as string | undefined, method = "GET" } = {},
): { readonly status?: number; readonly body?: Json; readonly text?: string } {
  return (
    answerInstanceMetadata(azure.model.world, {
      method,
      path: `/emulator/v1/imds/node-a/metadata/${path}`,
      query: {
        ...(version === null ? {} : { "api-version": version }),
        ...(format === undefined ? {} : { format }),
      },
      headers: { metadata: "true" },
      bodyText: "",
      origin: "https://emulator",
    }) ?? {}
  );
}

// Learn, Azure Instance Metadata Service: versions, errors, and the version that introduced each member.
describe("the instance metadata service", () => {
  it("has Azure's versions, and names the newest where another is asked for", () => {
    const azure = aModel();
    const versions = at(asked(azure, "versions", { version: null }).body, "apiVersions") as string[];
    assert.deepEqual([versions[0], versions.at(-1), versions.length], ["2017-03-01", NEWEST, 35]);
    const refused = {
      status: 400,
      body: {
        error:
          "Bad request. api-version is invalid or was not specified in the request. For more information " +
          "refer to aka.ms/azureimds",
        "newest-versions": [NEWEST, "2024-07-17", "2024-03-15"],
      },
    };
    for (const version of [null, "2021-10-02", "latest"])
      assert.deepEqual(asked(azure, "instance", { version }), refused, version ?? "none");
  });

  it("says in which edge zone a VM is", () => {
    const place = (azure: ModelFixture): Json | undefined =>
      at(asked(azure, "instance/compute").body, "extendedLocation");
    assert.deepEqual(place(aModel()), { type: "", name: "" });
    const azure = aModel({ virtualMachines: [] });
    addVirtualMachine(azure.model.world, {
      subscriptionId: "sub-1",
      resourceGroup: "rg",
      location: "eastus",
      name: "node-a",
      edgeZone: "losangeles",
    });
    assert.deepEqual(place(azure), { type: "EdgeZone", name: "losangeles" });
  });

  it("is only read: any other method is 405", () => {
    for (const method of ["POST", "PUT", "DELETE"])
      assert.equal(asked(aModel(), "instance", { method }).status, 405);
  });

  it("shows each member from the version on that introduced it", () => {
    const azure = aModel();
    const has = (member: string, version: string): boolean =>
      at(asked(azure, "instance/compute", { version }).body, member) !== undefined;
    for (const [member, before, from] of [
      ["zone", "2017-10-01", "2017-12-01"],
      ["resourceId", "2019-02-01", "2019-03-11"],
      ["storageProfile", "2019-04-30", "2019-06-01"],
      ["tagsList", "2019-06-01", "2019-06-04"],
      ["userData", "2020-12-01", "2021-01-01"],
      ["physicalZone", "2023-07-01", "2023-11-15"],
    ] as const)
      assert.deepEqual([has(member, before), has(member, from)], [false, true], member);
  });

  it("shows what the VM was made with, and empty texts for the rest", () => {
    const azure = aModel({ virtualMachines: [{ name: "node-a", tags: { a: "1", b: "2" } }] });
    const publicKeys = [{ path: "/home/me/.ssh/authorized_keys", keyData: "ssh-rsa AAAA" }];
    azure.finish("PATCH", "virtualMachines/node-a", {
      properties: {
        userData: "aGk=",
        osProfile: { linuxConfiguration: { ssh: { publicKeys } } },
      },
    });
    assert.deepEqual(asked(azure, "instance/compute/publicKeys").body, publicKeys);
    const text = (path: string): unknown => asked(azure, `instance/compute/${path}`, { format: "text" }).text;
    assert.deepEqual(
      ["tags", "userData", "provider", "osProfile/computerName", "physicalZone", "offer"].map(text),
      ["a:1;b:2", "aGk=", "Microsoft.Compute", "node-a", "eastus-az1", "0001-com-ubuntu-server-jammy"],
    );
    assert.deepEqual(["licenseType", "evictionPolicy", "plan/name"].map(text), ["", "", ""]);
    const osDisk = asked(azure, "instance/compute/storageProfile/osDisk").body;
    assert.deepEqual(
      [at(osDisk, "caching"), at(osDisk, "diskSizeGB"), at(osDisk, "managedDisk", "storageAccountType")],
      ["ReadWrite", "30", "Premium_LRS"],
    );
    assert.equal(
      textAt(asked(azure, "instance/network/interface/0/ipv4/ipAddress/0").body, "privateIpAddress"),
      "10.0.0.4",
    );
    assert.equal(asked(azure, "instance/compute/none").status, 404);
  });

  it("fills in limits and capacity of Ultra disks only", () => {
    const azure = aModel({ virtualMachines: [{ name: "node-a", ultraSsdEnabled: true }] });
    azure.finish("PUT", "disks/plain", diskBody());
    azure.finish(
      "PUT",
      "disks/ultra",
      diskBody({ sku: "UltraSSD_LRS", properties: { diskIOPSReadWrite: 2000, diskMBpsReadWrite: 100 } }),
    );
    azure.finish("PATCH", "virtualMachines/node-a", listBody({ 0: "plain", 1: "ultra" }));
    const member = (lun: number, name: string): unknown =>
      at(asked(azure, `instance/compute/storageProfile/dataDisks/${lun}`).body, name);
    const shown = (lun: number): readonly unknown[] =>
      ["isUltraDisk", "diskCapacityBytes", "opsPerSecondThrottle", "bytesPerSecondThrottle"].map((name) =>
        member(lun, name),
      );
    assert.deepEqual(
      [shown(0), shown(1)],
      [
        ["false", "", "", ""],
        ["true", "137438953472", "2000", "104857600"],
      ],
    );
    assert.equal(
      at(
        asked(azure, "instance/compute/storageProfile/dataDisks/1", { version: "2021-03-01" }).body,
        "isUltraDisk",
      ),
      undefined,
    );
  });

  it("has the domains of the VM's instance view, and its system", () => {
    const azure = aModel({ virtualMachines: [] });
    azure.send("PUT", "availabilitySets/set", { location: "eastus" });
    for (const name of ["node-b", "node-a"])
      azure.finish("PUT", `virtualMachines/${name}`, {
        location: "eastus",
        properties: {
          networkProfile: {},
          availabilitySet: { id: `${COMPUTE}/availabilitySets/set` },
          storageProfile: { imageReference: { publisher: "MicrosoftWindowsServer" } },
        },
      });
    const compute = at(asked(azure, "instance").body, "compute");
    assert.deepEqual(
      ["platformFaultDomain", "platformUpdateDomain", "osType"].map((member) => at(compute, member)),
      ["1", "1", "Windows"],
    );
  });
});
