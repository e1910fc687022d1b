import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { FORMAT_MARK_BYTES, formatMarkOffset } from "../file-system/format-mark.ts";
import { middleSamples, SAMPLE_BYTES } from "./middle-samples.ts";

const MIB = 1024n * 1024n;
const GIB = 1024n * MIB;

describe("middleSamples", () => {
  it("reads a disk where its file system has copies, and at every eighth", () => {
    const halfSample = SAMPLE_BYTES / 2n;
    const offsets = middleSamples(32n * GIB);
    for (const at of [
      8n * MIB,
      32n * MIB,
      64n * MIB,
      128n * MIB,
      ...[4n, 16n, 28n].map((n) => n * GIB - halfSample),
    ])
      assert.ok(offsets.includes(at), `${at} is not among ${offsets.join(", ")}`);
    assert.equal(offsets.length, 12);
  });

  it("reads where an XFS of any size has its second allocation group", () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 262_144n, max: 16n * 1024n * 1024n * 1024n }), (blocks) => {
        // By mkfs.xfs: four groups, and above 4 TiB as large ones as it makes.
        const sizeBytes = blocks * 4096n;
        const group = sizeBytes > 4096n * GIB ? 268_435_455n : (blocks + 3n) / 4n;
        const offsets = middleSamples(sizeBytes);
        const at = group * 4096n;
        const isRead = offsets.some((offset) => offset <= at && at + 4096n <= offset + SAMPLE_BYTES);
        // The group begins where the mark of a first format may be, and its first blocks are read.
        const isBesideMark = offsets.includes(formatMarkOffset(sizeBytes) + BigInt(FORMAT_MARK_BYTES));
        assert.ok(isRead || isBesideMark, `${sizeBytes}: ${at}`);
        assert.ok(offsets.length <= 13);
      }),
    );
  });

  it("reads on the disk, at aligned places, and never the mark of a first format", () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 1n, max: 64n * 1024n * GIB }), (sizeBytes) => {
        const mark = formatMarkOffset(sizeBytes);
        const offsets = middleSamples(sizeBytes);
        assert.deepEqual(
          offsets,
          [...new Set(offsets)].toSorted((one, other) => Number(one - other)),
        );
        for (const offset of offsets) {
          assert.equal(offset % 4096n, 0n);
          assert.ok(offset + SAMPLE_BYTES <= sizeBytes);
          assert.ok(offset >= mark + BigInt(FORMAT_MARK_BYTES) || offset + SAMPLE_BYTES <= mark);
        }
      }),
    );
  });

  it("leaves out the mark that lies at one of the eighths", () => {
    assert.ok(!middleSamples(1n * GIB).includes(736n * MIB));
    assert.ok(middleSamples(736n * MIB * 8n).includes(736n * MIB + 4096n));
  });
});
