import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import type { NodeIdentity } from "../../src/core/api/identity/node-identity.ts";
import { describeFailure } from "../../src/core/failure/describe-failure.ts";
import type { Failure } from "../../src/core/failure/failure.ts";
import { ok, type Result } from "../../src/core/failure/result.ts";
import { valueOf } from "../../src/core/testing/value-of.ts";
import type { JournalEntry } from "../../src/emulator/model/api/journal.ts";
import { releaseStuckOperations } from "../../src/emulator/model/pace/operations.ts";
import { findDisk, putDisk, putVm } from "../../src/emulator/model/world.ts";
import type {
  CloudProvisioner,
  Lane,
  Precondition,
  ReservedLuns,
} from "../../src/ports/cloud/cloud-provisioner.ts";
import { copiedDisksContract } from "./copied-disks-contract.ts";
import { diskTraitsContract } from "./disk-traits-contract.ts";
import { failedAttachesContract } from "./failed-attaches-contract.ts";
import { fenceDuringReimageContract } from "./fence-during-reimage-contract.ts";
import { otherWritersContract } from "./other-writers-contract.ts";
import { snapshotProvisionerContract } from "./snapshot-provisioner-contract.ts";
import { updateDiskContract } from "./update-disk-contract.ts";
import {
  type CloudUnderTest,
  type VmKind,
  SUBSCRIPTION_ID,
  aDiskRequest,
  addDisk,
  addVm,
  callsOf,
  changeFromOutside,
  diskUri,
  disksOn,
  etagOf,
  factsOf,
  failureOf,
  isOperation,
  mayAlways,
  never,
  setLatency,
  slowDownAttaches,
  vmAt,
  vmWrites,
} from "./worlds/cloud-bench.ts";
import { otherDiskIds, sameDiskIds } from "./worlds/other-disk-ids.ts";

const TEST_TIMEOUT_MS = 900_000;
/** For what happens at once, on a busy machine, in milliseconds. A patient caller would wait an hour. */
const AT_ONCE_MAX_MS = 60_000;

/** A precondition that permits one write, and refuses the next after it has run `during`. */
function refusingSecond(during: () => Promise<void> = () => Promise.resolve()): Precondition {
  let asked = 0;
  return async () => {
    asked += 1;
    if (asked === 1) return true;
    await during();
    return false;
  };
}

