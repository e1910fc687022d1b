import assert from "node:assert/strict";
import { describe } from "node:test";
import { valueOf } from "../../../../src/core/testing/value-of.ts";
import { addDisk, addVm, disksOn } from "../../worlds/cloud-bench.ts";
import { type On, attaching } from "../cloud-suite.ts";

/** LUNs that the cluster has reserved. */
export function reservedLunsContract(on: On): void {
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

    on("gives a disk that others have detached its LUN again, and no other disk that one", async (cloud) => {
      const node = addVm(cloud, "node-a");
      const [first, second] = [await addDisk(cloud, "pvc-1"), await addDisk(cloud, "pvc-2")];
      const both = await cloud.run(
        Promise.all([
          attaching(cloud.provisioner, { diskUri: first, node, reservedLuns: () => [1] }),
          attaching(cloud.provisioner, { diskUri: second, node, formerLun: 1 }),
        ]),
      );
      assert.deepEqual(both.map(valueOf), [{ lun: 0 }, { lun: 1 }]);
      const third = await addDisk(cloud, "pvc-3");
      const elsewhere = { diskUri: third, node, formerLun: 2, reservedLuns: () => [2] };
      assert.deepEqual(valueOf(await cloud.run(attaching(cloud.provisioner, elsewhere))), { lun: 3 });
    });
  });
}
