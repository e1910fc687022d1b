import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { fail, ok, type Result } from "../../../core/failure/result.ts";
import { systemClock } from "../../system/system-clock.ts";
import { createCallLane } from "../call-lane.ts";
import type { HostCommand } from "../command/command-runner.ts";
import { defaultCommandTimeLimits } from "../command/command-time-limits.ts";
import type { ChildExit } from "../command/spawn-child.ts";
import { openingDevice } from "./open-device.ts";

const never = new AbortController().signal;
const LIMIT_MS = 20;
const at = (path: string) => ({ path, iflag: "nonblock" }) as const;

/** A host whose command that opens a device ends so. */
function aHost(exit: Result<ChildExit>) {
  const commands: HostCommand[] = [];
  const run = async (command: HostCommand) => {
    commands.push(command);
    return exit;
  };
  const runner = { run, inFlightOn: () => [], isStuck: () => false };
  const deviceOpens = createCallLane(systemClock, { limitMs: LIMIT_MS, atOnceMax: 2 });
  return { commands, runner, deviceOpens, limits: { ...defaultCommandTimeLimits, deviceOpenMs: 7 } };
}

function exited(exitCode: number | null, stderr = ""): Result<ChildExit> {
  return ok({ exitCode, stdout: Buffer.alloc(0), stderr });
}

const unopened = (): Promise<never> => Promise.reject(new Error("must not be opened"));

describe("an open of a device", () => {
  for (const exitCode of [0, 1])
    it(`follows a command that ended with ${exitCode}, and throws what the kernel says`, async () => {
      const host = aHost(exited(exitCode, "dd: failed to open '/dev/sdc': No such device or address"));
      assert.deepEqual(await openingDevice(host, at("/dev/sdc"), async () => "opened", never), ok("opened"));
      const gone = Object.assign(new Error("gone"), { code: "ENXIO" });
      const refused = openingDevice(host, at("/dev/sdc"), () => Promise.reject(gone), never);
      await assert.rejects(refused, { code: "ENXIO" });
      assert.deepEqual(host.commands[0]?.args, ["if=/dev/sdc", "count=0", "iflag=nonblock", "status=none"]);
    });

  const line = "dd if=/dev/sdc count=0 iflag=nonblock status=none";
  const timedOut = { kind: "HostCommandTimedOut", command: "dd if=/dev/sdc count=0", timeoutMs: 7 } as const;
  const noTurn = { kind: "HostNotReady", detail: "dd had no turn" } as const;
  const missing = { kind: "HostCommandFailed", command: "dd", exitCode: null, stderr: "no dd" } as const;
  const lacking = "dd: error while loading shared libraries";
  const unstarted = { kind: "HostCommandFailed", exitCode: 127, stderr: lacking } as const;
  const killed = { kind: "HostCommandFailed", exitCode: null, stderr: "killed by SIGKILL" } as const;
  for (const { exit, failure } of [
    { exit: fail(timedOut), failure: { ...timedOut, command: "open /dev/sdc" } },
    { exit: fail({ kind: "Cancelled" } as const), failure: { kind: "Cancelled" } as const },
    { exit: fail(noTurn), failure: noTurn },
    { exit: fail(missing), failure: missing },
    { exit: exited(null, "killed by SIGKILL"), failure: { ...killed, command: line } },
    { exit: exited(127, lacking), failure: { ...unstarted, command: line } },
  ])
    it(`is not made after a command without an answer: ${JSON.stringify(exit)}`, async () =>
      assert.deepEqual(await openingDevice(aHost(exit), at("/dev/sdc"), unopened, never), fail(failure)));

  it("is made beside one that hangs after all, but not beside two", async () => {
    const host = aHost(exited(0));
    const ending = Promise.withResolvers<undefined>();
    const wereLate: boolean[] = [];
    const open = (path: string) =>
      openingDevice(
        host,
        at(path),
        async (isLate) => {
          await ending.promise;
          wereLate.push(isLate());
        },
        never,
      );
    const late = (path: string) =>
      fail({
        kind: "HostNotReady",
        detail:
          `EHANGS: open ${path}: its disk does not answer this or a call before it: repair or ` +
          "replace it",
      });
    const opened = (path: string) => openingDevice(host, at(path), async () => "opened", never);
    assert.deepEqual(await open("/dev/sdc"), late("/dev/sdc"));
    assert.deepEqual(await opened("/dev/sdd"), ok("opened"));
    assert.deepEqual(await open("/dev/sde"), late("/dev/sde"));
    assert.deepEqual(await openingDevice(host, at("/dev/sdd"), unopened, never), late("/dev/sdd"));
    ending.resolve(undefined);
    while (wereLate.length < 2) await systemClock.sleep(1, never);
    assert.deepEqual(wereLate, [true, true]);
    assert.deepEqual(await opened("/dev/sdd"), ok("opened"));
  });

  it("looks at a folder as at no other file, and follows no link", async () => {
    const host = aHost(exited(0));
    const opening = { path: "/mnt", iflag: "directory,nofollow" } as const;
    await openingDevice(host, opening, async () => "opened", never);
    assert.deepEqual(host.commands[0]?.args[2], "iflag=directory,nofollow");
  });
});
