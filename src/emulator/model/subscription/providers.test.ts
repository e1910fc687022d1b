import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { at, type Json, listAt, textAt } from "../api/json.ts";
import { aModel, codeOf } from "../testing/model-fixture.ts";

const PROVIDERS = "/subscriptions/sub-1/providers";

function typeOf(provider: Json | undefined, name: string): Json | undefined {
  return listAt(provider, "resourceTypes")?.find((type) => textAt(type, "resourceType") === name);
}

// Terraform asks for these before anything else, and registers what is not registered.
describe("resource providers", () => {
  it("list Microsoft.Compute with the regions and versions of its types", () => {
    const azure = aModel();
    const listed = listAt(azure.send("GET", PROVIDERS).body, "value") ?? [];
    assert.deepEqual(textAt(listed[0], "namespace"), "Microsoft.Compute");
    const one = azure.send("GET", `${PROVIDERS}/microsoft.compute`).body;
    assert.deepEqual(one, listed[0]);
    const disks = typeOf(one, "disks");
    assert.ok(listAt(disks, "locations")?.includes("East US"));
    assert.ok(listAt(disks, "apiVersions")?.includes("2025-01-02"));
  });

  // Terraform before 4: "the required Resource Provider … wasn't returned from the Azure API".
  it("list others as registered, in Azure's spelling", () => {
    const listed = listAt(aModel().send("GET", PROVIDERS).body, "value") ?? [];
    const names = listed.map((provider) => textAt(provider, "namespace"));
    for (const name of ["Microsoft.Network", "Microsoft.MixedReality", "Microsoft.DBforMariaDB"])
      assert.ok(names.includes(name), name);
    assert.ok(names.includes("microsoft.insights"));
    assert.equal(new Set(names.map((name) => name?.toLowerCase())).size, names.length);
    assert.deepEqual(
      new Set(listed.map((provider) => textAt(provider, "registrationState"))),
      new Set(["Registered"]),
    );
  });

  it("show the versions that the settings leave", () => {
    const azure = aModel({ settings: { apiVersions: ["2025-04-01"] } });
    const provider = azure.send("GET", `${PROVIDERS}/Microsoft.Compute`).body;
    assert.deepEqual(at(typeOf(provider, "virtualMachines"), "apiVersions"), ["2025-04-01"]);
  });

  it("register any provider, and refuse what is no name of one", () => {
    const azure = aModel();
    const registered = azure.send("POST", `${PROVIDERS}/Microsoft.Network/register`);
    assert.deepEqual(
      [registered.status, textAt(registered.body, "registrationState"), at(registered.body, "resourceTypes")],
      [200, "Registered", []],
    );
    const refused = azure.send("POST", `${PROVIDERS}/nonsense/register`);
    assert.deepEqual([refused.status, codeOf(refused.body)], [404, "InvalidResourceNamespace"]);
  });
});
