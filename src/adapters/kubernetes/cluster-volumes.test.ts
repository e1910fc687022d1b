import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { ClusterVolumes } from "../../ports/cluster/cluster-volumes.ts";
import { createClusterVolumes } from "./cluster-volumes.ts";
import { aCoreCluster, type CoreCluster, DRIVER } from "./testing/core-cluster.ts";
import { ATTACHMENTS, diskOf, putAttachment, putNode, putVolume, VOLUMES } from "./testing/core-objects.ts";

const never = new AbortController().signal;
const FINALIZER = "external-attacher/disk-csi-azure-com";

function volumesOf(cluster: CoreCluster): ClusterVolumes {
  return createClusterVolumes({ client: cluster.client, caches: cluster.caches, driverName: DRIVER });
}

function ofVolume(
  persistentVolumeName: string,
  nodeName = "node-a",
): Parameters<typeof putAttachment>[2]["spec"] {
  return { attacher: DRIVER, nodeName, source: { persistentVolumeName } };
}

describe("createClusterVolumes", () => {
  it("returns this driver's volumes with all data for adopting their disks", async () => {
    const cluster = aCoreCluster();
    putVolume(cluster, "block", { accessModes: ["ReadWriteMany", "ReadOnlyMany"], volumeMode: "Block" });
    putVolume(cluster, "free", {
      claimRef: { namespace: "default", name: "kept-for" },
      accessModes: ["ReadWriteOncePod"],
    });
    putVolume(cluster, "files", {
      csi: {
        driver: DRIVER,
        volumeHandle: diskOf("files"),
        fsType: "xfs",
        readOnly: true,
        volumeAttributes: { skuName: "Premium_LRS" },
      },
      mountOptions: ["noatime"],
    });
    putVolume(cluster, "others", { csi: { driver: "file.csi.azure.com", volumeHandle: diskOf("others") } });
    const inTree = { diskURI: diskOf("tree"), kind: "Managed", cachingMode: "ReadOnly", fsType: "ext4" };
    cluster.put(VOLUMES, {
      metadata: { name: "pv-tree" },
      spec: { azureDisk: inTree, accessModes: ["ReadWriteOnce"] },
    });
    cluster.put(VOLUMES, {
      metadata: { name: "pv-blob" },
      spec: { azureDisk: { ...inTree, kind: "Dedicated" }, accessModes: ["ReadWriteOnce"] },
    });
    await cluster.show();
    const claim = (name: string): object => ({ claim: { namespace: "default", name, uid: `uid-${name}` } });
    assert.deepEqual(volumesOf(cluster).volumes(), [
      {
        name: "pv-block",
        volumeId: diskOf("block"),
        capabilities: [
          { accessMode: "MULTI_NODE_MULTI_WRITER", accessType: "block" },
          { accessMode: "MULTI_NODE_READER_ONLY", accessType: "block" },
        ],
        volumeContext: {},
        readOnly: false,
        ...claim("block"),
      },
      {
        name: "pv-files",
        volumeId: diskOf("files"),
        capabilities: [
          { accessMode: "SINGLE_NODE_WRITER", accessType: "mount", fsType: "xfs", mountFlags: ["noatime"] },
        ],
        volumeContext: { skuName: "Premium_LRS" },
        readOnly: true,
        ...claim("files"),
      },
      {
        name: "pv-free",
        volumeId: diskOf("free"),
        capabilities: [{ accessMode: "SINGLE_NODE_SINGLE_WRITER", accessType: "mount" }],
        volumeContext: {},
        readOnly: false,
      },
      {
        name: "pv-tree",
        volumeId: diskOf("tree"),
        capabilities: [{ accessMode: "SINGLE_NODE_WRITER", accessType: "mount", fsType: "ext4" }],
        volumeContext: { kind: "managed", cachingMode: "ReadOnly", fsType: "ext4" },
        readOnly: false,
      },
    ]);
  });

  it("leaves the in-tree driver's volumes to the driver that Kubernetes passes them to", async () => {
    const cluster = aCoreCluster();
    cluster.put(VOLUMES, {
      metadata: { name: "pv-tree" },
      spec: { azureDisk: { diskURI: diskOf("tree"), kind: "Managed" } },
    });
    await cluster.show();
    const other = createClusterVolumes({
      client: cluster.client,
      caches: cluster.caches,
      driverName: "disk2.csi.azure.com",
    });
    // The caches were made for this driver's name; an uncached read uses the other one.
    putAttachment(cluster, "csi-1", {
      spec: {
        attacher: "disk2.csi.azure.com",
        nodeName: "node-a",
        source: { persistentVolumeName: "pv-tree" },
      },
    });
    assert.deepEqual(await other.readAttachment("csi-1", never), { ok: true, value: undefined });
  });

  it("reports which attachment has begun or ended, and not how far it is", async () => {
    const cluster = aCoreCluster();
    putVolume(cluster, "data");
    await cluster.show();
    const reported: (readonly unknown[])[] = [];
    volumesOf(cluster).onChange((...change) => reported.push(change));
    const shown = async (act: () => void): Promise<readonly (readonly unknown[])[]> => {
      act();
      await cluster.show();
      return reported.splice(0);
    };
    const data = ["node-a", diskOf("data")];
    const put = (attached: boolean): void =>
      putAttachment(cluster, "csi-1", { spec: ofVolume("pv-data"), attached });
    assert.deepEqual(await shown(() => put(false)), [data]);
    assert.deepEqual(await shown(() => put(true)), []);
    const unknown = { spec: ofVolume("pv-unknown", "node-b") };
    assert.deepEqual(await shown(() => putAttachment(cluster, "csi-2", unknown)), [["node-b", undefined]]);
    assert.deepEqual(await shown(() => cluster.remove(ATTACHMENTS, "csi-1")), [data]);
  });

  it("finds the volume of a disk in any case, and prefers one with a claim", async () => {
    const cluster = aCoreCluster();
    const csi = { driver: DRIVER, volumeHandle: diskOf("data") };
    cluster.put(VOLUMES, { metadata: { name: "pv-1" }, spec: { csi } });
    cluster.put(VOLUMES, {
      metadata: { name: "pv-2" },
      spec: { csi, claimRef: { namespace: "default", name: "data", uid: "uid-data" } },
    });
    cluster.put(VOLUMES, {
      metadata: { name: "pv-3" },
      spec: { csi: { ...csi, volumeHandle: diskOf("other") } },
    });
    await cluster.show();
    const volumes = volumesOf(cluster);
    assert.deepEqual(
      [diskOf("data").toUpperCase(), diskOf("other"), diskOf("none")].map(
        (volumeId) => volumes.volumeOf(volumeId)?.name,
      ),
      ["pv-2", "pv-3", undefined],
    );
    const named = volumes.volumesOf(diskOf("data").toUpperCase()).map(({ name }) => name);
    assert.deepEqual(named.toSorted(), ["pv-1", "pv-2"]);
  });

  for (const [phase, later] of [
    ["Released", "Bound"],
    ["Released", "Available"],
    ["Failed", "Bound"],
  ] as const)
    it(`prefers one that is ${later} to one that is ${phase}`, async () => {
      const cluster = aCoreCluster();
      const csi = { driver: DRIVER, volumeHandle: diskOf("data") };
      const claimRef = (name: string) => ({ namespace: "default", name, uid: `uid-${name}` });
      cluster.put(VOLUMES, {
        metadata: { name: "pv-1" },
        spec: { csi, claimRef: claimRef("gone") },
        status: { phase },
      });
      await cluster.show();
      assert.equal(volumesOf(cluster).volumeOf(diskOf("data"))?.name, "pv-1");
      cluster.put(VOLUMES, {
        metadata: { name: "pv-2" },
        spec: { csi, ...(later === "Bound" ? { claimRef: claimRef("data") } : {}) },
        status: { phase: later },
      });
      await cluster.show();
      assert.equal(volumesOf(cluster).volumeOf(diskOf("data"))?.name, "pv-2");
    });

  it("counts a disk as named also under another driver name, whose volume it is not", async () => {
    const cluster = aCoreCluster();
    cluster.put(VOLUMES, {
      metadata: { name: "pv-1" },
      spec: { csi: { driver: "disk2.csi.azure.com", volumeHandle: diskOf("data") } },
    });
    await cluster.show();
    const volumes = volumesOf(cluster);
    assert.deepEqual(
      [diskOf("data").toUpperCase(), diskOf("none")].map((diskUri) => volumes.isNamed(diskUri)),
      [true, false],
    );
    assert.equal(volumes.volumeOf(diskOf("data")), undefined);
    assert.deepEqual(volumes.volumesOf(diskOf("data")), []);
  });

  it("returns this driver's attachments whose volume is known, cached and uncached", async () => {
    const cluster = aCoreCluster();
    putVolume(cluster, "data");
    putAttachment(cluster, "csi-1", { spec: ofVolume("pv-data") });
    putAttachment(cluster, "csi-2", {
      spec: ofVolume("pv-data", "node-b"),
      attached: false,
      metadata: { deletionTimestamp: "2026-01-01T00:00:00Z" },
    });
    putAttachment(cluster, "csi-3", { spec: ofVolume("pv-unknown") });
    putAttachment(cluster, "csi-4", { spec: { ...ofVolume("pv-data"), attacher: "file.csi.azure.com" } });
    const inline = { csi: { driver: DRIVER, volumeHandle: diskOf("inline") } };
    putAttachment(cluster, "csi-5", {
      spec: { attacher: DRIVER, nodeName: "node-a", source: { inlineVolumeSpec: inline } },
    });
    const as = (name: string, claim: string, nodeName: string, isAttached: boolean): object => ({
      name,
      volumeId: diskOf(claim),
      nodeName,
      isAttached,
      isTerminating: !isAttached,
      uid: `uid-${name}`,
      version: cluster.get(ATTACHMENTS, name)?.metadata.resourceVersion,
    });
    const expected = [
      as("csi-1", "data", "node-a", true),
      as("csi-2", "data", "node-b", false),
      undefined,
      undefined,
      as("csi-5", "inline", "node-a", true),
    ];
    const volumes = volumesOf(cluster);
    for (const [index, value] of expected.entries())
      assert.deepEqual(await volumes.readAttachment(`csi-${index + 1}`, never), { ok: true, value });
    assert.deepEqual(await volumes.readAttachment("csi-9", never), { ok: true, value: undefined });
    assert.deepEqual(volumes.attachments(), []);
    await cluster.show();
    assert.deepEqual(
      volumes.attachments(),
      expected.filter((attachment) => attachment !== undefined),
    );
    assert.deepEqual(volumes.attachmentOn(diskOf("DATA").toUpperCase(), "node-b"), expected[1]);
    assert.deepEqual(volumes.attachmentOn(diskOf("inline"), "node-b"), undefined);
    cluster.refuse("GET /api/v1/persistentvolumes/pv-data", 500);
    assert.equal((await volumes.readAttachment("csi-1", never)).ok, false, "a volume that can't be read");
  });

  it("deletes only that very version of an attachment, and takes no finalizer off it", async () => {
    const cluster = aCoreCluster();
    putVolume(cluster, "data");
    putAttachment(cluster, "csi-1", { spec: ofVolume("pv-data"), metadata: { finalizers: [FINALIZER] } });
    const volumes = volumesOf(cluster);
    const read = await volumes.readAttachment("csi-1", never);
    assert.ok(read.ok && read.value !== undefined);
    const { value } = read;
    for (const other of [{ uid: "another" }, { version: "0" }, { name: "csi-9" }])
      assert.deepEqual(await volumes.deleteAttachment({ ...value, ...other }, never), {
        ok: true,
        value: false,
      });
    assert.equal(cluster.get(ATTACHMENTS, "csi-1")?.metadata.deletionTimestamp, undefined);
    assert.deepEqual(await volumes.deleteAttachment(value, never), { ok: true, value: true });
    const { deletionTimestamp, finalizers } = cluster.get(ATTACHMENTS, "csi-1")?.metadata ?? {};
    assert.deepEqual([typeof deletionTimestamp, finalizers], ["string", [FINALIZER]]);
    cluster.refuse("DELETE", 403);
    assert.equal((await volumes.deleteAttachment(value, never)).ok, false);
  });

  it("releases an attachment without an attacher by removing only its left finalizers", async () => {
    const cluster = aCoreCluster();
    putVolume(cluster, "data", {}, { finalizers: ["kubernetes.io/pv-protection", FINALIZER] });
    putAttachment(cluster, "csi-1", { spec: ofVolume("pv-data"), metadata: { finalizers: [FINALIZER] } });
    putAttachment(cluster, "csi-2", {
      spec: ofVolume("pv-data", "node-b"),
      metadata: { finalizers: [FINALIZER, "example.com/mine"] },
    });
    putAttachment(cluster, "csi-3", {
      spec: { ...ofVolume("pv-data"), attacher: "file.csi.azure.com" },
      metadata: { finalizers: [FINALIZER] },
    });
    const volumes = volumesOf(cluster);
    const finalizersOf = (collection: string, name: string): readonly string[] | undefined =>
      cluster.get(collection, name)?.metadata.finalizers;
    await cluster.show();
    for (const name of ["csi-1", "csi-3", "csi-9"])
      assert.deepEqual(await volumes.releaseAttachment(name, never), { ok: true, value: undefined }, name);
    assert.equal(cluster.get(ATTACHMENTS, "csi-1"), undefined);
    assert.deepEqual(finalizersOf(ATTACHMENTS, "csi-3"), [FINALIZER], "another driver's");
    assert.deepEqual(
      finalizersOf(VOLUMES, "pv-data"),
      ["kubernetes.io/pv-protection", FINALIZER],
      "another node has it",
    );
    await cluster.show();
    assert.deepEqual(await volumes.releaseAttachment("csi-2", never), { ok: true, value: undefined });
    assert.deepEqual(finalizersOf(ATTACHMENTS, "csi-2"), ["example.com/mine"]);
    assert.deepEqual(finalizersOf(VOLUMES, "pv-data"), ["kubernetes.io/pv-protection"]);
    assert.deepEqual(
      await volumes.releaseAttachment("csi-2", never),
      { ok: true, value: undefined },
      "again",
    );
  });

  it("releases this driver's unattached volumes that an attacher keeps", async () => {
    const cluster = aCoreCluster();
    const kept = { finalizers: ["kubernetes.io/pv-protection", FINALIZER] };
    for (const claim of ["free", "attached"]) putVolume(cluster, claim, {}, kept);
    putVolume(cluster, "others", { csi: { driver: "file.csi.azure.com", volumeHandle: "share" } }, kept);
    putAttachment(cluster, "csi-1", { spec: ofVolume("pv-attached") });
    await cluster.show();
    const finalizers = (): unknown =>
      ["free", "attached", "others"].map((claim) => cluster.get(VOLUMES, `pv-${claim}`)?.metadata.finalizers);
    assert.deepEqual(await volumesOf(cluster).releaseVolumes(never), { ok: true, value: undefined });
    assert.deepEqual(finalizers(), [["kubernetes.io/pv-protection"], kept.finalizers, kept.finalizers]);
    await cluster.show();
    cluster.refuse("PATCH", 403);
    assert.deepEqual(
      await volumesOf(cluster).releaseVolumes(never),
      { ok: true, value: undefined },
      "nothing is left to do",
    );
  });

  it("reports an attachment that it could not release, and why", async () => {
    const cluster = aCoreCluster();
    putVolume(cluster, "data");
    putAttachment(cluster, "csi-1", { spec: ofVolume("pv-data"), metadata: { finalizers: [FINALIZER] } });
    await cluster.show();
    cluster.refuse("PATCH", 403);
    const released = await volumesOf(cluster).releaseAttachment("csi-1", never);
    assert.match(
      released.ok || released.failure.kind !== "StoreUnavailable" ? "" : released.failure.detail,
      /refused to patch volumeattachments\.storage\.k8s\.io/u,
    );
  });

  it("reports a node gone only by the API server's answer", async () => {
    const cluster = aCoreCluster();
    putNode(cluster, "node-a");
    const volumes = volumesOf(cluster);
    assert.deepEqual(
      await Promise.all(["node-a", "node-b"].map((nodeName) => volumes.nodePresence(nodeName, never))),
      ["present", "gone"],
    );
    cluster.refuse("GET /api/v1/nodes", 404);
    assert.equal(await volumes.nodePresence("node-b", never), "unknown", "a 404 that is not about the node");
    cluster.refuse("GET /api/v1/nodes", 0);
    assert.equal(await volumes.nodePresence("node-b", never), "unknown");
  });

  it("has synced once both kinds have been listed", async () => {
    const cluster = aCoreCluster();
    await assert.rejects(volumesOf(cluster).untilSynced(never));
    await cluster.show();
    await volumesOf(cluster).untilSynced(never);
  });
});
