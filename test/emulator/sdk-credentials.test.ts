import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { ManagedIdentityCredential, WorkloadIdentityCredential } from "@azure/identity";
import { type AzureFixture, credential, startAzure, TENANT_ID } from "./azure-fixture.ts";

const SCOPE = "https://management.azure.com/.default";

describe("credentials of @azure/identity", () => {
  let azure: AzureFixture;
  let directory = "";
  before(async () => {
    azure = await startAzure();
    directory = await mkdtemp(join(tmpdir(), "emulator-credentials-"));
  });
  after(async () => {
    await azure.close();
    await rm(directory, { recursive: true });
  });

  it("gets a token for a client secret", async () => {
    assert.match((await credential(azure.emulator).getToken(SCOPE)).token, /^ey.*\.emulator$/);
  });

  // Continuous access evaluation: a refused client gets another token, with the claims that are asked for.
  it("gets another token where Azure asks for claims, and repeats the call with it", async () => {
    const claims = Buffer.from('{"access_token":{"nbf":{"essential":true,"value":"1726077595"}}}').toString(
      "base64",
    );
    const error = { kind: "Error", status: 401, code: "InvalidAuthenticationToken" } as const;
    const listDisks = async (): Promise<unknown> =>
      (await azure.client.disks.listByResourceGroup("rg").next()).done;
    azure.emulator.model.world.faults.add({ times: 1, effect: error });
    await assert.rejects(listDisks(), { statusCode: 401 });
    azure.emulator.model.world.faults.add({ times: 1, effect: { ...error, claims } });
    assert.equal(await listDisks(), true);
    const statuses = azure.emulator.model.journal
      .since(0)
      .filter(({ operation }) => operation === "Disks_ListByResourceGroup")
      .map(({ status }) => status);
    assert.deepEqual(statuses, [401, 401, 200]);
  });

  it("gets a token for a workload identity", async () => {
    const tokenFilePath = join(directory, "token");
    await writeFile(tokenFilePath, "service-account-token");
    const workload = new WorkloadIdentityCredential({
      tenantId: TENANT_ID,
      clientId: "driver",
      tokenFilePath,
      authorityHost: azure.emulator.url,
      disableInstanceDiscovery: true,
      tlsOptions: { ca: azure.emulator.caPem ?? "" },
    });
    assert.match((await workload.getToken(SCOPE)).token, /\.emulator$/);
  });

  // The SDK chooses one of two forms once a process: test/provisioner/log-in.test.ts has the form of IMDS.
  it("gets a token for a managed identity in the form of App Service", async () => {
    process.env["IDENTITY_ENDPOINT"] = `${azure.emulator.url}/msi/token`;
    process.env["IDENTITY_HEADER"] = "any";
    try {
      const managed = new ManagedIdentityCredential({
        clientId: "driver",
        tlsOptions: { ca: azure.emulator.caPem ?? "" },
      });
      assert.match((await managed.getToken(SCOPE)).token, /\.emulator$/);
    } finally {
      delete process.env["IDENTITY_ENDPOINT"];
      delete process.env["IDENTITY_HEADER"];
    }
  });
});
