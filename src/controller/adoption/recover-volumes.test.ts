import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { LIMIT_MS } from "../../adapters/virtual/testing/settled-on.ts";
import type { AzVolumeAttachment } from "../../core/api/az-volume-attachment.ts";
import type { AzVolume } from "../../core/api/az-volume.ts";
import { attachmentObjectName, foreignVolumeObjectName } from "../../core/api/object-names.ts";
import { fail, ok } from "../../core/failure/result.ts";
import {
  aDetail,
  aDiskSpec,
  anObservedVolume,
  aReplica,
  aVolume,
  diskUri,
} from "../../core/testing/objects.ts";
import { must } from "../../core/testing/value-of.ts";
import { planDisk } from "../../core/volume/plan-disk.ts";
import type { CloudProvisioner, DiskFacts } from "../../ports/cloud/cloud-provisioner.ts";
import { driverTags } from "../disk/disk-tags.ts";
import { aCluster, aClusterVolume } from "../testing/a-cluster.ts";
import { type ReconcileWorld, withControllerPorts } from "../testing/a-controller.ts";
import { aDisk } from "../testing/a-disk.ts";
import { remakeVolume } from "../testing/remake-volume.ts";
import { type DiskLists, recoverVolumes } from "./recover-volumes.ts";

const madeByHand = diskUri.replace("rg-1", "rg-2").replace("pvc-1", "By_Hand");
const never = new AbortController().signal;
const disk = aDisk({ tags: driverTags(aVolume(), "cluster-1") });

/** Recovers on an Azure that lists these disks for each resource group; the cluster's own is "". */
function recover(
  world: ReconcileWorld,
  listed: Readonly<Record<string, readonly DiskFacts[]>>,
): ReturnType<typeof recoverVolumes> {
  const cloud = {
    ...world.ports.cloud,
    getDisk: async (asked: { readonly diskUri: string }) =>
      world.disks.has(asked.diskUri)
        ? ok({ ...disk, ...aDisk({ ...asked, tags: asked.diskUri === diskUri ? disk.tags : {} }) })
        : fail({ kind: "DiskNotFound", ...asked } as const),
    listDisks: async ({ resourceGroup }: { readonly resourceGroup: string | undefined }) => {
      const disks = listed[resourceGroup ?? ""];
      return disks === undefined
        ? fail({ kind: "CloudRejected", code: "ResourceGroupNotFound", message: "", requestId: "r" } as const)
        : ok(disks);
    },
  };
  return recoverVolumes({ ...world.ports, cloud }, never);
}

/** An attachment on node-b whose volume has no object. */
function anAttachmentOf(volumeId: string): AzVolumeAttachment {
  return aReplica("node-b", {
    metadata: { name: attachmentObjectName({ diskUri: volumeId, nodeName: "node-b" }) },
    spec: { volumeName: "pvc-2", volumeId },
  });
}

/** The size that is recorded, and the one that Azure has not confirmed. */
function sizesIn(world: ReconcileWorld): readonly (number | undefined)[] {
  const { sizeGiB, unconfirmedGiB } = world.volume()?.status?.detail ?? {};
  return [sizeGiB, unconfirmedGiB];
}

