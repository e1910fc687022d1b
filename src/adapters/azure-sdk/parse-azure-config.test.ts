import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { parseAzureConfig } from "./parse-azure-config.ts";

const SMALL = { tenantId: "t", useManagedIdentityExtension: true, auxiliaryTenantIDs: ["t-2"] };
const NO_TEXT = /^is a number in the Azure settings \(azure.json\): write a text, in quotes$/u;
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

  // As Kubernetes' Go parser, of which each row was tried.
  const taken: readonly { readonly text: string; readonly config: object }[] = [
    { text: "useManagedIdentityExtension: yes", config: { useManagedIdentityExtension: true } },
    { text: "useManagedIdentityExtension: ON", config: { useManagedIdentityExtension: true } },
    { text: "useManagedIdentityExtension: Off", config: { useManagedIdentityExtension: false } },
    { text: "useManagedIdentityExtension: n", config: { useManagedIdentityExtension: false } },
    { text: "useManagedIdentityExtension: TRUE", config: { useManagedIdentityExtension: true } },
    { text: "aadClientSecret: 12345678901234567", config: { aadClientSecret: "12345678901234567" } },
    { text: '{"aadClientSecret": 12345678901234567}', config: { aadClientSecret: "12345678901234567" } },
    { text: "aadClientSecret: 18446744073709551615", config: { aadClientSecret: "18446744073709551615" } },
    { text: "aadClientSecret: -9223372036854775808", config: { aadClientSecret: "-9223372036854775808" } },
    { text: "aadClientSecret: '1_000'", config: { aadClientSecret: "1_000" } },
    { text: "aadClientSecret: 0b12", config: { aadClientSecret: "0b12" } },
    { text: "aadClientSecret: -1.2.3", config: { aadClientSecret: "-1.2.3" } },
    {
      text: "aadClientSecret: 1:30\ntenantId: 2024-01-01",
      config: { aadClientSecret: "1:30", tenantId: "2024-01-01" },
    },
    { text: "aadClientSecret: -5\ntenantId: 7", config: { aadClientSecret: "-5", tenantId: "7" } },
    { text: "resourceGroup: true", config: { resourceGroup: "true" } },
    { text: "resourceGroup: 'no'", config: { resourceGroup: "no" } },
    { text: "auxiliaryTenantIDs: [1, b]", config: { auxiliaryTenantIDs: ["1", "b"] } },
    { text: "resourceGroup: ~\nlocation:", config: {} },
  ];
  for (const { text, config } of taken)
    it(`takes ${JSON.stringify(text)}`, async () =>
      assert.deepEqual(await parseAzureConfig(text), { ok: true, value: { config, unused: [] } }));

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
    {
      text: '{"useManagedIdentityExtension":"true"}',
      field: "useManagedIdentityExtension",
      problem: /^is a text in the Azure settings \(azure.json\): write true or false, without quotes$/u,
    },
    {
      text: '{"auxiliaryTokenProvider":{"vaultName":"v"}}',
      field: "auxiliaryTokenProvider",
      problem: /only Microsoft's own control planes .* auxiliaryTenantIDs/,
    },
    {
      text: '{"auxiliaryTenantIDs":"tenant"}',
      field: "auxiliaryTenantIDs",
      problem: /^is a text .*: write a list of texts, each in quotes$/u,
    },
    { text: '{"aadClientSecret":1e5}', field: "aadClientSecret", problem: NO_TEXT },
    { text: "aadClientSecret: 0123", field: "aadClientSecret", problem: NO_TEXT },
    { text: "aadClientSecret: +123", field: "aadClientSecret", problem: NO_TEXT },
    { text: "aadClientSecret: 1.50", field: "aadClientSecret", problem: NO_TEXT },
    ...[
      "18446744073709551616",
      "-9223372036854775809",
      "1_000",
      "1_0.5e1",
      "0b101",
      "0X1F",
      "-0x1f",
      "+0O17",
      "-.inf",
      ".NaN",
    ].map((number) => ({ text: `aadClientSecret: ${number}`, field: "aadClientSecret", problem: NO_TEXT })),
    { text: '{"aadClientSecret":18446744073709551616}', field: "aadClientSecret", problem: NO_TEXT },
    {
      text: "resourceGroup: no",
      field: "resourceGroup",
      problem: /^is a boolean .*: write a text, in quotes$/u,
    },
    { text: "tenantId: {a: b}", field: "tenantId", problem: /^is a mapping / },
    { text: "tenantId: [a]", field: "tenantId", problem: /^is a list / },
    { text: "auxiliaryTenantIDs: [a, 01]", field: "auxiliaryTenantIDs", problem: /^is a list / },
    {
      text: "useManagedIdentityExtension: 'yes'",
      field: "useManagedIdentityExtension",
      problem: /^is a text /,
    },
    {
      text: "useManagedIdentityExtension: 1",
      field: "useManagedIdentityExtension",
      problem: /^is a number /,
    },
  ];
  for (const { text, field, problem } of wrong)
    it(`refuses, without repeating any value: ${JSON.stringify(text)}`, async () => {
      const parsed = await parseAzureConfig(text);
      assert.ok(!parsed.ok);
      assert.deepEqual([parsed.failure.field, parsed.failure.value], [field, ""]);
      assert.match(parsed.failure.problem, problem);
    });
});
