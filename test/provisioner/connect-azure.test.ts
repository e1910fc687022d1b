import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { AzureConfig } from "../../src/adapters/azure-sdk/azure-config.ts";
import { connectAzure } from "../../src/adapters/azure-sdk/connect-azure.ts";
import { systemClock } from "../../src/adapters/system/system-clock.ts";
import { startEmulator } from "../../src/emulator/index.ts";

const complete: AzureConfig = {
  tenantId: "00000000-0000-0000-0000-0000000000ff",
  subscriptionId: "00000000-0000-0000-0000-000000000001",
  resourceGroup: "rg",
  location: "eastus",
  aadClientId: "driver",
  aadClientSecret: "secret",
};

const connect = (
  config: AzureConfig,
  environment: Record<string, string> = {},
): ReturnType<typeof connectAzure> =>
  connectAzure({ config, environment, caPem: undefined, clock: systemClock });

describe("connectAzure", () => {
  for (const missing of [
    "subscriptionId",
    "resourceGroup",
    "location",
    "tenantId",
    "aadClientId",
    "aadClientSecret",
  ] as const) {
    it(`names ${missing} when it is missing`, () => {
      const { [missing]: _left, ...config } = complete;
      const connected = connect(config);
      assert.ok(!connected.ok);
      assert.equal(connected.failure.field, missing);
    });
  }

  for (const { because, config, field } of [
    { because: "a subscription by its name", config: { subscriptionId: "prod" }, field: "subscriptionId" },
    { because: "a path for a group", config: { resourceGroup: "rg/disks" }, field: "resourceGroup" },
    { because: "what no region is called", config: { location: "East_US" }, field: "location" },
  ])
    it(`refuses ${because}, before anything is sent`, () => {
      const connected = connect({ ...complete, ...config });
      assert.deepEqual(connected.ok ? "" : connected.failure.field, field);
    });

  for (const { because, config, field, problem } of [
    {
      because: "an edge zone without its type",
      config: { extendedLocationName: "microsoftlosangeles1" },
      field: "extendedLocationType",
      problem: /goes with the type EdgeZone/u,
    },
    {
      because: "the type of an edge zone without its name",
      config: { extendedLocationType: "EdgeZone" },
      field: "extendedLocationName",
      problem: /is missing/u,
    },
    {
      because: "an extended location that is no edge zone",
      config: { extendedLocationName: "arc", extendedLocationType: "CustomLocation" },
      field: "extendedLocationType",
      problem: /must be EdgeZone/u,
    },
    {
      because: "what no edge zone is called",
      config: { extendedLocationName: "Los Angeles", extendedLocationType: "EdgeZone" },
      field: "extendedLocationName",
      problem: /letters, digits/u,
    },
  ])
    it(`refuses ${because}, before anything is sent`, () => {
      const connected = connect({ ...complete, ...config });
      assert.ok(!connected.ok);
      assert.equal(connected.failure.field, field);
      assert.match(connected.failure.problem, problem);
    });

  it("accepts an edge zone of its region, with the type in any case", () => {
    const connected = connect({
      ...complete,
      extendedLocationName: "microsoftlosangeles1",
      extendedLocationType: "edgezone",
    });
    assert.equal(connected.ok ? connected.value.place.edgeZone : "", "microsoftlosangeles1");
  });

  it("leaves no timer that keeps the process where the cloud can't be reached", async () => {
    const timers = (): number => process.getActiveResourcesInfo().filter((each) => each === "Timeout").length;
    const connected = connect({ ...complete, resourceManagerEndpoint: "https://127.0.0.1:1" });
    assert.ok(connected.ok);
    const before = timers();
    const { arm, place } = connected.value;
    const { result } = await arm.listDisks({ ...place, clientRequestId: "" }, new AbortController().signal);
    assert.match(result.ok ? "" : result.failure.message, /ECONNREFUSED/u);
    assert.equal(timers(), before);
  });

  it("accepts a region by its display name", () => {
    const connected = connect({ ...complete, location: "East US 2" });
    assert.equal(connected.ok ? connected.value.place.location : "", "eastus2");
  });

  it("lists the ways to log in when none is set", () => {
    const { aadClientId: _id, aadClientSecret: _secret, ...config } = complete;
    const connected = connect(config);
    assert.ok(!connected.ok);
    assert.match(
      connected.failure.problem,
      /aadClientSecret.*useManagedIdentityExtension.*AZURE_FEDERATED_TOKEN_FILE/,
    );
  });

  it("prefers the webhook's workload identity, and names the ignored settings", () => {
    assert.equal(connect(complete, { AZURE_FEDERATED_TOKEN_FILE: "/var/run/secrets/token" }).ok, true);
    const { aadClientId: _id, aadClientSecret: _secret, ...config } = complete;
    const connected = connect(config, { AZURE_FEDERATED_TOKEN_FILE: "/var/run/secrets/token" });
    assert.ok(!connected.ok);
    assert.equal(connected.failure.field, "aadClientId");
  });

  it("accepts a managed identity by either kind of id, or the system-assigned one", () => {
    const { aadClientId: _id, aadClientSecret: _secret, ...config } = complete;
    for (const userAssignedIdentityID of [
      "",
      "11111111-1111-1111-1111-111111111111",
      "/subscriptions/s/resourceGroups/rg/providers/Microsoft.ManagedIdentity/userAssignedIdentities/driver",
    ]) {
      assert.equal(
        connect({ ...config, useManagedIdentityExtension: true, userAssignedIdentityID }).ok,
        true,
      );
    }
  });

  it("refuses an unknown cloud", () => {
    const connected = connect({ ...complete, cloud: "AzureMoonCloud" });
    assert.ok(!connected.ok);
    assert.equal(connected.failure.field, "cloud");
  });

  it("logs in to an emulator with a client secret and finds no disk", async () => {
    const emulator = await startEmulator({
      resourceGroups: [{ subscriptionId: complete.subscriptionId ?? "", name: "rg", location: "eastus" }],
    });
    try {
      const connected = connectAzure({
        config: { ...complete, resourceManagerEndpoint: emulator.url, activeDirectoryEndpoint: emulator.url },
        environment: {},
        caPem: emulator.caPem,
        clock: systemClock,
      });
      assert.ok(connected.ok);
      const read = await connected.value.arm.getDisk(
        {
          subscriptionId: complete.subscriptionId ?? "",
          resourceGroup: "rg",
          name: "none",
          clientRequestId: "correlation-1",
        },
        new AbortController().signal,
      );
      assert.ok(!read.result.ok);
      assert.equal(read.result.failure.code, "ResourceNotFound");
    } finally {
      await emulator.close();
    }
  });
});
