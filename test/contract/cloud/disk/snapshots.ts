import assert from "node:assert/strict";
import { aSnapshotRequest } from "../../../../src/controller/testing/a-snapshot-request.ts";
import type { Failure } from "../../../../src/core/failure/failure.ts";
import type { Result } from "../../../../src/core/failure/result.ts";
import { valueOf } from "../../../../src/core/testing/value-of.ts";
import { findSnapshot, putSnapshot } from "../../../../src/emulator/model/world.ts";
import type {
  CreateSnapshotRequest,
  SnapshotFacts,
} from "../../../../src/ports/cloud/snapshot-provisioner.ts";
import {
  type CloudUnderTest,
  LOCATION,
  RESOURCE_GROUP,
  SUBSCRIPTION_ID,
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
} from "../../worlds/cloud-bench.ts";
import type { On } from "../cloud-suite.ts";

/** No test is about an owner unless it says so. */
const noObjection = (): undefined => undefined;

function snapshotUri(name: string): string {
  return diskUri(name).replace("/disks/", "/snapshots/");
}

function aRequest(changes: Partial<CreateSnapshotRequest> = {}): CreateSnapshotRequest {
  return aSnapshotRequest({
    snapshotUri: snapshotUri("snap-1"),
    sourceUri: diskUri("pvc-1"),
    location: LOCATION,
    tags: { a: "b" },
    ...changes,
  });
}

async function create(
  cloud: CloudUnderTest,
  changes: Partial<CreateSnapshotRequest> = {},
): Promise<SnapshotFacts> {
  return valueOf(await cloud.run(cloud.provisioner.createSnapshot(aRequest(changes), never)));
}

async function get(cloud: CloudUnderTest, name: string): Promise<SnapshotFacts> {
  return valueOf(await cloud.run(cloud.provisioner.getSnapshot({ snapshotUri: snapshotUri(name) }, never)));
}

/** Declares the tests that every provisioner of snapshots passes, the simulated one and the real one. */
export function snapshotProvisionerContract(on: On): void {
  creation(on);
  tagging(on);
  deletion(on);
  backgroundCopies(on);
  regionalCopies(on);
  reads(on);
}

function tagging(on: On): void {
  const tag = (
    cloud: CloudUnderTest,
    objection: () => Failure | undefined = noObjection,
  ): Promise<Result<SnapshotFacts>> => {
    const request = { snapshotUri: snapshotUri("snap-1"), tags: { c: "d" }, objection };
    return cloud.run(cloud.provisioner.tagSnapshot(request, never));
  };

  on("adds a tag to a snapshot, keeps the others, and writes nothing twice", async (cloud) => {
    await addDisk(cloud, "pvc-1");
    const created = await create(cloud);
    const tagged = { ...created, tags: { a: "b", c: "d" } };
    assert.deepEqual(valueOf(await tag(cloud)), tagged);
    assert.deepEqual(valueOf(await tag(cloud)), tagged);
    assert.equal(callsOf(cloud, "Snapshots_Update").length, 1);
    assert.deepEqual(await get(cloud, "snap-1"), tagged);
  });

  on("adds a tag although the response is lost", async (cloud) => {
    await addDisk(cloud, "pvc-1");
    await create(cloud);
    const effect = { kind: "DropResponse" } as const;
    cloud.model.faults.add({ operation: "Snapshots_Update", times: 1, effect });
    assert.deepEqual(valueOf(await tag(cloud)).tags, { a: "b", c: "d" });
  });

  on("makes no snapshot to tag, and tags none that its caller objects to", async (cloud) => {
    await addDisk(cloud, "pvc-1");
    assert.equal(failureOf(await tag(cloud)).kind, "SnapshotNotFound");
    assert.equal(cloud.model.world.snapshots.size, 0);
    const created = await create(cloud);
    const objection = {
      kind: "SnapshotOfOther",
      snapshotUri: snapshotUri("snap-1"),
      owner: "x",
      clusterId: "y",
    } as const;
    assert.deepEqual(failureOf(await tag(cloud, () => objection)), objection);
    assert.deepEqual(await get(cloud, "snap-1"), created);
  });
}

