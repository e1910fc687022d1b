import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { it } from "node:test";
import { waitUntil } from "../../testbed/lab/units/wait-until.ts";
import { type AzureFixture, PATIENCE_MS, startAzure, SUBSCRIPTION_ID } from "./azure-fixture.ts";

const place = { subscriptionId: SUBSCRIPTION_ID, resourceGroup: "rg" } as const;
const UPGRADE = "actor-1-AksUpgrade";

function start(stateFolder: string): Promise<AzureFixture> {
  return startAzure({
    stateFolder,
    virtualMachines: [{ name: "vm-a", zone: "1" }],
    scaleSets: [{ ...place, location: "eastus", name: "pool", capacity: 2, zones: ["1"] }],
    actors: [
      { kind: "V1Writer", ...place, virtualMachines: ["vm-a"], everyS: 5, disks: 2, staleS: 0 },
      { kind: "AksUpgrade", ...place, scaleSet: "pool", afterS: 1, surge: 1, drainS: 1 },
    ],
  });
}

/** What each caller has written so far, by operation. */
function writesOf({ emulator }: AzureFixture, caller: string): readonly string[] {
  return emulator.model.journal
    .since(0)
    .filter((entry) => entry.caller === caller && entry.method !== "GET" && entry.status < 300)
    .map(({ operation }) => operation);
}

it("actors act beside a client of the SDK, and again after a restart", async () => {
  const folder = await mkdtemp(join(tmpdir(), "emulator-actors-"));
  let azure = await start(folder);
  try {
    await waitUntil("a disk of the V1Writer on the VM", { timeoutMs: PATIENCE_MS, everyMs: 5 }, async () => {
      const { storageProfile } = await azure.client.virtualMachines.get("rg", "vm-a");
      return storageProfile?.dataDisks?.find(({ name }) => name?.startsWith("actor-0-V1Writer-"));
    });
    await waitUntil("the end of the upgrade", { timeoutMs: PATIENCE_MS, everyMs: 5 }, () =>
      Promise.resolve(
        writesOf(azure, UPGRADE).includes("VirtualMachineScaleSets_DeleteInstances") || undefined,
      ),
    );
    const upgraded: (boolean | undefined)[] = [];
    for await (const vm of azure.client.virtualMachineScaleSetVMs.list("rg", "pool"))
      upgraded.push(vm.latestModelApplied);
    assert.ok(
      upgraded.slice(0, 2).every((isLatest) => isLatest === true),
      JSON.stringify(upgraded),
    );

    const before = writesOf(azure, "actor-0-V1Writer").length;
    await azure.emulator.close();
    azure = await start(folder);
    assert.ok(writesOf(azure, "actor-0-V1Writer").length >= before, "the journal has its earlier calls");
    await waitUntil("a further write of the V1Writer", { timeoutMs: PATIENCE_MS, everyMs: 5 }, () =>
      Promise.resolve(writesOf(azure, "actor-0-V1Writer").length > before + 2 || undefined),
    );
  } finally {
    await azure.emulator.close();
    await rm(folder, { recursive: true });
  }
});
