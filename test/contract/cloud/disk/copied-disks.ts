import assert from "node:assert/strict";
import { aSnapshotRequest } from "../../../../src/controller/testing/a-snapshot-request.ts";
import type { Result } from "../../../../src/core/failure/result.ts";
import { valueOf } from "../../../../src/core/testing/value-of.ts";
import { findDisk, findSnapshot, putDisk } from "../../../../src/emulator/model/world.ts";
import type { CreateDiskRequest, DiskFacts } from "../../../../src/ports/cloud/cloud-provisioner.ts";
import {
  type CloudUnderTest,
  LOCATION,
  aDiskRequest,
  addDisk,
  addVm,
  callsOf,
  diskUri,
  ended,
  factsOf,
  failureOf,
  holdBackgroundWork,
  mayAlways,
  never,
  setLatency,
} from "../../worlds/cloud-bench.ts";
import type { On } from "../cloud-suite.ts";

const sourceUri = diskUri("source");
const snapshotUri = diskUri("snap-1").replace("/disks/", "/snapshots/");

function copy(cloud: CloudUnderTest, changes: Partial<CreateDiskRequest>): Promise<Result<DiskFacts>> {
  return cloud.run(
    cloud.provisioner.createDisk(
      aDiskRequest({ tags: { "disk.csi.azure.com-uid": "1" }, ...changes }),
      never,
    ),
  );
}

async function addSnapshot(cloud: CloudUnderTest): Promise<void> {
  const request = aSnapshotRequest({ snapshotUri, sourceUri, location: LOCATION });
  valueOf(await cloud.run(cloud.provisioner.createSnapshot(request, never)));
}

function remove(cloud: CloudUnderTest, uri: string): Promise<Result<void>> {
  return uri === snapshotUri
    ? cloud.run(cloud.provisioner.deleteSnapshot({ snapshotUri, objection: () => undefined }, never))
    : cloud.run(cloud.provisioner.deleteDisk({ diskUri: uri, precondition: mayAlways }, never));
}

/** Declares the tests that every provisioner of copied disks passes, the simulated one and the real one. */
export function copiedDisksContract(on: On): void {
  copies(on);
  sourcesThatGo(on);
  backgroundCopies(on);
}