function creation(on: On): void {
  for (const isIncremental of [true, false])
    on(`creates ${isIncremental ? "an incremental" : "a full"} snapshot as requested`, async (cloud) => {
      await addDisk(cloud, "pvc-1");
      const { createdAtMs, sourceUniqueId, ...created } = await create(cloud, {
        isIncremental,
        dataAccessAuthMode: "AzureActiveDirectory",
      });
      assert.deepEqual(created, {
        snapshotUri: snapshotUri("snap-1"),
        sourceUri: diskUri("pvc-1"),
        location: LOCATION,
        sizeGiB: 64,
        sectorSizeBytes: 512,
        isIncremental,
        tags: { a: "b" },
        state: "Succeeded",
        isTaken: true,
        isRestorable: true,
        isBeingCopied: false,
        copyError: undefined,
      });
      assert.ok(createdAtMs !== undefined && createdAtMs > 0 && sourceUniqueId !== undefined);
      const inAzure = findSnapshot(cloud.model.world, snapshotUri("snap-1"));
      assert.deepEqual(
        [
          inAzure?.protection.networkAccessPolicy,
          inAzure?.protection.publicNetworkAccess,
          inAzure?.other["dataAccessAuthMode"],
        ],
        ["DenyAll", "Disabled", "AzureActiveDirectory"],
      );
    });

  on("answers the snapshot that exists without a write, also after its disk was deleted", async (cloud) => {
    const uri = await addDisk(cloud, "pvc-1");
    const first = await create(cloud);
    valueOf(await cloud.run(cloud.provisioner.deleteDisk({ diskUri: uri, precondition: mayAlways }, never)));
    assert.deepEqual(await create(cloud), first);
    assert.equal(callsOf(cloud, "Snapshots_CreateOrUpdate").length, 1);
  });

  on("leaves a snapshot that its caller objects to", async (cloud) => {
    await addDisk(cloud, "pvc-1");
    const first = await create(cloud);
    const objection = {
      kind: "SnapshotOfOther",
      snapshotUri: snapshotUri("snap-1"),
      owner: "x",
      clusterId: "y",
    } as const;
    const request = aRequest({ tags: { other: "c" }, objection: () => objection });
    const created = await cloud.run(cloud.provisioner.createSnapshot(request, never));
    assert.deepEqual(failureOf(created), objection);
    const { snapshotUri: uri } = request;
    const deleted = await cloud.run(
      cloud.provisioner.deleteSnapshot({ snapshotUri: uri, objection: () => objection }, never),
    );
    assert.deepEqual(failureOf(deleted), objection);
    assert.deepEqual(await get(cloud, "snap-1"), first);
  });

  on("creates one snapshot when two controllers ask at once", async (cloud) => {
    await addDisk(cloud, "pvc-1");
    const both = await cloud.run(
      Promise.all([
        cloud.provisioner.createSnapshot(aRequest(), never),
        cloud.another().createSnapshot(aRequest(), never),
      ]),
    );
    assert.deepEqual(valueOf(both[0]), valueOf(both[1]));
    assert.equal(cloud.model.world.snapshots.size, 1);
  });

  on("creates a snapshot although the response is lost", async (cloud) => {
    await addDisk(cloud, "pvc-1");
    const effect = { kind: "DropResponse" } as const;
    cloud.model.faults.add({ operation: "Snapshots_CreateOrUpdate", times: 1, effect });
    assert.equal((await create(cloud)).isRestorable, true);
    assert.equal(callsOf(cloud, "Snapshots_CreateOrUpdate").length, 1);
  });

  on("leaves nothing of a creation that failed for good, and the next begins again", async (cloud) => {
    await addDisk(cloud, "pvc-1");
    const effect = { kind: "FailOperation", code: "BadSource", message: "no" } as const;
    cloud.model.faults.add({ operation: "Snapshots_CreateOrUpdate", times: 1, effect });
    const failed = await cloud.run(cloud.provisioner.createSnapshot(aRequest(), never));
    assert.equal(failureOf(failed).kind, "CloudRejected");
    assert.equal(cloud.model.world.snapshots.size, 0);
    assert.equal((await create(cloud)).isRestorable, true);
  });

  on("makes a snapshot again whose creation failed while its controller was dead", async (cloud) => {
    await addDisk(cloud, "pvc-1");
    await create(cloud);
    const half = findSnapshot(cloud.model.world, snapshotUri("snap-1"));
    assert.ok(half !== undefined);
    putSnapshot(cloud.model.world, { ...half, provisioningState: "Failed" });
    assert.equal((await create(cloud)).state, "Succeeded");
    assert.notEqual(findSnapshot(cloud.model.world, snapshotUri("snap-1"))?.uniqueId, half.uniqueId);
  });

  on("spares a snapshot that another controller has made since its creation failed", async (cloud) => {
    await addDisk(cloud, "pvc-1");
    await create(cloud);
    const made = findSnapshot(cloud.model.world, snapshotUri("snap-1"));
    assert.ok(made !== undefined);
    putSnapshot(cloud.model.world, { ...made, provisioningState: "Failed" });
    const states: string[] = [];
    const { state } = await create(cloud, {
      objection: (present) => {
        states.push(present.state);
        putSnapshot(cloud.model.world, made);
        return undefined;
      },
    });
    assert.deepEqual([state, states[0]], ["Succeeded", "Failed"]);
    assert.equal(findSnapshot(cloud.model.world, snapshotUri("snap-1"))?.uniqueId, made.uniqueId);
    assert.equal(callsOf(cloud, "Snapshots_Delete").length, 0);
  });

  on("reports a source that does not exist, and one of another subscription", async (cloud) => {
    const missing = await cloud.run(cloud.provisioner.createSnapshot(aRequest(), never));
    assert.deepEqual(factsOf(failureOf(missing)), { kind: "DiskNotFound", diskUri: diskUri("pvc-1") });
    const sourceUri = diskUri("pvc-1").replace(SUBSCRIPTION_ID, "00000000-0000-0000-0000-00000000beef");
    const foreign = await cloud.run(cloud.provisioner.createSnapshot(aRequest({ sourceUri }), never));
    assert.equal(failureOf(foreign).kind, "InvalidArgument");
    assert.equal(cloud.model.world.snapshots.size, 0);
  });

  on("says of which disk a quota permits no snapshot, and makes none", async (cloud) => {
    const { settings } = cloud.model.world;
    const uri = await addDisk(cloud, "pvc-1");
    cloud.model.world.settings = { ...settings, quotas: { ZRSSnapshotCount: 0 } };
    const refused = await cloud.run(cloud.provisioner.createSnapshot(aRequest(), never));
    const { kind, ...facts } = factsOf(failureOf(refused));
    assert.deepEqual([kind, "diskUri" in facts && facts.diskUri], ["ChangeOverQuota", uri]);
    assert.equal(cloud.model.world.snapshots.size, 0);
  });

  on(
    "says of which disk Azure keeps no further incremental snapshot, and makes a full one",
    async (cloud) => {
      const uri = await addDisk(cloud, "pvc-1");
      await create(cloud);
      const first = findSnapshot(cloud.model.world, snapshotUri("snap-1"));
      assert.ok(first !== undefined);
      for (let number = 2; number <= 500; number++)
        putSnapshot(cloud.model.world, {
          ...first,
          name: `snap-${number}`,
          id: snapshotUri(`snap-${number}`),
        });
      const another = { snapshotUri: snapshotUri("snap-501") };
      const refused = await cloud.run(cloud.provisioner.createSnapshot(aRequest(another), never));
      assert.deepEqual(factsOf(failureOf(refused)), { kind: "TooManySnapshots", diskUri: uri });
      assert.equal((await create(cloud, { ...another, isIncremental: false })).isRestorable, true);
    },
  );

  on("makes a snapshot of a disk that is attached", async (cloud) => {
    const node = addVm(cloud, "node-a");
    const uri = await addDisk(cloud, "pvc-1");
    valueOf(
      await cloud.run(
        cloud.provisioner.attachDisk(
          { diskUri: uri, node, cachingMode: "None", lane: "primaryAttach", precondition: mayAlways },
          never,
        ),
      ),
    );
    assert.equal((await create(cloud)).isRestorable, true);
  });
}