/** Declares the tests that every cloud provisioner passes, the simulated one and the real one. */
export function cloudProvisionerContract(
  name: string,
  vms: VmKind,
  makeCloud: (vms: VmKind) => Promise<CloudUnderTest>,
): void {
  const on = (sentence: string, test: (cloud: CloudUnderTest) => Promise<void>): void => {
    it(sentence, { timeout: TEST_TIMEOUT_MS }, async () => {
      const cloud = await makeCloud(vms);
      try {
        await test(cloud);
      } finally {
        await cloud.close();
      }
    });
  };

  describe(`CloudProvisioner, properties of disks: ${name}`, () => diskTraitsContract(on));

  describe(`SnapshotProvisioner: ${name}`, () => snapshotProvisionerContract(on));

  describe(`CloudProvisioner: ${name}`, () => {
    describe("copies", () => copiedDisksContract(on));

    describe("other clients", () => otherWritersContract(on));

    describe("disks", () => {
      on("creates a disk as requested", async (cloud) => {
        const created = valueOf(
          await cloud.run(
            cloud.provisioner.createDisk(
              aDiskRequest({ zone: "2", sizeGiB: 1024, maxShares: 3, tags: { a: "b" } }),
              never,
            ),
          ),
        );
        assert.deepEqual(created, {
          diskUri: diskUri("pvc-1"),
          diskName: "pvc-1",
          location: "eastus",
          zones: ["2"],
          skuName: "Premium_LRS",
          sizeGiB: 1024,
          maxShares: 3,
          tags: { a: "b" },
          state: "Succeeded",
          attachedTo: [],
          sourceUri: undefined,
          diskIOPSReadWrite: 5000,
          diskMBpsReadWrite: 200,
          networkAccessPolicy: "AllowAll",
          publicNetworkAccess: "Enabled",
          sectorSizeBytes: 512,
        });
      });

      on("answers an existing disk without a write if it is as requested", async (cloud) => {
        const first = valueOf(await cloud.run(cloud.provisioner.createDisk(aDiskRequest(), never)));
        assert.equal(first.diskUri, cloud.provisioner.diskUriOf(aDiskRequest()));
        assert.deepEqual(
          valueOf(
            await cloud.run(cloud.provisioner.createDisk(aDiskRequest({ tags: { other: "tag" } }), never)),
          ),
          first,
        );
        assert.equal(callsOf(cloud, "Disks_CreateOrUpdate").length, 1);
      });

      for (const { asked, difference } of [
        { asked: { sizeGiB: 128 }, difference: "size is 64 GiB, not 128 GiB" },
        {
          asked: { skuName: "StandardSSD_LRS" as const },
          difference: "SKU is Premium_LRS, not StandardSSD_LRS",
        },
        { asked: { maxShares: 2 }, difference: "maxShares is 1, not 2" },
        { asked: { zone: "1" }, difference: "zone is none, not 1" },
      ]) {
        on(`refuses a name whose disk differs: ${difference}`, async (cloud) => {
          await addDisk(cloud, "pvc-1");
          const again = await cloud.run(cloud.provisioner.createDisk(aDiskRequest(asked), never));
          assert.deepEqual(failureOf(again), {
            kind: "VolumeExistsWithOtherRequest",
            volumeName: "pvc-1",
            difference,
          });
          assert.equal(callsOf(cloud, "Disks_CreateOrUpdate").length, 1);
        });
      }

      on("creates one disk when two callers ask at once", async (cloud) => {
        const both = await cloud.run(
          Promise.all([
            cloud.provisioner.createDisk(aDiskRequest(), never),
            cloud.provisioner.createDisk(aDiskRequest(), never),
          ]),
        );
        assert.deepEqual(
          both.map(valueOf).map((disk) => disk.diskUri),
          [diskUri("pvc-1"), diskUri("pvc-1")],
        );
      });

      on("creates a disk although the response is lost", async (cloud) => {
        cloud.model.faults.add({
          operation: "Disks_CreateOrUpdate",
          times: 1,
          effect: { kind: "DropResponse" },
        });
        assert.equal(
          valueOf(await cloud.run(cloud.provisioner.createDisk(aDiskRequest(), never))).state,
          "Succeeded",
        );
      });

      on("recreates a disk whose creation failed, and keeps tags that others set", async (cloud) => {
        const tags = { uid: "1" };
        const uri = await addDisk(cloud, "pvc-1", { tags });
        failLastUpdate(cloud, uri, { ...tags, policy: "added" });
        const created = valueOf(await cloud.run(cloud.provisioner.createDisk(aDiskRequest({ tags }), never)));
        assert.deepEqual([created.state, created.tags], ["Succeeded", { ...tags, policy: "added" }]);
      });

      on("leaves another volume's disk of the name whose last update failed", async (cloud) => {
        const tags = { uid: "1", formatted: "ext4" };
        const uri = await addDisk(cloud, "pvc-1", { tags });
        failLastUpdate(cloud, uri, tags);
        const before = findDisk(cloud.model.world, uri);
        const found = valueOf(
          await cloud.run(cloud.provisioner.createDisk(aDiskRequest({ tags: { uid: "2" } }), never)),
        );
        assert.deepEqual([found.tags, findDisk(cloud.model.world, uri)], [tags, before]);
        const larger = await cloud.run(
          cloud.provisioner.createDisk(aDiskRequest({ tags: { uid: "2" }, sizeGiB: 128 }), never),
        );
        assert.equal(failureOf(larger).kind, "VolumeExistsWithOtherRequest");
        assert.equal(callsOf(cloud, "Disks_CreateOrUpdate").length, 1);
      });

      on("does not recreate a disk deleted while the response to its creation was lost", async (cloud) => {
        cloud.model.faults.add({
          operation: "Disks_CreateOrUpdate",
          times: 1,
          effect: { kind: "DropResponse" },
        });
        const precondition = refusingSecond(async () => {
          valueOf(
            await cloud.another().deleteDisk({ diskUri: diskUri("pvc-1"), precondition: mayAlways }, never),
          );
        });
        const created = await cloud.run(cloud.provisioner.createDisk(aDiskRequest({ precondition }), never));
        assert.deepEqual(failureOf(created), { kind: "Refused", diskUri: diskUri("pvc-1") });
        assert.equal(findDisk(cloud.model.world, diskUri("pvc-1")), undefined);
      });

      on(
        "does not delete a new disk of the name after the response to a deletion was lost",
        async (cloud) => {
          const uri = await addDisk(cloud, "pvc-1");
          cloud.model.faults.add({ operation: "Disks_Delete", times: 1, effect: { kind: "DropResponse" } });
          const precondition = refusingSecond(async () => {
            valueOf(await cloud.another().createDisk(aDiskRequest({ tags: { made: "since" } }), never));
          });
          assert.deepEqual(
            failureOf(await cloud.run(cloud.provisioner.deleteDisk({ diskUri: uri, precondition }, never))),
            { kind: "Refused", diskUri: uri },
          );
          assert.deepEqual(findDisk(cloud.model.world, uri)?.spec.tags, { made: "since" });
        },
      );

      on("does not repeat a lost resize once the precondition fails", async (cloud) => {
        const uri = await addDisk(cloud, "pvc-1");
        cloud.model.faults.add({ operation: "Disks_Update", times: 1, effect: { kind: "DropResponse" } });
        const resized = await cloud.run(
          cloud.provisioner.resizeDisk({ diskUri: uri, sizeGiB: 128, precondition: refusingSecond() }, never),
        );
        assert.deepEqual(failureOf(resized), { kind: "Refused", diskUri: uri });
        assert.equal(callsOf(cloud, "Disks_Update").length, 1);
      });

      on("checks the precondition again before it retries a throttled creation", async (cloud) => {
        cloud.model.faults.add({
          operation: "Disks_CreateOrUpdate",
          times: 1,
          effect: { kind: "Error", status: 429, code: "TooManyRequests", retryAfterS: 1 },
        });
        const created = await cloud.run(
          cloud.provisioner.createDisk(aDiskRequest({ precondition: refusingSecond() }), never),
        );
        assert.deepEqual(failureOf(created), { kind: "Refused", diskUri: diskUri("pvc-1") });
        assert.equal(findDisk(cloud.model.world, diskUri("pvc-1")), undefined);
      });

      on("names each call by an id of its own, which Azure's logs show", async (cloud) => {
        await addDisk(cloud, "pvc-1");
        const ids = cloud.model.journal.since(0).map((entry) => entry.clientRequestId ?? "");
        assert.notEqual(ids.length, 0);
        assert.deepEqual([ids.includes(""), new Set(ids).size], [false, ids.length]);
      });

      on("takes a disk for deleted whose group is missing, not whose subscription is", async (cloud) => {
        const uri = await addDisk(cloud, "pvc-1");
        const deleteAfter = (code: string): Promise<Result<void, Failure>> => {
          const effect = { kind: "Error", status: 404, code } as const;
          cloud.model.faults.add({ operation: "Disks_Get", times: 1, effect });
          return cloud.run(cloud.provisioner.deleteDisk({ diskUri: uri, precondition: mayAlways }, never));
        };
        assert.equal(failureOf(await deleteAfter("SubscriptionNotFound")).kind, "CloudRejected");
        assert.ok((await deleteAfter("ResourceGroupNotFound")).ok);
      });

      on("deletes a disk, also twice", async (cloud) => {
        const uri = await addDisk(cloud, "pvc-1");
        valueOf(
          await cloud.run(cloud.provisioner.deleteDisk({ diskUri: uri, precondition: mayAlways }, never)),
        );
        assert.deepEqual(
          factsOf(failureOf(await cloud.run(cloud.provisioner.getDisk({ diskUri: uri }, never)))),
          { kind: "DiskNotFound", diskUri: uri },
        );
        valueOf(
          await cloud.run(cloud.provisioner.deleteDisk({ diskUri: uri, precondition: mayAlways }, never)),
        );
      });

      on("does not delete an attached disk", async (cloud) => {
        const node = addVm(cloud, "node-a");
        const uri = await addDisk(cloud, "pvc-1");
        await attach(cloud, uri, node);
        assert.deepEqual(
          failureOf(
            await cloud.run(cloud.provisioner.deleteDisk({ diskUri: uri, precondition: mayAlways }, never)),
          ),
          {
            kind: "DiskInUse",
            diskUri: uri,
            attachedTo: [cloud.vms.uri("node-a")],
          },
        );
        assert.equal(callsOf(cloud, "Disks_Delete").length, 0);
      });

      on("grows a disk, and never shrinks it", async (cloud) => {
        const uri = await addDisk(cloud, "pvc-1");
        assert.deepEqual(
          valueOf(
            await cloud.run(
              cloud.provisioner.resizeDisk({ diskUri: uri, sizeGiB: 128, precondition: mayAlways }, never),
            ),
          ),
          {
            sizeGiB: 128,
          },
        );
        assert.deepEqual(
          valueOf(
            await cloud.run(
              cloud.provisioner.resizeDisk({ diskUri: uri, sizeGiB: 100, precondition: mayAlways }, never),
            ),
          ),
          {
            sizeGiB: 128,
          },
        );
        assert.equal(
          valueOf(await cloud.run(cloud.provisioner.getDisk({ diskUri: uri }, never))).sizeGiB,
          128,
        );
        assert.equal(callsOf(cloud, "Disks_Update").length, 1);
      });

      on("grows no shared disk while it is attached", async (cloud) => {
        const node = addVm(cloud, "node-a");
        const uri = await addDisk(cloud, "pvc-1", { maxShares: 2 });
        await attach(cloud, uri, node);
        assert.deepEqual(
          failureOf(
            await cloud.run(
              cloud.provisioner.resizeDisk({ diskUri: uri, sizeGiB: 128, precondition: mayAlways }, never),
            ),
          ),
          {
            kind: "DiskInUse",
            diskUri: uri,
            attachedTo: [cloud.vms.uri("node-a")],
          },
        );
        assert.equal(callsOf(cloud, "Disks_Update").length, 0);
      });

      on("sets and removes tags of an attached disk, and leaves all others", async (cloud) => {
        const uri = await addDisk(cloud, "pvc-1", { tags: { a: "b", c: "d" } });
        await attach(cloud, uri, addVm(cloud, "node-a"));
        valueOf(
          await cloud.run(
            cloud.provisioner.tagDisk(
              { diskUri: uri, tags: { c: undefined, e: "f" }, precondition: mayAlways },
              never,
            ),
          ),
        );
        const { tags, attachedTo } = valueOf(
          await cloud.run(cloud.provisioner.getDisk({ diskUri: uri }, never)),
        );
        assert.deepEqual([tags, attachedTo], [{ a: "b", e: "f" }, [cloud.vms.uri("node-a")]]);
        valueOf(
          await cloud.run(
            cloud.provisioner.tagDisk(
              { diskUri: uri, tags: { e: "f", none: undefined }, precondition: mayAlways },
              never,
            ),
          ),
        );
        assert.equal(callsOf(cloud, "Disks_Update").length, 1);
      });

      on("refuses more tags than Azure allows before it writes", async (cloud) => {
        const uri = await addDisk(cloud, "pvc-1", {
          tags: Object.fromEntries(Array.from({ length: 49 }, (_, index) => [`tag-${index}`, "x"])),
        });
        const failure = failureOf(
          await cloud.run(
            cloud.provisioner.tagDisk(
              { diskUri: uri, tags: { one: "x", two: "x" }, precondition: mayAlways },
              never,
            ),
          ),
        );
        assert.deepEqual([failure.kind, "value" in failure && failure.value], ["InvalidArgument", "51"]);
        assert.equal(callsOf(cloud, "Disks_Update").length, 0);
      });

      describe("changes", () => updateDiskContract(on));

      on("names the missing disk", async (cloud) => {
        const missing = { kind: "DiskNotFound", diskUri: diskUri("none") };
        assert.deepEqual(
          factsOf(failureOf(await cloud.run(cloud.provisioner.getDisk({ diskUri: diskUri("none") }, never)))),
          missing,
        );
        assert.deepEqual(
          factsOf(
            failureOf(
              await cloud.run(
                cloud.provisioner.resizeDisk(
                  { diskUri: diskUri("none"), sizeGiB: 8, precondition: mayAlways },
                  never,
                ),
              ),
            ),
          ),
          missing,
        );
        assert.deepEqual(
          factsOf(
            failureOf(
              await cloud.run(
                attaching(cloud.provisioner, { diskUri: diskUri("none"), node: addVm(cloud, "node-a") }),
              ),
            ),
          ),
          missing,
        );
      });

      on("leaves a disk alone when the id of a call differs in any one segment", async (cloud) => {
        const node = addVm(cloud, "node-a");
        const uri = await addDisk(cloud, "pvc-1", { maxShares: 2, tags: { a: "b" } });
        const before = valueOf(await cloud.run(cloud.provisioner.getDisk({ diskUri: uri }, never)));
        const { provisioner } = cloud;
        const calls: readonly ((other: string) => Promise<Result<unknown, Failure>>)[] = [
          (other) => provisioner.getDisk({ diskUri: other }, never),
          (other) => provisioner.deleteDisk({ diskUri: other, precondition: mayAlways }, never),
          (other) =>
            provisioner.resizeDisk({ diskUri: other, sizeGiB: 1024, precondition: mayAlways }, never),
          (other) =>
            provisioner.updateDisk(
              { diskUri: other, change: { skuName: "Standard_LRS" }, precondition: mayAlways },
              never,
            ),
          (other) => attaching(provisioner, { diskUri: other, node }),
          (other) =>
            provisioner.detachDisk({ diskUri: other, node, lane: "detach", precondition: mayAlways }, never),
          (other) => fencing(provisioner, { diskUri: other, node }),
        ];
        await fc.assert(
          fc.asyncProperty(otherDiskIds(uri), fc.constantFrom(...calls), async (other, call) => {
            const answered = await cloud.run(call(other));
            assert.ok(
              !answered.ok || answered.value === undefined || "kind" in Object(answered.value),
              `${other}: ${JSON.stringify(answered)}`,
            );
            assert.deepEqual(valueOf(await cloud.run(provisioner.getDisk({ diskUri: uri }, never))), before);
            assert.deepEqual(disksOn(cloud, "node-a"), []);
          }),
          { numRuns: 60 },
        );
      });

      on("refuses a disk of another subscription before it calls Azure", async (cloud) => {
        const node = addVm(cloud, "node-a");
        const other = (await addDisk(cloud, "pvc-1")).replace(
          SUBSCRIPTION_ID,
          "00000000-0000-0000-0000-00000000beef",
        );
        const calls = callsOf(cloud, "Disks_Get").length;
        const failures = [
          failureOf(await cloud.run(cloud.provisioner.getDisk({ diskUri: other }, never))),
          failureOf(
            await cloud.run(cloud.provisioner.deleteDisk({ diskUri: other, precondition: mayAlways }, never)),
          ),
          failureOf(await cloud.run(attaching(cloud.provisioner, { diskUri: other, node }))),
        ];
        const problem =
          "is in subscription 00000000-0000-0000-0000-00000000beef; " +
          `this driver serves only disks of subscription ${SUBSCRIPTION_ID}`;
        for (const failure of failures)
          assert.deepEqual(failure, { kind: "InvalidArgument", field: "diskUri", value: other, problem });
        assert.equal(callsOf(cloud, "Disks_Get").length, calls);
        assert.equal(callsOf(cloud, "Disks_Delete").length + vmWrites(cloud).length, 0);
      });

      on("treats ids that differ only in case as the same disk", async (cloud) => {
        const node = addVm(cloud, "node-a");
        const uri = await addDisk(cloud, "pvc-1");
        await fc.assert(
          fc.asyncProperty(sameDiskIds(uri), sameDiskIds(uri), async (one, other) => {
            assert.equal(
              valueOf(await cloud.run(cloud.provisioner.getDisk({ diskUri: one }, never))).diskUri,
              uri,
            );
            const lun = valueOf(await cloud.run(attaching(cloud.provisioner, { diskUri: one, node }))).lun;
            assert.equal(
              valueOf(await cloud.run(attaching(cloud.provisioner, { diskUri: other, node }))).lun,
              lun,
            );
            assert.equal(disksOn(cloud, "node-a").length, 1);
            valueOf(
              await cloud.run(
                cloud.provisioner.detachDisk(
                  { diskUri: other, node, lane: "detach", precondition: mayAlways },
                  never,
                ),
              ),
            );
            assert.deepEqual(disksOn(cloud, "node-a"), []);
          }),
          { numRuns: 5 },
        );
      });

      on("describes an id that is not a disk's", async (cloud) => {
        const failure = failureOf(
          await cloud.run(cloud.provisioner.getDisk({ diskUri: cloud.vms.uri("node-a") }, never)),
        );
        assert.equal(failure.kind, "InvalidArgument");
      });

      on("lists all disks by their ids, page after page", async (cloud) => {
        cloud.model.world.settings = { ...cloud.model.world.settings, pageSize: 2 };
        for (const disk of ["pvc-3", "pvc-1", "pvc-2", "pvc-5", "pvc-4"]) await addDisk(cloud, disk);
        const listed = valueOf(
          await cloud.run(cloud.provisioner.listDisks({ resourceGroup: undefined }, never)),
        );
        assert.deepEqual(
          listed.map((disk) => disk.diskName),
          ["pvc-1", "pvc-2", "pvc-3", "pvc-4", "pvc-5"],
        );
      });
    });

    describe("attach and detach", () => {
      on("attaches a disk at the lowest free LUN, visible on both VM and disk", async (cloud) => {
        const node = addVm(cloud, "node-a");
        const [first, second] = [await addDisk(cloud, "pvc-1"), await addDisk(cloud, "pvc-2")];
        assert.equal(await attach(cloud, first, node), 0);
        assert.equal(await attach(cloud, second, node), 1);
        assert.deepEqual(disksOn(cloud, "node-a"), ["pvc-1@0", "pvc-2@1"]);
        assert.deepEqual(
          valueOf(await cloud.run(cloud.provisioner.getDisk({ diskUri: first }, never))).attachedTo,
          [cloud.vms.uri("node-a")],
        );
      });

      on(
        "answers the LUN of an attached disk without a write, whatever the case of its id",
        async (cloud) => {
          const node = addVm(cloud, "node-a");
          const uri = await addDisk(cloud, "pvc-1");
          await attach(cloud, uri, node);
          assert.equal(
            await attach(cloud, uri.toUpperCase().replace("SUBSCRIPTIONS", "subscriptions"), node),
            0,
          );
          assert.equal(vmWrites(cloud).length, 1);
        },
      );

      on("attaches a new disk with three calls besides polls, and any other with four", async (cloud) => {
        const node = addVm(cloud, "node-a");
        const [first, created, other] = [
          await addDisk(cloud, "pvc-1"),
          await addDisk(cloud, "pvc-2"),
          await addDisk(cloud, "pvc-3"),
        ];
        await attach(cloud, first, node);
        const known = [cloud.vms.operation("Get"), cloud.vms.operation("Update")];
        const callsFor = async (uri: string): Promise<readonly string[]> => {
          const { journal } = cloud.model;
          const since = journal.lastSequence();
          await attach(cloud, uri, node);
          return journal
            .since(since)
            .filter((entry) => entry.kind === "arm")
            .map((entry) => known.find((operation) => isOperation(entry, operation)) ?? entry.operation);
        };
        assert.deepEqual(await callsFor(created), [
          cloud.vms.operation("Get"),
          cloud.vms.operation("Update"),
          cloud.vms.operation("Get"),
        ]);
        valueOf(
          await cloud.run(
            cloud.provisioner.resizeDisk({ diskUri: other, sizeGiB: 128, precondition: mayAlways }, never),
          ),
        );
        assert.deepEqual(await callsFor(other), [
          "Disks_Get",
          cloud.vms.operation("Get"),
          cloud.vms.operation("Update"),
          cloud.vms.operation("Get"),
        ]);
      });

      on("batches concurrent attaches into one update, although each reads its disk first", async (cloud) => {
        const node = addVm(cloud, "node-a");
        const uris: string[] = [];
        for (let disk = 0; disk < 8; disk++) uris.push(await addDisk(cloud, `pvc-${disk}`));
        const fresh = cloud.another();
        const attached = await cloud.run(
          Promise.all(uris.map((uri) => attaching(fresh, { diskUri: uri, node }))),
        );
        assert.deepEqual(
          attached.map((answer) => valueOf(answer).lun).toSorted((left, right) => left - right),
          [0, 1, 2, 3, 4, 5, 6, 7],
        );
        assert.equal(vmWrites(cloud, "node-a").length, 1);
      });

      on("uses cached disk state only to attach, never to refuse", async (cloud) => {
        const [nodeA, nodeB] = [addVm(cloud, "node-a"), addVm(cloud, "node-b")];
        const uri = await addDisk(cloud, "pvc-1");
        const elsewhere = cloud.another();
        valueOf(await cloud.run(attaching(elsewhere, { diskUri: uri, node: nodeB })));
        const refused = failureOf(
          await cloud.run(attaching(cloud.provisioner, { diskUri: uri, node: nodeA })),
        );
        assert.deepEqual(refused, {
          kind: "DiskAttachedElsewhere",
          diskUri: uri,
          attachedTo: [cloud.vms.uri("node-b")],
        });
        valueOf(await cloud.run(detaching(elsewhere, { diskUri: uri, node: nodeB })));
        assert.equal(await attach(cloud, uri, nodeA), 0);
      });

      on("writes only with the ETag that it read", async (cloud) => {
        const node = addVm(cloud, "node-a");
        const before = etagOf(cloud, "node-a");
        await attach(cloud, await addDisk(cloud, "pvc-1"), node);
        assert.deepEqual(
          vmWrites(cloud).map((entry) => entry.ifMatch),
          [before],
        );
      });

      on("sends attaches and detaches that arrive during an update in one next update", async (cloud) => {
        const node = addVm(cloud, "node-a");
        const [old, first, second, third] = [
          await addDisk(cloud, "old"),
          await addDisk(cloud, "pvc-1"),
          await addDisk(cloud, "pvc-2"),
          await addDisk(cloud, "pvc-3"),
        ];
        await attach(cloud, old, node);
        slowDownAttaches(cloud);
        const opening = attaching(cloud.provisioner, { diskUri: first, node });
        await cloud.until(() => vmWrites(cloud).length === 2);
        const following = Promise.all([
          attaching(cloud.provisioner, { diskUri: second, node, lane: "replicaAttach" }),
          detaching(cloud.provisioner, { diskUri: old, node }),
          attaching(cloud.provisioner, { diskUri: third, node }),
        ]);
        valueOf(await cloud.run(opening));
        assert.deepEqual(
          (await cloud.run(following)).map((answer) => answer.ok),
          [true, true, true],
        );
        assert.equal(vmWrites(cloud).length, 3);
        assert.deepEqual(disksOn(cloud, "node-a"), ["pvc-1@1", "pvc-3@2", "pvc-2@3"]);
      });

      on("keeps disks that other clients attached", async (cloud) => {
        const node = addVm(cloud, "node-a");
        const [foreign, ours] = [await addDisk(cloud, "foreign"), await addDisk(cloud, "ours")];
        valueOf(await cloud.run(attaching(cloud.another(), { diskUri: foreign, node })));
        assert.equal(await attach(cloud, ours, node), 1);
        valueOf(await cloud.run(detaching(cloud.provisioner, { diskUri: ours, node })));
        assert.deepEqual(disksOn(cloud, "node-a"), ["foreign@0"]);
      });

      on("detaches a disk, and again without a write", async (cloud) => {
        const node = addVm(cloud, "node-a");
        const uri = await addDisk(cloud, "pvc-1");
        await attach(cloud, uri, node);
        valueOf(await cloud.run(detaching(cloud.provisioner, { diskUri: uri, node })));
        assert.deepEqual(disksOn(cloud, "node-a"), []);
        valueOf(await cloud.run(detaching(cloud.provisioner, { diskUri: uri, node })));
        assert.equal(vmWrites(cloud).length, 2);
        assert.deepEqual(
          valueOf(await cloud.run(cloud.provisioner.getDisk({ diskUri: uri }, never))).attachedTo,
          [],
        );
      });

      on("reports a disk detached from a deleted VM once the disk agrees", async (cloud) => {
        const node = addVm(cloud, "node-a");
        const uri = await addDisk(cloud, "pvc-1");
        await attach(cloud, uri, node);
        await deleteVm(cloud, "node-a");
        valueOf(await cloud.run(detaching(cloud.provisioner, { diskUri: uri, node })));
        assert.deepEqual(
          valueOf(await cloud.run(cloud.provisioner.getDisk({ diskUri: uri }, never))).attachedTo,
          [],
        );
      });

      on("reports a disk detached from a replaced VM, and leaves the new VM alone", async (cloud) => {
        const node = addVm(cloud, "node-a");
        const uri = await addDisk(cloud, "pvc-1");
        await deleteVm(cloud, "node-a");
        const successor = addVm(cloud, "node-a");
        await attach(cloud, uri, successor);
        valueOf(await cloud.run(detaching(cloud.provisioner, { diskUri: uri, node })));
        assert.deepEqual(disksOn(cloud, "node-a"), ["pvc-1@0"]);
      });

      on("attaches a shared disk to three VMs although two first attaches clash in Azure", async (cloud) => {
        const nodes = ["node-a", "node-b", "node-c"].map((nodeName) => addVm(cloud, nodeName));
        const uri = await addDisk(cloud, "pvc-1", { maxShares: 3, sizeGiB: 1024 });
        const answers = await cloud.run(
          Promise.all(nodes.map((node) => attaching(cloud.provisioner, { diskUri: uri, node }))),
        );
        assert.deepEqual(answers.map(valueOf), [{ lun: 0 }, { lun: 0 }, { lun: 0 }]);
        assert.equal(callsOf(cloud, cloud.vms.operation("Update")).length, 3);
        assert.deepEqual(
          [...valueOf(await cloud.run(cloud.provisioner.getDisk({ diskUri: uri }, never))).attachedTo].sort(),
          nodes.map((node) => cloud.vms.uri(node.nodeName)).sort(),
        );
      });

      on("attaches a shared disk although another instance's first attach of it clashes", async (cloud) => {
        const [first, second] = [addVm(cloud, "node-a"), addVm(cloud, "node-b")];
        const uri = await addDisk(cloud, "pvc-1", { maxShares: 2 });
        const both = await cloud.run(
          Promise.all([
            attaching(cloud.provisioner, { diskUri: uri, node: first }),
            attaching(cloud.another(), { diskUri: uri, node: second }),
          ]),
        );
        assert.deepEqual(both.map(valueOf), [{ lun: 0 }, { lun: 0 }]);
      });

      on("does not trust the disk list of a VM whose last operation failed", async (cloud) => {
        const node = addVm(cloud, "node-a");
        const [uri, other] = [await addDisk(cloud, "pvc-1"), await addDisk(cloud, "pvc-2")];
        await attach(cloud, other, node);
        const [entry] = vmAt(cloud, "node-a").dataDisks;
        assert.ok(entry !== undefined);
        putVm(cloud.model.world, {
          ...vmAt(cloud, "node-a"),
          provisioningState: "Failed",
          dataDisks: [entry, { ...entry, lun: 1, name: "pvc-1", diskId: uri }],
        });
        assert.equal(await attach(cloud, other, node), 0);
        await cloud.run(attaching(cloud.provisioner, { diskUri: uri, node }));
        assert.ok(vmWrites(cloud).length >= 2, "answered from the VM's list alone");
      });

      failedAttachesContract(on);

      on("reports that all shares of a disk are in use", async (cloud) => {
        const uri = await addDisk(cloud, "pvc-1", { maxShares: 2 });
        for (const nodeName of ["node-a", "node-b"]) await attach(cloud, uri, addVm(cloud, nodeName));
        const third = await cloud.run(
          attaching(cloud.provisioner, { diskUri: uri, node: addVm(cloud, "node-c") }),
        );
        assert.deepEqual(failureOf(third), { kind: "NoFreeShare", diskUri: uri, maxShares: 2 });
      });

      on("names the VM that has the disk", async (cloud) => {
        const uri = await addDisk(cloud, "pvc-1");
        await attach(cloud, uri, addVm(cloud, "node-a"));
        const second = await cloud.run(
          attaching(cloud.provisioner, { diskUri: uri, node: addVm(cloud, "node-b") }),
        );
        assert.deepEqual(failureOf(second), {
          kind: "DiskAttachedElsewhere",
          diskUri: uri,
          attachedTo: [cloud.vms.uri("node-a")],
        });
        assert.equal(callsOf(cloud, cloud.vms.operation("Update"), cloud.vms.uri("node-b")).length, 0);
      });

      on("reports that a VM has no room for another disk", async (cloud) => {
        const node = addVm(cloud, "node-a", { size: "Standard_B1s" });
        for (const disk of ["pvc-1", "pvc-2"]) await attach(cloud, await addDisk(cloud, disk), node);
        const third = await cloud.run(
          attaching(cloud.provisioner, { diskUri: await addDisk(cloud, "pvc-3"), node }),
        );
        assert.deepEqual(failureOf(third), { kind: "NoFreeLun", nodeName: "node-a", lunsMax: 2 });
      });

      on("replaces a disk on a full VM when both are requested together", async (cloud) => {
        const node = addVm(cloud, "node-a", { size: "Standard_B1s" });
        const [first, second, third] = [
          await addDisk(cloud, "pvc-1"),
          await addDisk(cloud, "pvc-2"),
          await addDisk(cloud, "pvc-3"),
        ];
        for (const disk of [first, second]) await attach(cloud, disk, node);
        const [attached, detached] = await cloud.run(
          Promise.all([
            attaching(cloud.provisioner, { diskUri: third, node }),
            detaching(cloud.provisioner, { diskUri: first, node }),
          ]),
        );
        assert.deepEqual(valueOf(attached), { lun: 0 });
        valueOf(detached);
        assert.deepEqual(disksOn(cloud, "node-a"), ["pvc-2@1", "pvc-3@0"]);
      });

      on("reports that the VM is missing, or is another one", async (cloud) => {
        const uri = await addDisk(cloud, "pvc-1");
        const gone = {
          nodeName: "node-x",
          vmId: "11111111-1111-1111-1111-111111111111",
          instanceUri: cloud.vms.uri("node-x"),
        };
        assert.deepEqual(
          failureOf(await cloud.run(attaching(cloud.provisioner, { diskUri: uri, node: gone }))),
          {
            kind: "InstanceNotFound",
            nodeName: "node-x",
          },
        );
        const successor = addVm(cloud, "node-x");
        assert.deepEqual(
          failureOf(await cloud.run(attaching(cloud.provisioner, { diskUri: uri, node: gone }))),
          {
            kind: "InstanceReplaced",
            nodeName: "node-x",
            vmId: successor.vmId,
          },
        );
        assert.equal(vmWrites(cloud).length, 0);
      });

      on("finishes a failed detach before it attaches again", async (cloud) => {
        const node = addVm(cloud, "node-a");
        const uri = await addDisk(cloud, "pvc-1");
        await attach(cloud, uri, node);
        cloud.model.faults.add({
          operation: cloud.vms.operation("Update"),
          disk: uri,
          times: 1,
          effect: { kind: "FailOperation", code: "DetachFailed" },
        });
        assert.equal(
          failureOf(await cloud.run(detaching(cloud.provisioner, { diskUri: uri, node }))).kind,
          "CloudRejected",
        );
        assert.equal(await attach(cloud, uri, node), 0);
        assert.deepEqual(disksOn(cloud, "node-a"), ["pvc-1@0"]);
      });
    });

    describe("polls that Azure rejects", () => {
      for (const [status, code] of [
        [401, "InvalidAuthenticationToken"],
        [403, "AuthorizationFailed"],
        [404, "OperationNotFound"],
      ] as const) {
        on(`attaches, detaches and fences by VM reads, with one update each: ${status}`, async (cloud) => {
          const node = addVm(cloud, "node-a");
          const uri = await addDisk(cloud, "pvc-1");
          cloud.model.faults.add({ operation: "Operations_Get", effect: { kind: "Error", status, code } });
          assert.equal(await attach(cloud, uri, node), 0);
          assert.equal(
            valueOf(await cloud.run(fencing(cloud.provisioner, { diskUri: uri, node })))?.kind,
            "entryGone",
          );
          assert.deepEqual([disksOn(cloud, "node-a"), vmWrites(cloud).length], [[], 2]);
          assert.equal(
            valueOf(await cloud.run(proving(cloud.provisioner, { diskUri: uri, node })))?.kind,
            "entryGone",
          );
          assert.equal(await attach(cloud, uri, node), 0);
          valueOf(await cloud.run(detaching(cloud.provisioner, { diskUri: uri, node })));
          assert.deepEqual([disksOn(cloud, "node-a"), vmWrites(cloud).length], [[], 5]);
        });
      }

      on("asks for the state of an operation only once after a rejected poll", async (cloud) => {
        const node = addVm(cloud, "node-a");
        const uri = await addDisk(cloud, "pvc-1");
        slowDownAttaches(cloud);
        cloud.model.faults.add({
          operation: "Operations_Get",
          effect: { kind: "Error", status: 403, code: "AuthorizationFailed" },
        });
        const since = cloud.model.journal.lastSequence();
        assert.equal(await attach(cloud, uri, node), 0);
        const polls = cloud.model.journal.since(since).filter((entry) => entry.kind === "poll");
        assert.equal(polls.length, 1);
      });

      on("does not treat a failed operation as successful", async (cloud) => {
        const node = addVm(cloud, "node-a");
        const uri = await addDisk(cloud, "pvc-1");
        await attach(cloud, uri, node);
        cloud.model.faults.add({
          operation: "Operations_Get",
          effect: { kind: "Error", status: 403, code: "AuthorizationFailed" },
        });
        cloud.model.faults.add({
          operation: cloud.vms.operation("Update"),
          effect: { kind: "FailOperation", code: "DetachFailed" },
        });
        assert.equal((await cloud.run(fencing(cloud.provisioner, { diskUri: uri, node }))).ok, false);
        assert.deepEqual(disksOn(cloud, "node-a"), ["pvc-1@0"]);
      });

      on("creates, grows and deletes a disk by disk reads", async (cloud) => {
        cloud.model.faults.add({
          operation: "Operations_Get",
          effect: { kind: "Error", status: 403, code: "AuthorizationFailed" },
        });
        const uri = await addDisk(cloud, "pvc-1");
        assert.deepEqual(
          valueOf(
            await cloud.run(
              cloud.provisioner.resizeDisk({ diskUri: uri, sizeGiB: 128, precondition: mayAlways }, never),
            ),
          ),
          {
            sizeGiB: 128,
          },
        );
        valueOf(
          await cloud.run(cloud.provisioner.deleteDisk({ diskUri: uri, precondition: mayAlways }, never)),
        );
        assert.equal(
          failureOf(await cloud.run(cloud.provisioner.getDisk({ diskUri: uri }, never))).kind,
          "DiskNotFound",
        );
      });
    });

    describe("foreign detaches", () => {
      /** A disk in use on node-a that has a stuck foreign detach, beside others that are attached there. */
      const leftBehind = async (
        cloud: CloudUnderTest,
        ...beside: readonly string[]
      ): Promise<{ readonly node: NodeIdentity; readonly inUse: string }> => {
        const node = addVm(cloud, "node-a");
        const inUse = await addDisk(cloud, "in-use");
        for (const disk of [inUse, ...beside]) await attach(cloud, disk, node);
        cloud.model.faults.add({
          operation: cloud.vms.operation("*"),
          disk: inUse,
          times: 1,
          effect: { kind: "FailOperation", code: "DetachFailed" },
        });
        const body = { dataDisksToDetach: [{ diskId: inUse }] };
        cloud.model.handle({
          method: "POST",
          path: `${cloud.vms.uri("node-a")}/attachDetachDataDisks`,
          query: { "api-version": "2025-04-01" },
          body,
        });
        await cloud.until(() => vmAt(cloud, "node-a").dataDisks[0]?.phase === "DetachFailed");
        return { node, inUse };
      };
      const pending = (result: Result<unknown, Failure>): boolean => {
        const failure = failureOf(result);
        return failure.kind === "CloudUnavailable" && failure.code === "OthersDetachPending";
      };

      on("are not completed by attach, detach, proof or write barrier on a disk in use", async (cloud) => {
        const { provisioner } = cloud;
        const other = await addDisk(cloud, "other");
        const { node, inUse } = await leftBehind(cloud);
        const asked: (readonly string[])[] = [];
        const mayCompleteDetach = (leaving: readonly string[]): Promise<boolean> => {
          asked.push(leaving);
          return Promise.resolve(false);
        };
        const before = vmWrites(cloud).length;
        const wish = { diskUri: other, node, precondition: mayAlways, mayCompleteDetach };
        assert.ok(
          pending(
            await cloud.run(
              provisioner.attachDisk({ ...wish, cachingMode: "None", lane: "primaryAttach" }, never),
            ),
          ),
        );
        assert.ok(pending(await cloud.run(proving(provisioner, wish))));
        assert.ok(pending(await cloud.run(flushing(provisioner, wish))));
        // A disk that is already off needs no update.
        valueOf(await cloud.run(provisioner.detachDisk({ ...wish, lane: "prune" }, never)));
        assert.deepEqual(
          [vmWrites(cloud).length - before, disksOn(cloud, "node-a"), asked],
          [0, ["in-use@0"], [[inUse], [inUse], [inUse]]],
        );
      });

      on("are completed by an update that may do so, and by a fence", async (cloud) => {
        const { provisioner } = cloud;
        const other = await addDisk(cloud, "other");
        const { node } = await leftBehind(cloud);
        const wish = { diskUri: other, node, precondition: mayAlways };
        valueOf(
          await cloud.run(
            provisioner.attachDisk(
              { ...wish, cachingMode: "None", lane: "primaryAttach", mayCompleteDetach: mayAlways },
              never,
            ),
          ),
        );
        assert.deepEqual(
          disksOn(cloud, "node-a").map((disk) => disk.split("@")[0]),
          ["other"],
        );
        assert.equal(valueOf(await cloud.run(fencing(provisioner, wish)))?.kind, "entryGone");
      });

      on("are checked when a detach of the same disk was refused in the batch", async (cloud) => {
        const { provisioner } = cloud;
        const other = await addDisk(cloud, "other");
        const { node, inUse } = await leftBehind(cloud);
        const before = vmWrites(cloud).length;
        const wish = { node, mayCompleteDetach: mayNever };
        const [detached, attached] = await cloud.run(
          Promise.all([
            provisioner.detachDisk(
              { ...wish, diskUri: inUse, lane: "detach", precondition: mayNever },
              never,
            ),
            provisioner.attachDisk(
              {
                ...wish,
                diskUri: other,
                cachingMode: "None",
                lane: "primaryAttach",
                precondition: mayAlways,
              },
              never,
            ),
          ]),
        );
        assert.equal(failureOf(detached).kind, "Refused");
        assert.ok(pending(attached));
        assert.deepEqual([vmWrites(cloud).length - before, disksOn(cloud, "node-a")], [0, ["in-use@0"]]);
      });

      on("are reported to a fence before it detaches them", async (cloud) => {
        const other = await addDisk(cloud, "other");
        const { node, inUse } = await leftBehind(cloud);
        const before = vmWrites(cloud).length;
        const told: unknown[] = [];
        const mayCompleteDetach = (leaving: readonly string[]): Promise<boolean> => {
          told.push(leaving, vmWrites(cloud).length - before);
          return Promise.resolve(true);
        };
        const fenced = cloud.provisioner.barrier(
          { mode: "fence", diskUri: other, node, precondition: mayAlways, mayCompleteDetach },
          never,
        );
        assert.equal(valueOf(await cloud.run(fenced))?.kind, "entryGone");
        assert.deepEqual([told, disksOn(cloud, "node-a")], [[[inUse], 0], []]);
      });

      on("hold a fence on a guest that hangs until they may be forced, too", async (cloud) => {
        const other = await addDisk(cloud, "other");
        const { node, inUse } = await leftBehind(cloud, other);
        putVm(cloud.model.world, { ...vmAt(cloud, "node-a"), guestResponsive: false });
        let asked = 0;
        let mayForce = false;
        const fenced = cloud.provisioner.barrier(
          {
            mode: "fence",
            diskUri: other,
            node,
            precondition: mayAlways,
            forcedDetaches: (leaving) => {
              asked++;
              return Promise.resolve(mayForce ? leaving : []);
            },
          },
          never,
        );
        const before = vmWrites(cloud).length;
        await cloud.until(() => asked === 3);
        assert.deepEqual(
          [vmWrites(cloud).length - before, disksOn(cloud, "node-a").map((disk) => disk.split("@")[0])],
          [1, ["in-use", "other"]],
        );
        mayForce = true;
        assert.equal(valueOf(await cloud.run(fenced))?.kind, "entryGone");
        assert.deepEqual([vmWrites(cloud).length - before, disksOn(cloud, "node-a")], [2, []]);
        const { attachedTo } = valueOf(await cloud.run(cloud.provisioner.getDisk({ diskUri: inUse }, never)));
        assert.deepEqual(attachedTo, []);
      });

      on("do not block a detach of the same disk", async (cloud) => {
        const { node, inUse } = await leftBehind(cloud);
        const mayCompleteDetach = mayNever;
        valueOf(
          await cloud.run(
            cloud.provisioner.detachDisk(
              { diskUri: inUse, node, lane: "detach", precondition: mayAlways, mayCompleteDetach },
              never,
            ),
          ),
        );
        assert.deepEqual(disksOn(cloud, "node-a"), []);
      });
    });

    describe("reserved LUNs", () => {
      on("does not assign an unused one to another disk, and moves no attached disk", async (cloud) => {
        const node = addVm(cloud, "node-a");
        const [first, second] = [await addDisk(cloud, "pvc-1"), await addDisk(cloud, "pvc-2")];
        const reservedLuns = (): readonly number[] => [0, 2];
        const both = await cloud.run(
          Promise.all([
            attaching(cloud.provisioner, { diskUri: first, node, reservedLuns }),
            attaching(cloud.provisioner, { diskUri: second, node }),
          ]),
        );
        assert.deepEqual(both.map(valueOf), [{ lun: 1 }, { lun: 3 }]);
        assert.deepEqual(disksOn(cloud, "node-a"), ["pvc-1@1", "pvc-2@3"]);
        const again = attaching(cloud.provisioner, { diskUri: second, node, reservedLuns: () => [3] });
        assert.deepEqual(valueOf(await cloud.run(again)), { lun: 3 });
      });
    });

    describe("preconditions", () => {
      on("writes nothing for a refused disk, and attaches the rest of its batch", async (cloud) => {
        const node = addVm(cloud, "node-a");
        const [first, second] = [await addDisk(cloud, "pvc-1"), await addDisk(cloud, "pvc-2")];
        const [refused, attached] = await cloud.run(
          Promise.all([
            attaching(cloud.provisioner, { diskUri: first, node, precondition: mayNever }),
            attaching(cloud.provisioner, { diskUri: second, node }),
          ]),
        );
        assert.deepEqual(failureOf(refused), { kind: "Refused", diskUri: first, nodeName: "node-a" });
        // LUN 0 had been planned for the refused disk.
        assert.deepEqual(valueOf(attached), { lun: 1 });
        assert.deepEqual(disksOn(cloud, "node-a"), ["pvc-2@1"]);
        assert.equal(vmWrites(cloud, "node-a").length, 1);
      });

      on("are checked after the read of the VM, and again if a change fails the write", async (cloud) => {
        const node = addVm(cloud, "node-a");
        const uri = await addDisk(cloud, "pvc-1");
        let asked = 0;
        const precondition = (): Promise<boolean> => {
          asked++;
          if (asked === 1) changeFromOutside(cloud, "node-a", { tags: { outside: "yes" } });
          return Promise.resolve(true);
        };
        assert.deepEqual(
          valueOf(await cloud.run(attaching(cloud.provisioner, { diskUri: uri, node, precondition }))),
          { lun: 0 },
        );
        assert.equal(asked, 2);
        assert.deepEqual(
          callsOf(cloud, cloud.vms.operation("Update"))
            .filter((entry) => entry.ifMatch !== undefined)
            .map((entry) => entry.status),
          [412, 200],
        );
        assert.deepEqual(vmAt(cloud, "node-a").tags, { outside: "yes" });
      });

      on("attaches nothing when the second check, after a changed ETag, fails", async (cloud) => {
        const node = addVm(cloud, "node-a");
        const uri = await addDisk(cloud, "pvc-1");
        let asked = 0;
        const precondition = (): Promise<boolean> => {
          asked++;
          if (asked === 1) changeFromOutside(cloud, "node-a");
          return Promise.resolve(asked === 1);
        };
        assert.deepEqual(
          failureOf(await cloud.run(attaching(cloud.provisioner, { diskUri: uri, node, precondition }))),
          {
            kind: "Refused",
            diskUri: uri,
            nodeName: "node-a",
          },
        );
        assert.deepEqual(disksOn(cloud, "node-a"), []);
      });

      on("detaches nothing that is refused", async (cloud) => {
        const node = addVm(cloud, "node-a");
        const uri = await addDisk(cloud, "pvc-1");
        await attach(cloud, uri, node);
        assert.deepEqual(
          failureOf(
            await cloud.run(detaching(cloud.provisioner, { diskUri: uri, node, precondition: mayNever })),
          ),
          {
            kind: "Refused",
            diskUri: uri,
            nodeName: "node-a",
          },
        );
        assert.deepEqual(disksOn(cloud, "node-a"), ["pvc-1@0"]);
      });
    });

    describe("failures", () => {
      on("attaches once although the response to the write is lost", async (cloud) => {
        const node = addVm(cloud, "node-a");
        const uri = await addDisk(cloud, "pvc-1");
        cloud.model.faults.add({
          operation: cloud.vms.operation("Update"),
          times: 1,
          effect: { kind: "DropResponse" },
        });
        assert.equal(await attach(cloud, uri, node), 0);
        assert.equal(vmWrites(cloud).length, 1);
      });

      on("names the action that its role in Azure lacks, and changes nothing", async (cloud) => {
        const { settings } = cloud.model.world;
        const actions = ["Microsoft.Compute/disks/read", "Microsoft.Compute/disks/write"];
        cloud.model.world.settings = { ...settings, permissions: { "*": actions } };
        const node = addVm(cloud, "node-a");
        const uri = await addDisk(cloud, "pvc-1");
        const refused = await cloud.run(
          cloud.provisioner.deleteDisk({ diskUri: uri, precondition: mayAlways }, never),
        );
        const failure = failureOf(refused);
        assert.equal(failure.kind, "CloudUnauthorized");
        assert.match(
          describeFailure(failure),
          /grant Microsoft\.Compute\/disks\/delete on .*\/disks\/pvc-1 to/u,
        );
        assert.notEqual(cloud.model.world.disks.size, 0);
        cloud.model.world.settings = { ...settings, deniedActions: ["Microsoft.Compute/*/write"] };
        const denied = failureOf(await cloud.run(attaching(cloud.provisioner, { diskUri: uri, node })));
        assert.match(describeFailure(denied), /a deny assignment forbids it/u);
        assert.deepEqual(disksOn(cloud, "node-a"), []);
      });

      on("names the policy that forbids a disk, and the disk, and creates none", async (cloud) => {
        const { settings } = cloud.model.world;
        const policy = { action: "*/disks/write", property: "sku.name", equals: "Premium_LRS" };
        const policies = [{ ...policy, name: "No premium disks" }];
        cloud.model.world.settings = { ...settings, policies };
        const failure = failureOf(await cloud.run(cloud.provisioner.createDisk(aDiskRequest(), never)));
        assert.equal(failure.kind, "CloudUnauthorized");
        assert.match(
          describeFailure(failure),
          /the Azure policy "No premium disks" forbids "pvc-1" as it was requested/u,
        );
        assert.equal(cloud.model.world.disks.size, 0);
      });

      on("names the quota that a disk would exceed, and creates none", async (cloud) => {
        const { settings } = cloud.model.world;
        cloud.model.world.settings = { ...settings, quotas: { PremiumDiskCount: 0 } };
        const failure = failureOf(await cloud.run(cloud.provisioner.createDisk(aDiskRequest(), never)));
        assert.equal(failure.kind, "QuotaExceeded");
        assert.match(describeFailure(failure), /exceeding approved PremiumDiskCount quota/u);
        assert.equal(cloud.model.world.disks.size, 0);
      });

      on("attaches although the request itself is lost", async (cloud) => {
        const node = addVm(cloud, "node-a");
        const uri = await addDisk(cloud, "pvc-1");
        cloud.model.faults.add({
          operation: cloud.vms.operation("Update"),
          times: 1,
          effect: { kind: "DropRequest" },
        });
        assert.equal(await attach(cloud, uri, node), 0);
      });

      on("attaches although polls are lost", async (cloud) => {
        const node = addVm(cloud, "node-a");
        const uri = await addDisk(cloud, "pvc-1");
        cloud.model.faults.add({ operation: "Operations_Get", times: 2, effect: { kind: "DropRequest" } });
        assert.equal(await attach(cloud, uri, node), 0);
        assert.equal(vmWrites(cloud).length, 1);
      });

      on("attaches although the service is down for a while", async (cloud) => {
        const node = addVm(cloud, "node-a");
        const uri = await addDisk(cloud, "pvc-1");
        cloud.model.faults.add({
          operation: cloud.vms.operation("*"),
          times: 3,
          effect: { kind: "Error", status: 503, code: "ServiceUnavailable" },
        });
        assert.equal(await attach(cloud, uri, node), 0);
      });

      on("forces a hanging detach, so that an attach behind it completes", async (cloud) => {
        const node = addVm(cloud, "node-a");
        const [hanging, behind] = [await addDisk(cloud, "pvc-1"), await addDisk(cloud, "pvc-2")];
        await attach(cloud, hanging, node);
        putVm(cloud.model.world, { ...vmAt(cloud, "node-a"), guestResponsive: false });
        const detached = detaching(cloud.provisioner, { diskUri: hanging, node });
        await cloud.until(() => vmWrites(cloud, "node-a").length === 2);
        const attached = attaching(cloud.provisioner, { diskUri: behind, node });
        valueOf(await cloud.run(detached));
        valueOf(await cloud.run(attached));
        assert.deepEqual(
          disksOn(cloud, "node-a").map((disk) => disk.split("@")[0]),
          ["pvc-2"],
        );
      });

      for (const [forcePrecondition, becomes] of [
        [mayAlways, "forces a hanging detach of a disk, and attaches the disk again"],
        [mayNever, "waits out its patience for a hanging detach of a disk that must not be forced"],
      ] as const) {
        on(becomes, async (cloud) => {
          const node = addVm(cloud, "node-a");
          const uri = await addDisk(cloud, "pvc-1");
          await attach(cloud, uri, node);
          putVm(cloud.model.world, { ...vmAt(cloud, "node-a"), guestResponsive: false });
          const others = new AbortController();
          const abandoned = detaching(cloud.provisioner, { diskUri: uri, node }, others.signal);
          await cloud.until(() => vmWrites(cloud, "node-a").length === 2);
          others.abort(new Error("not ours"));
          await cloud.run(abandoned);
          const attached = await cloud.run(
            attaching(cloud.another(), { diskUri: uri, node, forcePrecondition }),
          );
          if (forcePrecondition === mayAlways) return assert.deepEqual(attached, ok({ lun: 0 }));
          assert.deepEqual(
            [failureOf(attached).kind, vmWrites(cloud, "node-a").length, disksOn(cloud, "node-a").length],
            ["CloudUnavailable", 2, 1],
          );
        });
      }

      on("takes over a detach that an earlier instance left hanging", async (cloud) => {
        const node = addVm(cloud, "node-a");
        const uri = await addDisk(cloud, "pvc-1");
        await attach(cloud, uri, node);
        putVm(cloud.model.world, { ...vmAt(cloud, "node-a"), guestResponsive: false });
        const earlier = new AbortController();
        const abandoned = detaching(cloud.provisioner, { diskUri: uri, node }, earlier.signal);
        await cloud.until(() => vmWrites(cloud, "node-a").length === 2);
        earlier.abort(new Error("restarted"));
        assert.equal(failureOf(await cloud.run(abandoned)).kind, "Cancelled");
        valueOf(await cloud.run(detaching(cloud.another(), { diskUri: uri, node })));
        assert.deepEqual(disksOn(cloud, "node-a"), []);
      });

      on("fails as Throttled at once if the wait would exceed its patience", async (cloud) => {
        const node = addVm(cloud, "node-a");
        const [first, second] = [await addDisk(cloud, "pvc-1"), await addDisk(cloud, "pvc-2")];
        cloud.model.faults.add({
          operation: cloud.vms.operation("Update"),
          times: 1,
          effect: { kind: "Error", status: 429, code: "OperationNotAllowed", retryAfterS: 3600 },
        });
        const startedMs = cloud.elapsedMs();
        for (const uri of [first, second]) {
          const failure = failureOf(await cloud.run(attaching(cloud.provisioner, { diskUri: uri, node })));
          assert.ok(
            failure.kind === "Throttled" && failure.retryAfterMs > 3_000_000,
            JSON.stringify(failure),
          );
        }
        assert.ok(cloud.elapsedMs() - startedMs < AT_ONCE_MAX_MS);
        assert.equal(callsOf(cloud, cloud.vms.operation("Update")).length, 1);
      });

      on("waits for Retry-After when it is throttled", async (cloud) => {
        const node = addVm(cloud, "node-a");
        const uri = await addDisk(cloud, "pvc-1");
        cloud.model.faults.add({
          operation: cloud.vms.operation("Update"),
          times: 1,
          effect: { kind: "Error", status: 429, code: "OperationNotAllowed", retryAfterS: 1 },
        });
        assert.equal(await attach(cloud, uri, node), 0);
        const [refused, accepted] = callsOf(cloud, cloud.vms.operation("Update"));
        assert.ok(
          (accepted?.atMs ?? 0) - (refused?.atMs ?? 0) >= 1000,
          "retried before Retry-After was over",
        );
        assert.deepEqual(
          callsOf(cloud, cloud.vms.operation("Update")).map((entry) => entry.status),
          [429, 200],
        );
      });

      on("keeps Azure's code and request id in the failure", async (cloud) => {
        const node = addVm(cloud, "node-a", { zone: "1" });
        const uri = await addDisk(cloud, "pvc-1", { zone: "2" });
        const failure = failureOf(await cloud.run(attaching(cloud.provisioner, { diskUri: uri, node })));
        assert.equal(failure.kind, "CloudRejected");
        assert.equal(failure.code, "BadRequest");
        assert.match(failure.message, /not in the same zone/);
        assert.equal(failure.requestId, callsOf(cloud, cloud.vms.operation("Update")).at(-1)?.requestId);
        const gone = failureOf(
          await cloud.run(cloud.provisioner.getDisk({ diskUri: diskUri("none") }, never)),
        );
        const requestId = callsOf(cloud, "Disks_Get").at(-1)?.requestId;
        assert.deepEqual(gone, {
          kind: "DiskNotFound",
          diskUri: diskUri("none"),
          azure: { code: "ResourceNotFound", requestId },
        });
      });

      on("fails only the disk that Azure rejects in a batch", async (cloud) => {
        const node = addVm(cloud, "node-a");
        const names = ["pvc-1", "pvc-2", "pvc-3", "pvc-4"];
        const uris: string[] = [];
        for (const disk of names) uris.push(await addDisk(cloud, disk));
        cloud.model.faults.add({
          operation: cloud.vms.operation("Update"),
          disk: diskUri("pvc-3"),
          effect: { kind: "FailOperation", code: "DiskBroken", message: "Something is wrong." },
        });
        const answers = await cloud.run(
          Promise.all(uris.map((uri) => attaching(cloud.provisioner, { diskUri: uri, node }))),
        );
        assert.deepEqual(
          answers.map((answer) => (answer.ok ? "attached" : answer.failure.kind)),
          ["attached", "attached", "CloudRejected", "attached"],
        );
        assert.deepEqual(
          new Set(disksOn(cloud, "node-a").map((disk) => disk.split("@")[0])),
          new Set(["pvc-1", "pvc-2", "pvc-4"]),
        );
      });

      on("waits for another client's update, then does its own", async (cloud) => {
        const node = addVm(cloud, "node-a");
        const uri = await addDisk(cloud, "pvc-1");
        assert.equal(changeFromOutside(cloud, "node-a"), 200);
        assert.equal(await attach(cloud, uri, node), 0);
        assert.equal(
          callsOf(cloud, cloud.vms.operation("Update")).filter((entry) => entry.status === 409).length,
          0,
        );
      });

      on("starts again when a newer update replaces its own", async (cloud) => {
        cloud.model.world.settings = { ...cloud.model.world.settings, concurrentVmWrite: "preempt" };
        const node = addVm(cloud, "node-a");
        const uri = await addDisk(cloud, "pvc-1");
        slowDownAttaches(cloud);
        const attached = attaching(cloud.provisioner, { diskUri: uri, node });
        await cloud.until(() => vmWrites(cloud).length === 1);
        changeFromOutside(cloud, "node-a");
        assert.deepEqual(valueOf(await cloud.run(attached)), { lun: 0 });
        assert.deepEqual(disksOn(cloud, "node-a"), ["pvc-1@0"]);
      });

      on("finds an attach that an earlier instance left in flight, and does not repeat it", async (cloud) => {
        const node = addVm(cloud, "node-a");
        const uri = await addDisk(cloud, "pvc-1");
        slowDownAttaches(cloud);
        const earlier = attaching(cloud.another(), { diskUri: uri, node });
        await cloud.until(() => vmWrites(cloud).length === 1);
        assert.equal(await attach(cloud, uri, node), 0);
        valueOf(await cloud.run(earlier));
        assert.equal(callsOf(cloud, cloud.vms.operation("Update")).length, 1);
      });

      on("serves the rest of its batch when one caller cancels", async (cloud) => {
        const node = addVm(cloud, "node-a");
        const [opener, first, second] = [
          await addDisk(cloud, "pvc-0"),
          await addDisk(cloud, "pvc-1"),
          await addDisk(cloud, "pvc-2"),
        ];
        slowDownAttaches(cloud);
        const opening = attaching(cloud.provisioner, { diskUri: opener, node });
        await cloud.until(() => vmWrites(cloud).length === 1);
        const impatient = new AbortController();
        const givenUp = attaching(cloud.provisioner, { diskUri: first, node }, impatient.signal);
        const patient = attaching(cloud.provisioner, { diskUri: second, node });
        await cloud.until(() => vmWrites(cloud).length === 2);
        impatient.abort(new Error("deadline"));
        assert.deepEqual(failureOf(await cloud.run(givenUp)), { kind: "Cancelled" });
        assert.equal((await cloud.run(patient)).ok, true);
        valueOf(await cloud.run(opening));
        // The update continued: the next call finds it.
        assert.equal((await cloud.run(attaching(cloud.provisioner, { diskUri: first, node }))).ok, true);
        assert.equal(vmWrites(cloud).length, 2);
      });

      on("never writes a request that was cancelled while it waited", async (cloud) => {
        const node = addVm(cloud, "node-a");
        const [first, second] = [await addDisk(cloud, "pvc-1"), await addDisk(cloud, "pvc-2")];
        slowDownAttaches(cloud);
        const opening = attaching(cloud.provisioner, { diskUri: first, node });
        await cloud.until(() => vmWrites(cloud).length === 1);
        const impatient = new AbortController();
        const waiting = attaching(cloud.provisioner, { diskUri: second, node }, impatient.signal);
        impatient.abort(new Error("deadline"));
        assert.deepEqual(failureOf(await cloud.run(waiting)), { kind: "Cancelled" });
        valueOf(await cloud.run(opening));
        await cloud.run(cloud.provisioner.drained());
        assert.deepEqual(disksOn(cloud, "node-a"), ["pvc-1@0"]);
      });
    });

    describe("proof without a fence", () => {
      on(
        "moves the ETag of a VM without the disk, so that an earlier prepared write fails",
        async (cloud) => {
          const node = addVm(cloud, "node-a", { tags: { owner: "team" } });
          const uri = await addDisk(cloud, "pvc-1");
          const prepared = etagOf(cloud, "node-a");
          assert.equal(
            valueOf(await cloud.run(proving(cloud.provisioner, { diskUri: uri, node })))?.kind,
            "entryGone",
          );
          assert.equal(changeFromOutside(cloud, "node-a", { ifMatch: prepared }), 412);
          assert.deepEqual(vmAt(cloud, "node-a").tags, { owner: "team" });
        },
      );

      on("fails where the VM has the disk, and leaves it attached", async (cloud) => {
        const node = addVm(cloud, "node-a");
        const uri = await addDisk(cloud, "pvc-1");
        await attach(cloud, uri, node);
        const before = etagOf(cloud, "node-a");
        assert.equal(valueOf(await cloud.run(proving(cloud.provisioner, { diskUri: uri, node }))), undefined);
        assert.deepEqual(disksOn(cloud, "node-a"), ["pvc-1@0"]);
        assert.equal(etagOf(cloud, "node-a"), before);
      });

      on("accepts a missing VM, or another vmId under its name, as proof", async (cloud) => {
        const node = addVm(cloud, "node-a");
        const uri = await addDisk(cloud, "pvc-1");
        await deleteVm(cloud, "node-a");
        assert.equal(
          valueOf(await cloud.run(proving(cloud.provisioner, { diskUri: uri, node })))?.kind,
          "instanceGone",
        );
        const successor = addVm(cloud, "node-a");
        await attach(cloud, uri, successor);
        assert.equal(
          valueOf(await cloud.run(proving(cloud.provisioner, { diskUri: uri, node })))?.kind,
          "instanceReplaced",
        );
        assert.deepEqual(disksOn(cloud, "node-a"), ["pvc-1@0"]);
      });

      on("writes nothing when the precondition fails", async (cloud) => {
        const node = addVm(cloud, "node-a");
        const uri = await addDisk(cloud, "pvc-1");
        const before = etagOf(cloud, "node-a");
        const refused = proving(cloud.provisioner, {
          diskUri: uri,
          node,
          precondition: () => Promise.resolve(false),
        });
        assert.equal(failureOf(await cloud.run(refused)).kind, "Refused");
        assert.equal(etagOf(cloud, "node-a"), before);
      });
    });

    describe("the VM write barrier", () => {
      on("moves the ETag, so that an earlier prepared detach fails; detaches nothing", async (cloud) => {
        const node = addVm(cloud, "node-a", { tags: { owner: "team" } });
        const uri = await addDisk(cloud, "pvc-1");
        await attach(cloud, uri, node);
        const prepared = etagOf(cloud, "node-a");
        valueOf(await cloud.run(flushing(cloud.provisioner, { diskUri: uri, node })));
        assert.equal(changeFromOutside(cloud, "node-a", { ifMatch: prepared }), 412);
        assert.deepEqual(disksOn(cloud, "node-a"), ["pvc-1@0"]);
        assert.deepEqual(vmAt(cloud, "node-a").tags, { owner: "team" });
      });

      on("moves the ETag also where an empty update does not", async (cloud) => {
        const node = addVm(cloud, "node-a");
        const uri = await addDisk(cloud, "pvc-1");
        const etagMovedBy = vms.getsTags("node-a") ? "change" : "dataDisks";
        cloud.model.world.settings = { ...cloud.model.world.settings, etagMovedBy };
        const prepared = etagOf(cloud, "node-a");
        valueOf(await cloud.run(flushing(cloud.provisioner, { diskUri: uri, node })));
        assert.notEqual(etagOf(cloud, "node-a"), prepared);
      });

      on("waits for an update that Azure has accepted", async (cloud) => {
        const node = addVm(cloud, "node-a");
        const uri = await addDisk(cloud, "pvc-1");
        slowDownAttaches(cloud);
        const attached = attaching(cloud.provisioner, { diskUri: uri, node });
        await cloud.until(() => vmAt(cloud, "node-a").provisioningState === "Updating");
        valueOf(await cloud.run(flushing(cloud.provisioner, { diskUri: uri, node })));
        assert.deepEqual(disksOn(cloud, "node-a"), ["pvc-1@0"]);
        assert.equal(vmAt(cloud, "node-a").provisioningState, "Succeeded");
        valueOf(await cloud.run(attached));
      });

      on("does not wait for its own fence in flight; that fence then checks again", async (cloud) => {
        const node = addVm(cloud, "node-a");
        const uri = await addDisk(cloud, "pvc-1");
        await attach(cloud, uri, node);
        let asked = 0;
        const precondition = async (): Promise<boolean> => {
          asked += 1;
          if (asked === 1) valueOf(await flushing(cloud.provisioner, { diskUri: uri, node }));
          return asked === 1;
        };
        assert.equal(
          failureOf(await cloud.run(fencing(cloud.provisioner, { diskUri: uri, node, precondition }))).kind,
          "Refused",
        );
        assert.equal(asked, 2);
        assert.deepEqual(disksOn(cloud, "node-a"), ["pvc-1@0"]);
      });

      on("reports a missing VM, and passes for a new VM of the same name", async (cloud) => {
        const node = addVm(cloud, "node-a");
        const uri = await addDisk(cloud, "pvc-1");
        await deleteVm(cloud, "node-a");
        assert.deepEqual(failureOf(await cloud.run(flushing(cloud.provisioner, { diskUri: uri, node }))), {
          kind: "InstanceNotFound",
          nodeName: "node-a",
        });
        addVm(cloud, "node-a");
        const prepared = etagOf(cloud, "node-a");
        valueOf(await cloud.run(flushing(cloud.provisioner, { diskUri: uri, node })));
        assert.notEqual(etagOf(cloud, "node-a"), prepared);
      });

      on("writes nothing when the precondition fails", async (cloud) => {
        const node = addVm(cloud, "node-a");
        const uri = await addDisk(cloud, "pvc-1");
        const before = etagOf(cloud, "node-a");
        const refused = flushing(cloud.provisioner, { diskUri: uri, node, precondition: mayNever });
        assert.equal(failureOf(await cloud.run(refused)).kind, "Refused");
        assert.equal(etagOf(cloud, "node-a"), before);
      });
    });

    describe("fence", () => {
      on("detaches the disk and proves it at another ETag", async (cloud) => {
        const node = addVm(cloud, "node-a");
        const uri = await addDisk(cloud, "pvc-1");
        await attach(cloud, uri, node);
        const before = etagOf(cloud, "node-a");
        const proof = valueOf(await cloud.run(fencing(cloud.provisioner, { diskUri: uri, node })));
        assert.equal(proof?.kind, "entryGone");
        assert.deepEqual(disksOn(cloud, "node-a"), []);
        assert.notEqual(etagOf(cloud, "node-a"), before);
        assert.deepEqual(
          valueOf(await cloud.run(cloud.provisioner.getDisk({ diskUri: uri }, never))).attachedTo,
          [],
        );
      });

      on(
        "moves the ETag of a VM without the disk, so that an earlier prepared write fails",
        async (cloud) => {
          const node = addVm(cloud, "node-a", { tags: { owner: "team" } });
          const uri = await addDisk(cloud, "pvc-1");
          const prepared = etagOf(cloud, "node-a");
          assert.equal(
            valueOf(await cloud.run(fencing(cloud.provisioner, { diskUri: uri, node })))?.kind,
            "entryGone",
          );
          assert.equal(changeFromOutside(cloud, "node-a", { ifMatch: prepared }), 412);
          assert.deepEqual(vmAt(cloud, "node-a").tags, { owner: "team" });
        },
      );

      // One of each kind, where the cloud has several.
      on("fences four holders of a shared disk one by one, and leaves the others attached", async (cloud) => {
        const nodes = ["node-a", "node-b", "node-c", "node-d"].map((nodeName) => addVm(cloud, nodeName));
        const uri = await addDisk(cloud, "pvc-1", { maxShares: 5, sizeGiB: 2048 });
        for (const node of nodes) await attach(cloud, uri, node);
        for (const [index, node] of nodes.entries()) {
          const fenced = await cloud.run(fencing(cloud.provisioner, { diskUri: uri, node }));
          assert.equal(valueOf(fenced)?.kind, "entryGone");
          assert.deepEqual(
            nodes.map(({ nodeName }) => disksOn(cloud, nodeName)),
            nodes.map((_, other) => (other <= index ? [] : ["pvc-1@0"])),
          );
        }
        const { attachedTo } = valueOf(await cloud.run(cloud.provisioner.getDisk({ diskUri: uri }, never)));
        assert.deepEqual(attachedTo, []);
      });

      on("first tries a regular detach if the VM responds, with one update", async (cloud) => {
        const node = addVm(cloud, "node-a");
        const uri = await addDisk(cloud, "pvc-1");
        await attach(cloud, uri, node);
        assert.equal(
          valueOf(await cloud.run(fencing(cloud.provisioner, { diskUri: uri, node })))?.kind,
          "entryGone",
        );
        assert.deepEqual(detachesIn(cloud), ["regular"]);
      });

      for (const { what, change } of [
        { what: "its guest hangs", change: { guestResponsive: false } },
        { what: "its agent is cut off", change: { agentReachable: false } },
        { what: "it is stopped", change: { power: "stopped" } },
        { what: "it is deallocated", change: { power: "deallocated" } },
      ] as const) {
        on(`forces at once where the VM does not respond: ${what}`, async (cloud) => {
          const node = addVm(cloud, "node-a");
          const uri = await addDisk(cloud, "pvc-1");
          await attach(cloud, uri, node);
          putVm(cloud.model.world, { ...vmAt(cloud, "node-a"), ...change });
          assert.equal(
            valueOf(await cloud.run(fencing(cloud.provisioner, { diskUri: uri, node })))?.kind,
            "entryGone",
          );
          assert.deepEqual(detachesIn(cloud), ["forced"]);
        });
      }

      on("forces after a regular detach has timed out or failed", async (cloud) => {
        const node = addVm(cloud, "node-a");
        const [slow, failing] = [await addDisk(cloud, "pvc-1"), await addDisk(cloud, "pvc-2")];
        for (const uri of [slow, failing]) await attach(cloud, uri, node);
        setLatency(cloud, "detach", 3_600_000);
        assert.equal(
          valueOf(await cloud.run(fencing(cloud.provisioner, { diskUri: slow, node })))?.kind,
          "entryGone",
        );
        assert.deepEqual(detachesIn(cloud), ["regular", "forced"]);
        cloud.model.faults.add({
          operation: cloud.vms.operation("Update"),
          times: 1,
          effect: { kind: "FailOperation", code: "DetachFailed" },
        });
        assert.equal(
          valueOf(await cloud.run(fencing(cloud.provisioner, { diskUri: failing, node })))?.kind,
          "entryGone",
        );
        assert.deepEqual(detachesIn(cloud), ["regular", "forced", "regular", "forced"]);
      });

      for (const begun of ["reimage", "redeploy"] as const) {
        on(`waits while another client ${begun} the VM, then decides on an uncached read`, async (cloud) => {
          cloud.model.world.settings = { ...cloud.model.world.settings, forcedDuringReimage: "breaks" };
          const node = addVm(cloud, "node-a");
          const uri = await addDisk(cloud, "pvc-1");
          await attach(cloud, uri, node);
          cloud.model.faults.add({
            operation: cloud.vms.operation(begun),
            times: 1,
            effect: { kind: "StuckOperation" },
          });
          assert.equal(
            cloud.model.handle({
              method: "POST",
              path: `${cloud.vms.uri("node-a")}/${begun}`,
              query: { "api-version": "2025-04-01" },
            }).status,
            202,
          );
          putVm(cloud.model.world, { ...vmAt(cloud, "node-a"), guestResponsive: false });
          const readsBefore = callsOf(cloud, cloud.vms.operation("Get")).length;
          const fenced = fencing(cloud.provisioner, { diskUri: uri, node });
          await cloud.until(() => callsOf(cloud, cloud.vms.operation("Get")).length >= readsBefore + 3);
          assert.deepEqual([vmAt(cloud, "node-a").provisioningState, detachesIn(cloud)], ["Updating", []]);
          releaseStuckOperations(cloud.model.world);
          assert.equal(valueOf(await cloud.run(fenced))?.kind, "entryGone");
          assert.deepEqual([detachesIn(cloud).length, vmAt(cloud, "node-a").agentReachable], [1, true]);
        });
      }

      on("does not mistake a foreign reimage for its own failed detach", async (cloud) => {
        const node = addVm(cloud, "node-a");
        const uri = await addDisk(cloud, "pvc-1");
        await attach(cloud, uri, node);
        cloud.model.world.settings = { ...cloud.model.world.settings, forcedDuringReimage: "breaks" };
        cloud.model.faults.add({
          operation: cloud.vms.operation("Update"),
          times: 1,
          effect: { kind: "FailOperation", code: "DetachFailed" },
        });
        const fenced = fencing(cloud.provisioner, { diskUri: uri, node });
        await cloud.until(() => vmAt(cloud, "node-a").dataDisks[0]?.phase === "DetachFailed");
        await reimageUntilReadTwice(cloud);
        assert.deepEqual(detachesIn(cloud), ["regular"]);
        releaseStuckOperations(cloud.model.world);
        valueOf(await cloud.run(fenced));
        assert.deepEqual(
          [detachesIn(cloud), vmAt(cloud, "node-a").agentReachable],
          [["regular", "forced"], true],
        );
      });

      on("does not force at once where a foreign detach hides a reimage", async (cloud) => {
        const node = addVm(cloud, "node-a");
        const uri = await addDisk(cloud, "pvc-1");
        await attach(cloud, uri, node);
        cloud.model.world.settings = { ...cloud.model.world.settings, forcedDuringReimage: "breaks" };
        cloud.model.faults.add({
          operation: cloud.vms.operation("*"),
          times: 1,
          effect: { kind: "FailOperation", code: "DetachFailed" },
        });
        cloud.model.handle({
          method: "POST",
          path: `${cloud.vms.uri("node-a")}/attachDetachDataDisks`,
          query: { "api-version": "2025-04-01" },
          body: { dataDisksToDetach: [{ diskId: uri }] },
        });
        await cloud.until(() => vmAt(cloud, "node-a").dataDisks[0]?.phase === "DetachFailed");
        putVm(cloud.model.world, { ...vmAt(cloud, "node-a"), guestResponsive: false });
        const hasReadTwice = reimageUntilReadTwice(cloud);
        const fenced = fencing(cloud.provisioner, { diskUri: uri, node });
        await hasReadTwice;
        assert.deepEqual(detachesIn(cloud), []);
        releaseStuckOperations(cloud.model.world);
        assert.equal(valueOf(await cloud.run(fenced))?.kind, "entryGone");
        assert.equal(vmAt(cloud, "node-a").agentReachable, true);
      });

      fenceDuringReimageContract(on);

      on("reports that it waits for a foreign update that outlasts its patience", async (cloud) => {
        const node = addVm(cloud, "node-a");
        const uri = await addDisk(cloud, "pvc-1");
        await attach(cloud, uri, node);
        cloud.model.faults.add({
          operation: cloud.vms.operation("Redeploy"),
          effect: { kind: "StuckOperation" },
        });
        cloud.model.handle({
          method: "POST",
          path: `${cloud.vms.uri("node-a")}/redeploy`,
          query: { "api-version": "2025-04-01" },
        });
        const failure = failureOf(await cloud.run(fencing(cloud.provisioner, { diskUri: uri, node })));
        assert.equal(failure.kind === "CloudUnavailable" ? failure.code : failure.kind, "VmBeingUpdated");
        assert.deepEqual([disksOn(cloud, "node-a"), detachesIn(cloud)], [["pvc-1@0"], []]);
      });

      on("stops waiting for an ETag-only write once the VM shows a new ETag", async (cloud) => {
        const node = addVm(cloud, "node-a");
        const uri = await addDisk(cloud, "pvc-1");
        cloud.model.faults.add({
          operation: cloud.vms.operation("Update"),
          effect: { kind: "UnreportedOperation" },
        });
        assert.equal(
          valueOf(await cloud.run(fencing(cloud.provisioner, { diskUri: uri, node })))?.kind,
          "entryGone",
        );
        assert.equal(vmWrites(cloud).length, 1);
      });

      on("polls an ETag-only write for a while, then only reads the VM", async (cloud) => {
        setLatency(cloud, "vmUpdate", 880_000);
        const node = addVm(cloud, "node-a");
        const uri = await addDisk(cloud, "pvc-1");
        const since = cloud.model.journal.lastSequence();
        assert.equal(
          valueOf(await cloud.run(fencing(cloud.provisioner, { diskUri: uri, node })))?.kind,
          "entryGone",
        );
        const calls = cloud.model.journal.since(since);
        const [write, ...others] = vmWrites(cloud);
        assert.deepEqual(others, []);
        const sinceWriteMs = (call: JournalEntry | undefined): number =>
          (call?.atMs ?? 0) - (write?.atMs ?? 0);
        const [lastPoll, lastRead] = [
          calls.findLast(({ kind }) => kind === "poll"),
          calls.findLast((call) => isOperation(call, cloud.vms.operation("Get"))),
        ];
        // An emulator that is ahead of Azure counts its own time, so only the ratio is meaningful.
        const ratio = sinceWriteMs(lastPoll) / sinceWriteMs(lastRead);
        assert.ok(ratio > 0 && ratio < 0.8, `the last poll comes at ${ratio} of the write's time`);
      });

      on("learns the smallest write that moves the ETag, and sends no other from then on", async (cloud) => {
        const node = addVm(cloud, "node-a");
        const [uri, other] = [await addDisk(cloud, "pvc-1"), await addDisk(cloud, "pvc-2")];
        await attach(cloud, other, node);
        const bodies = (): readonly string[] => vmWrites(cloud).map(({ body }) => JSON.stringify(body));
        cloud.model.world.settings = { ...cloud.model.world.settings, etagMovedBy: "dataDisks" };
        const before = bodies().length;
        for (let fences = 0; fences < 2; fences++)
          valueOf(await cloud.run(fencing(cloud.provisioner, { diskUri: uri, node })));
        const [first = "", second = "", third = "", ...more] = bodies().slice(before);
        assert.deepEqual([first, more], ["{}", []]);
        for (const body of [second, third]) assert.match(body, /"dataDisks":\[\{"lun":0/u);
        assert.deepEqual([disksOn(cloud, "node-a"), vmAt(cloud, "node-a").tags], [["pvc-2@0"], undefined]);
      });

      if (!vms.getsTags("node-a"))
        on("tags no instance, and has no proof, where only a tag moves the ETag", async (cloud) => {
          cloud.model.world.settings = { ...cloud.model.world.settings, etagMovedBy: "change" };
          const node = addVm(cloud, "node-a", { tags: { owner: "team" } });
          const uri = await addDisk(cloud, "pvc-1");
          const failure = failureOf(await cloud.run(fencing(cloud.provisioner, { diskUri: uri, node })));
          assert.equal(failure.kind, "EtagNotMoved");
          const writes = vmWrites(cloud).length;
          const again = failureOf(await cloud.run(fencing(cloud.provisioner, { diskUri: uri, node })));
          assert.deepEqual([again.kind, vmWrites(cloud).length], ["EtagNotMoved", writes]);
          assert.deepEqual(vmAt(cloud, "node-a").tags, { owner: "team" });
        });
      else
        on("changes a tag where no smaller update moves the ETag", async (cloud) => {
          cloud.model.world.settings = { ...cloud.model.world.settings, etagMovedBy: "change" };
          const node = addVm(cloud, "node-a", { tags: { owner: "team" } });
          const uri = await addDisk(cloud, "pvc-1");
          const prepared = etagOf(cloud, "node-a");
          assert.equal(
            valueOf(await cloud.run(fencing(cloud.provisioner, { diskUri: uri, node })))?.kind,
            "entryGone",
          );
          assert.equal(changeFromOutside(cloud, "node-a", { ifMatch: prepared }), 412);
          assert.deepEqual(Object.keys(vmAt(cloud, "node-a").tags ?? {}).sort(), [
            "disk.csi.azure.com-fence",
            "owner",
          ]);
        });

      on("replaces a hanging detach on a dead guest by its own without waiting for it", async (cloud) => {
        const node = addVm(cloud, "node-a");
        const uri = await addDisk(cloud, "pvc-1");
        await attach(cloud, uri, node);
        putVm(cloud.model.world, { ...vmAt(cloud, "node-a"), guestResponsive: false });
        const hanging = detaching(cloud.provisioner, { diskUri: uri, node });
        await cloud.until(() => vmWrites(cloud).length === 2);
        assert.equal(
          valueOf(await cloud.run(fencing(cloud.provisioner, { diskUri: uri, node })))?.kind,
          "entryGone",
        );
        valueOf(await cloud.run(hanging));
      });

      on("fences many disks of one VM with one update", async (cloud) => {
        const node = addVm(cloud, "node-a");
        const uris: string[] = [];
        for (const disk of ["pvc-1", "pvc-2", "pvc-3"]) uris.push(await addDisk(cloud, disk));
        await cloud.run(Promise.all(uris.map((uri) => attaching(cloud.provisioner, { diskUri: uri, node }))));
        const before = vmWrites(cloud).length;
        const proofs = await cloud.run(
          Promise.all(uris.map((uri) => fencing(cloud.provisioner, { diskUri: uri, node }))),
        );
        assert.deepEqual(
          proofs.map((proof) => valueOf(proof)?.kind),
          ["entryGone", "entryGone", "entryGone"],
        );
        assert.equal(vmWrites(cloud).length - before, 1);
      });

      on("precedes waiting updates, which then meet no conflict", async (cloud) => {
        const node = addVm(cloud, "node-a");
        const [first, second] = [await addDisk(cloud, "pvc-1"), await addDisk(cloud, "pvc-2")];
        await attach(cloud, first, node);
        const fenced = fencing(cloud.provisioner, { diskUri: first, node });
        await cloud.until(() => vmWrites(cloud).length === 2);
        const attached = attaching(cloud.provisioner, { diskUri: second, node });
        assert.equal(valueOf(await cloud.run(fenced))?.kind, "entryGone");
        assert.deepEqual(valueOf(await cloud.run(attached)), { lun: 0 });
        assert.deepEqual(
          callsOf(cloud, cloud.vms.operation("Update")).map((entry) => entry.status),
          [200, 200, 200],
        );
        assert.equal(callsOf(cloud, cloud.vms.operation("Get")).length, 6);
      });

      on("accepts a missing VM as proof once the disk no longer names it", async (cloud) => {
        const node = addVm(cloud, "node-a");
        const uri = await addDisk(cloud, "pvc-1");
        await attach(cloud, uri, node);
        await deleteVm(cloud, "node-a");
        assert.equal(
          valueOf(await cloud.run(fencing(cloud.provisioner, { diskUri: uri, node })))?.kind,
          "instanceGone",
        );
        assert.deepEqual(
          valueOf(await cloud.run(cloud.provisioner.getDisk({ diskUri: uri }, never))).attachedTo,
          [],
        );
      });

      on("has no proof at an outdated or mistyped resource id while the VM has the disk", async (cloud) => {
        const node = addVm(cloud, "node-a");
        const uri = await addDisk(cloud, "pvc-1", { maxShares: 2 });
        await attach(cloud, uri, node);
        await attach(cloud, uri, addVm(cloud, "node-b"));
        const elsewhere = { ...node, instanceUri: cloud.vms.uri("elsewhere") };
        const wish = { diskUri: uri, node: elsewhere };
        const { provisioner } = cloud;
        for (const proof of [
          fencing(provisioner, wish),
          proving(provisioner, wish),
          provisioner.proveGone(wish, never),
          detaching(provisioner, wish),
        ])
          assert.equal(failureOf(await cloud.run<Result<unknown, Failure>>(proof)).kind, "InstanceUnknown");
        assert.deepEqual([disksOn(cloud, "node-a"), disksOn(cloud, "node-b")], [["pvc-1@0"], ["pvc-1@0"]]);
      });

      on("proves that a VM is gone only after it has read every owner that the disk names", async (cloud) => {
        const node = addVm(cloud, "node-a");
        const uri = await addDisk(cloud, "pvc-1", { maxShares: 2 });
        await attach(cloud, uri, addVm(cloud, "node-b"));
        await deleteVm(cloud, "node-a");
        cloud.model.faults.add({
          operation: cloud.vms.operation("Get"),
          resource: cloud.vms.uri("node-b"),
          id: "unreadable",
          effect: { kind: "Error", status: 403, code: "AuthorizationFailed" },
        });
        const asked = (): Promise<Result<unknown, Failure>> =>
          cloud.run(cloud.provisioner.proveGone({ diskUri: uri, node }, never));
        assert.equal(failureOf(await asked()).kind, "CloudUnauthorized");
        cloud.model.faults.remove("unreadable");
        const proof = valueOf(await asked()) as { readonly kind: string };
        assert.equal(proof.kind, "instanceGone");
      });

      on("accepts another vmId under the name as proof, and leaves that VM alone", async (cloud) => {
        const node = addVm(cloud, "node-a");
        const uri = await addDisk(cloud, "pvc-1");
        await deleteVm(cloud, "node-a");
        const successor = addVm(cloud, "node-a");
        await attach(cloud, uri, successor);
        const before = etagOf(cloud, "node-a");
        assert.equal(
          valueOf(await cloud.run(fencing(cloud.provisioner, { diskUri: uri, node })))?.kind,
          "instanceReplaced",
        );
        assert.equal(etagOf(cloud, "node-a"), before);
      });

      on("writes nothing when the precondition fails", async (cloud) => {
        const node = addVm(cloud, "node-a");
        const uri = await addDisk(cloud, "pvc-1");
        await attach(cloud, uri, node);
        const refused = await cloud.run(
          fencing(cloud.provisioner, { diskUri: uri, node, precondition: mayNever }),
        );
        assert.deepEqual(failureOf(refused), { kind: "Refused", diskUri: uri, nodeName: "node-a" });
        assert.deepEqual(disksOn(cloud, "node-a"), ["pvc-1@0"]);
      });

      on("checks the precondition again when the VM changed, and stops when it fails", async (cloud) => {
        const node = addVm(cloud, "node-a");
        const uri = await addDisk(cloud, "pvc-1");
        await attach(cloud, uri, node);
        let asked = 0;
        const precondition = (): Promise<boolean> => {
          asked++;
          if (asked === 1) changeFromOutside(cloud, "node-a");
          return Promise.resolve(asked === 1);
        };
        assert.equal(
          failureOf(await cloud.run(fencing(cloud.provisioner, { diskUri: uri, node, precondition }))).kind,
          "Refused",
        );
        assert.deepEqual(disksOn(cloud, "node-a"), ["pvc-1@0"]);
      });

      on("reports that it has no proof when each detach fails", async (cloud) => {
        const node = addVm(cloud, "node-a");
        const uri = await addDisk(cloud, "pvc-1");
        await attach(cloud, uri, node);
        cloud.model.faults.add({
          operation: cloud.vms.operation("Update"),
          effect: { kind: "FailOperation", code: "DetachFailed" },
        });
        const failure = failureOf(await cloud.run(fencing(cloud.provisioner, { diskUri: uri, node })));
        assert.equal(failure.kind, "CloudRejected");
      });

      on("proves by reading when the response to its update is lost", async (cloud) => {
        const node = addVm(cloud, "node-a");
        const uri = await addDisk(cloud, "pvc-1");
        await attach(cloud, uri, node);
        cloud.model.faults.add({
          operation: cloud.vms.operation("Update"),
          times: 1,
          effect: { kind: "DropResponse" },
        });
        assert.equal(
          valueOf(await cloud.run(fencing(cloud.provisioner, { diskUri: uri, node })))?.kind,
          "entryGone",
        );
        assert.deepEqual(disksOn(cloud, "node-a"), []);
      });

      on("does not accept a missing resource group as proof", async (cloud) => {
        const node = addVm(cloud, "node-a");
        const uri = await addDisk(cloud, "pvc-1");
        cloud.model.faults.add({
          operation: cloud.vms.operation("Get"),
          effect: { kind: "Error", status: 404, code: "ResourceGroupNotFound" },
        });
        assert.equal((await cloud.run(fencing(cloud.provisioner, { diskUri: uri, node }))).ok, false);
      });
    });

    describe("instances", () => {
      on("shows a VM with its disks and power", async (cloud) => {
        const node = addVm(cloud, "node-a", { zone: "1", size: "Standard_D2s_v6" });
        const uri = await addDisk(cloud, "pvc-1", { zone: "1" });
        await attach(cloud, uri, node);
        assert.deepEqual(
          valueOf(
            await cloud.run(
              cloud.provisioner.inspectInstance(
                { nodeName: "node-a", instanceUri: cloud.vms.uri("node-a") },
                never,
              ),
            ),
          ),
          {
            nodeName: "node-a",
            instanceUri: cloud.vms.uri("node-a"),
            vmId: node.vmId,
            location: "eastus",
            zone: "1",
            vmSize: "Standard_D2s_v6",
            powerState: "running",
            busType: "NVMe",
            dataDisksMax: 8,
            dataDisks: [{ diskUri: uri, lun: 0, beingDetached: false }],
          },
        );
      });

      on("knows a VM's disk limit although Azure does not list its size", async (cloud) => {
        const node = addVm(cloud, "node-a", { size: "Standard_D2s_v6" });
        cloud.model.faults.add({
          operation: "ResourceSkus_List",
          effect: { kind: "Error", status: 503, code: "ServiceUnavailable" },
        });
        assert.equal(
          valueOf(
            await cloud.run(
              cloud.provisioner.inspectInstance(
                { nodeName: "node-a", instanceUri: cloud.vms.uri("node-a") },
                never,
              ),
            ),
          ).dataDisksMax,
          8,
        );
        assert.equal(await attach(cloud, await addDisk(cloud, "pvc-1"), node), 0);
        assert.equal(callsOf(cloud, "ResourceSkus_List").length, 1, "it does not ask again");
      });

      on("tells how many disks Azure lists for a size, and nothing of one that it doesn't", async (cloud) => {
        const listed = (vmSize: string): Promise<number | undefined> =>
          cloud.run(cloud.provisioner.dataDisksMax({ vmSize, location: "eastus" }));
        assert.deepEqual(
          [await listed("standard_d8S_v6"), await listed("Standard_Z9_v1"), await listed("Standard_D2s_v6")],
          [24, undefined, 8],
        );
        assert.equal(callsOf(cloud, "ResourceSkus_List").length, 1, "one list answers all");
      });

      on("tells of no size where the role may not list them", async (cloud) => {
        const { settings } = cloud.model.world;
        cloud.model.world.settings = { ...settings, deniedActions: ["Microsoft.Compute/skus/read"] };
        const vm = { vmSize: "Standard_D8s_v6", location: "eastus" };
        assert.equal(await cloud.run(cloud.provisioner.dataDisksMax(vm)), undefined);
      });

      for (const { power, hibernated, expected } of [
        { power: "stopped", hibernated: false, expected: "stopped" },
        { power: "deallocated", hibernated: false, expected: "deallocated" },
        { power: "deallocated", hibernated: true, expected: "hibernated" },
        { power: "deallocating", hibernated: false, expected: "changing" },
      ] as const) {
        on(
          `reports a VM as ${expected} that is ${power}${hibernated ? " with its memory kept" : ""}`,
          async (cloud) => {
            addVm(cloud, "node-a");
            putVm(cloud.model.world, { ...vmAt(cloud, "node-a"), power, hibernated });
            assert.equal(
              valueOf(
                await cloud.run(
                  cloud.provisioner.inspectInstance(
                    { nodeName: "node-a", instanceUri: cloud.vms.uri("node-a") },
                    never,
                  ),
                ),
              ).powerState,
              expected,
            );
          },
        );
      }

      on("names the missing VM", async (cloud) => {
        assert.deepEqual(
          factsOf(
            failureOf(
              await cloud.run(
                cloud.provisioner.inspectInstance(
                  { nodeName: "node-x", instanceUri: cloud.vms.uri("node-x") },
                  never,
                ),
              ),
            ),
          ),
          {
            kind: "InstanceNotFound",
            nodeName: "node-x",
          },
        );
      });

      on("finds a VM by its resource id, whatever the name of its node", async (cloud) => {
        addVm(cloud, "node-a");
        const inspect = (instanceUri: string) =>
          cloud.run(cloud.provisioner.inspectInstance({ nodeName: "gone", instanceUri }, never));
        assert.equal(valueOf(await inspect(cloud.vms.uri("node-a"))).instanceUri, cloud.vms.uri("node-a"));
        assert.equal(failureOf(await inspect(cloud.vms.uri("gone"))).kind, "InstanceNotFound");
        // Without its resource group the VM's existence is unknown.
        cloud.model.faults.add({
          operation: cloud.vms.operation("Get"),
          effect: { kind: "Error", status: 404, code: "ResourceGroupNotFound" },
        });
        assert.notEqual(failureOf(await inspect(cloud.vms.uri("node-a"))).kind, "InstanceNotFound");
        for (const instanceUri of [
          diskUri("pvc-1"),
          "",
          cloud.vms.uri("node-a").replace(/subscriptions\/[^/]+/u, "subscriptions/another"),
        ])
          assert.equal(failureOf(await inspect(instanceUri)).kind, "InstanceUnknown");
      });
    });
  });
}

interface Wish {
  readonly diskUri: string;
  readonly node: NodeIdentity;
  readonly lane?: Lane;
  readonly precondition?: Precondition;
}

function attaching(
  provisioner: CloudProvisioner,
  wish: Wish & { readonly forcePrecondition?: Precondition; readonly reservedLuns?: ReservedLuns },
  signal: AbortSignal = never,
): Promise<Result<{ readonly lun: number }, Failure>> {
  return provisioner.attachDisk(
    {
      cachingMode: "None",
      lane: "primaryAttach",
      precondition: mayAlways,
      forcePrecondition: mayAlways,
      ...wish,
    },
    signal,
  );
}

function detaching(
  provisioner: CloudProvisioner,
  wish: Wish,
  signal: AbortSignal = never,
): Promise<Result<void, Failure>> {
  return provisioner.detachDisk({ lane: "detach", precondition: mayAlways, ...wish }, signal);
}

type Barrier = ReturnType<CloudProvisioner["barrier"]>;

function fencing(provisioner: CloudProvisioner, wish: Wish): Barrier {
  return provisioner.barrier({ mode: "fence", precondition: mayAlways, ...wish }, never);
}

function proving(provisioner: CloudProvisioner, wish: Wish): Barrier {
  return provisioner.barrier({ mode: "prove", precondition: mayAlways, ...wish }, never);
}

function flushing(provisioner: CloudProvisioner, wish: Wish): Barrier {
  return provisioner.barrier({ mode: "flush", precondition: mayAlways, ...wish }, never);
}

async function attach(cloud: CloudUnderTest, uri: string, node: NodeIdentity): Promise<number> {
  return valueOf(await cloud.run(attaching(cloud.provisioner, { diskUri: uri, node }))).lun;
}

/** How each update that detached a disk did so. */
function detachesIn(cloud: CloudUnderTest): readonly ("regular" | "forced")[] {
  const bodies = vmWrites(cloud).map(({ body }) => JSON.stringify(body));
  return bodies
    .filter((body) => body.includes('"toBeDetached":true'))
    .map((body) => (body.includes("ForceDetach") ? "forced" : "regular"));
}

/**
 * Another client reimages VM `node-a`, whose guest hangs; ends once the provisioner has read the VM twice
 * since.
 */
async function reimageUntilReadTwice(cloud: CloudUnderTest): Promise<void> {
  cloud.model.faults.add({
    operation: cloud.vms.operation("reimage"),
    times: 1,
    effect: { kind: "StuckOperation" },
  });
  const answer = cloud.model.handle({
    method: "POST",
    path: `${cloud.vms.uri("node-a")}/reimage`,
    query: { "api-version": "2025-04-01" },
  });
  assert.equal(answer.status, 202);
  const reads = callsOf(cloud, cloud.vms.operation("Get")).length;
  await cloud.until(() => callsOf(cloud, cloud.vms.operation("Get")).length >= reads + 2);
}

/** Another client deletes the VM; its disks still name it for a while. */
async function deleteVm(cloud: CloudUnderTest, name: string): Promise<void> {
  cloud.model.handle({ method: "DELETE", path: cloud.vms.uri(name), query: { "api-version": "2025-04-01" } });
  await cloud.until(
    () => ![...cloud.model.world.virtualMachines.values()].some((vm) => vm.name === cloud.vms.name(name)),
  );
}

/** Leaves a disk in the state of a failed update. */
function failLastUpdate(cloud: CloudUnderTest, uri: string, tags: Readonly<Record<string, string>>): void {
  const disk = findDisk(cloud.model.world, uri);
  assert.ok(disk !== undefined);
  putDisk(cloud.model.world, { ...disk, spec: { ...disk.spec, tags }, provisioningState: "Failed" });
}

const mayNever = (): Promise<boolean> => Promise.resolve(false);
