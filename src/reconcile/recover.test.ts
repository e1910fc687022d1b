import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { aReplica, aVolume, diskUri } from "../core/plan/testing/objects.ts";
import { fail, ok } from "../core/result.ts";
import type { DiskFacts } from "../ports/cloud-provisioner.ts";
import { driverTags } from "./disk-tags.ts";
import { recoverVolumes } from "./recover.ts";
import { type ReconcileWorld, withControllerPorts } from "./testing/a-controller.ts";
import { aDisk } from "./testing/a-disk.ts";

const never = new AbortController().signal;
const disk = aDisk({ tags: driverTags(aVolume()) });

/** Recovers on a platform that lists these disks for each resource group; the cluster's own is "". */
function recover(world: ReconcileWorld, listed: Readonly<Record<string, readonly DiskFacts[]>>): ReturnType<typeof recoverVolumes> {
  const cloud = {
    ...world.ports.cloud,
    listDisks: async ({ resourceGroup }: { readonly resourceGroup: string | undefined }) => {
      const disks = listed[resourceGroup ?? ""];
      return disks === undefined ? fail({ kind: "CloudRejected", code: "ResourceGroupNotFound", message: "", requestId: "r" } as const) : ok(disks);
    },
  };
  return recoverVolumes({ ...world.ports, cloud }, never);
}

describe("recoverVolumes", () => {
  it("makes the object of a disk of ours anew that has none, once", () =>
    withControllerPorts(async (world) => {
      world.disks.add(diskUri);
      assert.deepEqual(await recover(world, { "": [disk] }), ok(1));
      assert.equal(world.volume()?.spec.diskUri, diskUri);
      assert.deepEqual(await recover(world, { "": [disk] }), ok(0));
    }));

  it("asks the store nothing about a disk whose object the cache shows", () =>
    withControllerPorts(async (world) => {
      await world.given("AzVolume", aVolume());
      world.store.setReachable(false);
      assert.deepEqual(await recover(world, { "": [disk], "rg-1": [] }), ok(0));
    }));

  it("makes none of a disk that was deleted since it was listed", () =>
    withControllerPorts(async (world) => {
      assert.deepEqual(await recover(world, { "": [disk] }), ok(0));
      assert.equal(world.volume(), undefined);
    }));

  it("looks in every resource group that an object names, and goes on where one of them is no more", () =>
    withControllerPorts(async (world) => {
      world.disks.add(diskUri);
      await world.given("AzVolumeAttachment", aReplica("node-a"));
      const stale = { metadata: { name: "stale" }, spec: { volumeName: "pvc-2", volumeId: diskUri.replace("rg-1", "rg-0") } };
      await world.given("AzVolumeAttachment", aReplica("node-b", stale));
      assert.deepEqual(await recover(world, { "": [], "rg-1": [disk] }), ok(1));
      assert.equal(world.volume()?.spec.diskUri, diskUri);
    }));
});