function copies(on: On): void {
  for (const [what, uri] of [
    ["a disk", sourceUri],
    ["a snapshot", snapshotUri],
  ] as const) {
    on(`makes a disk of ${what}, once, also larger and of another SKU`, async (cloud) => {
      await addDisk(cloud, "source");
      await addSnapshot(cloud);
      const changes = { sourceUri: uri, sizeGiB: 128, skuName: "StandardSSD_LRS" };
      const made = valueOf(await copy(cloud, changes));
      assert.deepEqual(
        [made.sourceUri, made.sizeGiB, made.skuName, made.completionPercent, made.state],
        [uri, 128, "StandardSSD_LRS", undefined, "Succeeded"],
      );
      const { world } = cloud.model;
      assert.equal(made.sourceUniqueId, (findSnapshot(world, uri) ?? findDisk(world, uri))?.uniqueId);
      assert.deepEqual(valueOf(await copy(cloud, changes)), made);
      assert.equal(callsOf(cloud, "Disks_CreateOrUpdate", diskUri("pvc-1")).length, 1);
    });

    on(`makes one copy of ${what} although the response is lost`, async (cloud) => {
      await addDisk(cloud, "source");
      await addSnapshot(cloud);
      cloud.model.faults.add({
        operation: "Disks_CreateOrUpdate",
        times: 1,
        effect: { kind: "DropResponse" },
      });
      assert.equal(valueOf(await copy(cloud, { sourceUri: uri })).sourceUri, uri);
    });

    on(`reports ${what} that is not there as the missing source`, async (cloud) => {
      assert.deepEqual(
        factsOf(failureOf(await copy(cloud, { sourceUri: uri }))),
        uri === snapshotUri
          ? { kind: "SnapshotNotFound", snapshotUri }
          : { kind: "DiskNotFound", diskUri: sourceUri },
      );
      assert.equal(findDisk(cloud.model.world, diskUri("pvc-1")), undefined);
    });
  }

  on("blames no source where Azure lacks another resource of the request", async (cloud) => {
    await addDisk(cloud, "source");
    const message = "Resource diskEncryptionSets/keys is not found.";
    const effect = { kind: "Error", status: 404, code: "NotFound", message } as const;
    cloud.model.faults.add({ operation: "Disks_CreateOrUpdate", times: 1, effect });
    const failure = failureOf(await copy(cloud, { sourceUri }));
    assert.equal(failure.kind, "CloudRejected");
    assert.match(JSON.stringify(failure), /diskEncryptionSets/u);
  });

  on("copies a disk that a VM has", async (cloud) => {
    const node = addVm(cloud, "node-a");
    await addDisk(cloud, "source");
    await attach(cloud, sourceUri, node);
    assert.equal(valueOf(await copy(cloud, { sourceUri })).sourceUri, sourceUri);
  });

  on("makes a disk of a snapshot in another zone than its disk", async (cloud) => {
    await addDisk(cloud, "source", { zone: "1" });
    await addSnapshot(cloud);
    assert.deepEqual(valueOf(await copy(cloud, { sourceUri: snapshotUri, zone: "2" })).zones, ["2"]);
  });

  for (const { because, zone, skuName } of [
    { because: "a disk is copied within its zone", zone: "2", skuName: "Premium_LRS" },
    { because: "an Ultra disk is no copy of a disk", zone: "1", skuName: "UltraSSD_LRS" },
  ])
    on(`answers Azure's refusal: ${because}`, async (cloud) => {
      await addDisk(cloud, "source", { zone: "1" });
      assert.equal(failureOf(await copy(cloud, { sourceUri, zone, skuName })).kind, "CloudRejected");
      assert.equal(findDisk(cloud.model.world, diskUri("pvc-1")), undefined);
    });

  for (const { present, requested, difference } of [
    { present: undefined, requested: sourceUri, difference: `source is none, not ${sourceUri}` },
    { present: sourceUri, requested: undefined, difference: `source is ${sourceUri}, not none` },
    { present: sourceUri, requested: snapshotUri, difference: `source is ${sourceUri}, not ${snapshotUri}` },
  ])
    on(`refuses a name whose disk has another source: ${difference.slice(0, 14)}…`, async (cloud) => {
      await addDisk(cloud, "source");
      await addSnapshot(cloud);
      const made = (uri: string | undefined): Partial<CreateDiskRequest> =>
        uri === undefined ? {} : { sourceUri: uri };
      valueOf(await copy(cloud, made(present)));
      const failure = failureOf(await copy(cloud, made(requested)));
      assert.deepEqual(failure, { kind: "VolumeExistsWithOtherRequest", volumeName: "pvc-1", difference });
    });
}

function sourcesThatGo(on: On): void {
  for (const uri of [sourceUri, snapshotUri])
    on(`keeps a copy after its ${uri === sourceUri ? "disk" : "snapshot"} is deleted`, async (cloud) => {
      await addDisk(cloud, "source");
      await addSnapshot(cloud);
      const made = valueOf(await copy(cloud, { sourceUri: uri }));
      valueOf(await remove(cloud, uri));
      assert.deepEqual(valueOf(await copy(cloud, { sourceUri: uri })), made);
      assert.deepEqual(valueOf(await cloud.run(cloud.provisioner.getDisk(made, never))), made);
    });

  // The content of the copy is that of its source: Azure keeps the source until it has it.
  on("deletes a source only after the copy under way has its content", async (cloud) => {
    await addDisk(cloud, "source");
    setLatency(cloud, "diskCopy", 60_000);
    const copying = cloud.provisioner.createDisk(aDiskRequest({ sourceUri }), never);
    await cloud.until(() => findDisk(cloud.model.world, diskUri("pvc-1")) !== undefined);
    const deleting = cloud.provisioner.deleteDisk({ diskUri: sourceUri, precondition: mayAlways }, never);
    const [copied, deleted] = await cloud.run(Promise.all([copying, deleting]));
    assert.equal(valueOf(copied).state, "Succeeded");
    if (!deleted.ok) valueOf(await remove(cloud, sourceUri));
    assert.equal(findDisk(cloud.model.world, sourceUri), undefined);
  });
}

