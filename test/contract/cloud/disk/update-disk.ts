import assert from "node:assert/strict";
import type { NodeIdentity } from "../../../../src/core/api/identity/node-identity.ts";
import { valueOf } from "../../../../src/core/testing/value-of.ts";
import type { CachingMode } from "../../../../src/core/volume/disk-sku.ts";
import { findDisk, putDisk } from "../../../../src/emulator/model/world.ts";
import type { DiskChange, DiskFacts, Precondition } from "../../../../src/ports/cloud/cloud-provisioner.ts";
import {
  type CloudUnderTest,
  addDisk,
  addVm,
  callsOf,
  diskUri,
  factsOf,
  failureOf,
  holdBackgroundWork,
  mayAlways,
  never,
  setLatency,
} from "../../worlds/cloud-bench.ts";
import type { On } from "../cloud-suite.ts";

async function update(
  cloud: CloudUnderTest,
  change: DiskChange,
  precondition: Precondition = mayAlways,
): ReturnType<CloudUnderTest["provisioner"]["updateDisk"]> {
  return cloud.run(cloud.provisioner.updateDisk({ diskUri: diskUri("pvc-1"), change, precondition }, never));
}

async function updated(cloud: CloudUnderTest, change: DiskChange): Promise<DiskFacts> {
  return valueOf(await update(cloud, change));
}

/** Attaches a disk to a new VM of node-a. */
async function attach(cloud: CloudUnderTest, uri: string, cachingMode: CachingMode): Promise<NodeIdentity> {
  const node = addVm(cloud, "node-a", { zone: "1" });
  const request = { diskUri: uri, node, cachingMode, lane: "primaryAttach" } as const;
  valueOf(await cloud.run(cloud.provisioner.attachDisk({ ...request, precondition: mayAlways }, never)));
  return node;
}

/** Runs `use` while each GET of the disk shows it as it is now. */
async function whileStale(cloud: CloudUnderTest, use: () => Promise<void>): Promise<void> {
  const { id } = cloud.model.faults.add({ operation: "Disks_Get", effect: { kind: "StaleRead" } });
  valueOf(await cloud.run(cloud.provisioner.getDisk({ diskUri: diskUri("pvc-1") }, never)));
  await use();
  cloud.model.faults.remove(id);
}

function writes(cloud: CloudUnderTest): number {
  return callsOf(cloud, "Disks_Update").length;
}

