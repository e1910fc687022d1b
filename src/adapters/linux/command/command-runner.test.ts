import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import type { TestContext } from "node:test";
import type { Clock } from "../../../ports/clock.ts";
import { systemClock } from "../../system/system-clock.ts";
import { createVirtualClock } from "../../virtual/virtual-clock.ts";
import { createCommandRunner } from "./command-runner.ts";
import type { HostCommand } from "./command-runner.ts";
import { takeInstanceLock } from "./instance-lock.ts";

const never = new AbortController().signal;
const tests = { timeout: 600_000 };
const DAY_MS = 86_400_000;
const SLOT_MS = 300_000;
/** include/linux/sched.h */
const PF_EXITING = 4;
const LARGE_BYTES = 96 * 1024 * 1024;

async function aRunner(t: TestContext, clock: Clock = systemClock) {
  const directory = await mkdtemp(join(tmpdir(), "command-runner-"));
  const lock = await takeInstanceLock(join(directory, "locks"));
  t.after(() => rm(directory, { recursive: true }));
  return {
    directory,
    lock,
    runner: createCommandRunner({
      lockFd: lock.fd,
      descriptorsOf: () => [],
      outputDirectory: join(directory, "locks"),
      clock,
    }),
  };
}

function aCommand(script: string, given: Partial<HostCommand> = {}): HostCommand {
  return {
    program: "sh",
    args: ["-c", script],
    pool: "mount",
    limitMs: 60_000,
    touches: ["8:32"],
    changes: true,
    ...given,
  };
}

/** A script that creates one file when it starts, and ends when another one exists. */
function waiting(directory: string, name: string): string {
  return (
    `touch ${directory}/${name}.started; until test -e ${directory}/${name}.go; do sleep 0.01; done; echo ` +
    `x >> ${directory}/${name}.done`
  );
}

/** Whether it runs no more: it is gone, or in the kernel on its way out (PF_EXITING), a zombie at last. */
async function hasEnded(pid: number): Promise<boolean> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => undefined);
  const [, , , , , , flags] = stat?.slice(stat.lastIndexOf(")") + 2).split(" ") ?? [];
  return flags === undefined || (Number(flags) & PF_EXITING) !== 0;
}

async function untilExists(path: string): Promise<void> {
  while (!existsSync(path)) await systemClock.sleep(5, never);
}

