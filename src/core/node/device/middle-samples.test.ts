import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { FORMAT_MARK_BYTES, formatMarkOffset } from "../file-system/format-mark.ts";
import { middleSamples, SAMPLE_BYTES } from "./middle-samples.ts";

const MIB = 1024n * 1024n;
const GIB = 1024n * MIB;

describe("middleSamples", () => {
  it("reads a disk where its file system has copies, and at every sixteenth", () => {
    const offsets = middleSamples(32n * GIB);
    for (const at of [8n * MIB, 32n * MIB, 64n * MIB, 128n * MIB, 2n * GIB, 8n * GIB, 30n * GIB])
      assert.ok(offsets.includes(at), `${at} is not among ${offsets.join(", ")}`);
    assert.equal(offsets.length, 20);
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

  it("leaves out the mark that lies at one of the sixteenths", () => {
    assert.ok(!middleSamples(1n * GIB).includes(736n * MIB));
    assert.ok(middleSamples((736n * MIB * 16n) / 11n).includes(736n * MIB + 4096n));
  });
});
