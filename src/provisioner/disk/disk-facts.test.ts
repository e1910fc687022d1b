import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { readDiskResource } from "../../adapters/arm-wire/read-resources.ts";
import { diskFactsOf } from "./disk-facts.ts";

const GIB = 1024 ** 3;
const id = "/subscriptions/sub-1/resourceGroups/rg-1/providers/Microsoft.Compute/disks/pvc-1";

describe("a disk is cloned to one", () => {
  // Recorded in July 2025: a disk of 30 GiB and 1 MiB, made from an image, has a diskSizeGB of 30.
  for (const { because, diskSizeBytes, copyGiB } of [
    { because: "of the size that it shows", diskSizeBytes: undefined, copyGiB: undefined },
    { because: "of no more where its bytes are those", diskSizeBytes: 30 * GIB, copyGiB: undefined },
    { because: "of the next GiB where it has more bytes", diskSizeBytes: 32_213_303_296, copyGiB: 31 },
  ])
    it(because, () => {
      const properties = { diskSizeGB: 30, diskSizeBytes, provisioningState: "Succeeded" };
      const sku = { name: "Standard_LRS" };
      const facts = diskFactsOf(readDiskResource({ id, name: "pvc-1", location: "westus", sku, properties }));
      assert.deepEqual([facts.sizeGiB, facts.copyGiB], [30, copyGiB]);
    });
});
