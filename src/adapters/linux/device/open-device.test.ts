import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Failure } from "../../../core/failure/failure.ts";
import { fail, ok, type Result } from "../../../core/failure/result.ts";
import { systemClock } from "../../system/system-clock.ts";
import { createCallLane } from "../call-lane.ts";
import type { HostCommand } from "../command/command-runner.ts";
import { defaultCommandTimeLimits } from "../command/command-time-limits.ts";
import type { ChildExit } from "../command/spawn-child.ts";
import { openingDevice } from "./open-device.ts";

const never = new AbortController().signal;
const LIMIT_MS = 20;

/** A host whose command that opens a device ends so. */
function aHost(exit: Result<ChildExit, Failure>) {
  const commands: HostCommand[] = [];
  const run = async (command: HostCommand) => {
    commands.push(command);
    return exit;
  };
  const runner = { run, inFlightOn: () => [], isStuck: () => false };
  const deviceOpens = createCallLane(systemClock, LIMIT_MS);
  return { commands, runner, deviceOpens, limits: { ...defaultCommandTimeLimits, deviceOpenMs: 7 } };
}

function exited(exitCode: number | null, stderr = ""): Result<ChildExit, Failure> {
  return ok({ exitCode, stdout: Buffer.alloc(0), stderr });
}

const unopened = (): Promise<never> => Promise.reject(new Error("must not be opened"));

describe("an open of a device", () => {
  for (const exitCode of [0, 1])
    it(`follows a command that ended with ${exitCode}, and throws what the kernel says`, async () => {
      const host = aHost(exited(exitCode, "dd: failed to open '/dev/sdc': No such device or address"));
      assert.deepEqual(await openingDevice(host, "/dev/sdc", async () => "opened", never), ok("opened"));
      const gone = Object.assign(new Error("gone"), { code: "ENXIO" });
      const refused = openingDevice(host, "/dev/sdc", () => Promise.reject(gone), never);
      await assert.rejects(refused, { code: "ENXIO" });
      assert.deepEqual(host.commands[0]?.args, ["if=/dev/sdc", "count=0", "iflag=nonblock", "status=none"]);
    });

  const timedOut = { kind: "HostCommandTimedOut", command: "dd if=/dev/sdc count=0", timeoutMs: 7 } as const;
  const noTurn = { kind: "HostNotReady", detail: "dd had no turn" } as const;
  const missing = { kind: "HostCommandFailed", command: "dd", exitCode: null, stderr: "no dd" } as const;
  const killed = { kind: "HostCommandFailed", exitCode: null, stderr: "killed by SIGKILL" } as const;
  for (const { exit, failure } of [
    { exit: fail(timedOut), failure: { ...timedOut, command: "open /dev/sdc" } },
    { exit: fail({ kind: "Cancelled" } as const), failure: { kind: "Cancelled" } as const },
    { exit: fail(noTurn), failure: noTurn },
    { exit: fail(missing), failure: missing },
    {
      exit: exited(null, "killed by SIGKILL"),
      failure: { ...killed, command: "dd if=/dev/sdc count=0 iflag=nonblock status=none" },
    },
  ])
    it(`is not made after a command without an answer: ${JSON.stringify(exit)}`, async () =>
      assert.deepEqual(await openingDevice(aHost(exit), "/dev/sdc", unopened, never), fail(failure)));

  it("holds up other opens where it hangs after all, and learns that it is late", async () => {
    const host = aHost(exited(0));
    const ending = Promise.withResolvers<undefined>();
    let wasLate: boolean | undefined;
    const hung = openingDevice(
      host,
      "/dev/sdc",
      async (isLate) => {
        await ending.promise;
        wasLate = isLate();
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
    assert.deepEqual(await hung, late("/dev/sdc"));
    assert.deepEqual(await openingDevice(host, "/dev/sdd", unopened, never), late("/dev/sdd"));
    ending.resolve(undefined);
    while (wasLate === undefined) await systemClock.sleep(1, never);
    assert.equal(wasLate, true);
    assert.deepEqual(await openingDevice(host, "/dev/sdd", async () => "opened", never), ok("opened"));
  });
});
