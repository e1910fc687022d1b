import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { VolumeCapability } from "../../core/api/az-volume.ts";
import { aVolume, diskUri } from "../../core/testing/objects.ts";
import { driverTags } from "../disk/disk-tags.ts";
import { aDisk } from "../testing/a-disk.ts";
import { type AdoptedUse, adoptedUse, type StatedUse, unstatedUse } from "./adopted-use.ts";

const oneNode: VolumeCapability = { accessType: "mount", accessMode: "SINGLE_NODE_WRITER" };
const manyNodes: VolumeCapability = { accessType: "block", accessMode: "MULTI_NODE_MULTI_WRITER" };

describe("adoptedUse", () => {
  const rows: readonly {
    readonly because: string;
    readonly stated: StatedUse;
    readonly maxShares?: number;
    readonly use: Partial<AdoptedUse>;
  }[] = [
    {
      because: "nothing is stated",
      stated: unstatedUse,
      use: { capabilities: [oneNode], parameters: {}, maxMountReplicaCount: 0 },
    },
    {
      because: "it is a shared disk for one writer: its other shares are for replicas",
      stated: unstatedUse,
      maxShares: 3,
      use: { maxMountReplicaCount: 2 },
    },
    {
      because: "its context says how many replicas",
      stated: { capabilities: [oneNode], volumeContext: { maxMountReplicaCount: "1" } },
      maxShares: 3,
      use: { parameters: { maxMountReplicaCount: "1" }, maxMountReplicaCount: 1 },
    },
    {
      because: "one of its modes is for many nodes, as external-attacher then asks",
      stated: {
        capabilities: [{ accessType: "block", accessMode: "SINGLE_NODE_WRITER" }, manyNodes],
        volumeContext: {},
      },
      maxShares: 3,
      use: { capabilities: [manyNodes], maxMountReplicaCount: 0 },
    },
    {
      because: "its context holds parameters that this version ignores",
      stated: {
        capabilities: [oneNode],
        volumeContext: {
          cachingmode: "ReadOnly",
          skuname: "Premium_LRS",
          perfProfile: "Basic",
          "storage.kubernetes.io/csiProvisionerIdentity": "1",
        },
      },
      use: { parameters: { cachingmode: "ReadOnly", skuname: "Premium_LRS" } },
    },
  ];
  for (const { because, stated, maxShares = 1, use } of rows) {
    it(`goes by what is stated where ${because}`, () => {
      const adopted = adoptedUse(aDisk({ maxShares, tags: {} }), stated);
      const expected = {
        volumeName: "pvc-1",
        capabilities: [oneNode],
        parameters: {},
        maxMountReplicaCount: maxShares - 1,
        ...use,
      };
      assert.deepEqual(adopted, expected);
    });
  }

  it("goes by the tags that this driver wrote, whatever is stated", () => {
    const volume = aVolume({ spec: { maxMountReplicaCount: 1 } });
    const adopted = adoptedUse(aDisk({ diskUri, maxShares: 3, tags: driverTags(volume, "cluster-1") }), {
      capabilities: [manyNodes],
      volumeContext: { skuName: "Premium_LRS" },
    });
    const { volumeName, maxMountReplicaCount } = volume.spec;
    assert.deepEqual(adopted, {
      volumeName,
      maxMountReplicaCount,
      capabilities: [oneNode],
      parameters: { skuName: "Premium_LRS" },
    });
  });
});
