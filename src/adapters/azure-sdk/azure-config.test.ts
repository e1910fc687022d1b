import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { auxiliaryTenantsOf, type AzureConfig, type AzureEndpoints, endpointsOf } from "./azure-config.ts";

const PUBLIC: AzureEndpoints = {
  resourceManager: "https://management.azure.com",
  authority: "https://login.microsoftonline.com",
  tokenAudience: "https://management.azure.com",
};
const GOVERNMENT: AzureEndpoints = {
  resourceManager: "https://management.usgovcloudapi.net",
  authority: "https://login.microsoftonline.us",
  tokenAudience: "https://management.usgovcloudapi.net",
};
const CHINA: AzureEndpoints = {
  resourceManager: "https://management.chinacloudapi.cn",
  authority: "https://login.chinacloudapi.cn",
  tokenAudience: "https://management.chinacloudapi.cn",
};

describe("the addresses of a cloud", () => {
  const rows: readonly {
    readonly because: string;
    readonly config: AzureConfig;
    readonly authorityHost?: string;
    readonly is: AzureEndpoints;
  }[] = [
    { because: "nothing is set", config: {}, is: PUBLIC },
    { because: "the public cloud by name", config: { cloud: "AzurePublicCloud" }, is: PUBLIC },
    { because: "the public cloud by az's name", config: { cloud: "AzureCloud" }, is: PUBLIC },
    { because: "Government by name", config: { cloud: "AzureUSGovernmentCloud" }, is: GOVERNMENT },
    { because: "Government by az's name", config: { cloud: "AZUREUSGOVERNMENT" }, is: GOVERNMENT },
    { because: "China by name", config: { cloud: "azurechinacloud" }, is: CHINA },
    {
      because: "the webhook's authority of the public cloud",
      config: {},
      authorityHost: "https://login.microsoftonline.com/",
      is: PUBLIC,
    },
    {
      because: "the webhook's authority of Government, without azure.json",
      config: {},
      authorityHost: "https://login.microsoftonline.us/",
      is: GOVERNMENT,
    },
    {
      because: "the webhook's authority of China, without azure.json",
      config: {},
      authorityHost: "https://Login.ChinaCloudAPI.cn/",
      is: CHINA,
    },
    {
      because: "the newer name of China's authority",
      config: {},
      authorityHost: "https://login.partner.microsoftonline.cn",
      is: { ...CHINA, authority: "https://login.partner.microsoftonline.cn" },
    },
    {
      because: "the resource manager of Government",
      config: { resourceManagerEndpoint: "https://management.usgovcloudapi.net/" },
      is: GOVERNMENT,
    },
    {
      because: "a private address of the public cloud's resource manager",
      config: { cloud: "AzurePublicCloud", resourceManagerEndpoint: "https://arm.example" },
      is: { ...PUBLIC, resourceManager: "https://arm.example" },
    },
    {
      because: "a private address of Government's, whose authority the webhook sets",
      config: { resourceManagerEndpoint: "https://arm.example" },
      authorityHost: "https://login.microsoftonline.us/",
      is: { ...GOVERNMENT, resourceManager: "https://arm.example" },
    },
    {
      because: "a resource manager alone: its metadata name the rest",
      config: { cloud: "AzureStackCloud", resourceManagerEndpoint: "https://arm.example/" },
      is: { resourceManager: "https://arm.example", authority: undefined, tokenAudience: undefined },
    },
    {
      because: "a cloud of one's own",
      config: {
        cloud: "AzureStackCloud",
        resourceManagerEndpoint: "https://arm.example",
        activeDirectoryEndpoint: "https://login.example/adfs",
        tokenAudience: "https://arm.example/guid",
      },
      is: {
        resourceManager: "https://arm.example",
        authority: "https://login.example/adfs",
        tokenAudience: "https://arm.example/guid",
      },
    },
    {
      because: "the file's authority, which wins over the environment",
      config: { activeDirectoryEndpoint: "https://login.microsoftonline.us" },
      authorityHost: "https://login.microsoftonline.com/",
      is: GOVERNMENT,
    },
  ];
  for (const { because, config, authorityHost, is } of rows)
    it(`are known: ${because}`, () =>
      assert.deepEqual(endpointsOf(config, { AZURE_AUTHORITY_HOST: authorityHost }), {
        ok: true,
        value: is,
      }));

  const refused: readonly {
    readonly because: string;
    readonly config: AzureConfig;
    readonly authorityHost?: string;
    readonly field: string;
    readonly says: RegExp;
  }[] = [
    {
      because: "an unknown cloud",
      config: { cloud: "AzureMoonCloud" },
      field: "cloud",
      says: /^is none of AzurePublicCloud, AzureUSGovernmentCloud, AzureChinaCloud; .*resourceManagerEndpoint/u,
    },
    {
      because: "a cloud, and the webhook's authority of another",
      config: { cloud: "AzureUSGovernmentCloud" },
      authorityHost: "https://login.microsoftonline.com/",
      field: "cloud",
      says: /^is AzureUSGovernmentCloud, but the authority https:\/\/login\.microsoftonline\.com .* is of AzurePublicCloud$/u,
    },
    {
      because: "a cloud, and the resource manager of another",
      config: { cloud: "AzureChinaCloud", resourceManagerEndpoint: "https://management.azure.com" },
      field: "resourceManagerEndpoint",
      says: /^is of AzurePublicCloud, but cloud is AzureChinaCloud$/u,
    },
    {
      because: "an authority, and the resource manager of another cloud",
      config: { resourceManagerEndpoint: "https://management.azure.com" },
      authorityHost: "https://login.chinacloudapi.cn/",
      field: "resourceManagerEndpoint",
      says: /^is of AzurePublicCloud, but the authority https:\/\/login\.chinacloudapi\.cn .* is of AzureChinaCloud$/u,
    },
    {
      because: "a private authority without a cloud",
      config: {},
      authorityHost: "https://login.example",
      field: "cloud",
      says: /authority https:\/\/login\.example is of no known cloud; set cloud or resourceManagerEndpoint$/u,
    },
  ];
  for (const { because, config, authorityHost, field, says } of refused)
    it(`are refused: ${because}`, () => {
      const found = endpointsOf(config, { AZURE_AUTHORITY_HOST: authorityHost });
      assert.ok(!found.ok);
      assert.equal(found.failure.field, field);
      assert.match(found.failure.problem, says);
    });
});

describe("tenants of auxiliary tokens", () => {
  const own: AzureConfig = { tenantId: "own" };
  it("are each once, without the own", () => {
    const config = { ...own, auxiliaryTenantIDs: ["Own", "a", "A"], networkResourceTenantID: "b" };
    assert.deepEqual(auxiliaryTenantsOf(config), { ok: true, value: ["a", "b"] });
    assert.deepEqual(auxiliaryTenantsOf(own), { ok: true, value: [] });
  });
  for (const [because, config, says] of [
    ["a fourth", { auxiliaryTenantIDs: ["a", "b", "c"], networkResourceTenantID: "d" }, /more than 3/u],
    [
      "any of a managed identity",
      { networkResourceTenantID: "a", useManagedIdentityExtension: true },
      /of its own tenant only/u,
    ],
    [
      "any of a managed identity's file",
      { networkResourceTenantID: "a", aadMSIDataPlaneIdentityPath: "/identity.json" },
      /of its own tenant only/u,
    ],
  ] as const)
    it(`are refused: ${because}`, () => {
      const found = auxiliaryTenantsOf({ ...own, ...config });
      assert.ok(!found.ok && found.failure.field === "auxiliaryTenantIDs");
      assert.match(found.failure.problem, says);
    });
});