/** Declares the tests of `updateDisk` that every cloud provisioner passes. */
export function updateDiskContract(on: On): void {
  on("changes SKU and tags in one write, and keeps tags of others", async (cloud) => {
    await addDisk(cloud, "pvc-1", { tags: { a: "b", policy: "added" } });
    const disk = await updated(cloud, { skuName: "StandardSSD_LRS", tags: { a: "c" } });
    assert.deepEqual(
      [disk.skuName, disk.tags, writes(cloud)],
      ["StandardSSD_LRS", { a: "c", policy: "added" }, 1],
    );
  });

  on("shows that bursting ends as a disk gets a SKU without it, and does not return", async (cloud) => {
    const diskUri = await addDisk(cloud, "pvc-1", { sizeGiB: 1024, burstingEnabled: true });
    const shown = async (): Promise<boolean> =>
      valueOf(await cloud.run(cloud.provisioner.getDisk({ diskUri }, never))).burstingEnabled;
    assert.equal(await shown(), true);
    for (const skuName of ["StandardSSD_LRS", "Premium_LRS"]) {
      assert.equal((await updated(cloud, { skuName })).burstingEnabled, false);
      assert.equal(await shown(), false);
    }
  });

  on("writes nothing where the disk is as requested, also in another case", async (cloud) => {
    await addDisk(cloud, "pvc-1", { tags: { a: "b" } });
    const change = { skuName: "premium_lrs", networkAccessPolicy: "allowall", tags: { a: "b" } };
    assert.equal((await updated(cloud, change)).skuName, "Premium_LRS");
    assert.equal(writes(cloud), 0);
  });

  on("sets a tag whose name is spelled in another case, and adds no second one", async (cloud) => {
    await addDisk(cloud, "pvc-1", { tags: { Team: "a" } });
    assert.deepEqual((await updated(cloud, { tags: { team: "b" } })).tags, { Team: "b" });
    assert.deepEqual((await updated(cloud, { tags: { TEAM: "b" } })).tags, { Team: "b" });
    assert.equal(writes(cloud), 1);
  });

  on("goes back although the disk is shown as before the last change", async (cloud) => {
    const uri = await addDisk(cloud, "pvc-1", { tags: { a: "b" } });
    await whileStale(cloud, async () => {
      for (const [skuName, a] of [["Standard_LRS", "c"] as const, ["Premium_LRS", "b"] as const]) {
        const disk = await updated(cloud, { skuName, tags: { a } });
        assert.deepEqual([disk.skuName, disk.tags], [skuName, { a }], "answered");
        const { spec } = findDisk(cloud.model.world, uri) ?? {};
        assert.deepEqual([spec?.sku.name, spec?.tags], [skuName, { a }], "made");
      }
      assert.equal(writes(cloud), 2);
    });
  });

  on("writes what the disk has while an earlier change, whose end is unknown, may be late", async (cloud) => {
    await addDisk(cloud, "pvc-1");
    const outage = { kind: "Error", status: 503, code: "ServiceUnavailable", message: "" } as const;
    const { id } = cloud.model.faults.add({ operation: "Disks_Update", effect: outage });
    assert.equal(failureOf(await update(cloud, { skuName: "Standard_LRS" })).kind, "CloudUnavailable");
    cloud.model.faults.remove(id);
    const before = writes(cloud);
    assert.equal((await updated(cloud, { skuName: "Premium_LRS" })).skuName, "Premium_LRS");
    assert.equal(writes(cloud) - before, 1);
  });

  on("takes back no tag of an earlier change that a read does not show yet", async (cloud) => {
    const uri = await addDisk(cloud, "pvc-1", { tags: { a: "b", gone: "soon" } });
    const tag = async (tags: Readonly<Record<string, string | undefined>>): Promise<void> =>
      valueOf(
        await cloud.run(cloud.provisioner.tagDisk({ diskUri: uri, tags, precondition: mayAlways }, never)),
      );
    const tagsNow = (): unknown => findDisk(cloud.model.world, uri)?.spec.tags;
    await whileStale(cloud, async () => {
      await tag({ fenced: "node-a", gone: undefined });
      await updated(cloud, { tags: { team: "storage" } });
      assert.deepEqual(tagsNow(), { a: "b", fenced: "node-a", team: "storage" });
      await tag({ fenced: undefined });
      assert.deepEqual(tagsNow(), { a: "b", team: "storage" });
    });
  });

  on("leaves tags of others as a read shows them, once another process may have led", async (cloud) => {
    const uri = await addDisk(cloud, "pvc-1", { tags: { a: "b" } });
    await updated(cloud, { tags: { fenced: "node-a" } });
    const other = cloud.another();
    const request = { diskUri: uri, tags: { fenced: "node-b" }, precondition: mayAlways };
    valueOf(await cloud.run(other.tagDisk(request, never)));
    cloud.provisioner.forgetWrites();
    await updated(cloud, { tags: { team: "storage" } });
    const tags = { a: "b", fenced: "node-b", team: "storage" };
    assert.deepEqual(findDisk(cloud.model.world, uri)?.spec.tags, tags);
  });

  on("writes a change again that Azure has failed, although the disk shows its values", async (cloud) => {
    const uri = await addDisk(cloud, "pvc-1", { tags: { a: "b" } });
    const disk = findDisk(cloud.model.world, uri);
    assert.ok(disk !== undefined);
    putDisk(cloud.model.world, { ...disk, provisioningState: "Failed" });
    const { state } = await updated(cloud, { skuName: "Premium_LRS", tags: { a: "b" } });
    assert.deepEqual([state, writes(cloud)], ["Succeeded", 1]);
  });

  on("shows what another client has made of a disk, where nothing is asked for", async (cloud) => {
    const uri = await addDisk(cloud, "pvc-1", { zone: "1" });
    const other = cloud.another();
    const change = { skuName: "PremiumV2_LRS" };
    valueOf(await cloud.run(other.updateDisk({ diskUri: uri, change, precondition: mayAlways }, never)));
    const { skuName, maxShares } = await updated(cloud, {});
    assert.deepEqual([skuName, maxShares, writes(cloud)], ["PremiumV2_LRS", 1, 1]);
    const node = addVm(cloud, "node-a", { zone: "1" });
    const request = { diskUri: uri, node, cachingMode: "ReadOnly", lane: "primaryAttach" } as const;
    const attached = await cloud.run(
      cloud.provisioner.attachDisk({ ...request, precondition: mayAlways }, never),
    );
    assert.equal(failureOf(attached).kind, "CloudRejected", "the controller then looks at the disk");
  });

  on("changes performance and network policy", async (cloud) => {
    const uri = await addDisk(cloud, "pvc-1", { skuName: "PremiumV2_LRS", zone: "1" });
    await updated(cloud, {
      diskIOPSReadWrite: 5000,
      diskMBpsReadWrite: 300,
      networkAccessPolicy: "DenyAll",
      publicNetworkAccess: "Disabled",
    });
    const { performance, networkAccessPolicy, publicNetworkAccess } =
      findDisk(cloud.model.world, uri)?.spec ?? {};
    assert.deepEqual(
      [performance, networkAccessPolicy, publicNetworkAccess, writes(cloud)],
      [{ iops: 5000, mbps: 300 }, "DenyAll", "Disabled", 1],
    );
  });

  on("refuses more throughput than the disk's IOPS allow, and takes it with more IOPS", async (cloud) => {
    await addDisk(cloud, "pvc-1", { skuName: "PremiumV2_LRS", zone: "1", sizeGiB: 100 });
    assert.deepEqual(failureOf(await update(cloud, { diskMBpsReadWrite: 1000 })), {
      kind: "InvalidArgument",
      field: "DiskMBpsReadWrite",
      value: "1000",
      problem:
        "must be from 125 to 750 for a PremiumV2_LRS disk of 3000 IOPS; raise DiskIOPSReadWrite for more",
    });
    assert.equal(writes(cloud), 0);
    const disk = await updated(cloud, { diskIOPSReadWrite: 4000, diskMBpsReadWrite: 1000 });
    assert.deepEqual([disk.diskIOPSReadWrite, disk.diskMBpsReadWrite], [4000, 1000]);
  });

  on("changes a disk once although the response is lost", async (cloud) => {
    await addDisk(cloud, "pvc-1");
    cloud.model.faults.add({ operation: "Disks_Update", times: 1, effect: { kind: "DropResponse" } });
    assert.equal((await updated(cloud, { skuName: "Standard_LRS" })).skuName, "Standard_LRS");
    assert.equal(callsOf(cloud, "Disks_Update").length, 1);
  });

  on("does not write once the precondition fails", async (cloud) => {
    const uri = await addDisk(cloud, "pvc-1");
    const refused = await update(cloud, { skuName: "Standard_LRS" }, () => Promise.resolve(false));
    assert.deepEqual(failureOf(refused), { kind: "Refused", diskUri: uri });
    assert.equal(writes(cloud), 0);
  });

  on("refuses more tags than Azure allows before it writes", async (cloud) => {
    await addDisk(cloud, "pvc-1", { tags: { a: "b" } });
    const tags = Object.fromEntries(Array.from({ length: 50 }, (_, index) => [`tag-${index}`, "x"]));
    assert.equal(failureOf(await update(cloud, { tags })).kind, "InvalidArgument");
    assert.equal(writes(cloud), 0);
  });

  on("names the VM that keeps a disk from changing its SKU", async (cloud) => {
    const uri = await addDisk(cloud, "pvc-1", { zone: "1" });
    await attach(cloud, uri, "None");
    assert.deepEqual(factsOf(failureOf(await update(cloud, { skuName: "StandardSSD_LRS" }))), {
      kind: "DiskInUse",
      diskUri: uri,
      attachedTo: [cloud.vms.uri("node-a")],
    });
  });

  on("names the VM that caches a disk that is to be converted, and converts it at rest", async (cloud) => {
    const uri = await addDisk(cloud, "pvc-1", { zone: "1" });
    const node = await attach(cloud, uri, "ReadOnly");
    const toV2 = { skuName: "PremiumV2_LRS", tags: { a: "b" } };
    assert.deepEqual(factsOf(failureOf(await update(cloud, toV2))), {
      kind: "DiskInUse",
      diskUri: uri,
      attachedTo: [cloud.vms.uri("node-a")],
    });
    const { spec } = findDisk(cloud.model.world, uri) ?? {};
    assert.deepEqual([spec?.sku.name, spec?.tags], ["Premium_LRS", {}], "a refused change changes nothing");
    const request = { diskUri: uri, node, lane: "detach", precondition: mayAlways } as const;
    valueOf(await cloud.run(cloud.provisioner.detachDisk(request, never)));
    assert.equal((await updated(cloud, toV2)).skuName, "PremiumV2_LRS");
  });

  on("says that a disk was changed as often as Azure allows in a day", async (cloud) => {
    const uri = await addDisk(cloud, "pvc-1");
    await updated(cloud, { skuName: "StandardSSD_LRS" });
    await updated(cloud, { skuName: "Premium_LRS" });
    const { kind, ...facts } = factsOf(failureOf(await update(cloud, { skuName: "StandardSSD_LRS" })));
    assert.deepEqual([kind, "diskUri" in facts && facts.diskUri], ["ChangedTooOften", uri]);
    assert.equal((await updated(cloud, { skuName: "Premium_LRS" })).skuName, "Premium_LRS");
  });

  on("converts an attached disk to Premium SSD v2 and reports the progress", async (cloud) => {
    holdBackgroundWork(cloud, "diskConvert");
    const uri = await addDisk(cloud, "pvc-1", { zone: "1" });
    await attach(cloud, uri, "None");
    const disk = await updated(cloud, { skuName: "PremiumV2_LRS" });
    assert.deepEqual([disk.skuName, disk.completionPercent], ["PremiumV2_LRS", 0]);
  });

  on("reports a finished conversion as none", async (cloud) => {
    setLatency(cloud, "diskConvert", 0);
    await addDisk(cloud, "pvc-1", { zone: "1" });
    await updated(cloud, { skuName: "PremiumV2_LRS" });
    const again = await updated(cloud, { skuName: "PremiumV2_LRS" });
    assert.deepEqual([again.completionPercent, writes(cloud)], [undefined, 1]);
  });

  on("reports what Azure never changes", async (cloud) => {
    await addDisk(cloud, "pvc-1", { skuName: "PremiumV2_LRS", zone: "1" });
    const failure = failureOf(await update(cloud, { skuName: "Premium_LRS" }));
    assert.deepEqual(
      [failure.kind, "code" in failure && failure.code],
      ["CloudRejected", "PropertyChangeNotAllowed"],
    );
  });

  on("names the missing disk", async (cloud) => {
    assert.deepEqual(factsOf(failureOf(await update(cloud, { skuName: "Standard_LRS" }))), {
      kind: "DiskNotFound",
      diskUri: diskUri("pvc-1"),
    });
  });
}
