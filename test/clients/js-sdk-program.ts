import { writeSync } from "node:fs";
import {
  ComputeManagementClient,
  type DataDisk,
  type Disk,
  type VirtualMachineScaleSetVM,
} from "@azure/arm-compute";
import { ClientSecretCredential } from "@azure/identity";

/** The unmodified Azure SDK for JavaScript against an emulator: prints what each call gave, as JSON. */

const GROUP = "rg";
const FAST = { updateIntervalInMs: 5 };
const { EMULATOR_URL: url = "", SUBSCRIPTION_ID: subscriptionId = "" } = process.env;

const credential = new ClientSecretCredential("tenant", "javascript", "secret", {
  authorityHost: url,
  disableInstanceDiscovery: true,
});
const client = new ComputeManagementClient(credential, subscriptionId, { endpoint: url });
const { disks, snapshots, virtualMachines: vms } = client;
const {
  virtualMachineScaleSets: sets,
  virtualMachineScaleSetVMs: instances,
  virtualMachineScaleSetRollingUpgrades: upgrades,
} = client;

/** The last error in an answer: of an operation that fails, the SDK's own error has no code and no status. */
let lastError: readonly [status: number, code: string] | undefined;
client.pipeline.addPolicy({
  name: "remember-error",
  async sendRequest(request, next) {
    const answer = await next(request);
    const body = JSON.parse(answer.bodyAsText === "" ? "{}" : (answer.bodyAsText ?? "{}")) as {
      readonly error?: { readonly code: string };
    };
    if (body.error !== undefined) lastError = [answer.status, body.error.code];
    return answer;
  },
});

async function refusal(call: () => PromiseLike<unknown>): Promise<unknown> {
  lastError = undefined;
  try {
    await call();
  } catch (error) {
    return lastError ?? String(error);
  }
  return "not refused";
}

const idOf = (disk: string): string =>
  `/subscriptions/${subscriptionId}/resourceGroups/${GROUP}/providers/Microsoft.Compute/disks/${disk}`;
const last = (id: string | undefined): string | undefined => id?.split("/").at(-1);
const ownerOf = async (disk: string): Promise<string | null> =>
  last((await disks.get(GROUP, disk)).managedBy) ?? null;
const lunsOf = (entries: readonly DataDisk[] = []): readonly number[] => entries.map(({ lun }) => lun);

function createDisk(name: string, sizeGiB: number, sourceId?: string): PromiseLike<Disk> {
  const creationData =
    sourceId === undefined ? { createOption: "Empty" } : { createOption: "Copy", sourceResourceId: sourceId };
  return disks.createOrUpdate(
    GROUP,
    name,
    { location: "eastus", sku: { name: "Premium_LRS" }, creationData, diskSizeGB: sizeGiB },
    FAST,
  );
}

const entry = (lun: number, disk = "py-1"): DataDisk => ({
  lun,
  createOption: "Attach",
  managedDisk: { id: idOf(disk) },
});

/** A VM or an instance: how it is written to, read, and called. */
interface Writer {
  readonly put: (entries: DataDisk[], ifMatch?: string) => PromiseLike<unknown>;
  readonly repair: () => PromiseLike<{ provisioningState?: string }>;
  readonly read: () => Promise<{ provisioningState?: string; storageProfile?: { dataDisks?: DataDisk[] } }>;
  /** Answers nothing of use: Azure's last answer is the status of the operation. */
  readonly act: (body: object) => PromiseLike<unknown>;
}

const vmWriter = (name: string): Writer => ({
  put: (dataDisks, ifMatch) =>
    vms.update(
      GROUP,
      name,
      { storageProfile: { dataDisks } },
      { ...FAST, ...(ifMatch === undefined ? {} : { ifMatch }) },
    ),
  repair: () => vms.update(GROUP, name, {}, FAST),
  read: () => vms.get(GROUP, name),
  act: (body) => vms.attachDetachDataDisks(GROUP, name, body, FAST),
});

const instanceWriter = (id: string): Writer => {
  const write = (body: object, ifMatch?: string): PromiseLike<VirtualMachineScaleSetVM> =>
    instances.update(GROUP, "pool", id, body as VirtualMachineScaleSetVM, {
      ...FAST,
      ...(ifMatch === undefined ? {} : { ifMatch }),
    });
  return {
    put: (dataDisks, ifMatch) => write({ location: "eastus", storageProfile: { dataDisks } }, ifMatch),
    repair: () => write({}),
    read: () => instances.get(GROUP, "pool", id),
    act: (body) => instances.attachDetachDataDisks(GROUP, "pool", id, body, FAST),
  };
};

