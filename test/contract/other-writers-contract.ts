import assert from "node:assert/strict";
import { findDisk } from "../../src/emulator/model/world.ts";
import {
  addDisk,
  addVm,
  type CloudUnderTest,
  disksOn,
  mayAlways,
  never,
  valueOf,
  vmAt,
} from "./cloud-bench.ts";

/** Declares the tests of nodes whose data disks other clients change as well. */
export function otherWritersContract(
  on: (sentence: string, test: (cloud: CloudUnderTest) => Promise<void>) => void,
): void {
  // Azure refuses a list that has another createOption for it.
  on("attaches and detaches beside a disk that came with the VM", async (cloud) => {
    const node = addVm(cloud, "node-a");
    const own = { lun: 0, createOption: "Empty", name: "own", diskSizeGB: 8 };
    const { status } = cloud.model.handle({
      method: cloud.vms.updateMethod,
      path: node.instanceUri,
      query: { "api-version": "2025-04-01" },
      body: { properties: { storageProfile: { dataDisks: [own] } } },
    });
    assert.equal(status, 200);
    await cloud.until(() => vmAt(cloud, "node-a").provisioningState === "Succeeded");
    const diskUri = await addDisk(cloud, "pvc-1");
    const request = {
      diskUri,
      node,
      cachingMode: "None",
      lane: "primaryAttach",
      precondition: mayAlways,
    } as const;
    assert.equal(valueOf(await cloud.run(cloud.provisioner.attachDisk(request, never))).lun, 1);
    assert.deepEqual(disksOn(cloud, "node-a"), ["own@0", "pvc-1@1"]);
    const detach = { diskUri, node, lane: "detach", precondition: mayAlways } as const;
    valueOf(await cloud.run(cloud.provisioner.detachDisk(detach, never)));
    assert.deepEqual(disksOn(cloud, "node-a"), ["own@0"]);
    const { id } = vmAt(cloud, "node-a");
    const ownId = vmAt(cloud, "node-a").dataDisks[0]?.diskId ?? "";
    assert.deepEqual(
      findDisk(cloud.model.world, ownId)?.owners.map(({ vmId }) => vmId),
      [id],
    );
  });
}
