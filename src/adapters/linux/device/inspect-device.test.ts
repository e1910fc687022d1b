import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { fail, ok } from "../../../core/failure/result.ts";
import { gibToBytes } from "../../../core/primitives/units.ts";
import type { HostCommand } from "../command/command-runner.ts";
import { defaultCommandTimeLimits } from "../command/command-time-limits.ts";
import { inspectDevice, inspectEnds } from "./inspect-device.ts";

const never = new AbortController().signal;
const device = { path: "/dev/sdc", majorMinor: "8:32", sizeBytes: gibToBytes(32) };
const MIB = 1024 * 1024;
/** Of both ends, and of 12 samples. */
const [ENDS_BYTES, SAMPLES_BYTES] = [2 * MIB + 4096, 12 * 64 * 1024];

/** A host on which blkid and wipefs find nothing, and the raw reads print `raw`. */
function aHost(raw: Buffer) {
  const programs: string[] = [];
  const readBytes: number[] = [];
  const run = async ({ program, args }: HostCommand) => {
    programs.push(program);
    // After the shell's own four arguments: each part's size and offset.
    if (program === "sh")
      readBytes.push(
        args
          .slice(4)
          .filter((_, at) => at % 2 === 0)
          .reduce((sum, size) => sum + Number(size), 0),
      );
    const [exitCode, stdout] = program === "blkid" ? [2, ""] : program === "wipefs" ? [0, ""] : [0, raw];
    return ok({ exitCode, stdout: Buffer.from(stdout), stderr: "" });
  };
  const runner = { run, inFlightOn: () => [], isStuck: () => false };
  return {
    host: { sysRoot: "/no-such-folder", runner, limits: defaultCommandTimeLimits },
    programs,
    readBytes,
  };
}

/** All blocks that are read, one byte of which is not zero. */
function aDisk(given: { readonly bytes: number; readonly dataAt?: number | undefined }): Buffer {
  const raw = Buffer.alloc(given.bytes);
  if (given.dataAt !== undefined) raw[given.dataAt] = 1;
  return raw;
}

describe("inspectDevice", () => {
  it("reads all of a blank disk's parts with one command", async () => {
    const { host, programs } = aHost(aDisk({ bytes: ENDS_BYTES + SAMPLES_BYTES }));
    assert.deepEqual(await inspectDevice(host, device, never), ok({ kind: "blank" }));
    assert.deepEqual(programs, ["blkid", "wipefs", "sh"]);
  });

  for (const { dataAt, part } of [
    { dataAt: 0, part: "start" },
    { dataAt: MIB + 4095, part: "start" },
    { dataAt: MIB + 4096, part: "end" },
    { dataAt: ENDS_BYTES - 1, part: "end" },
    { dataAt: ENDS_BYTES, part: "middle" },
    { dataAt: ENDS_BYTES + SAMPLES_BYTES - 1, part: "middle" },
  ])
    it(`finds data in byte ${dataAt} of what it reads, at the ${part}`, async () => {
      const { host } = aHost(aDisk({ bytes: ENDS_BYTES + SAMPLES_BYTES, dataAt }));
      const detail = `no known signature, but data at its ${part}`;
      assert.deepEqual(
        await inspectDevice(host, device, never),
        ok({ kind: "otherData", detail, hasNoSignature: true }),
      );
    });

  it("calls no disk blank of which less can be read", async () => {
    const bytesMissing = ENDS_BYTES + SAMPLES_BYTES - 1;
    const { host } = aHost(aDisk({ bytes: bytesMissing }));
    const problem = `${bytesMissing} bytes were read instead of ${bytesMissing + 1}: look for the LUN again`;
    assert.deepEqual(
      await inspectDevice(host, device, never),
      fail({ kind: "WrongDevice", devicePath: device.path, problem }),
    );
  });

  it("calls no disk blank that has no bytes", async () => {
    const { host } = aHost(Buffer.alloc(0));
    const problem = "0 bytes were read instead of 0: look for the LUN again";
    assert.deepEqual(
      await inspectDevice(host, { ...device, sizeBytes: gibToBytes(0) }, never),
      fail({ kind: "WrongDevice", devicePath: device.path, problem }),
    );
  });

  it("reads no byte of a disk beyond the size that is known, were it to grow just then", async () => {
    const { host, readBytes } = aHost(aDisk({ bytes: ENDS_BYTES + SAMPLES_BYTES }));
    await inspectDevice(host, device, never);
    assert.deepEqual(readBytes, [ENDS_BYTES + SAMPLES_BYTES]);
  });
});

it("inspectEnds reads both ends alone, with one command", async () => {
  const { host, programs } = aHost(aDisk({ bytes: ENDS_BYTES }));
  assert.deepEqual(await inspectEnds(host, device, never), ok({ kind: "blank" }));
  assert.deepEqual(programs, ["blkid", "wipefs", "sh"]);
});
