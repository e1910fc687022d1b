import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { aDetail, aRecord, aVolume, identity } from "../../core/testing/objects.ts";
import { parseVolumeParameters } from "../../core/volume/parameters/volume-parameters.ts";
import { stateTagsOf } from "../../core/volume/tags/state-tags.ts";
import { driverTags, isMadeByDriver, isMadeFor, volumeFromTags } from "./disk-tags.ts";

describe("disk tags", () => {
  it("restore what a volume needs after the object store was lost", () => {
    const volume = aVolume({
      spec: {
        capabilities: [{ accessMode: "MULTI_NODE_MULTI_WRITER", accessType: "block" }],
        maxMountReplicaCount: 1,
      },
    });
    assert.deepEqual(volumeFromTags(driverTags(volume, "cluster-1")), {
      volumeName: "pvc-1",
      maxMountReplicaCount: 1,
      capabilities: [{ accessMode: "MULTI_NODE_MULTI_WRITER", accessType: "block" }],
    });
  });

  it("fit on a disk with as many tags as its class may state", () => {
    const tags = Array.from({ length: 38 }, (_, index) => `t${index}=1`).join();
    const parameters = parseVolumeParameters({ tags });
    assert.ok(parameters.ok);
    const nodes = ["node-a", "node-b", "node-c", "node-d"].map((name) => identity(name));
    const formatted = { fsType: "ext4", nodeName: "node-a", time: "2026-01-01T12:00:00.000Z" };
    const volume = aVolume({
      status: { detail: aDetail({ formatted }), record: aRecord({ quarantined: nodes }) },
    });
    const own = { ...driverTags(volume, "cluster-1"), ...stateTagsOf(volume.status) };
    const { length } = Object.keys({ ...parameters.value.tags, ...own });
    assert.equal(length, 50);
  });

  it("distinguish the disk of this very object from that of an earlier object", () => {
    const tags = driverTags(aVolume(), "cluster-1");
    assert.equal(isMadeFor(aVolume(), tags), true);
    assert.equal(isMadeFor(aVolume({ metadata: { uid: "another" } }), tags), false);
  });

  it("identify a disk of the V1 driver as the driver's, but make no volume of it", () => {
    const tags = { "k8s-azure-created-by": "kubernetes-azure-dd" };
    assert.equal(isMadeByDriver(tags), true);
    assert.equal(volumeFromTags(tags), undefined);
  });

  it("identify a disk without them as not made by the driver", () => {
    assert.equal(isMadeByDriver({ owner: "someone" }), false);
    assert.equal(volumeFromTags({ "disk.csi.azure.com-volume-name": "pvc-1" }), undefined);
  });

  it("make no volume of a disk that names none", () => {
    const tags = { ...driverTags(aVolume(), "cluster-1"), "disk.csi.azure.com-volume-name": "" };
    assert.equal(volumeFromTags(tags), undefined);
  });

  it("fall back to one node's file system where the access modes can't be read", () => {
    const tags = {
      ...driverTags(aVolume(), "cluster-1"),
      "disk.csi.azure.com-access": "nonsense",
      "disk.csi.azure.com-replicas": "-1",
    };
    assert.deepEqual(volumeFromTags(tags), {
      volumeName: "pvc-1",
      maxMountReplicaCount: 0,
      capabilities: [{ accessType: "mount", accessMode: "SINGLE_NODE_WRITER" }],
    });
  });
});
