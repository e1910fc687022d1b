import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ok } from "../../../core/failure/result.ts";
import { reserveDisk } from "./reserve-disk.ts";
import { aDisk, device, heldBy, keyList, NOT_HELD, type Exit } from "./testing/a-disk.ts";

const never = new AbortController().signal;
const [KEY, EARLIER, OTHER] = ["617a00000000000a", "617a00000000000b", "617a00000000000c"];
const [ILLEGAL_REQUEST, INVALID_OPCODE, CONFLICT] = [5, 9, 24];
const REGISTER = `--register-ignore --param-sark=${KEY} --param-aptpl`;
const RESERVE = `--reserve --param-rk=${KEY} --prout-type=1`;
const PREEMPT = `--param-rk=${KEY} --prout-type=1 --param-sark=${EARLIER}`;

async function reserve(exits: Readonly<Record<string, readonly Exit[]>>, earlier?: string) {
  const { host, asked } = aDisk(exits);
  const answer = await reserveDisk(host, { device, key: KEY, earlier }, never);
  return { answer, kind: answer.ok ? "success" : answer.failure.kind, asked };
}

describe("reserveDisk", () => {
  it("registers, reserves and reads back", async () => {
    const { answer, asked } = await reserve({ "--read-reservation": [NOT_HELD, heldBy(KEY)] });
    assert.deepEqual(answer, ok({ aborted: true }));
    assert.deepEqual(asked, ["--read-reservation", REGISTER, RESERVE, "--read-reservation"]);
  });

  it("preempts the earlier key with its writes, and reads that it is gone", async () => {
    const { answer, asked } = await reserve(
      { "--read-reservation": [heldBy(EARLIER), heldBy(KEY)], "--read-keys": [keyList(KEY)] },
      EARLIER,
    );
    assert.deepEqual(answer, ok({ aborted: true }));
    assert.deepEqual(asked, [
      "--read-reservation",
      REGISTER,
      `--preempt-abort ${PREEMPT}`,
      RESERVE,
      "--read-reservation",
      "--read-keys",
    ]);
  });

  for (const refusal of [ILLEGAL_REQUEST, INVALID_OPCODE])
    it(`preempts without an abort where the disk knows none (${refusal}), and says so`, async () => {
      const { answer, asked } = await reserve(
        {
          "--read-reservation": [heldBy(EARLIER), heldBy(KEY)],
          "--preempt-abort": [refusal],
          "--read-keys": [keyList(KEY, OTHER)],
        },
        EARLIER,
      );
      assert.deepEqual(answer, ok({ aborted: false }));
      assert.ok(asked.includes(`--preempt ${PREEMPT}`), asked.join("\n"));
    });

  it("takes no disk whose holder is not the earlier key", async () => {
    const { kind, asked } = await reserve(
      { "--read-reservation": [heldBy(OTHER)], "--preempt-abort": [CONFLICT], "--reserve": [CONFLICT] },
      EARLIER,
    );
    assert.equal(kind, "DeviceBusy");
    assert.ok(!asked.some((line) => line.includes(`--param-sark=${OTHER}`)), asked.join("\n"));
  });

  it("preempts its own key, which it has by another path", async () => {
    const { answer, asked } = await reserve({ "--read-reservation": [heldBy(KEY)], "--reserve": [CONFLICT] });
    assert.deepEqual(answer, ok({ aborted: true }));
    assert.ok(asked.includes(`--preempt-abort --param-rk=${KEY} --prout-type=1 --param-sark=${KEY}`));
  });

  it("fails where its own key is refused by its other path", async () => {
    const { kind } = await reserve({
      "--read-reservation": [heldBy(KEY)],
      "--reserve": [CONFLICT],
      "--preempt-abort": [CONFLICT],
    });
    assert.equal(kind, "DeviceBusy");
  });

  it("fails where the earlier key is registered after all", async () => {
    const { kind } = await reserve(
      { "--read-reservation": [heldBy(EARLIER), heldBy(KEY)], "--read-keys": [keyList(KEY, EARLIER)] },
      EARLIER,
    );
    assert.equal(kind, "DeviceBusy");
  });

  it("fails where another machine holds the disk in the end", async () => {
    assert.equal((await reserve({ "--read-reservation": [NOT_HELD, heldBy(OTHER)] })).kind, "DeviceBusy");
    assert.equal((await reserve({ "--read-reservation": [NOT_HELD] })).kind, "DeviceBusy");
  });

  it("registers nothing on a disk with a reservation of another type", async () => {
    const { kind, asked } = await reserve({
      "--read-reservation": [heldBy(OTHER, "Write Exclusive, registrants only")],
    });
    assert.equal(kind, "DeviceBusy");
    assert.deepEqual(asked, ["--read-reservation"]);
  });

  for (const action of ["--read-reservation", "--register-ignore", "--reserve"])
    it(`is not supported where the disk refuses ${action}`, async () => {
      const { kind } = await reserve({ "--read-reservation": [NOT_HELD], [action]: [INVALID_OPCODE] });
      assert.equal(kind, "Unsupported");
    });
});