describe("a changing command", tests, () => {
  it("runs where another user has taken the names that its output may have", async (t) => {
    const { runner, lock, directory } = await aRunner(t);
    for (let nth = 1; nth <= 9; nth += 1)
      await writeFile(join(directory, `locks/.output-${process.pid}-${lock.fd}-${nth}`), "");
    const exit = await runner.run(aCommand("echo out"), never);
    assert.deepEqual(exit.ok && exit.value.stderr, "out");
    await lock.close();
  });

  it("answers exit code and output, and leaves no file behind", async (t) => {
    const { runner, lock, directory } = await aRunner(t);
    const exit = await runner.run(aCommand("echo out; echo err >&2; exit 3"), never);
    assert.deepEqual(exit, { ok: true, value: { exitCode: 3, stdout: Buffer.alloc(0), stderr: "out\nerr" } });
    assert.deepEqual(await readdir(join(directory, "locks")), ["instance-1.lock"]);
    await lock.close();
  });

  for (const { pool, changes, slotMs } of [
    { pool: "open", changes: false, slotMs: 500 },
    { pool: "inspect", changes: false, slotMs: 500 },
    { pool: "attributes", changes: true, slotMs: 500 },
    { pool: "mount", changes: true, slotMs: 500 },
    { pool: "unmount", changes: false, slotMs: 500 },
    { pool: "unmount", changes: true, slotMs: 500 },
    { pool: "make", changes: true, slotMs: 300_000 },
  ] as const)
    it(`waits ${slotMs} ms for four that hang (${pool}, ${changes ? "changes" : "reads"})`, async (t) => {
      const clock = createVirtualClock();
      const { runner, lock, directory } = await aRunner(t, clock);
      const run = (name: string) =>
        runner.run(
          aCommand(waiting(directory, name), { pool, touches: [name], changes, limitMs: DAY_MS }),
          never,
        );
      const names = ["a", "b", "c", "d"];
      const hanging = names.map(run);
      for (const name of names) await untilExists(`${directory}/${name}.started`);
      const next = run("e");
      await clock.advance(slotMs - 1);
      assert.equal(existsSync(`${directory}/e.started`), false);
      await clock.advance(1);
      await untilExists(`${directory}/e.started`);
      for (const name of [...names, "e"]) await writeFile(`${directory}/${name}.go`, "");
      const exits = await Promise.all([...hanging, next]);
      assert.ok(exits.every((exit) => exit.ok && exit.value.exitCode === 0));
      await lock.close();
    });

  it("keeps its slot up to its limit while it has much memory, as a large check", async (t) => {
    const clock = createVirtualClock();
    let slotWaits = 0;
    const counting: Clock = {
      ...clock,
      sleep: (ms, signal) => {
        if (ms === SLOT_MS) slotWaits += 1;
        return clock.sleep(ms, signal);
      },
    };
    const { runner, lock, directory } = await aRunner(t, counting);
    const make = { pool: "make", limitMs: 3 * SLOT_MS } as const;
    const names = ["a", "b", "c", "d"];
    const large = names.map((name) => {
      const wait = ["-c", waiting(directory, name)];
      const script =
        `globalThis.kept = Buffer.alloc(${LARGE_BYTES}, 1);` +
        `require("child_process").spawnSync("sh", ${JSON.stringify(wait)})`;
      const command = aCommand("", { ...make, program: process.execPath, args: ["-e", script] });
      return runner.run({ ...command, touches: [name] }, never);
    });
    for (const name of names) await untilExists(`${directory}/${name}.started`);
    const last = { ...make, touches: ["e"], limitMs: DAY_MS };
    const next = runner.run(aCommand(waiting(directory, "e"), last), never);
    for (let slots = 1; slots <= 2; slots += 1) {
      await clock.advance(SLOT_MS);
      // Each of the four waits for one slot more: none has left its own.
      while (slotWaits < names.length * (slots + 1)) await systemClock.sleep(5, never);
      assert.equal(existsSync(`${directory}/e.started`), false);
    }
    await clock.advance(SLOT_MS);
    await untilExists(`${directory}/e.started`);
    for (const name of [...names, "e"]) await writeFile(`${directory}/${name}.go`, "");
    await Promise.all([...large, next]);
    // Their callers left at the limit; they themselves end now.
    for (const name of names) while (runner.inFlightOn(name).length > 0) await systemClock.sleep(5, never);
    await lock.close();
  });

  it("continues when its caller leaves, and the same command again joins it", async (t) => {
    const { runner, lock, directory } = await aRunner(t);
    const command = aCommand(waiting(directory, "a"));
    const caller = new AbortController();
    const first = runner.run(command, caller.signal);
    await untilExists(`${directory}/a.started`);
    caller.abort();
    assert.deepEqual(await first, { ok: false, failure: { kind: "Cancelled" } });
    assert.equal(runner.inFlightOn("8:32").length, 1);
    const second = runner.run(command, never);
    await writeFile(`${directory}/a.go`, "");
    const exit = await second;
    assert.equal(exit.ok && exit.value.exitCode, 0);
    assert.deepEqual(runner.inFlightOn("8:32"), []);
    assert.equal(readFileSync(`${directory}/a.done`, "utf8"), "x\n");
    await lock.close();
  });

  it("blocks others, reads included, on what it touches until it has ended", async (t) => {
    const { runner, lock, directory } = await aRunner(t);
    const first = runner.run(aCommand(waiting(directory, "a"), { touches: ["8:32", "/path"] }), never);
    await untilExists(`${directory}/a.started`);
    const order: string[] = [];
    const runAndRecord = async (name: string, command: HostCommand): Promise<void> => {
      await runner.run(command, never);
      order.push(name);
    };
    const waitingOnes = [
      runAndRecord("same path", aCommand("true", { touches: ["/path"] })),
      runAndRecord("read", aCommand("true", { touches: ["8:32"], changes: false })),
    ];
    await runAndRecord("other device", aCommand("true", { touches: ["8:48"] }));
    assert.deepEqual(order, ["other device"]);
    await writeFile(`${directory}/a.go`, "");
    await Promise.all([first, ...waitingOnes]);
    assert.deepEqual(order.toSorted(), ["other device", "read", "same path"]);
    await lock.close();
  });

  it("is reported as timed out after its limit, but not killed", async (t) => {
    const { runner, lock, directory } = await aRunner(t);
    const command = aCommand(waiting(directory, "a"), { limitMs: 100 });
    assert.deepEqual(await runner.run(command, never), {
      ok: false,
      failure: { kind: "HostCommandTimedOut", command: `sh -c ${waiting(directory, "a")}`, timeoutMs: 100 },
    });
    assert.equal(runner.inFlightOn("8:32").length, 1);
    await writeFile(`${directory}/a.go`, "");
    await untilExists(`${directory}/a.done`);
    await runner.run(aCommand("true"), never);
    assert.deepEqual(runner.inFlightOn("8:32"), []);
    await lock.close();
  });

  it("keeps the instance lock when the instance itself has gone", async (t) => {
    const { runner, lock, directory } = await aRunner(t);
    const running = runner.run(aCommand(waiting(directory, "a")), never);
    await untilExists(`${directory}/a.started`);
    await lock.close();
    const later = await takeInstanceLock(join(directory, "locks"));
    assert.deepEqual(await later.earlierAlive(), { ok: true, value: true });
    await writeFile(`${directory}/a.go`, "");
    await running;
    assert.deepEqual(await later.earlierAlive(), { ok: true, value: false });
    await later.close();
  });
});