function backgroundCopies(on: On): void {
  const fast = { skuName: "PremiumV2_LRS", zone: "1", sourceUri, logicalSectorSize: 512 } as const;
  const being = { kind: "DiskBeingCopied", diskUri: diskUri("pvc-1"), percent: 0 } as const;

  on("answers a copy that Azure still fills, says how far, and attaches it", async (cloud) => {
    const node = addVm(cloud, "node-a", { zone: "1" });
    await addDisk(cloud, "source", { zone: "1" });
    holdBackgroundWork(cloud, "diskBackgroundCopy");
    const made = valueOf(await copy(cloud, fast));
    assert.deepEqual([made.state, made.completionPercent], ["Succeeded", 0]);
    assert.equal((await tryAttach(cloud, made.diskUri, node)).ok, true);
    const held = findDisk(cloud.model.world, diskUri("pvc-1"));
    assert.ok(held?.copy !== undefined);
    putDisk(cloud.model.world, { ...held, copy: ended(held.copy) });
    const complete = valueOf(await copy(cloud, fast));
    assert.deepEqual([complete.completionPercent, complete.isShownComplete], [undefined, true]);
    assert.equal(callsOf(cloud, "Disks_CreateOrUpdate", diskUri("pvc-1")).length, 1);
  });

  on("does not grow a disk whose copy in the background runs", async (cloud) => {
    await addDisk(cloud, "source", { zone: "1" });
    holdBackgroundWork(cloud, "diskBackgroundCopy");
    valueOf(await copy(cloud, fast));
    const { diskUri: uri } = being;
    const grown = cloud.provisioner.resizeDisk(
      { diskUri: uri, sizeGiB: 128, precondition: mayAlways },
      never,
    );
    assert.deepEqual(failureOf(await cloud.run(grown)), being);
    assert.equal(callsOf(cloud, "Disks_Update").length, 0);
  });

  // The driver keeps a source that a copy needs; a person may delete it.
  on("deletes a disk, and its source, while its copy in the background runs", async (cloud) => {
    await addDisk(cloud, "source", { zone: "1" });
    holdBackgroundWork(cloud, "diskBackgroundCopy");
    valueOf(await copy(cloud, fast));
    for (const uri of [sourceUri, being.diskUri]) valueOf(await remove(cloud, uri));
    assert.equal(cloud.model.world.disks.size, 0);
  });

  on("attaches a copy that is converted later", async (cloud) => {
    const node = addVm(cloud, "node-a", { zone: "1" });
    await addDisk(cloud, "source", { zone: "1" });
    const { diskUri: uri } = valueOf(await copy(cloud, { sourceUri, zone: "1" }));
    const made = findDisk(cloud.model.world, uri);
    assert.ok(made !== undefined);
    const { nowMs } = cloud.model.world;
    putDisk(cloud.model.world, { ...made, conversion: { startedAtMs: nowMs, endsAtMs: nowMs + 1e9 } });
    assert.equal((await tryAttach(cloud, uri, node)).ok, true);
  });

  on("makes its own failed copy again, instead of changing it to look complete", async (cloud) => {
    await addDisk(cloud, "source");
    valueOf(await copy(cloud, { sourceUri }));
    const failed = findDisk(cloud.model.world, diskUri("pvc-1"));
    assert.ok(failed !== undefined);
    putDisk(cloud.model.world, { ...failed, provisioningState: "Failed" });
    assert.equal(valueOf(await copy(cloud, { sourceUri })).state, "Succeeded");
    assert.notEqual(findDisk(cloud.model.world, diskUri("pvc-1"))?.uniqueId, failed.uniqueId);
  });

  on("never deletes a disk that has taken the name of its failed copy", async (cloud) => {
    await addDisk(cloud, "source");
    valueOf(await copy(cloud, { sourceUri }));
    const failed = findDisk(cloud.model.world, diskUri("pvc-1")) ?? assert.fail("no disk");
    putDisk(cloud.model.world, { ...failed, provisioningState: "Failed" });
    const effect = { kind: "Error", status: 500, code: "InternalServerError" } as const;
    cloud.model.faults.add({ operation: "Disks_Delete", times: 1, effect });
    const precondition = (): Promise<boolean> => {
      putDisk(cloud.model.world, {
        ...failed,
        uniqueId: "made-again",
        createdAtMs: failed.createdAtMs + 1_000,
      });
      return mayAlways();
    };
    assert.equal(failureOf(await copy(cloud, { sourceUri, precondition })).kind, "Refused");
    assert.equal(findDisk(cloud.model.world, diskUri("pvc-1"))?.uniqueId, "made-again");
  });

  // Restored from a backup, an object may ask again for a disk that has been in use since.
  on("never deletes a copy that was in use because a later change of it has failed", async (cloud) => {
    await addDisk(cloud, "source");
    valueOf(await copy(cloud, { sourceUri, tags: { "disk.csi.azure.com-uid": "1" } }));
    const used = findDisk(cloud.model.world, diskUri("pvc-1"));
    assert.ok(used !== undefined);
    const tags = {
      "disk.csi.azure.com-uid": "1",
      "disk.csi.azure.com-formatted": "1|ext4|u-1|2026-01-01T00:00:00Z|node-a",
      "disk.csi.azure.com-state-of": "pvc-1",
    };
    putDisk(cloud.model.world, { ...used, provisioningState: "Failed", spec: { ...used.spec, tags } });
    valueOf(await copy(cloud, { sourceUri, tags: { "disk.csi.azure.com-uid": "1" } }));
    assert.equal(findDisk(cloud.model.world, diskUri("pvc-1"))?.uniqueId, used.uniqueId);
  });

  on("makes its own copy again that Azure has cancelled", async (cloud) => {
    await addDisk(cloud, "source");
    valueOf(await copy(cloud, { sourceUri }));
    const cancelled = findDisk(cloud.model.world, diskUri("pvc-1"));
    assert.ok(cancelled !== undefined);
    putDisk(cloud.model.world, { ...cancelled, provisioningState: "Canceled" });
    assert.equal(valueOf(await copy(cloud, { sourceUri })).state, "Succeeded");
    assert.notEqual(findDisk(cloud.model.world, diskUri("pvc-1"))?.uniqueId, cancelled.uniqueId);
  });

  on("never answers another volume's failed copy as a disk", async (cloud) => {
    await addDisk(cloud, "source");
    valueOf(await copy(cloud, { sourceUri }));
    const made = findDisk(cloud.model.world, diskUri("pvc-1"));
    assert.ok(made !== undefined);
    putDisk(cloud.model.world, { ...made, provisioningState: "Failed" });
    const failure = failureOf(await copy(cloud, { sourceUri, tags: { "disk.csi.azure.com-uid": "2" } }));
    const state = "Failed";
    assert.deepEqual(failure, { kind: "DiskCopyFailed", diskUri: diskUri("pvc-1"), sourceUri, state });
  });
}

function tryAttach(
  cloud: CloudUnderTest,
  uri: string,
  node: ReturnType<typeof addVm>,
): ReturnType<CloudUnderTest["provisioner"]["attachDisk"]> {
  return cloud.run(
    cloud.provisioner.attachDisk(
      { diskUri: uri, node, cachingMode: "None", lane: "primaryAttach", precondition: mayAlways },
      never,
    ),
  );
}

async function attach(cloud: CloudUnderTest, uri: string, node: ReturnType<typeof addVm>): Promise<void> {
  valueOf(await tryAttach(cloud, uri, node));
}
