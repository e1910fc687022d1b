import assert from "node:assert/strict";
import { describe } from "node:test";
import { valueOf } from "../../../../src/core/testing/value-of.ts";
import { putVm } from "../../../../src/emulator/model/world.ts";
import {
  addDisk,
  addVm,
  callsOf,
  disksOn,
  etagOf,
  failureOf,
  isOperation,
  mayAlways,
  never,
  slowDownAttaches,
  vmAt,
  vmWrites,
} from "../../worlds/cloud-bench.ts";
import { type On, attach, attaching, deleteVm, detaching } from "../cloud-suite.ts";
import { failedAttachesContract } from "./failed-attaches.ts";

/** Attaches and detaches. */
export function attachAndDetachContract(on: On): void {
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

    on("answers the LUN of an attached disk without a write, whatever the case of its id", async (cloud) => {
      const node = addVm(cloud, "node-a");
      const uri = await addDisk(cloud, "pvc-1");
      await attach(cloud, uri, node);
      assert.equal(await attach(cloud, uri.toUpperCase().replace("SUBSCRIPTIONS", "subscriptions"), node), 0);
      assert.equal(vmWrites(cloud).length, 1);
    });

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
      const refused = failureOf(await cloud.run(attaching(cloud.provisioner, { diskUri: uri, node: nodeA })));
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
}
