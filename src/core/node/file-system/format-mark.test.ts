import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { formatDiskUri } from "../../azure/ids/disk-uri.ts";
import { FORMAT_MARK_BYTES, formatMarkOffset, formatMarkText, parseFormatMark } from "./format-mark.ts";

const diskUri = formatDiskUri({ subscriptionId: "Sub-1", resourceGroup: "RG-1", diskName: "pvc-1" });
const mark = { diskUri, uuid: "0f1e2d3c-4b5a-4678-8796-a5b4c3d2e1f0" };
const block = formatMarkText(mark).padEnd(FORMAT_MARK_BYTES, "\0");
const MIB = 1024n * 1024n;

describe("a format mark", () => {
  it("is read as it was written, with the disk's id in lower case", () => {
    assert.equal(block.length, 4096);
    assert.deepEqual(parseFormatMark(block), { ...mark, diskUri: diskUri.toLowerCase() });
  });

  const title = "disk.csi.azure.com/first-format/1";
  for (const { because, other } of [
    { because: "a blank block", other: "\0".repeat(FORMAT_MARK_BYTES) },
    { because: "a block that was cut short", other: block.slice(0, -1) },
    { because: "a longer block", other: `${block}\0` },
    { because: "another disk's id under the same checksum", other: block.replace("pvc-1", "pvc-2") },
    { because: "another version", other: block.replace(title, "disk.csi.azure.com/first-format/2") },
    { because: "data behind the text", other: `${block.slice(0, -1)}x` },
    { because: "text before it", other: `x${block.slice(0, -1)}` },
  ])
    it(`is not taken from ${because}`, () => assert.equal(parseFormatMark(other), undefined));

  it("has one place on every disk of Azure's, so that growth does not move it", () => {
    assert.deepEqual(
      [320n, 1023n, 1024n, 32_767n * 1024n].map((mib) => formatMarkOffset(mib * MIB) / MIB),
      [100n, 100n, 736n, 736n],
    );
  });
});