function deletion(on: On): void {
  const remove = async (cloud: CloudUnderTest, name: string): Promise<void> =>
    valueOf(
      await cloud.run(
        cloud.provisioner.deleteSnapshot({ snapshotUri: snapshotUri(name), objection: noObjection }, never),
      ),
    );

  on("deletes a snapshot, also twice, and keeps the disk's other snapshots", async (cloud) => {
    await addDisk(cloud, "pvc-1");
    await create(cloud);
    await create(cloud, { snapshotUri: snapshotUri("snap-2") });
    await remove(cloud, "snap-1");
    await remove(cloud, "snap-1");
    assert.equal((await get(cloud, "snap-2")).isRestorable, true);
    assert.deepEqual(
      [...cloud.model.world.snapshots.values()].map(({ name }) => name),
      ["snap-2"],
    );
  });

  on("waits for a creation under way before it deletes the snapshot", async (cloud) => {
    await addDisk(cloud, "pvc-1");
    const creating = cloud.another().createSnapshot(aRequest(), never);
    await cloud.until(() => cloud.model.world.snapshots.size === 1);
    await remove(cloud, "snap-1");
    await cloud.run(creating);
    assert.equal(cloud.model.world.snapshots.size, 0);
  });

  on("finds no snapshot in a resource group that was deleted, and has nothing to delete", async (cloud) => {
    const gone = snapshotUri("snap-1").replace(`/${RESOURCE_GROUP}/`, "/deleted-group/");
    const request = { snapshotUri: gone, objection: noObjection };
    valueOf(await cloud.run(cloud.provisioner.deleteSnapshot(request, never)));
    const read = await cloud.run(cloud.provisioner.getSnapshot({ snapshotUri: gone }, never));
    assert.equal(failureOf(read).kind, "SnapshotNotFound");
  });

  on("deletes a snapshot although the response is lost", async (cloud) => {
    await addDisk(cloud, "pvc-1");
    await create(cloud);
    const effect = { kind: "DropResponse" } as const;
    cloud.model.faults.add({ operation: "Snapshots_Delete", times: 1, effect });
    await remove(cloud, "snap-1");
    assert.equal(cloud.model.world.snapshots.size, 0);
  });
}

