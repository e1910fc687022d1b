import assert from "node:assert/strict";
import type { NodeIdentity } from "../../../../src/core/api/identity/node-identity.ts";
import { valueOf } from "../../../../src/core/testing/value-of.ts";
import { findDisk } from "../../../../src/emulator/model/world.ts";
import {
  type CloudUnderTest,
  addDisk,
  addVm,
  disksOn,
  failureOf,
  mayAlways,
  never,
  vmAt,
} from "../../worlds/cloud-bench.ts";
import type { On } from "../cloud-suite.ts";

/**
 * Declares the tests of what a failed attach leaves behind: the VM is Failed and lists the disk, which it
 * does not have, and Azure tries that disk again with each update.
 */
export function failedAttachesContract(on: On): void {
  on("attaches a disk that the VM lists since an earlier process' attach failed", async (cloud) => {
    const node = addVm(cloud, "node-a");
    const uri = await addDisk(cloud, "pvc-1");
    await leaveListed(cloud, { node, uri });
    assert.equal(valueOf(await attaching(cloud, { node, uri })).lun, 0);
    assert.deepEqual(ownersOf(cloud, uri), [vmAt(cloud, "node-a").vmGuid]);
  });

  on("detaches a disk that the VM lists since its attach failed, and attaches others", async (cloud) => {
    const node = addVm(cloud, "node-a");
    const [uri, other] = [await addDisk(cloud, "pvc-1"), await addDisk(cloud, "pvc-2")];
    await leaveListed(cloud, { node, uri });
    const request = { diskUri: uri, node, lane: "detach", precondition: mayAlways } as const;
    valueOf(await cloud.run(cloud.provisioner.detachDisk(request, never)));
    assert.deepEqual(disksOn(cloud, "node-a"), []);
    valueOf(await attaching(cloud, { node, uri: other }));
    assert.deepEqual(ownersOf(cloud, uri), []);
  });

  on("takes a disk that Azure can't attach out of the VM's list, for the disks after it", async (cloud) => {
    const node = addVm(cloud, "node-a");
    const [broken, good] = [await addDisk(cloud, "pvc-1"), await addDisk(cloud, "pvc-2")];
    cloud.model.faults.add({
      operation: cloud.vms.operation("Update"),
      disk: broken,
      effect: { kind: "FailOperation", code: "DiskBroken", message: "Something is wrong." },
    });
    assert.equal(failureOf(await attaching(cloud, { node, uri: broken })).kind, "CloudRejected");
    assert.deepEqual([disksOn(cloud, "node-a"), vmAt(cloud, "node-a").provisioningState], [[], "Succeeded"]);
    valueOf(await attaching(cloud, { node, uri: good }));
    assert.deepEqual(ownersOf(cloud, good), [vmAt(cloud, "node-a").vmGuid]);
  });
}

interface Wish {
  readonly node: NodeIdentity;
  readonly uri: string;
}

/** As a process leaves it that ends right after Azure has failed its attach. */
async function leaveListed(cloud: CloudUnderTest, { node, uri }: Wish): Promise<void> {
  const rule = cloud.model.faults.add({
    operation: cloud.vms.operation("Update"),
    effect: { kind: "FailOperation", code: "InternalOperationError" },
  });
  const { status } = cloud.model.handle({
    method: cloud.vms.updateMethod("node-a"),
    path: node.instanceUri,
    query: { "api-version": "2025-04-01" },
    body: {
      properties: {
        storageProfile: { dataDisks: [{ lun: 0, createOption: "Attach", managedDisk: { id: uri } }] },
      },
    },
  });
  assert.equal(status, 200);
  await cloud.until(() => vmAt(cloud, "node-a").provisioningState === "Failed");
  cloud.model.faults.remove(rule.id);
  assert.equal(disksOn(cloud, "node-a").length, 1);
  assert.deepEqual(ownersOf(cloud, uri), []);
}

function attaching(
  cloud: CloudUnderTest,
  { node, uri }: Wish,
): ReturnType<CloudUnderTest["provisioner"]["attachDisk"]> {
  const request = {
    diskUri: uri,
    node,
    cachingMode: "None",
    lane: "primaryAttach",
    precondition: mayAlways,
  } as const;
  return cloud.run(cloud.provisioner.attachDisk(request, never));
}

function ownersOf(cloud: CloudUnderTest, uri: string): readonly string[] {
  return (findDisk(cloud.model.world, uri)?.owners ?? []).map(({ vmGuid }) => vmGuid);
}
