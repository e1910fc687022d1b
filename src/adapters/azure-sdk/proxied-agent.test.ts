import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type CalledAddresses, wrongProxy } from "./proxied-agent.ts";

const MANAGER = "https://management.azure.com";
const AUTHORITY = "https://login.microsoftonline.com";
const BOTH = "management.azure.com,login.microsoftonline.com";
const called: CalledAddresses = { resourceManager: MANAGER, authority: AUTHORITY, readsMetadata: false };
const managedIdentity: CalledAddresses = { ...called, authority: undefined };

describe("wrongProxy", () => {
  it("finds nothing wrong with no proxy, and with the address of one", () => {
    for (const environment of [
      {},
      { HTTPS_PROXY: "" },
      { HTTPS_PROXY: "http://user:a%23@proxy:3128" },
      { https_proxy: "https://proxy" },
      { HTTPS_PROXY: "http://proxy:3128", ALL_PROXY: "socks5://proxy:1080" },
    ])
      assert.equal(wrongProxy(environment, called), undefined);
  });

  for (const { because, environment, addresses = called, variable = "HTTPS_PROXY", isNeeded } of [
    { because: "all calls go through it", environment: {}, isNeeded: true },
    { because: "NO_PROXY names the hosts", environment: { NO_PROXY: BOTH }, isNeeded: false },
    {
      because: "NO_PROXY names the domains",
      environment: { no_proxy: "10.0.0.1, .azure.com ,.login.microsoftonline.com" },
      isNeeded: false,
    },
    {
      because: "sign-ins go through it",
      environment: { NO_PROXY: "management.azure.com" },
      isNeeded: true,
    },
    {
      because: "a managed identity signs in",
      environment: { NO_PROXY: "management.azure.com" },
      addresses: managedIdentity,
      isNeeded: false,
    },
    {
      because: "calls go through it",
      environment: { NO_PROXY: "login.microsoftonline.com" },
      isNeeded: true,
    },
    {
      because: "NO_PROXY is not written as the SDK reads it",
      environment: { NO_PROXY: "*,azure.com,microsoftonline.com" },
      isNeeded: true,
    },
    {
      because: "only sign-ins have a proxy by ALL_PROXY",
      environment: {
        HTTPS_PROXY: "",
        ALL_PROXY: "socks5://proxy:1080",
        NO_PROXY: "login.microsoftonline.com",
      },
      variable: "ALL_PROXY",
      isNeeded: false,
    },
    {
      because: "the authority is read from the resource manager",
      environment: { HTTPS_PROXY: "", ALL_PROXY: "socks5://proxy:1080" },
      addresses: { ...managedIdentity, readsMetadata: true },
      variable: "ALL_PROXY",
      isNeeded: true,
    },
    {
      because: "the SDK throws for it",
      environment: { HTTPS_PROXY: "10.0.0.1:3128", NO_PROXY: BOTH },
      isNeeded: true,
    },
  ])
    it(`says whether it is needed: ${because}`, () => {
      const found = wrongProxy({ HTTPS_PROXY: "proxy:3128", ...environment }, addresses);
      assert.deepEqual([found?.variable, found?.isNeeded], [variable, isNeeded]);
      assert.match(found?.problem ?? "", /^(HTTPS|ALL)_PROXY: expected the address of a proxy/u);
      assert.doesNotMatch(found?.problem ?? "", /1080|10\.0\.0\.1/u);
    });
});