/** Ends a copy that was held. */
function endCopy(cloud: CloudUnderTest, name: string): void {
  const { world } = cloud.model;
  const held = findSnapshot(world, snapshotUri(name));
  assert.ok(held?.copy !== undefined, `there is no copy ${name}`);
  putSnapshot(world, { ...held, copy: ended(held.copy) });
}

function backgroundCopies(on: On): void {
  const addFastDisk = (cloud: CloudUnderTest): Promise<string> =>
    addDisk(cloud, "pvc-1", { skuName: "PremiumV2_LRS", zone: "1" });

  on("answers at once while a copy runs, and deletes the snapshot in the middle of it", async (cloud) => {
    holdBackgroundWork(cloud, "snapshotBackgroundCopy");
    await addFastDisk(cloud);
    const { state, isRestorable, isBeingCopied } = await create(cloud);
    assert.deepEqual([state, isRestorable, isBeingCopied], ["Succeeded", false, true]);
    assert.deepEqual((await create(cloud)).isRestorable, false);
    const request = { snapshotUri: snapshotUri("snap-1"), objection: noObjection };
    valueOf(await cloud.run(cloud.provisioner.deleteSnapshot(request, never)));
    assert.equal(cloud.model.world.snapshots.size, 0);
  });

  // Its caller may know the moment of the content; one made now would be another backup. One that does not
  // know its handle could never delete it.
  on("keeps and answers a snapshot whose copy runs when a later change of it has failed", async (cloud) => {
    holdBackgroundWork(cloud, "snapshotBackgroundCopy");
    await addFastDisk(cloud);
    await create(cloud);
    const taken = findSnapshot(cloud.model.world, snapshotUri("snap-1"));
    assert.ok(taken !== undefined);
    putSnapshot(cloud.model.world, { ...taken, provisioningState: "Failed" });
    const { state, isTaken, isRestorable } = await create(cloud);
    assert.deepEqual([state, isTaken, isRestorable], ["Failed", true, false]);
    assert.equal(findSnapshot(cloud.model.world, snapshotUri("snap-1"))?.uniqueId, taken.uniqueId);
    assert.equal(callsOf(cloud, "Snapshots_Delete").length, 0);
  });

  on("reports the end of a copy", async (cloud) => {
    holdBackgroundWork(cloud, "snapshotBackgroundCopy");
    await addFastDisk(cloud);
    assert.equal((await create(cloud)).isRestorable, false);
    endCopy(cloud, "snap-1");
    assert.equal((await get(cloud, "snap-1")).isRestorable, true);
  });

  on("may be restored at once with instant access", async (cloud) => {
    holdBackgroundWork(cloud, "snapshotBackgroundCopy");
    await addFastDisk(cloud);
    assert.equal((await create(cloud, { instantAccessMinutes: 300 })).isRestorable, true);
  });
}