const vmA = vmWriter("vm-a");
const vmB = vmWriter("vm-b");
const first = instanceWriter("0");

async function namesFrom(list: AsyncIterable<{ readonly name?: string }>): Promise<string[]> {
  const names: string[] = [];
  for await (const { name = "" } of list) names.push(name);
  return names;
}

const checks: Readonly<Record<string, () => Promise<unknown>>> = {
  async creates_and_grows() {
    const made = await createDisk("py-1", 16);
    const grown = await disks.update(GROUP, "py-1", { diskSizeGB: 32 }, FAST);
    const read = await disks.get(GROUP, "py-1");
    const putBack = await disks.createOrUpdate(GROUP, "py-1", { ...read, diskSizeGB: 64 }, FAST);
    return [made.provisioningState, grown.diskSizeGB, putBack.diskSizeGB, putBack.tier];
  },

  async pages() {
    for (let number = 0; number < 7; number++) await createDisk(`page-${number}`, 4);
    const names = await namesFrom(disks.listByResourceGroup(GROUP));
    const found = names.filter((name) => name.startsWith("page-"));
    for (const name of found) await disks.delete(GROUP, name, FAST);
    return found.toSorted();
  },

  async attaches() {
    await vmA.put([entry(3)]);
    const vm = await vms.get(GROUP, "vm-a", { expand: "instanceView" });
    const isRunning = vm.instanceView?.statuses?.some(({ code }) => code === "PowerState/running");
    return [lunsOf(vm.storageProfile?.dataDisks), await ownerOf("py-1"), isRunning];
  },

  refuses_wrong_etag: () => refusal(() => vms.update(GROUP, "vm-a", {}, { ...FAST, ifMatch: '"wrong"' })),
  refuses_second_vm: () => refusal(() => vmB.put([entry(0)])),

  async detaches() {
    await vmA.put([]);
    return [await ownerOf("py-1"), (await vmA.read()).storageProfile?.dataDisks?.length];
  },

  async makes_with_vm() {
    await vmB.put([{ lun: 1, name: "with-vm", createOption: "Empty", diskSizeGB: 32 }]);
    const vm = await vms.get(GROUP, "vm-b");
    const made = vm.storageProfile?.dataDisks?.[0];
    const owner = await ownerOf("with-vm");
    const putBack = await vms.createOrUpdate(GROUP, "vm-b", vm, FAST);
    await vmB.put([]);
    const released = await ownerOf("with-vm");
    await disks.delete(GROUP, "with-vm", FAST);
    return [made?.createOption, made?.diskSizeGB, owner, putBack.provisioningState, released];
  },

  async snapshots_and_restores() {
    const creationData = { createOption: "Copy", sourceResourceId: idOf("py-1") };
    const body = { location: "eastus", creationData, incremental: true };
    const made = await snapshots.createOrUpdate(GROUP, "snap-1", body, FAST);
    const restored = await createDisk("restored", 128, made.id);
    await disks.delete(GROUP, "restored", FAST);
    await snapshots.delete(GROUP, "snap-1", FAST);
    const isFromSnapshot = restored.creationData?.sourceResourceId === made.id;
    return [made.incremental, restored.diskSizeGB, isFromSnapshot];
  },

  async scale_set_instances() {
    const [name] = await namesFrom(instances.list(GROUP, "pool"));
    await first.put([entry(0)]);
    const owner = await ownerOf("py-1");
    await first.put([]);
    return [name, owner, await ownerOf("py-1")];
  },

  async instance_errors() {
    const refused = [await refusal(() => first.put([], '"wrong"'))];
    await vmA.put([entry(0)]);
    refused.push(await refusal(() => first.put([entry(0)])));
    await vmA.put([]);
    await first.put([entry(0)]);
    refused.push(await refusal(() => vmA.put([entry(0)])));
    await first.put([]);
    refused.push(await refusal(() => first.put([entry(0, "py-1-none")])));
    refused.push(await refusal(() => instanceWriter("99").put([])));
    refused.push(await refusal(() => instances.get(GROUP, "pool", "99")));
    refused.push(await refusal(() => instances.get(GROUP, "none", "0")));
    return refused;
  },

  async attaches_by_action() {
    const results: unknown[] = [];
    for (const { act, read } of [vmA, first]) {
      await act({ dataDisksToAttach: [{ diskId: idOf("py-1"), lun: 5 }] });
      const attached = await read();
      const owner = await ownerOf("py-1");
      await act({ dataDisksToDetach: [{ diskId: idOf("py-1") }] });
      const detached = await read();
      results.push([
        lunsOf(attached.storageProfile?.dataDisks),
        owner,
        detached.storageProfile?.dataDisks?.length,
      ]);
    }
    return results;
  },

  /** The tests have made the first attach of this disk to each fail: an empty update repairs it. */
  async vm_and_instance_failing_operation() {
    await createDisk("failing-attach", 4);
    const results: unknown[] = [];
    for (const writer of [vmA, first]) {
      const failed = await refusal(() => writer.put([entry(2, "failing-attach")]));
      const { provisioningState, storageProfile } = await writer.read();
      const owner = await ownerOf("failing-attach");
      const repaired = await writer.repair();
      const attached = await ownerOf("failing-attach");
      await writer.put([]);
      results.push([
        failed,
        provisioningState,
        lunsOf(storageProfile?.dataDisks),
        owner,
        repaired.provisioningState,
        attached,
      ]);
    }
    await disks.delete(GROUP, "failing-attach", FAST);
    return results;
  },

  /** The tests have made the first attach to vm-b and to pool_1 answer 429: the SDK waits and repeats it. */
  async vm_and_instance_throttled() {
    await createDisk("throttled-attach", 4);
    const owners: unknown[] = [];
    for (const { act } of [vmB, instanceWriter("1")]) {
      await act({ dataDisksToAttach: [{ diskId: idOf("throttled-attach") }] });
      owners.push(await ownerOf("throttled-attach"));
      await act({ dataDisksToDetach: [{ diskId: idOf("throttled-attach") }] });
    }
    await disks.delete(GROUP, "throttled-attach", FAST);
    return owners;
  },

  async rolling_upgrades() {
    const networkProfile = { healthProbe: { id: "/any/probe" } };
    const body = {
      location: "eastus",
      sku: { name: "Standard_D8s_v5", capacity: 2 },
      upgradePolicy: { mode: "Rolling" as const },
      virtualMachineProfile: { networkProfile },
    };
    const { upgradePolicy } = await sets.createOrUpdate(GROUP, "rolling", body, FAST);
    const newer = { virtualMachineProfile: { networkProfile, licenseType: "None" } };
    await sets.update(GROUP, "rolling", newer, FAST);
    const byModel = await upgrades.getLatest(GROUP, "rolling");
    const applied: unknown[] = [];
    for await (const vm of instances.list(GROUP, "rolling")) applied.push(vm.latestModelApplied);
    await upgrades.startOSUpgrade(GROUP, "rolling", FAST);
    const byImage = await upgrades.getLatest(GROUP, "rolling");
    return [
      upgradePolicy?.mode,
      upgradePolicy?.rollingUpgradePolicy?.maxBatchInstancePercent,
      byModel.runningStatus?.code,
      byModel.progress?.successfulInstanceCount,
      applied,
      byImage.runningStatus?.code,
      byImage.progress?.successfulInstanceCount,
      await refusal(() => upgrades.cancel(GROUP, "rolling", FAST)),
    ];
  },

  async power() {
    await vms.deallocate(GROUP, "vm-b", FAST);
    const { statuses } = await vms.instanceView(GROUP, "vm-b");
    await vms.start(GROUP, "vm-b", FAST);
    return [statuses?.some(({ code }) => code === "PowerState/deallocated")];
  },

  async skus() {
    const sizes: (string | undefined)[] = [];
    for await (const { resourceType, name } of client.resourceSkus.list())
      if (resourceType === "virtualMachines") sizes.push(name);
    return [sizes.includes("Standard_D8s_v5")];
  },

  /** The tests have made the next creation of this disk fail after it was accepted. */
  failing_operation: () => refusal(() => createDisk("failing", 4)),

  /** The tests have made the first two GETs of this disk answer 429: the SDK waits and repeats them. */
  async throttled() {
    await createDisk("throttled", 4);
    const { name } = await disks.get(GROUP, "throttled");
    await disks.delete(GROUP, "throttled", FAST);
    return name;
  },

  async deletes() {
    await disks.delete(GROUP, "py-1", FAST);
    return refusal(() => disks.get(GROUP, "py-1"));
  },
};

const results: Record<string, unknown> = {};
for (const [name, check] of Object.entries(checks)) {
  // One that fails must not hide the others.
  results[name] = await check().catch(String);
}
writeSync(process.stdout.fd, JSON.stringify(results));
