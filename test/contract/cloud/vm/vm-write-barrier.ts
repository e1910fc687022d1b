import assert from "node:assert/strict";
import { describe } from "node:test";
import { valueOf } from "../../../../src/core/testing/value-of.ts";
import {
  type VmKind,
  addDisk,
  addVm,
  changeFromOutside,
  disksOn,
  etagOf,
  failureOf,
  slowDownAttaches,
  vmAt,
} from "../../worlds/cloud-bench.ts";
import { type On, attach, attaching, deleteVm, fencing, flushing, mayNever } from "../cloud-suite.ts";

/** The barrier that no earlier update of a VM passes. */
export function vmWriteBarrierContract(on: On, vms: VmKind): void {
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
}