function regionalCopies(on: On): void {
  const OTHER_REGION = "westeurope";
  const copy = {
    snapshotUri: snapshotUri("there"),
    sourceUri: snapshotUri("snap-1"),
    location: OTHER_REGION,
  };

  on("copies a snapshot to another region in the background", async (cloud) => {
    holdBackgroundWork(cloud, "snapshotBackgroundCopy");
    await addDisk(cloud, "pvc-1");
    await create(cloud);
    const { createdAtMs, sourceUniqueId, ...started } = await create(cloud, copy);
    assert.ok(createdAtMs !== undefined && sourceUniqueId !== undefined);
    assert.deepEqual(started, {
      ...copy,
      sizeGiB: 64,
      sectorSizeBytes: 512,
      isIncremental: true,
      tags: { a: "b" },
      state: "Succeeded",
      isTaken: true,
      isRestorable: false,
      isBeingCopied: true,
      copyError: undefined,
    });
    endCopy(cloud, "there");
    const { isRestorable, isBeingCopied } = await get(cloud, "there");
    assert.deepEqual([isRestorable, isBeingCopied], [true, false]);
    assert.equal(callsOf(cloud, "Snapshots_CreateOrUpdate").length, 2);
  });

  on("starts one copy although the response is lost", async (cloud) => {
    holdBackgroundWork(cloud, "snapshotBackgroundCopy");
    await addDisk(cloud, "pvc-1");
    await create(cloud);
    const effect = { kind: "DropResponse" } as const;
    cloud.model.faults.add({ operation: "Snapshots_CreateOrUpdate", times: 1, effect });
    assert.equal((await create(cloud, copy)).state, "Succeeded");
    assert.equal(callsOf(cloud, "Snapshots_CreateOrUpdate").length, 2);
  });

  on("reports a copy that ended without its content, and makes it again", async (cloud) => {
    holdBackgroundWork(cloud, "snapshotBackgroundCopy");
    await addDisk(cloud, "pvc-1");
    await create(cloud);
    await create(cloud, copy);
    const request = { snapshotUri: snapshotUri("snap-1"), objection: noObjection };
    valueOf(await cloud.run(cloud.provisioner.deleteSnapshot(request, never)));
    const { isTaken, isRestorable, copyError } = await get(cloud, "there");
    assert.deepEqual([isTaken, isRestorable], [false, false]);
    assert.match(copyError ?? "", /^CopySourceNotFound: The source snapshot/u);

    const ended = findSnapshot(cloud.model.world, snapshotUri("there"));
    await create(cloud);
    assert.equal((await create(cloud, copy)).copyError, undefined);
    assert.notEqual(findSnapshot(cloud.model.world, snapshotUri("there"))?.uniqueId, ended?.uniqueId);
  });

  on("copies one snapshot of a disk at a time, and the next one after it", async (cloud) => {
    holdBackgroundWork(cloud, "snapshotBackgroundCopy");
    await addDisk(cloud, "pvc-1");
    for (const name of ["snap-1", "snap-2"]) await create(cloud, { snapshotUri: snapshotUri(name) });
    await create(cloud, copy);
    const next = { ...copy, snapshotUri: snapshotUri("there-2"), sourceUri: snapshotUri("snap-2") };
    const failure = failureOf(await cloud.run(cloud.provisioner.createSnapshot(aRequest(next), never)));
    assert.equal(failure.kind, "SnapshotCopyDelayed");
    assert.equal(findSnapshot(cloud.model.world, next.snapshotUri), undefined);
    endCopy(cloud, "there");
    assert.equal((await create(cloud, next)).state, "Succeeded");
  });

  on("makes a copy again that Azure shows as failed half-way, without a reason", async (cloud) => {
    holdBackgroundWork(cloud, "snapshotBackgroundCopy");
    await addDisk(cloud, "pvc-1");
    await create(cloud);
    await create(cloud, copy);
    const half = findSnapshot(cloud.model.world, snapshotUri("there"));
    assert.ok(half !== undefined);
    putSnapshot(cloud.model.world, { ...half, provisioningState: "Failed" });
    assert.equal((await create(cloud, copy)).state, "Succeeded");
    assert.notEqual(findSnapshot(cloud.model.world, snapshotUri("there"))?.uniqueId, half.uniqueId);
  });

  on("reports that the snapshot to copy does not exist, and leaves nothing", async (cloud) => {
    const missing = await cloud.run(cloud.provisioner.createSnapshot(aRequest(copy), never));
    assert.deepEqual(factsOf(failureOf(missing)), {
      kind: "SnapshotNotFound",
      snapshotUri: snapshotUri("snap-1"),
    });
    assert.equal(cloud.model.world.snapshots.size, 0);
  });
}

