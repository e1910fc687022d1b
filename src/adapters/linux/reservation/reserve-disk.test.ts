import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Failure } from "../../../core/failure/failure.ts";
import { fail, ok } from "../../../core/failure/result.ts";
import { preemptDisk, reserveDisk } from "./reserve-disk.ts";
import { aDisk, device, heldBy, NOT_HELD, type Exit } from "./testing/a-disk.ts";

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
    assert.deepEqual(answer, ok(undefined));
    assert.deepEqual(asked, ["--read-reservation", REGISTER, RESERVE, "--read-reservation"]);
  });

  it("preempts the earlier key with its writes, and reads back", async () => {
    const { answer, asked } = await reserve(
      { "--read-reservation": [heldBy(EARLIER), heldBy(KEY)] },
      EARLIER,
    );
    assert.deepEqual(answer, ok(undefined));
    assert.deepEqual(asked, [
      "--read-reservation",
      REGISTER,
      `--preempt-abort ${PREEMPT}`,
      RESERVE,
      "--read-reservation",
    ]);
  });

  for (const refusal of [ILLEGAL_REQUEST, INVALID_OPCODE])
    it(`preempts without an abort where the disk knows none (${refusal})`, async () => {
      const { answer, asked } = await reserve(
        {
          "--read-reservation": [heldBy(EARLIER), heldBy(KEY)],
          "--preempt-abort": [refusal],
        },
        EARLIER,
      );
      assert.deepEqual(answer, ok(undefined));
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
    assert.deepEqual(answer, ok(undefined));
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

describe("preemptDisk", () => {
  const preempt = async (exits: Readonly<Record<string, readonly Exit[]>>) => {
    const { host, asked } = aDisk(exits);
    const answer = await preemptDisk(host, { device, key: KEY, victim: EARLIER }, never);
    return { kind: answer.ok ? "success" : answer.failure.kind, asked };
  };

  it("preempts the holder with its writes, and reads back", async () => {
    const { kind, asked } = await preempt({
      "--read-reservation": [heldBy(EARLIER), heldBy(KEY)],
    });
    assert.equal(kind, "success");
    assert.deepEqual(asked, [
      "--read-reservation",
      REGISTER,
      `--preempt-abort ${PREEMPT}`,
      "--read-reservation",
    ]);
  });

  it("has preempted it where it holds the disk already", async () => {
    const { kind, asked } = await preempt({
      "--read-reservation": [heldBy(KEY)],
    });
    const registered = `--register-ignore --param-sark=${KEY} --param-aptpl`;
    assert.deepEqual([kind, asked], ["success", ["--read-reservation", registered, "--read-reservation"]]);
  });

  for (const held of [NOT_HELD, heldBy(OTHER)])
    it(`changes nothing where the victim does not hold it (${held.includes(OTHER)})`, async () => {
      const { kind, asked } = await preempt({ "--read-reservation": [held] });
      assert.deepEqual([kind, asked], ["DeviceBusy", ["--read-reservation"]]);
    });

  for (const [exit, expected] of [
    [CONFLICT, "DeviceBusy"],
    [INVALID_OPCODE, "Unsupported"],
  ] as const)
    it(`preempts no other way, and stays registered, where the disk answers ${exit}`, async () => {
      const { kind, asked } = await preempt({
        "--read-reservation": [heldBy(EARLIER)],
        "--preempt-abort": [exit],
      });
      assert.equal(kind, expected);
      const changes = asked.filter((line) => !line.startsWith("--read"));
      assert.deepEqual(changes, [REGISTER, `--preempt-abort ${PREEMPT}`]);
    });

  it("keeps what it has taken by a command whose answer was lost", async () => {
    const lost = 33;
    const { kind, asked } = await preempt({
      "--read-reservation": [heldBy(EARLIER), heldBy(KEY)],
      "--preempt-abort": [lost],
    });
    assert.equal(kind, "HostCommandFailed");
    assert.ok(!asked.some((line) => line.includes("--param-sark=0")), "the victim could write again");
  });

  it("changes the key of a disk that this machine holds under the victim's", async () => {
    const { kind } = await preempt({
      "--read-reservation": [heldBy(EARLIER), heldBy(KEY)],
      "--preempt-abort": [CONFLICT],
    });
    assert.equal(kind, "success");
  });

  it("waits for what an earlier call has sent, though the disk shows its key", async () => {
    const { host } = aDisk({ "--read-reservation": [heldBy(EARLIER), heldBy(KEY)] });
    let touched: readonly string[] = [];
    // As the runner does: what touches the device of a change that has not ended waits, here in vain.
    const run: typeof host.runner.run = async (command, signal) => {
      const waits = touched.some((one) => command.touches.includes(one));
      if (!waits && !command.args.includes("--preempt-abort")) return host.runner.run(command, signal);
      touched = command.touches;
      return fail<Failure>({ kind: "HostCommandTimedOut", command: "sg_persist", timeoutMs: 1 });
    };
    const hanging = { ...host, runner: { ...host.runner, run } };
    for (const _ of ["first", "again"]) {
      const preempted = await preemptDisk(hanging, { device, key: KEY, victim: EARLIER }, never);
      assert.equal(preempted.ok ? "success" : preempted.failure.kind, "HostCommandTimedOut");
    }
  });
});