describe("recoverVolumes", () => {
  it("recreates the object of a disk of this driver, once", () =>
    withControllerPorts(async (world) => {
      world.disks.add(diskUri);
      assert.deepEqual(await recover(world, { "": [disk] }), ok(1));
      assert.equal(world.volume()?.spec.diskUri, diskUri);
      assert.deepEqual(await recover(world, { "": [disk] }), ok(0));
    }));

  it("labels the object of a disk that the cluster names for its claim", () =>
    withControllerPorts(async (world) => {
      world.disks.add(diskUri);
      const ports = { ...world.ports, clusterVolumes: aCluster([aClusterVolume()]) };
      assert.deepEqual(await recover({ ...world, ports }, { "": [disk] }), ok(1));
      assert.deepEqual(world.volume()?.metadata.labels, {
        "disk.csi.azure.com/pv": "pv-1",
        "disk.csi.azure.com/pvc": "data",
        "disk.csi.azure.com/pvc-namespace": "default",
      });
    }));

  // This cluster is `cluster-1`.
  for (const tagged of ["cluster-2", "cluster-10", undefined]) {
    it(`leaves a disk alone that ${tagged ?? "no cluster"} made, unless it is named`, () =>
      withControllerPorts(async (world) => {
        world.disks.add(diskUri);
        const { "disk.csi.azure.com-cluster-id": _, ...tags } = disk.tags;
        const foreign = {
          ...disk,
          tags: tagged === undefined ? tags : { ...tags, "disk.csi.azure.com-cluster-id": tagged },
        };
        assert.deepEqual(await recover(world, { "": [foreign] }), ok(0));
        assert.equal(world.commits.length, 0);
        const ports = { ...world.ports, clusterVolumes: aCluster([aClusterVolume()]) };
        assert.deepEqual(await recover({ ...world, ports }, { "": [foreign] }), ok(1));
      }));
  }

  it("reads nothing from the store for a disk whose object is cached", () =>
    withControllerPorts(async (world) => {
      await world.given("AzVolume", aVolume());
      world.store.setReachable(false);
      assert.deepEqual(await recover(world, { "": [disk], "rg-1": [] }), ok(0));
    }));

  it("records no size that Azure is still giving a disk: a node would grow nothing", () =>
    withControllerPorts(async (world) => {
      await world.given("AzVolume", aVolume());
      const growing = { ...disk, sizeGiB: 20, state: "Updating" };
      assert.deepEqual(await recover(world, { "": [growing], "rg-1": [] }), ok(0));
      assert.deepEqual(sizesIn(world), [10, 20]);
      assert.deepEqual(await recover(world, { "": [{ ...growing, state: "Succeeded" }], "rg-1": [] }), ok(0));
      assert.deepEqual(sizesIn(world), [20, undefined]);
    }));

  it("forgets an unconfirmed size that a disk has lost, and a later one", () =>
    withControllerPorts(async (world) => {
      await world.given("AzVolume", aVolume({ status: { detail: aDetail({ unconfirmedGiB: 20 }) } }));
      assert.deepEqual(await recover(world, { "": [{ ...disk, sizeGiB: 30, state: "Failed" }] }), ok(0));
      assert.deepEqual(sizesIn(world), [10, 30]);
      await world.clock.runUntil(
        () => world.ports.cache.get("AzVolume", "pvc-1")?.status?.detail?.unconfirmedGiB === 30,
        LIMIT_MS,
      );
      assert.deepEqual(await recover(world, { "": [{ ...disk, sizeGiB: 10 }] }), ok(0));
      assert.deepEqual(sizesIn(world), [10, undefined]);
    }));

  for (const state of ["Failed", "Canceled"]) {
    const failed = { ...disk, sizeGiB: 20, state };

    it(`leaves a size that Azure shows as ${state} to the growth that the volume asks for`, () =>
      withControllerPorts(async (world) => {
        const spec = { disk: aDiskSpec({ sizeGiB: 20, maxShares: 1 }), maxMountReplicaCount: 0 };
        const asking = aVolume({ spec });
        await world.given("AzVolume", asking);
        assert.deepEqual(await recover(world, { "": [{ ...failed, maxShares: 1 }], "rg-1": [] }), ok(0));
        assert.deepEqual(sizesIn(world), [10, 20]);
        const plan = planDisk(anObservedVolume({ volume: world.volume() ?? assert.fail("no volume") }));
        assert.equal(plan?.kind, "ResizeDisk");
      }));

    it(`leaves it also where the cache does not show that growth yet (${state})`, () =>
      withControllerPorts(async (world) => {
        await world.given("AzVolume", aVolume());
        world.store.holdWatches(true);
        const { other } = world;
        const { spec, ...present } = await must(other.get("AzVolume", "pvc-1", never));
        const asking = { ...spec, disk: { ...spec.disk, sizeGiB: 20 } };
        await must(other.update("AzVolume", { ...present, spec: asking }, never));
        assert.deepEqual(await recover(world, { "": [failed], "rg-1": [] }), ok(0));
        assert.deepEqual(sizesIn(world), [10, 20]);
      }));

    it(`records a growth by another client as unconfirmed whose disk is ${state}`, () =>
      withControllerPorts(async (world) => {
        await world.given("AzVolume", aVolume());
        assert.deepEqual(await recover(world, { "": [failed], "rg-1": [] }), ok(0));
        assert.deepEqual(sizesIn(world), [10, 20]);
      }));
  }

  it("records that another client has grown a disk", () =>
    withControllerPorts(async (world) => {
      await world.given("AzVolume", aVolume());
      assert.deepEqual(await recover(world, { "": [{ ...disk, sizeGiB: 20 }], "rg-1": [] }), ok(0));
      assert.equal(world.volume()?.status?.detail?.sizeGiB, 20);
    }));

  it("records the growth of no volume that was made again under its name", () =>
    withControllerPorts(async (world) => {
      await world.given("AzVolume", aVolume());
      world.store.holdWatches(true);
      await remakeVolume(world);
      assert.deepEqual(await recover(world, { "": [{ ...disk, sizeGiB: 20 }], "rg-1": [] }), ok(0));
      assert.equal(world.volume()?.status?.detail?.sizeGiB, 10);
    }));

  it("creates no object of a disk that was deleted after the list", () =>
    withControllerPorts(async (world) => {
      assert.deepEqual(await recover(world, { "": [disk] }), ok(0));
      assert.equal(world.volume(), undefined);
    }));

  it("lists every resource group that an object names, and ignores missing ones", () =>
    withControllerPorts(async (world) => {
      world.disks.add(diskUri);
      await world.given("AzVolumeAttachment", aReplica("node-a"));
      await world.given("AzVolumeAttachment", anAttachmentOf(diskUri.replace("rg-1", "rg-0")));
      assert.deepEqual(await recover(world, { "": [], "rg-1": [disk] }), ok(1));
      assert.equal(world.volume()?.spec.diskUri, diskUri);
    }));

  // Lists of thousands of disks take hundreds of calls.
  it("lists the cluster's own resource group once, also under its name", () =>
    withControllerPorts(async (world) => {
      world.disks.add(diskUri);
      assert.deepEqual(await recover(world, { "": [disk] }), ok(1));
      const asked: (string | undefined)[] = [];
      const listDisks: typeof world.ports.cloud.listDisks = async ({ resourceGroup }) => {
        asked.push(resourceGroup);
        return ok([disk]);
      };
      const lists: DiskLists = new Map();
      await recoverVolumes({ ...world.ports, cloud: { ...world.ports.cloud, listDisks }, lists }, never);
      assert.deepEqual(asked, [undefined]);
      assert.deepEqual([...lists.values()], [[disk]]);
    }));

  it("creates the object of a disk that the cluster names, for its stated use, once", () =>
    withControllerPorts(async (world) => {
      const block = { accessType: "block", accessMode: "MULTI_NODE_MULTI_WRITER" } as const;
      const clusterVolumes = aCluster([aClusterVolume({ volumeId: madeByHand, capabilities: [block] })]);
      const ports = { ...world.ports, clusterVolumes };
      world.disks.add(madeByHand);
      assert.deepEqual(await recover({ ...world, ports }, { "": [], "rg-2": [] }), ok(1));
      const [created] = world.commits.filter(({ kind }) => kind === "AzVolume");
      const { metadata, spec } = (created?.after ?? assert.fail("no volume")) as AzVolume;
      assert.equal(metadata.name, foreignVolumeObjectName(madeByHand));
      assert.deepEqual(
        [spec.diskUri, spec.capabilities, spec.volumeContext, spec.deleteRequested],
        [madeByHand, [block], { skuName: "Premium_LRS" }, false],
      );
      assert.deepEqual(await recover({ ...world, ports }, { "": [], "rg-2": [] }), ok(0));
    }));

  it("continues where a disk is gone, malformed or unreadable", () =>
    withControllerPorts(async (world) => {
      world.disks.add(diskUri);
      const forbidden = madeByHand.replace("sub-1", "sub-2");
      const volumes = [
        aClusterVolume({ volumeId: madeByHand }),
        aClusterVolume({ volumeId: "disk" }),
        aClusterVolume({ volumeId: forbidden.replace("By_Hand", "Other") }),
        aClusterVolume(),
      ];
      const unauthorized = {
        kind: "CloudUnauthorized",
        code: "AuthorizationFailed",
        message: "",
        requestId: "r",
      } as const;
      const getDisk: CloudProvisioner["getDisk"] = async (asked, signal) =>
        asked.diskUri.includes("sub-2") ? fail(unauthorized) : world.ports.cloud.getDisk(asked, signal);
      const listDisks = async () => ok([{ ...disk, diskUri: forbidden }]);
      const cloud = { ...world.ports.cloud, getDisk, listDisks };
      assert.deepEqual(
        await recoverVolumes({ ...world.ports, cloud, clusterVolumes: aCluster(volumes) }, never),
        ok(1),
      );
    }));

  it("requeues where Azure can't be reached, and leaves no volume out", () =>
    withControllerPorts(async (world) => {
      const throttled = { kind: "Throttled", retryAfterMs: 1_000, detail: "429" } as const;
      const cloud = {
        ...world.ports.cloud,
        getDisk: async () => fail(throttled),
        listDisks: async () => ok([]),
      };
      assert.deepEqual(
        await recoverVolumes({ ...world.ports, cloud, clusterVolumes: aCluster([aClusterVolume()]) }, never),
        fail(throttled),
      );
    }));

  // Builds of 0.1.0 from before the repair of late modifications record no end of one.
  it("rebuilds a lost volume beside one that an earlier version has modified", () =>
    withControllerPorts(async (world) => {
      const modification = { requested: { skuName: "Premium_LRS" }, observedGeneration: 1 } as const;
      await world.given("AzVolume", aVolume({ status: { detail: aDetail(), modification } }));
      const lost = diskUri.replace("pvc-1", "pvc-2");
      world.disks.add(lost);
      assert.deepEqual(await recover(world, { "": [disk, { ...disk, diskUri: lost }] }), ok(1));
    }));

  it("rebuilds all others where one disk fails, and retries that one", () =>
    withControllerPorts(async (world) => {
      const uris = Array.from({ length: 70 }, (_, index) => diskUri.replace("pvc-1", `pvc-${index}`));
      const others = uris.map((uri) => uri.replace("rg-1", "rg-2"));
      const [sick, sickToo] = [uris[0], others[0]];
      const [namedAndSick, named] = ["named-0", "named-1"].map((name) => diskUri.replace("pvc-1", name));
      for (const uri of [...uris, ...others, namedAndSick, named]) world.disks.add(uri ?? "");
      const broken = {
        kind: "CloudUnavailable",
        code: "InternalServerError",
        message: "",
        requestId: "r",
      } as const;
      const cloud = {
        ...world.ports.cloud,
        getDisk: async (asked: { readonly diskUri: string }) =>
          [sick, sickToo, namedAndSick].includes(asked.diskUri) ? fail(broken) : ok({ ...disk, ...asked }),
        listDisks: async ({ resourceGroup }: { readonly resourceGroup: string | undefined }) =>
          ok((resourceGroup === undefined ? uris : others).map((uri) => ({ ...disk, diskUri: uri }))),
      };
      await world.given("AzVolumeAttachment", anAttachmentOf(others[0] ?? ""));
      const clusterVolumes = aCluster(
        [namedAndSick, named].map((volumeId = "") => aClusterVolume({ volumeId })),
      );
      assert.deepEqual(await recoverVolumes({ ...world.ports, cloud, clusterVolumes }, never), fail(broken));
      const rebuilt = world.commits.filter(({ kind, after }) => kind === "AzVolume" && after !== undefined);
      assert.equal(rebuilt.length, 69 + 69 + 1);
    }));
});
