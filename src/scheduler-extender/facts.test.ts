import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { aDriverNode } from "../controller/testing/a-driver-node.ts";
import type { WriterRecord } from "../core/api/az-volume.ts";
import {
  aDetail,
  anAttachment,
  aRecord,
  aReplica,
  aVolume,
  aWriter,
  diskUri,
  identity,
  leaving,
} from "../core/testing/objects.ts";
import {
  attachmentFacts,
  claimFacts,
  nodeFacts,
  persistentVolumeFacts,
  storageClassFacts,
  volumeFacts,
  type WireClaim,
  type WireStorageClass,
} from "./facts.ts";

const driver = "disk.csi.azure.com";
const metadata = { name: "x", resourceVersion: "1" };

describe("what the extender keeps of objects", () => {
  it("knows a volume by its disk in lower case, its place, and the nodes it excludes", () => {
    const volume = aVolume({
      status: {
        record: aRecord({
          quarantined: [identity("node-a")],
          unverified: [{ ...identity("node-c"), wasQuarantined: true }, identity("node-d")],
          fencing: identity("node-b"),
        }),
      },
    });
    assert.deepEqual(volumeFacts(volume), {
      metadata: { name: "pvc-1", resourceVersion: "7" },
      diskKey: diskUri.toLowerCase(),
      disk: { location: "eastus", skuName: "Premium_LRS", zones: ["1"], platform: "linux" },
      barred: [identity("node-a"), identity("node-c"), identity("node-b")],
      isSingleWriter: true,
      writer: undefined,
    });
  });

  it("knows the writer of a volume while its request stands", () => {
    const { nodeName, vmId } = identity("node-a");
    const writerOf = (record: WriterRecord) => volumeFacts(aVolume({ status: { record } })).writer;
    assert.deepEqual(writerOf(aRecord({ writer: aWriter("node-a") })), { nodeName, vmId });
    assert.equal(writerOf(aRecord({ writer: aWriter("node-a", { requested: false }) })), undefined);
    assert.equal(writerOf(aRecord()), undefined);
    const shared = aVolume({
      spec: { capabilities: [{ accessMode: "MULTI_NODE_MULTI_WRITER", accessType: "block" }] },
    });
    assert.equal(volumeFacts(shared).isSingleWriter, false);
  });

  it("knows a disk's future place before it is read, and no place before it is created", () => {
    const { diskKey, disk } = volumeFacts({ ...aVolume({ spec: { diskUri } }), status: undefined });
    assert.deepEqual({ diskKey, disk }, { diskKey: diskUri.toLowerCase(), disk: undefined });
    assert.equal(volumeFacts({ ...aVolume(), status: undefined }).diskKey, "");
    assert.equal(
      volumeFacts(aVolume({ status: { detail: aDetail({ diskUri: diskUri.toUpperCase() }) } })).diskKey,
      diskUri.toLowerCase(),
    );
  });

  it("judges attachments: which are attached, which take a slot, which are firm", () => {
    const rows = [
      { because: "primary", attachment: anAttachment("node-a"), attached: true, slot: true, firm: true },
      { because: "replica", attachment: aReplica("node-a"), attached: true, slot: true, firm: false },
      {
        because: "a replica that is requested as the next writer",
        attachment: aReplica("node-a", { spec: { writerRequest: { since: "2026-01-01T00:00:00.000Z" } } }),
        attached: true,
        slot: true,
        firm: true,
      },
      {
        because: "leaving",
        attachment: leaving(aReplica("node-a")),
        attached: false,
        slot: true,
        firm: false,
      },
      {
        because: "its device is not there",
        attachment: aReplica("node-a", { status: { state: "Attached", deviceMissing: true } }),
        attached: false,
        slot: true,
        firm: false,
      },
      {
        because: "under way",
        attachment: aReplica("node-a", { status: { state: "Attaching" } }),
        attached: false,
        slot: true,
        firm: false,
      },
      {
        because: "failed",
        attachment: aReplica("node-a", { status: { state: "AttachmentFailed" } }),
        attached: false,
        slot: false,
        firm: false,
      },
      {
        because: "not begun",
        attachment: anAttachment("node-a", { status: undefined }),
        attached: false,
        slot: false,
        firm: true,
      },
    ];
    for (const { because, attachment, attached, slot, firm } of rows) {
      const { isAttached, holdsSlot, isFirm } = attachmentFacts(attachment);
      assert.deepEqual(
        { isAttached, holdsSlot, isFirm },
        { isAttached: attached, holdsSlot: slot, isFirm: firm },
        because,
      );
    }
  });

  it("considers a node ready only if its plug-in reports that and stays", () => {
    assert.deepEqual(nodeFacts(aDriverNode("node-a", { heartbeatDelayMs: 50_000 })), {
      metadata: { name: "node-a", resourceVersion: "1" },
      isReady: true,
      heartbeat: "uid-node-a 1",
      heartbeatDelayMs: 50_000,
      ...{ vmId: identity("node-a").vmId, location: "eastus", zone: "1", platform: "linux", volumesMax: 8 },
    });
    assert.equal(nodeFacts(aDriverNode("node-a", { readyForVolumeAllocation: false })).isReady, false);
    assert.equal(nodeFacts({ ...aDriverNode("node-a"), status: undefined }).isReady, false);
    const node = aDriverNode("node-a");
    assert.equal(
      nodeFacts({ ...node, metadata: { ...node.metadata, deletionTimestamp: "2026-01-01T00:00:00.000Z" } })
        .isReady,
      false,
    );
  });

  it("knows the driver's classes, also the in-tree one's, and volumes by their disks", () => {
    assert.deepEqual(persistentVolumeFacts({ metadata }, diskUri), {
      metadata,
      diskKey: diskUri.toLowerCase(),
    });
    assert.deepEqual(persistentVolumeFacts({ metadata }, undefined), { metadata, diskKey: "" });
    const classes: readonly [WireStorageClass["provisioner"], boolean][] = [
      [driver, true],
      ["kubernetes.io/azure-disk", true],
      ["other", false],
      [undefined, false],
    ];
    for (const [provisioner, isOurs] of classes)
      assert.deepEqual(
        storageClassFacts({ metadata, ...(provisioner === undefined ? {} : { provisioner }) }, driver),
        { metadata, isOurs, skuName: "StandardSSD_LRS", platform: "linux" },
      );
    for (const [parameters, skuName] of [
      [{ SKUName: "Premium_ZRS" }, "Premium_ZRS"],
      [{ storageaccounttype: "Premium_LRS" }, "Premium_LRS"],
    ] as const)
      assert.equal(storageClassFacts({ metadata, parameters }, driver).skuName, skuName);
  });

  it("knows a class's platform by the file system that it states, Linux without one", () => {
    for (const [parameters, platform] of [
      [{ "csi.storage.k8s.io/fstype": "ntfs" }, "windows"],
      [{ fstype: "ReFS" }, "windows"],
      [{ fsType: "ext4", "csi.storage.k8s.io/fstype": "ntfs" }, "linux"],
      [{ fsType: "zfs" }, "linux"],
      [{}, "linux"],
    ] as const)
      assert.equal(storageClassFacts({ metadata, parameters }, driver).platform, platform);
  });

  it("knows a claim's volume once it is bound and its class before", () => {
    const claim = {
      metadata: { ...metadata, namespace: "default" },
      spec: { volumeName: "pv-1", storageClassName: "managed-csi" },
    };
    const plain = { sourceClaim: "", hasAttributesClass: false, isBlock: false };
    assert.deepEqual(claimFacts(claim), {
      metadata: claim.metadata,
      volumeName: "pv-1",
      className: "managed-csi",
      ...plain,
    });
    const annotations = { "volume.beta.kubernetes.io/storage-class": "managed-premium" };
    assert.equal(
      claimFacts({ ...claim, metadata: { ...claim.metadata, annotations } }).className,
      "managed-premium",
    );
    assert.deepEqual(claimFacts({ metadata: claim.metadata }), {
      metadata: claim.metadata,
      volumeName: "",
      className: "",
      ...plain,
    });
  });

  it("knows the claim that another one copies, and what else decides its disk", () => {
    const inDefault = { ...metadata, namespace: "default" };
    const source = { kind: "PersistentVolumeClaim", name: "data" };
    const rows: readonly [NonNullable<WireClaim["spec"]>, string][] = [
      [{ dataSource: source, dataSourceRef: source }, "default/data"],
      [{ dataSource: { ...source, apiGroup: null } }, "default/data"],
      [{ dataSourceRef: { ...source, apiGroup: "", namespace: "other" } }, "other/data"],
      [{ dataSourceRef: { ...source, namespace: "" } }, "default/data"],
      [{ dataSource: null, dataSourceRef: null }, ""],
      [{ dataSource: { kind: "VolumeSnapshot", name: "data", apiGroup: "snapshot.storage.k8s.io" } }, ""],
      [{ dataSourceRef: { ...source, apiGroup: "example.com" } }, ""],
      [{ dataSourceRef: { kind: "PersistentVolumeClaim" } }, ""],
    ];
    for (const [spec, sourceClaim] of rows)
      assert.equal(claimFacts({ metadata: inDefault, spec }).sourceClaim, sourceClaim);
    const { hasAttributesClass, isBlock } = claimFacts({
      metadata: inDefault,
      spec: { volumeAttributesClassName: "fast", volumeMode: "Block" },
    });
    assert.deepEqual({ hasAttributesClass, isBlock }, { hasAttributesClass: true, isBlock: true });
  });
});