describe("a reading command", tests, () => {
  it("is killed when its caller leaves, and doesn't hold the instance lock", async (t) => {
    const { runner, lock, directory } = await aRunner(t);
    const caller = new AbortController();
    const read = runner.run(aCommand(waiting(directory, "a"), { changes: false }), caller.signal);
    await untilExists(`${directory}/a.started`);
    caller.abort();
    assert.deepEqual(await read, { ok: false, failure: { kind: "Cancelled" } });
    await lock.close();
    const later = await takeInstanceLock(join(directory, "locks"));
    assert.deepEqual(await later.earlierAlive(), { ok: true, value: false });
    await later.close();
  });

  it("has ended when its caller is answered", async (t) => {
    const { runner, lock, directory } = await aRunner(t);
    const caller = new AbortController();
    const script = `echo $$ > ${directory}/pid; mv ${directory}/pid ${directory}/started; exec sleep 60`;
    const read = runner.run(aCommand(script, { changes: false }), caller.signal);
    await untilExists(`${directory}/started`);
    caller.abort();
    assert.deepEqual(await read, { ok: false, failure: { kind: "Cancelled" } });
    const pid = Number(readFileSync(`${directory}/started`, "utf8"));
    assert.throws(() => process.kill(pid, 0), { code: "ESRCH" });
    await lock.close();
  });

  it("is killed with its own children, and they have ended, too", async (t) => {
    const { runner, lock, directory } = await aRunner(t);
    const caller = new AbortController();
    const script = `sleep 6000 & echo $! > ${directory}/pid; mv ${directory}/pid ${directory}/started; wait`;
    const read = runner.run(aCommand(script, { changes: false }), caller.signal);
    await untilExists(`${directory}/started`);
    caller.abort();
    assert.deepEqual(await read, { ok: false, failure: { kind: "Cancelled" } });
    const pid = Number(readFileSync(`${directory}/started`, "utf8"));
    try {
      assert.ok(await hasEnded(pid));
    } finally {
      if (existsSync(`/proc/${pid}`)) process.kill(pid, "SIGKILL");
    }
    await lock.close();
  });

  it("does not look stuck where it only had no turn", async (t) => {
    const { runner, lock } = await aRunner(t);
    const others = new AbortController();
    const reading = { pool: "search", changes: false } as const;
    const slow = [1, 2, 3, 4].map((number) =>
      runner.run(aCommand(`exec sleep 6${number}`, reading), others.signal),
    );
    assert.deepEqual(await runner.run(aCommand("true", { ...reading, limitMs: 50 }), never), {
      ok: false,
      failure: { kind: "HostNotReady", detail: "sh had no turn within 50 ms beside other commands" },
    });
    const inspection = await runner.run(aCommand("true", { pool: "inspect", changes: false }), never);
    assert.ok(inspection.ok);
    others.abort();
    await Promise.all(slow);
    await lock.close();
  });

  it("does not look stuck where an earlier caller of the same has just left", async (t) => {
    const { runner, lock, directory } = await aRunner(t);
    const caller = new AbortController();
    const command = aCommand(waiting(directory, "a"), { changes: false });
    const first = runner.run(command, caller.signal);
    await untilExists(`${directory}/a.started`);
    caller.abort();
    await Promise.resolve();
    await writeFile(`${directory}/a.go`, "");
    const second = await runner.run(command, never);
    assert.deepEqual([await first, second.ok], [{ ok: false, failure: { kind: "Cancelled" } }, true]);
    await lock.close();
  });

  it("answers what it wrote", async (t) => {
    const { runner, lock } = await aRunner(t);
    const exit = await runner.run(aCommand("echo out; echo err >&2", { changes: false }), never);
    assert.deepEqual(exit, { ok: true, value: { exitCode: 0, stdout: Buffer.from("out\n"), stderr: "err" } });
    await lock.close();
  });
});

it("says which program is missing", tests, async (t) => {
  const { runner, lock } = await aRunner(t);
  for (const changes of [true, false]) {
    const exit = await runner.run(aCommand("", { program: "mkfs.nothing", args: [], changes }), never);
    assert.deepEqual(exit, {
      ok: false,
      failure: {
        kind: "HostCommandFailed",
        command: "mkfs.nothing",
        exitCode: null,
        stderr: "mkfs.nothing is not installed: install its package on the node or in the image",
      },
    });
  }
  await lock.close();
});

it("runs four commands of a pool at a time, and those of another pool in parallel", tests, async (t) => {
  const { runner, lock, directory } = await aRunner(t, createVirtualClock());
  const names = ["a", "b", "c", "d", "e"];
  const running = names.map((name) =>
    runner.run(aCommand(waiting(directory, name), { touches: [name] }), never),
  );
  await Promise.all(names.slice(0, 4).map((name) => untilExists(`${directory}/${name}.started`)));
  await runner.run(aCommand("true", { pool: "unmount", touches: [] }), never);
  assert.equal(existsSync(`${directory}/e.started`), false);
  await Promise.all(names.map((name) => writeFile(`${directory}/${name}.go`, "")));
  await Promise.all(running);
  assert.equal(existsSync(`${directory}/e.done`), true);
  await lock.close();
});
