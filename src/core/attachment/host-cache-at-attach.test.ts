import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { AzVolume } from "../api/az-volume.ts";
import { aDetail, anAttachment, aVolume } from "../testing/objects.ts";
import { hostCacheAtAttach } from "./host-cache-at-attach.ts";

describe("hostCacheAtAttach: a disk is attached", () => {
  for (const {
    because,
    ofSpec = { cachingMode: "ReadWrite" },
    volumeContext,
    skuName = "Premium_LRS",
    sizeGiB = 10,
    unconfirmedGiB,
    expected,
  } of [
    {
      because: "as the PersistentVolume that is published says, also a later one of the disk",
      volumeContext: { CachingMode: "None", writeAcceleratorEnabled: "true" },
      expected: ["None", true],
    },
    {
      because: "as the spec says where the PersistentVolume says nothing that can be read",
      volumeContext: { cachingMode: "none", skuName: "Premium_LRS" },
      expected: ["ReadWrite", false],
    },
    {
      because: "with write accelerator and no cache for writes, where only the spec says otherwise",
      volumeContext: { writeAcceleratorEnabled: "true" },
      expected: ["ReadOnly", true],
    },
    {
      because: "with a cache for writes and no write accelerator, where only the spec says otherwise",
      ofSpec: { cachingMode: "ReadOnly", writeAcceleratorEnabled: true },
      volumeContext: { cachingMode: "ReadWrite" },
      expected: ["ReadWrite", false],
    },
    {
      because: "with the spec's cache a disk whose SKU takes no write accelerator, whatever is stated",
      skuName: "StandardSSD_LRS",
      volumeContext: { writeAcceleratorEnabled: "true" },
      expected: ["ReadWrite", false],
    },
    {
      because: "with write accelerator a disk that is too large for the cache that is stated",
      ofSpec: { writeAcceleratorEnabled: true },
      sizeGiB: 8192,
      volumeContext: { cachingMode: "ReadWrite" },
      expected: ["None", true],
    },
    {
      because: "without a cache a disk that may be too large for the one that is stated",
      sizeGiB: 4095,
      unconfirmedGiB: 4096,
      volumeContext: {},
      expected: ["None", false],
    },
    {
      because: "with no cache for writes where the spec asks for that and for write accelerator",
      ofSpec: { cachingMode: "ReadWrite", writeAcceleratorEnabled: true },
      volumeContext: {},
      expected: ["ReadOnly", true],
    },
  ])
    it(because, () => {
      const sizes = { sizeGiB, ...(unconfirmedGiB === undefined ? {} : { unconfirmedGiB }) };
      const volume = aVolume({
        spec: ofSpec as Partial<AzVolume["spec"]>,
        status: { detail: aDetail({ maxShares: 1, skuName, ...sizes }) },
      });
      const { cachingMode, writeAccelerator } = hostCacheAtAttach(
        volume,
        anAttachment("node-a", { spec: { volumeContext } }),
      );
      assert.deepEqual([cachingMode, writeAccelerator], expected);
    });
});
