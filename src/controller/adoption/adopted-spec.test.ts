import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { AzVolume, VolumeCapability } from "../../core/api/az-volume.ts";
import { aVolume, diskUri } from "../../core/testing/objects.ts";
import { driverTags } from "../disk/disk-tags.ts";
import { aDisk } from "../testing/a-disk.ts";
import { adoptedSpec, type StatedUse, unstatedUse } from "./adopted-spec.ts";

const oneNode: VolumeCapability = { accessType: "mount", accessMode: "SINGLE_NODE_WRITER" };
const manyNodes: VolumeCapability = { accessType: "block", accessMode: "MULTI_NODE_MULTI_WRITER" };

describe("adoptedSpec", () => {
  const rows: readonly {
    readonly because: string;
    readonly stated: StatedUse;
    readonly maxShares?: number;
    readonly use: Partial<AzVolume["spec"]>;
  }[] = [
    {
      because: "nothing is stated",
      stated: unstatedUse,
      use: { capabilities: [oneNode], volumeContext: {}, maxMountReplicaCount: 0 },
    },
    {
      because: "it is a shared disk for one writer: its other shares are for replicas",
      stated: unstatedUse,
      maxShares: 3,
      use: { maxMountReplicaCount: 2 },
    },
    {
      because: "its context says how many replicas",
      stated: { capabilities: [oneNode], volumeContext: { maxmountreplicacount: "1" } },
      maxShares: 3,
      use: { volumeContext: { maxmountreplicacount: "1" }, maxMountReplicaCount: 1 },
    },
    {
      because: "its context asks for more replicas than the disk has shares",
      stated: { capabilities: [oneNode], volumeContext: { maxMountReplicaCount: "5" } },
      maxShares: 3,
      use: { volumeContext: { maxMountReplicaCount: "5" }, maxMountReplicaCount: 2 },
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
      because: "it is for one writer or many readers: a writer record keeps the second writer away",
      stated: {
        capabilities: [
          { accessType: "block", accessMode: "SINGLE_NODE_WRITER" },
          { accessType: "block", accessMode: "MULTI_NODE_READER_ONLY" },
        ],
        volumeContext: {},
      },
      maxShares: 3,
      use: {
        capabilities: [
          { accessType: "block", accessMode: "SINGLE_NODE_WRITER" },
          { accessType: "block", accessMode: "MULTI_NODE_READER_ONLY" },
        ],
        maxMountReplicaCount: 2,
      },
    },
    {
      because: "its context holds parameters that this version ignores",
      stated: {
        capabilities: [oneNode],
        volumeContext: {
          cachingmode: "ReadOnly",
          skuname: "Premium_LRS",
          perfProfile: "Advanced",
          "device-setting/queue/scheduler": "none",
          "storage.kubernetes.io/csiProvisionerIdentity": "1",
        },
      },
      use: {
        cachingMode: "ReadOnly",
        volumeContext: {
          cachingmode: "ReadOnly",
          skuname: "Premium_LRS",
          perfProfile: "Advanced",
          "device-setting/queue/scheduler": "none",
        },
      },
    },
    {
      because: "one of its parameters can't be read",
      stated: { capabilities: [oneNode], volumeContext: { cachingmode: "ReadWrite", fstype: "zfs" } },
      use: { cachingMode: "ReadWrite", volumeContext: { cachingmode: "ReadWrite", fstype: "zfs" } },
    },
  ];
  for (const { because, stated, maxShares = 1, use } of rows) {
    it(`goes by what is stated where ${because}`, () => {
      const adopted = adoptedSpec(aDisk({ maxShares, tags: { owner: "a person" } }), stated);
      const expected = {
        volumeName: "pvc-1",
        capabilities: [oneNode],
        disk: {
          skuName: "Premium_LRS",
          sizeGiB: 10,
          maxShares,
          location: "eastus",
          zone: "1",
          resourceGroup: "rg-1",
          tags: {},
        },
        volumeContext: {},
        maxMountReplicaCount: maxShares - 1,
        diskUri,
        deleteRequested: false,
        ...use,
      };
      assert.deepEqual(adopted, expected);
    });
  }

  for (const [tag, attribute, expected] of [
    ["true", undefined, true],
    ["False", undefined, false],
    [undefined, "TRUE", true],
    ["true", "false", false],
    [undefined, undefined, undefined],
  ] as const)
    it(`attaches as the tag (${tag}) and the attribute (${attribute}) say: ${expected}`, () => {
      const adopted = adoptedSpec(
        aDisk({ tags: tag === undefined ? {} : { writeacceleratorenabled: tag } }),
        {
          capabilities: [oneNode],
          volumeContext: attribute === undefined ? {} : { writeAcceleratorEnabled: attribute },
        },
      );
      assert.equal(adopted.writeAcceleratorEnabled, expected);
    });

  it("goes by the tags that this driver wrote, whatever is stated", () => {
    const volume = aVolume({ spec: { maxMountReplicaCount: 1 } });
    const tags = driverTags(volume, "cluster-1");
    const { volumeName, capabilities, maxMountReplicaCount } = adoptedSpec(aDisk({ maxShares: 3, tags }), {
      capabilities: [manyNodes],
      volumeContext: { maxMountReplicaCount: "2" },
    });
    assert.deepEqual(
      [volumeName, capabilities, maxMountReplicaCount],
      [volume.spec.volumeName, [oneNode], 1],
    );
  });
});