function reads(on: On): void {
  on("tells a disk's snapshots from those of an earlier disk of its name", async (cloud) => {
    const uri = await addDisk(cloud, "pvc-1");
    const { sourceUniqueId: earlier } = await create(cloud);
    const uniqueId = async (): Promise<string | undefined> =>
      valueOf(await cloud.run(cloud.provisioner.getDisk({ diskUri: uri }, never))).uniqueId;
    assert.ok(earlier !== undefined && earlier === (await uniqueId()));
    valueOf(await cloud.run(cloud.provisioner.deleteDisk({ diskUri: uri, precondition: mayAlways }, never)));
    await addDisk(cloud, "pvc-1");
    const { sourceUniqueId } = await create(cloud, { snapshotUri: snapshotUri("snap-2") });
    assert.notEqual(sourceUniqueId, earlier);
    assert.equal(sourceUniqueId, await uniqueId());
    assert.equal((await get(cloud, "snap-1")).sourceUniqueId, earlier);
  });

  on("lists the snapshots of a resource group, and none of a missing one", async (cloud) => {
    await addDisk(cloud, "pvc-1");
    for (const name of ["snap-1", "snap-2"]) await create(cloud, { snapshotUri: snapshotUri(name) });
    const listed = async (resourceGroup: string | undefined): Promise<readonly string[]> =>
      valueOf(await cloud.run(cloud.provisioner.listSnapshots({ resourceGroup }, never))).map(
        (snapshot) => snapshot.snapshotUri,
      );
    const both = [snapshotUri("snap-1"), snapshotUri("snap-2")];
    assert.deepEqual((await listed(undefined)).toSorted(), both);
    assert.deepEqual((await listed(RESOURCE_GROUP)).toSorted(), both);
    assert.deepEqual(await listed("none"), []);
  });

  on("reports a snapshot that does not exist, and refuses the id of a disk", async (cloud) => {
    const uri = await addDisk(cloud, "snap-1");
    const missing = await cloud.run(
      cloud.provisioner.getSnapshot({ snapshotUri: snapshotUri("snap-1") }, never),
    );
    assert.deepEqual(factsOf(failureOf(missing)), {
      kind: "SnapshotNotFound",
      snapshotUri: snapshotUri("snap-1"),
    });
    const request = { snapshotUri: uri, objection: noObjection };
    const deleted = await cloud.run(cloud.provisioner.deleteSnapshot(request, never));
    assert.equal(failureOf(deleted).kind, "InvalidArgument");
    assert.equal(callsOf(cloud, "Snapshots_Delete").length, 0);
  });
}
