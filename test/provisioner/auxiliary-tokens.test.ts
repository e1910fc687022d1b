import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { AzureConfig } from "../../src/adapters/azure-sdk/azure-config.ts";
import { connectAzure } from "../../src/adapters/azure-sdk/connect-azure.ts";
import { systemClock } from "../../src/adapters/system/system-clock.ts";
import { remedyOfDenial } from "../../src/core/failure/denied-access.ts";
import type { ArmError } from "../../src/provisioner/arm/arm-api.ts";
import { type AzureFixture, startAzure, SUBSCRIPTION_ID, TENANT_ID } from "../emulator/azure-fixture.ts";

const NETWORK_TENANT = "00000000-0000-0000-0000-0000000000ee";
const NETWORK_SUBSCRIPTION = "00000000-0000-0000-0000-000000000002";
const INTERFACE = `/subscriptions/${NETWORK_SUBSCRIPTION}/resourceGroups/net/providers/Microsoft.Network/networkInterfaces/nic`;
const NOBODY_KNOWS = "00000000-0000-0000-0000-0000000000dd";
const never = new AbortController().signal;

describe("a VM whose network is in another tenant", () => {
  let azure: AzureFixture;
  before(async () => {
    azure = await startAzure();
    await azure.client.virtualMachines
      .createOrUpdate("rg", "vm-a", {
        location: "eastus",
        hardwareProfile: { vmSize: "Standard_D4s_v5" },
        networkProfile: { networkInterfaces: [{ id: INTERFACE }] },
      })
      .pollUntilDone();
    const { world } = azure.emulator.model;
    const identities = {
      tenants: [TENANT_ID, NETWORK_TENANT],
      clients: {},
      subscriptions: { [SUBSCRIPTION_ID]: TENANT_ID, [NETWORK_SUBSCRIPTION]: NETWORK_TENANT },
    };
    world.settings = { ...world.settings, identities };
  });
  after(() => azure.close());

  /** Why an update of the VM is refused; undefined: it is accepted. */
  async function refusal(config: AzureConfig): Promise<ArmError | undefined> {
    const { url, caPem } = azure.emulator;
    const connected = connectAzure({
      config: {
        ...{ tenantId: TENANT_ID, aadClientId: "driver", aadClientSecret: "secret" },
        ...{ subscriptionId: SUBSCRIPTION_ID, resourceGroup: "rg", location: "eastus" },
        ...{ resourceManagerEndpoint: url, activeDirectoryEndpoint: url },
        ...config,
      },
      environment: {},
      caPem,
      clock: systemClock,
    });
    assert.ok(connected.ok);
    const vm = { subscriptionId: SUBSCRIPTION_ID, resourceGroup: "rg", name: "vm-a" };
    const { arm } = connected.value;
    const read = await arm.getVm({ ...vm, instanceView: false, clientRequestId: "read" }, never);
    if (!read.result.ok) return read.result.failure;
    const write = { ...vm, change: {}, ifMatch: read.result.value.etag, clientRequestId: "write" };
    const { result } = await arm.startVmUpdate(write, never);
    return result.ok ? undefined : result.failure;
  }

  it("is not written without a token of that tenant, and the refusal says which", async () => {
    const refused = await refusal({});
    assert.deepEqual([refused?.statusCode, refused?.code], [403, "LinkedAuthorizationFailed"]);
    assert.ok(refused !== undefined);
    assert.ok(
      remedyOfDenial(refused).startsWith(
        `add the tenant of subscription ${NETWORK_SUBSCRIPTION} to auxiliaryTenantIDs in azure.json`,
      ),
    );
  });

  for (const config of [
    { auxiliaryTenantIDs: [NETWORK_TENANT] },
    { networkResourceTenantID: NETWORK_TENANT },
  ])
    it(`is written with ${Object.keys(config).join()}`, async () => {
      assert.equal(await refusal(config), undefined);
    });

  it("names the tenant whose token is refused", async () => {
    const refused = await refusal({ auxiliaryTenantIDs: [NOBODY_KNOWS] });
    assert.equal(refused?.statusCode, 401);
    assert.ok(refused !== undefined);
    assert.match(refused.message, new RegExp(`auxiliaryTenantIDs ${NOBODY_KNOWS}: `, "u"));
    assert.match(remedyOfDenial(refused), /^auxiliaryTenantIDs or networkResourceTenantID/u);
  });
});
