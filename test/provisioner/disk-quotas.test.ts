import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { connectAzure } from "../../src/adapters/azure-sdk/connect-azure.ts";
import { systemClock } from "../../src/adapters/system/system-clock.ts";
import { checkDiskQuotas } from "../../src/compose/preflight/disk-quotas.ts";
import type { Finding } from "../../src/compose/preflight/finding.ts";
import type { ModelSettings } from "../../src/emulator/model/settings.ts";
import { armActions } from "../../src/provisioner/arm/arm-actions.ts";
import {
  type AzureFixture,
  createDisk,
  startAzure,
  SUBSCRIPTION_ID,
  TENANT_ID,
} from "../emulator/azure-fixture.ts";

const SCOPE = `/subscriptions/${SUBSCRIPTION_ID}/providers/Microsoft.Compute/locations/eastus`;
const never = new AbortController().signal;

// A quota that is used up is found by the first pod whose volume can't be made.
describe("the preflight's check of quotas", () => {
  let azure: AzureFixture;
  before(async () => {
    azure = await startAzure();
    for (let number = 0; number < 9; number++) await createDisk(azure, `pvc-${number}`);
  });
  after(() => azure.close());

  async function found(settings: Partial<ModelSettings>): Promise<readonly Finding[]> {
    const { world } = azure.emulator.model;
    const before = world.settings;
    world.settings = { ...before, ...settings };
    const connected = connectAzure({
      config: {
        tenantId: TENANT_ID,
        aadClientId: "driver",
        aadClientSecret: "secret",
        subscriptionId: SUBSCRIPTION_ID,
        resourceGroup: "rg",
        location: "eastus",
        resourceManagerEndpoint: azure.emulator.url,
      },
      environment: { AZURE_AUTHORITY_HOST: azure.emulator.url },
      caPem: azure.emulator.caPem,
      clock: systemClock,
    });
    assert.ok(connected.ok, JSON.stringify(connected));
    try {
      return await checkDiskQuotas({ ...connected.value, clientId: "driver" }, never);
    } finally {
      world.settings = before;
    }
  }

  it("is satisfied while less than nine tenths are used", async () => {
    assert.deepEqual(await found({ quotas: { PremiumDiskCount: 11 } }), [
      { check: "quotas of disks", verdict: "ok", detail: "less than 90 % are used in eastus" },
    ]);
  });

  it("names each SKU's quota that is nearly used up, and the command for more", async () => {
    assert.deepEqual(await found({ quotas: { PremiumDiskCount: 10, UltraSSDDiskCount: 0 } }), [
      {
        check: "quota PremiumDiskCount",
        verdict: "missing",
        detail: "9 of 10 in eastus are used",
        fix: `az quota update --resource-name PremiumDiskCount --scope ${SCOPE} --limit-object value=20`,
      },
    ]);
  });

  it("needs an action of the generated role, or prints the commands for it", async () => {
    const others = Object.values(armActions)
      .flat()
      .filter((action) => !armActions.listUsages.includes(action));
    const [refused] = await found({ permissions: { "*": others } });
    assert.deepEqual([refused?.check, refused?.verdict], ["may read quotas", "missing"]);
    assert.equal(
      refused?.fix,
      'az role assignment create --role "Azure Disk CSI Driver V2 Subscription" --assignee driver ' +
        `--scope /subscriptions/${SUBSCRIPTION_ID}\n` +
        "az role definition update --role-definition @role-subscription.json " +
        "# where it is assigned, it lacks the action",
    );
    const [allowed] = await found({ permissions: { "*": Object.values(armActions).flat() } });
    assert.equal(allowed?.verdict, "ok");
  });
});
