import assert from "node:assert/strict";
import { describe } from "node:test";
import { valueOf } from "../../../../src/core/testing/value-of.ts";
import {
  addDisk,
  addVm,
  changeFromOutside,
  disksOn,
  etagOf,
  failureOf,
  vmAt,
} from "../../worlds/cloud-bench.ts";
import { type On, attach, deleteVm, proving } from "../cloud-suite.ts";

/** Proof that a disk is off a VM, without a fence. */
export function proofWithoutFenceContract(on: On): void {
  describe("proof without a fence", () => {
    on("moves the ETag of a VM without the disk, so that an earlier prepared write fails", async (cloud) => {
      const node = addVm(cloud, "node-a", { tags: { owner: "team" } });
      const uri = await addDisk(cloud, "pvc-1");
      const prepared = etagOf(cloud, "node-a");
      assert.equal(
        valueOf(await cloud.run(proving(cloud.provisioner, { diskUri: uri, node })))?.kind,
        "entryGone",
      );
      assert.equal(changeFromOutside(cloud, "node-a", { ifMatch: prepared }), 412);
      assert.deepEqual(vmAt(cloud, "node-a").tags, { owner: "team" });
    });

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
        "instanceGone",
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
}
