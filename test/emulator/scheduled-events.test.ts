import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { waitUntil } from "../../testbed/lab/units/wait-until.ts";
import { type AzureFixture, startAzure, SUBSCRIPTION_ID } from "./azure-fixture.ts";
import { call, type WireAnswer } from "./call.ts";

const FAST = { updateIntervalInMs: 5 };
const PATIENCE = { timeoutMs: 60_000, everyMs: 5, signal: new AbortController().signal };
/** Five minutes are three seconds: an approval is much sooner. */
const TIME_SCALE = 0.01;

interface EventDocument {
  readonly DocumentIncarnation: number;
  readonly Events: readonly {
    readonly EventId: string;
    readonly EventType: string;
    readonly EventStatus: string;
    readonly Resources: readonly string[];
  }[];
}

function ask(
  azure: AzureFixture,
  vm: string,
  body?: object,
  headers: Record<string, string> = { Metadata: "true" },
): Promise<WireAnswer> {
  return call(azure.emulator.caPem ?? "", `${url(azure, vm)}?api-version=2020-07-01`, {
    method: body === undefined ? "GET" : "POST",
    headers,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
}
const url = (azure: AzureFixture, vm: string): string =>
  `${azure.emulator.url}/emulator/v1/imds/${vm}/metadata/scheduledevents`;
const documentOf = async (azure: AzureFixture, vm: string): Promise<EventDocument> =>
  (await ask(azure, vm)).body as EventDocument;

/** What an agent does: it waits for an event of its VM, and approves it. */
async function approveOwn(azure: AzureFixture, vm: string): Promise<EventDocument["Events"][number]> {
  const event = await waitUntil(`an event of ${vm}`, PATIENCE, async () =>
    (await documentOf(azure, vm)).Events.find(
      ({ Resources, EventStatus }) => Resources.includes(vm) && EventStatus === "Scheduled",
    ),
  );
  assert.equal((await ask(azure, vm, { StartRequests: [{ EventId: event.EventId }] })).status, 200);
  return event;
}

describe("scheduled events over HTTP, as agents on VMs read and approve them", () => {
  let azure: AzureFixture;
  before(async () => {
    const place = { subscriptionId: SUBSCRIPTION_ID, resourceGroup: "rg", location: "eastus" };
    azure = await startAzure({
      settings: { timeScale: TIME_SCALE },
      virtualMachines: [{ name: "alone" }],
      scaleSets: [{ ...place, name: "pool", capacity: 2 }],
    });
  });
  after(() => azure.close());

  it("precede the eviction that a client simulates", async (t) => {
    // Its notice of 30 s is three here, which an approval ends.
    const azure = await startAzure({ settings: { timeScale: 0.1 }, virtualMachines: [{ name: "spot" }] });
    t.after(() => azure.close());
    const { client } = azure;
    await assert.rejects(client.virtualMachines.simulateEviction("rg", "spot"), { statusCode: 409 });
    await client.virtualMachines.update("rg", "spot", { priority: "Spot" }, FAST);
    await client.virtualMachines.simulateEviction("rg", "spot");
    assert.equal((await approveOwn(azure, "spot")).EventType, "Preempt");
    await waitUntil("the eviction", PATIENCE, async () => {
      const { statuses = [] } = await client.virtualMachines.instanceView("rg", "spot");
      return statuses.some(({ code }) => code === "PowerState/deallocated") ? true : undefined;
    });
  });

  it("delay a redeploy until the agent has approved it", async () => {
    const before = await documentOf(azure, "alone");
    assert.deepEqual(before.Events, []);
    const redeployed = azure.client.virtualMachines.redeploy("rg", "alone", FAST);
    const event = await approveOwn(azure, "alone");
    assert.deepEqual([event.EventType, event.EventStatus], ["Redeploy", "Scheduled"]);
    await redeployed;
    const ended = await documentOf(azure, "alone");
    assert.deepEqual(ended, { DocumentIncarnation: before.DocumentIncarnation + 3, Events: [] });
  });

  it("delay the reimages of a rolling upgrade, one after the other", async () => {
    const { virtualMachineScaleSets: sets, virtualMachineScaleSetRollingUpgrades: upgrades } = azure.client;
    const networkProfile = { healthProbe: { id: "/any/probe" } };
    await sets.update("rg", "pool", { virtualMachineProfile: { networkProfile } }, FAST);
    for (const vm of ["pool_0", "pool_1"]) await documentOf(azure, vm);
    const upgraded = upgrades.startOSUpgrade("rg", "pool", FAST);
    await upgraded.submitted();
    assert.equal((await approveOwn(azure, "pool_0")).EventType, "Reboot");
    assert.deepEqual((await documentOf(azure, "alone")).Events, [], "it is not of their scale set");
    assert.equal((await approveOwn(azure, "pool_1")).EventType, "Reboot");
    await upgraded;
    assert.equal((await upgrades.getLatest("rg", "pool")).runningStatus?.code, "Completed");
  });

  it("delay a scale-in by terminate notifications, and no longer than their time", async () => {
    const { virtualMachineScaleSets: sets } = azure.client;
    const scheduledEventsProfile = {
      terminateNotificationProfile: { enable: true, notBeforeTimeout: "PT5M" },
    };
    await sets.update("rg", "pool", { virtualMachineProfile: { scheduledEventsProfile } }, FAST);
    await sets.updateInstances("rg", "pool", { instanceIds: ["*"] }, FAST);
    const shrink = (capacity: number): PromiseLike<unknown> =>
      sets.update("rg", "pool", { sku: { name: "Standard_D8s_v5", capacity } }, FAST);
    const first = shrink(1);
    assert.equal((await approveOwn(azure, "pool_1")).EventType, "Terminate");
    await first;
    assert.equal((await ask(azure, "pool_1")).status, 404);
    const beganMs = performance.now();
    await shrink(0);
    assert.ok(performance.now() - beganMs >= 300_000 * TIME_SCALE, "it was deleted before its time");
  });

  it("are refused without the header, the version, or a known event", async () => {
    const ca = azure.emulator.caPem ?? "";
    assert.equal((await ask(azure, "alone", undefined, {})).status, 400);
    const unversioned = await call(ca, url(azure, "alone"), { headers: { Metadata: "true" } });
    assert.deepEqual(
      [unversioned.status, (unversioned.body as { "newest-versions": string[] })["newest-versions"][0]],
      [400, "2020-07-01"],
    );
    assert.equal((await ask(azure, "alone", { StartRequests: [{ EventId: "none" }] })).status, 400);
    assert.equal((await ask(azure, "alone", {})).status, 400);
  });
});
