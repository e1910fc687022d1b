import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { parseAzureConfig } from "./parse-azure-config.ts";

const SMALL = { tenantId: "t", useManagedIdentityExtension: true, auxiliaryTenantIDs: ["t-2"] };
const NEITHER = /^is neither a JSON object nor a YAML mapping$/u;

describe("azure.json", () => {
  it("reads the fields that Kubernetes' cloud providers use, and names the others", async () => {
    const config = {
      ...{
        cloud: "AzurePublicCloud",
        tenantId: "t",
        subscriptionId: "s",
        resourceGroup: "rg",
        location: "eastus",
      },
      ...{
        aadClientId: "msi",
        aadClientSecret: "msi",
        useManagedIdentityExtension: true,
        userAssignedIdentityID: "id",
      },
      ...{ useFederatedWorkloadIdentityExtension: false, aadFederatedTokenFile: "/token" },
      ...{ auxiliaryTenantIDs: ["t-2"], networkResourceTenantID: "t-3" },
      ...{ resourceManagerEndpoint: "https://arm", activeDirectoryEndpoint: "https://login" },
    };
    const others = {
      vmType: "standard",
      securityGroupName: "nsg",
      cloudProviderBackoffRetries: 6,
      loadBalancerSku: null,
    };
    assert.deepEqual(await parseAzureConfig(JSON.stringify({ ...config, ...others })), {
      ok: true,
      value: { config, unused: Object.keys(others) },
    });
    assert.deepEqual(await parseAzureConfig('{"location":null,"cloud":"","aadClientId":""}'), {
      ok: true,
      value: { config: {}, unused: [] },
    });
  });

  it("compares names without case, as Kubernetes' cloud provider does", async () => {
    const text = '{"tenantID":"t","subscriptionID":"s","resourcegroup":"rg","VMTYPE":"vmss"}';
    assert.deepEqual(await parseAzureConfig(text), {
      ok: true,
      value: {
        config: { tenantId: "t", subscriptionId: "s", resourceGroup: "rg" },
        unused: ["VMTYPE"],
      },
    });
  });

  for (const [form, text] of [
    ["YAML", "tenantId: t\nuseManagedIdentityExtension: true\nauxiliaryTenantIDs:\n- t-2\nvmType: vmss\n"],
    ["JSON after a byte order mark", `\uFEFF${JSON.stringify({ ...SMALL, vmType: "vmss" })}`],
  ] as const)
    it(`may be ${form}`, async () =>
      assert.deepEqual(await parseAzureConfig(text), {
        ok: true,
        value: { config: SMALL, unused: ["vmType"] },
      }));

  const wrong: readonly { readonly text: string; readonly field: string; readonly problem: RegExp }[] = [
    { text: "", field: "azure.json", problem: NEITHER },
    { text: '{"tenantId":', field: "azure.json", problem: NEITHER },
    { text: "[]", field: "azure.json", problem: NEITHER },
    { text: "aadClientSecret", field: "azure.json", problem: NEITHER },
    { text: "tenantId: t\n tenantId: [secret", field: "azure.json", problem: NEITHER },
    {
      text: "{tenantId: t, aadClientSecret:secret}",
      field: "azure.json",
      problem: /a space follows each colon$/u,
    },
    {
      text: '{"tenantId":"t","tenantID":"u"}',
      field: "tenantId",
      problem: /^is given twice: names are compared without case$/u,
    },
    { text: '{"ExtendedLocationName":"x"}', field: "extendedLocationName", problem: /edge zone/u },
    {
      text: '{"useManagedIdentityExtension":"true"}',
      field: "useManagedIdentityExtension",
      problem: /must be a boolean/,
    },
    {
      text: '{"extendedLocationName":"microsoftlosangeles1"}',
      field: "extendedLocationName",
      problem: /edge zone would be made in its region/,
    },
    {
      text: '{"auxiliaryTokenProvider":{"vaultName":"v"}}',
      field: "auxiliaryTokenProvider",
      problem: /only Microsoft's own control planes .* auxiliaryTenantIDs/,
    },
    {
      text: '{"auxiliaryTenantIDs":"tenant"}',
      field: "auxiliaryTenantIDs",
      problem: /must be a list of strings/,
    },
    { text: '{"aadClientSecret":12345}', field: "aadClientSecret", problem: /must be a string/ },
  ];
  for (const { text, field, problem } of wrong) {
    it(`refuses, without repeating any value: ${JSON.stringify(text)}`, async () => {
      const parsed = await parseAzureConfig(text);
      assert.ok(!parsed.ok);
      assert.deepEqual([parsed.failure.field, parsed.failure.value], [field, ""]);
      assert.match(parsed.failure.problem, problem);
    });
  }
});
