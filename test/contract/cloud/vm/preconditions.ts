import assert from "node:assert/strict";
import { describe } from "node:test";
import { valueOf } from "../../../../src/core/testing/value-of.ts";
import {
  addDisk,
  addVm,
  callsOf,
  changeFromOutside,
  disksOn,
  failureOf,
  never,
  vmAt,
  vmWrites,
} from "../../worlds/cloud-bench.ts";
import { type On, attach, attaching, detaching, mayNever } from "../cloud-suite.ts";

/** What is asked before each write. */
export function preconditionsContract(on: On): void {
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

    on("that fail let nothing be written, and end the request as they have failed", async (cloud) => {
      const node = addVm(cloud, "node-a");
      const diskUri = await addDisk(cloud, "pvc-1");
      await attach(cloud, await addDisk(cloud, "pvc-2"), node);
      const { provisioner } = cloud;
      const writes = vmWrites(cloud, "node-a").length;
      const failure = { kind: "StoreUnavailable", detail: "no answer" } as const;
      const asked = { diskUri, precondition: async () => failure };
      const answers = await cloud.run(
        Promise.all([
          provisioner.attachDisk({ ...asked, node, cachingMode: "None", lane: "primaryAttach" }, never),
          provisioner.barrier({ ...asked, node, mode: "flush" }, never),
          provisioner.tagDisk({ ...asked, tags: { a: "b" } }, never),
          provisioner.resizeDisk({ ...asked, sizeGiB: 1_024 }, never),
          provisioner.deleteDisk(asked, never),
        ]),
      );
      assert.deepEqual(
        answers.map((answer) => failureOf(answer)),
        answers.map(() => failure),
      );
      assert.deepEqual([vmWrites(cloud, "node-a").length, disksOn(cloud, "node-a")], [writes, ["pvc-2@0"]]);
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
}
