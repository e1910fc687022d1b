import assert from "node:assert/strict";
import { describe } from "node:test";
import { valueOf } from "../../../../src/core/testing/value-of.ts";
import {
  addDisk,
  addVm,
  disksOn,
  failureOf,
  mayAlways,
  never,
  slowDownAttaches,
  vmWrites,
} from "../../worlds/cloud-bench.ts";
import { type On, attach, detaching, fencing, proving } from "../cloud-suite.ts";

/** Polls that Azure rejects. */
export function rejectedPollsContract(on: On): void {
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
}
