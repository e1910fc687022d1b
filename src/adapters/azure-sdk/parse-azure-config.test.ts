import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { parseAzureConfig } from "./parse-azure-config.ts";

describe("azure.json", () => {
  it("reads the fields that Kubernetes' cloud providers use, and names the others", () => {
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
    assert.deepEqual(parseAzureConfig(JSON.stringify({ ...config, ...others })), {
      ok: true,
      value: { config, unused: Object.keys(others) },
    });
    assert.deepEqual(parseAzureConfig('{"location":null,"cloud":"","aadClientId":""}'), {
      ok: true,
      value: { config: {}, unused: [] },
    });
  });

  const wrong: readonly { readonly text: string; readonly field: string; readonly problem: RegExp }[] = [
    { text: "", field: "azure.json", problem: /is no JSON object/ },
    { text: '{"tenantId":', field: "azure.json", problem: /is no JSON object/ },
    { text: "[]", field: "azure.json", problem: /is no JSON object/ },
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
    it(`refuses, without repeating any value: ${JSON.stringify(text)}`, () => {
      const parsed = parseAzureConfig(text);
      assert.ok(!parsed.ok);
      assert.deepEqual([parsed.failure.field, parsed.failure.value], [field, ""]);
      assert.match(parsed.failure.problem, problem);
    });
  }
});
