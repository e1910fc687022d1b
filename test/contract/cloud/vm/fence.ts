import assert from "node:assert/strict";
import { describe } from "node:test";
import { describeFailure } from "../../../../src/core/failure/describe-failure.ts";
import type { Result } from "../../../../src/core/failure/result.ts";
import { valueOf } from "../../../../src/core/testing/value-of.ts";
import type { JournalEntry } from "../../../../src/emulator/model/api/journal.ts";
import { releaseStuckOperations } from "../../../../src/emulator/model/pace/operations.ts";
import { putVm } from "../../../../src/emulator/model/world.ts";
import {
  type CloudUnderTest,
  type VmKind,
  addDisk,
  addVm,
  callsOf,
  changeFromOutside,
  disksOn,
  etagOf,
  failureOf,
  isOperation,
  mayAlways,
  never,
  setLatency,
  vmAt,
  vmWrites,
} from "../../worlds/cloud-bench.ts";
import {
  type On,
  attach,
  attaching,
  deleteVm,
  detaching,
  fencing,
  mayNever,
  proving,
} from "../cloud-suite.ts";
import { fenceDuringReimageContract } from "./fence-during-reimage.ts";

/** Fences, and their proof. */
export function fenceContract(on: On, vms: VmKind): void {
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

    // Its guest wakes with the disk mounted, and with what it had not written yet.
    on("proves nothing of a hibernated VM, which keeps its disks, until it is deallocated", async (cloud) => {
      const node = addVm(cloud, "node-a");
      const uri = await addDisk(cloud, "pvc-1");
      await attach(cloud, uri, node);
      putVm(cloud.model.world, { ...vmAt(cloud, "node-a"), power: "deallocated", hibernated: true });
      const refused = failureOf(await cloud.run(fencing(cloud.provisioner, { diskUri: uri, node })));
      assert.match(describeFailure(refused), /hibernated\. Start the VM, or stop \(deallocate\) it/u);
      const proof = cloud.provisioner.proveGone({ diskUri: uri, node }, never);
      assert.deepEqual([valueOf(await cloud.run(proof)), disksOn(cloud, "node-a")], [undefined, ["pvc-1@0"]]);
      putVm(cloud.model.world, { ...vmAt(cloud, "node-a"), hibernated: false });
      const ended = valueOf(await cloud.run(fencing(cloud.provisioner, { diskUri: uri, node })));
      assert.deepEqual([ended?.kind, disksOn(cloud, "node-a")], ["entryGone", []]);
    });

    on("moves the ETag of a VM without the disk, so that an earlier prepared write fails", async (cloud) => {
      const node = addVm(cloud, "node-a", { tags: { owner: "team" } });
      const uri = await addDisk(cloud, "pvc-1");
      const prepared = etagOf(cloud, "node-a");
      assert.equal(
        valueOf(await cloud.run(fencing(cloud.provisioner, { diskUri: uri, node })))?.kind,
        "entryGone",
      );
      assert.equal(changeFromOutside(cloud, "node-a", { ifMatch: prepared }), 412);
      assert.deepEqual(vmAt(cloud, "node-a").tags, { owner: "team" });
    });

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

    for (const begun of ["reimage", "redeploy"] as const)
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
      // Azure names an operation of it only where it tries again what has failed.
      putVm(cloud.model.world, { ...vmAt(cloud, "node-a"), provisioningState: "Failed" });
      const uri = await addDisk(cloud, "pvc-1");
      const since = cloud.model.journal.lastSequence();
      assert.equal(
        valueOf(await cloud.run(fencing(cloud.provisioner, { diskUri: uri, node })))?.kind,
        "entryGone",
      );
      const calls = cloud.model.journal.since(since);
      const [write, ...others] = vmWrites(cloud);
      assert.deepEqual(others, []);
      const sinceWriteMs = (call: JournalEntry | undefined): number => (call?.atMs ?? 0) - (write?.atMs ?? 0);
      const [lastPoll, lastRead] = [
        calls.findLast(({ kind }) => kind === "poll"),
        calls.findLast((call) => isOperation(call, cloud.vms.operation("Get"))),
      ];
      // An emulator that is ahead of Azure counts its own time, so only the ratio is meaningful.
      const ratio = sinceWriteMs(lastPoll) / sinceWriteMs(lastRead);
      assert.ok(ratio > 0 && ratio < 0.8, `the last poll comes at ${ratio} of the write's time`);
    });

    on("waits for an ETag-only write of which Azure names no operation", async (cloud) => {
      for (const name of ["vmUpdate", "vmUnchanged"] as const) setLatency(cloud, name, 50_000);
      const node = addVm(cloud, "node-a");
      const uri = await addDisk(cloud, "pvc-1");
      const since = cloud.model.journal.lastSequence();
      const proven = await cloud.run(fencing(cloud.provisioner, { diskUri: uri, node }));
      assert.equal(valueOf(proven)?.kind, "entryGone");
      const [write, ...others] = vmWrites(cloud);
      assert.deepEqual(others, []);
      const lastRead = cloud.model.journal
        .since(since)
        .findLast((call) => isOperation(call, cloud.vms.operation("Get")));
      assert.ok(
        (lastRead?.atMs ?? 0) - (write?.atMs ?? Infinity) >= 50_000 * cloud.model.world.settings.timeScale,
      );
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
        assert.equal(failureOf(await cloud.run<Result<unknown>>(proof)).kind, "InstanceUnknown");
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
      const asked = (): Promise<Result<unknown>> =>
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
        "instanceGone",
      );
      assert.equal(etagOf(cloud, "node-a"), before);
    });

    on("has no proof once the disk is gone as well as the VM: both may have been moved", async (cloud) => {
      const node = addVm(cloud, "node-a");
      const uri = await addDisk(cloud, "pvc-1");
      await deleteVm(cloud, "node-a");
      const { provisioner } = cloud;
      valueOf(await cloud.run(provisioner.deleteDisk({ diskUri: uri, precondition: mayAlways }, never)));
      for (const isReplaced of [false, true]) {
        if (isReplaced) addVm(cloud, "node-a");
        const fenced = failureOf(await cloud.run(fencing(provisioner, { diskUri: uri, node })));
        assert.equal(fenced.kind, "InstanceUnknown");
      }
    });

    on("has no proof either once the disk's group is gone as well as the VM", async (cloud) => {
      const node = addVm(cloud, "node-a");
      const uri = await addDisk(cloud, "pvc-1");
      await deleteVm(cloud, "node-a");
      const effect = { kind: "Error", status: 404, code: "ResourceGroupNotFound" } as const;
      cloud.model.faults.add({ operation: "Disks_Get", effect });
      const proof = await cloud.run(cloud.provisioner.proveGone({ diskUri: uri, node }, never));
      assert.equal(failureOf(proof).kind, "InstanceUnknown");
      assert.match(describeFailure(failureOf(proof)), /if both were deleted, delete the disk's AzVolume/u);
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
