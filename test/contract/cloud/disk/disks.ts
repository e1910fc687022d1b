import assert from "node:assert/strict";
import { describe } from "node:test";
import fc from "fast-check";
import type { Result } from "../../../../src/core/failure/result.ts";
import { valueOf } from "../../../../src/core/testing/value-of.ts";
import { findDisk, putDisk } from "../../../../src/emulator/model/world.ts";
import type { Precondition } from "../../../../src/ports/cloud/cloud-provisioner.ts";
import {
  type CloudUnderTest,
  SUBSCRIPTION_ID,
  aDiskRequest,
  addDisk,
  addVm,
  callsOf,
  diskUri,
  disksOn,
  factsOf,
  failureOf,
  mayAlways,
  never,
  vmWrites,
} from "../../worlds/cloud-bench.ts";
import { otherDiskIds, sameDiskIds } from "../../worlds/other-disk-ids.ts";
import { type On, attach, attaching, fencing } from "../cloud-suite.ts";
import { updateDiskContract } from "./update-disk.ts";

/** Disks: created, read, listed and deleted. */
export function disksContract(on: On): void {
  describe("disks", () => {
    on("creates a disk as requested", async (cloud) => {
      const { uniqueId, timeCreated, ...created } = valueOf(
        await cloud.run(
          cloud.provisioner.createDisk(
            aDiskRequest({ zone: "2", sizeGiB: 1024, maxShares: 3, tags: { a: "b" } }),
            never,
          ),
        ),
      );
      assert.ok(uniqueId !== undefined && timeCreated !== undefined);
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
        burstingEnabled: false,
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

    for (const { zone, kind } of [
      { zone: "3", kind: "NotOfferedInZone" },
      { zone: undefined, kind: "InvalidArgument" },
    ])
      on(`answers ${kind} where Azure has no such SKU in zone ${zone}`, async (cloud) => {
        cloud.model.faults.add({
          operation: "Disks_CreateOrUpdate",
          effect: {
            kind: "Error",
            status: 400,
            code: "InvalidParameter",
            message: "PremiumV2_LRS disk is not supported.",
          },
        });
        const request = aDiskRequest({ skuName: "PremiumV2_LRS", ...(zone && { zone }) });
        const made = await cloud.run(cloud.provisioner.createDisk(request, never));
        assert.equal(failureOf(made).kind, kind);
        assert.equal(callsOf(cloud, "Disks_CreateOrUpdate").length, 1);
      });

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
      const tags = { "disk.csi.azure.com-uid": "1" };
      const uri = await addDisk(cloud, "pvc-1", { tags });
      failLastUpdate(cloud, uri, { ...tags, policy: "added" });
      const created = valueOf(await cloud.run(cloud.provisioner.createDisk(aDiskRequest({ tags }), never)));
      assert.deepEqual([created.state, created.tags], ["Succeeded", { ...tags, policy: "added" }]);
    });

    on("recreates a disk whose creation failed, and whose other tags a policy changed", async (cloud) => {
      const tags = { "disk.csi.azure.com-uid": "1", environment: "test" };
      const uri = await addDisk(cloud, "pvc-1", { tags });
      failLastUpdate(cloud, uri, { ...tags, environment: "production" });
      const created = valueOf(await cloud.run(cloud.provisioner.createDisk(aDiskRequest({ tags }), never)));
      assert.deepEqual([created.state, created.tags], ["Succeeded", tags]);
    });

    // Restored from a backup, an object may ask again for a disk that has been in use since.
    on("leaves a disk that was in use, and that a class has changed since, as it is", async (cloud) => {
      const tags = { "disk.csi.azure.com-uid": "1", environment: "test" };
      const uri = await addDisk(cloud, "pvc-1", { tags });
      const used = {
        ...tags,
        environment: "production",
        "disk.csi.azure.com-formatted": "1|ext4|u-1|2026-01-01T00:00:00Z|node-a",
        "disk.csi.azure.com-state-of": "pvc-1",
      };
      failLastUpdate(cloud, uri, used);
      const before = findDisk(cloud.model.world, uri);
      const found = valueOf(await cloud.run(cloud.provisioner.createDisk(aDiskRequest({ tags }), never)));
      assert.deepEqual([found.tags, findDisk(cloud.model.world, uri)], [used, before]);
    });

    on("leaves another volume's disk of the name whose last update failed", async (cloud) => {
      const tags = { "disk.csi.azure.com-uid": "1", formatted: "ext4" };
      const uri = await addDisk(cloud, "pvc-1", { tags });
      failLastUpdate(cloud, uri, tags);
      const before = findDisk(cloud.model.world, uri);
      const found = valueOf(
        await cloud.run(
          cloud.provisioner.createDisk(aDiskRequest({ tags: { "disk.csi.azure.com-uid": "2" } }), never),
        ),
      );
      assert.deepEqual([found.tags, findDisk(cloud.model.world, uri)], [tags, before]);
      const larger = await cloud.run(
        cloud.provisioner.createDisk(
          aDiskRequest({ tags: { "disk.csi.azure.com-uid": "2" }, sizeGiB: 128 }),
          never,
        ),
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

    on("does not delete a new disk of the name after the response to a deletion was lost", async (cloud) => {
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
    });

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
      const deleteAfter = (code: string): Promise<Result<void>> => {
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
      assert.equal(valueOf(await cloud.run(cloud.provisioner.getDisk({ diskUri: uri }, never))).sizeGiB, 128);
      assert.equal(callsOf(cloud, "Disks_Update").length, 1);
    });

    on("asks again for a size that a disk shows whose growth Azure has failed", async (cloud) => {
      const uri = await addDisk(cloud, "pvc-1");
      for (const [shownGiB, sizeGiB, provisioningState] of [
        [128, 128, "Failed"],
        [256, 200, "Canceled"],
      ] as const) {
        const disk = findDisk(cloud.model.world, uri) ?? assert.fail("no disk");
        const spec = { ...disk.spec, sizeGiB: shownGiB };
        putDisk(cloud.model.world, { ...disk, spec, provisioningState });
        const before = callsOf(cloud, "Disks_Update").length;
        const growth = { diskUri: uri, sizeGiB, precondition: mayAlways };
        const grown = await cloud.run(cloud.provisioner.resizeDisk(growth, never));
        assert.deepEqual(valueOf(grown), { sizeGiB: shownGiB });
        assert.equal(callsOf(cloud, "Disks_Update").length, before + 1);
        assert.equal(findDisk(cloud.model.world, uri)?.provisioningState, "Succeeded");
      }
    });

    on("asks that also of a shared disk that VMs have: nothing changes if it has the size", async (cloud) => {
      const uri = await addDisk(cloud, "pvc-1", { maxShares: 2 });
      await attach(cloud, uri, addVm(cloud, "node-a"));
      const disk = findDisk(cloud.model.world, uri) ?? assert.fail("no disk");
      const spec = { ...disk.spec, sizeGiB: 128 };
      const grow = (): ReturnType<typeof cloud.provisioner.resizeDisk> =>
        cloud.run(
          cloud.provisioner.resizeDisk({ diskUri: uri, sizeGiB: 128, precondition: mayAlways }, never),
        );
      putDisk(cloud.model.world, { ...disk, spec, provisioningState: "Failed" });
      const refused = { kind: "Error", status: 409, code: "LiveResizeSharedDiskNotAllowed" } as const;
      cloud.model.faults.add({ id: "lacks-it", operation: "Disks_Update", resource: uri, effect: refused });
      assert.equal(failureOf(await grow()).kind, "DiskInUse", "no size is answered that it may lack");
      cloud.model.faults.remove("lacks-it");
      assert.deepEqual(valueOf(await grow()), { sizeGiB: 128 });
      assert.equal(findDisk(cloud.model.world, uri)?.provisioningState, "Succeeded");
    });

    on("raises what an Ultra disk has too little of at its new size, in the same write", async (cloud) => {
      const least = { skuName: "UltraSSD_LRS", sizeGiB: 100, diskIOPSReadWrite: 500, diskMBpsReadWrite: 100 };
      const uri = await addDisk(cloud, "pvc-1", { ...least, skuName: "UltraSSD_LRS" });
      const grow = async (sizeGiB: number): Promise<unknown> =>
        valueOf(
          await cloud.run(
            cloud.provisioner.resizeDisk({ diskUri: uri, sizeGiB, precondition: mayAlways }, never),
          ),
        );
      assert.deepEqual(await grow(500), { sizeGiB: 500 });
      assert.deepEqual(await grow(512), { sizeGiB: 512, raised: { diskIOPSReadWrite: 512 } });
      assert.deepEqual(await grow(65_536), {
        sizeGiB: 65_536,
        raised: { diskIOPSReadWrite: 65_536, diskMBpsReadWrite: 256 },
      });
      const disk = valueOf(await cloud.run(cloud.provisioner.getDisk({ diskUri: uri }, never)));
      assert.deepEqual(
        [disk.diskIOPSReadWrite, disk.diskMBpsReadWrite, callsOf(cloud, "Disks_Update").length],
        [65_536, 256, 3],
      );
    });

    on("says of each request to grow a disk that Azure has refused it, and of no lost one", async (cloud) => {
      const uri = await addDisk(cloud, "pvc-1");
      const events: string[] = [];
      const fault = { operation: "Disks_Update", resource: uri } as const;
      const lost = { kind: "Error", status: 500, code: "InternalServerError" } as const;
      const refused = { kind: "Error", status: 400, code: "BadRequest" } as const;
      cloud.model.faults.add({ ...fault, id: "first", effect: lost, times: 1 });
      cloud.model.faults.add({ ...fault, id: "then", effect: refused });
      const precondition = async (): Promise<boolean> => events.push("sent") > 0;
      const onOver = async (): Promise<void> => void events.push("over");
      const grown = await cloud.run(
        cloud.provisioner.resizeDisk({ diskUri: uri, sizeGiB: 128, precondition, onOver }, never),
      );
      assert.equal(failureOf(grown).kind, "CloudRejected");
      assert.deepEqual(events, ["sent", "sent", "over"]);
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
      const calls: readonly ((other: string) => Promise<Result<unknown>>)[] = [
        (other) => provisioner.getDisk({ diskUri: other }, never),
        (other) => provisioner.deleteDisk({ diskUri: other, precondition: mayAlways }, never),
        (other) => provisioner.resizeDisk({ diskUri: other, sizeGiB: 1024, precondition: mayAlways }, never),
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

    on("refuses ids with a segment that a path leaves out, before it calls Azure", async (cloud) => {
      const uri = await addDisk(cloud, "pvc-1");
      const { provisioner } = cloud;
      const before = cloud.model.journal.since(0).length;
      for (const segment of [".", ".."]) {
        const other = uri.replace("pvc-1", segment);
        const failures = [
          failureOf(await cloud.run(provisioner.getDisk({ diskUri: other }, never))),
          failureOf(
            await cloud.run(provisioner.deleteDisk({ diskUri: other, precondition: mayAlways }, never)),
          ),
          failureOf(
            await cloud.run(
              provisioner.getSnapshot({ snapshotUri: other.replace("/disks/", "/snapshots/") }, never),
            ),
          ),
        ];
        assert.deepEqual(
          failures.map(({ kind }) => kind),
          ["InvalidArgument", "InvalidArgument", "InvalidArgument"],
        );
      }
      assert.deepEqual(
        cloud.model.journal
          .since(0)
          .slice(before)
          .map(({ path }) => path),
        [],
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
}

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

/** Leaves a disk in the state of a failed update. */
function failLastUpdate(cloud: CloudUnderTest, uri: string, tags: Readonly<Record<string, string>>): void {
  const disk = findDisk(cloud.model.world, uri);
  assert.ok(disk !== undefined);
  putDisk(cloud.model.world, { ...disk, spec: { ...disk.spec, tags }, provisioningState: "Failed" });
}
