import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import {
  lstatSync,
  lutimesSync,
  readdirSync,
  readlinkSync,
  renameSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { mkdir, mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { promisify } from "node:util";
import { majorMinorOf } from "../../../core/node/device/device-number.ts";
import type { CommandRunner } from "./command-runner.ts";
import { defaultCommandTimeLimits } from "./command-time-limits.ts";
import { type DevicesOfProcesses, searchProcesses, usersAmong } from "./device-users.ts";
import { processesUsing } from "./processes.ts";
import { spawnChild } from "./spawn-child.ts";

const run = promisify(execFile);
const never = new AbortController().signal;
const runner: CommandRunner = {
  run: ({ program, args }) => spawnChild({ program, args }).exited,
  inFlightOn: () => [],
  isStuck: () => false,
};

/** Works, with a file open, in a folder whose path is longer than any that the kernel tells. */
const DEEP = `
const { mkdirSync, openSync } = require("node:fs");
for (let depth = 0; depth < 25; depth += 1) {
  mkdirSync("d".repeat(200));
  process.chdir("d".repeat(200));
}
openSync("file", "w");
process.stdin.resume();
console.log("up");
`;

const searched = async (procRoot: string): Promise<DevicesOfProcesses> =>
  await searchProcesses({ procRoot, limits: defaultCommandTimeLimits, runner }, never);

const usersOf = (found: DevicesOfProcesses, rdev: bigint) => usersAmong(found, new Set([majorMinorOf(rdev)]));

describe("a search for open devices", { skip: process.platform !== "linux" }, () => {
  it("passes a process that works below a path too long for the kernel to tell", async (t) => {
    const folder = await mkdtemp(join(tmpdir(), "processes-"));
    // It goes down by relative paths, as fs.rm does not.
    t.after(() => run("rm", ["-rf", folder]));
    const deep = spawn(process.execPath, ["-e", DEEP], { cwd: folder, stdio: ["pipe", "pipe", "inherit"] });
    const exited = once(deep, "exit");
    await once(deep.stdout, "data");
    try {
      assert.equal((await searched("/proc")).incomplete, undefined);
      assert.deepEqual(await processesUsing("/proc", join(folder, "elsewhere")), []);
    } finally {
      deep.stdin.end();
      await exited;
    }
  });

  it("gives other work its turn between the descriptors of one process", async (t) => {
    const procRoot = await mkdtemp(join(tmpdir(), "processes-"));
    t.after(() => rm(procRoot, { recursive: true }));
    const descriptors = join(procRoot, "1/fd");
    await mkdir(descriptors, { recursive: true });
    for (let descriptor = 0; descriptor < 600; descriptor += 1)
      symlinkSync("pipe:[1]", join(descriptors, String(descriptor)));
    const [first = "", second = ""] = readdirSync(descriptors).map((name) => join(descriptors, name));
    // The first read of a link that old shows in its time of access.
    for (const path of [first, second]) lutimesSync(path, 0, 0);
    const wasRead = (path: string): boolean => lstatSync(path).atimeMs !== 0;
    readlinkSync(second);
    if (!wasRead(second)) {
      t.skip(`${procRoot} is mounted with noatime`);
      return;
    }
    let isOver = false;
    let hadTurn = false;
    const turn = (): void => {
      if (isOver) return;
      hadTurn ||= wasRead(first);
      setImmediate(turn);
    };
    setImmediate(turn);
    assert.deepEqual((await searched(procRoot)).open, []);
    isOver = true;
    assert.ok(hadTurn);
  });

  it("looks at a process that was started by one that has ended unseen", async (t) => {
    const device = "/dev/loop0";
    const { rdev } = await stat(device, { bigint: true }).catch(() => ({ rdev: undefined }));
    const procRoot = await mkdtemp(join(tmpdir(), "processes-"));
    t.after(() => rm(procRoot, { recursive: true }));
    await aProcess(
      procRoot,
      "1",
      Array.from({ length: 600 }, () => "pipe:[1]"),
    );
    await aProcess(procRoot, "not-yet", [device]);
    const link = join(procRoot, "1/fd/0");
    lutimesSync(link, 0, 0);
    const wasRead = (): boolean => lstatSync(link).atimeMs !== 0;
    if (rdev === undefined) {
      t.skip(`there is no ${device}`);
      return;
    }
    let isOver = false;
    let hasStarted = false;
    const turn = (): void => {
      if (isOver) return;
      if (wasRead() && !hasStarted) {
        hasStarted = true;
        renameSync(join(procRoot, "not-yet"), join(procRoot, "2"));
      }
      setImmediate(turn);
    };
    setImmediate(turn);
    const found = usersOf(await searched(procRoot), rdev);
    isOver = true;
    if (!hasStarted) t.skip(`${procRoot} is mounted with noatime`);
    else assert.deepEqual(found, { ok: true, value: { openInPids: [2], mappedInPids: [] } });
  });

  it("answers that a device is open, whatever other processes do not show", async (t) => {
    const device = "/dev/loop0";
    const { rdev } = await stat(device, { bigint: true }).catch(() => ({ rdev: undefined }));
    if (rdev === undefined) {
      t.skip(`there is no ${device}`);
      return;
    }
    const procRoot = await mkdtemp(join(tmpdir(), "processes-"));
    t.after(() => rm(procRoot, { recursive: true }));
    await aProcess(procRoot, "1", []);
    await aProcess(procRoot, "2", [device]);
    const failure = { kind: "HostCommandTimedOut", command: "grep", timeoutMs: 1 } as const;
    const late: CommandRunner = {
      ...runner,
      run: async (command, signal) =>
        command.program === "grep" ? { ok: false, failure } : await runner.run(command, signal),
    };
    const shown = await searchProcesses({ procRoot, limits: defaultCommandTimeLimits, runner: late }, never);
    assert.equal(shown.incomplete?.kind, "HostNotReady");
    const found = usersOf(shown, rdev);
    assert.equal(usersOf(shown, rdev + 1n).ok, false);
    assert.deepEqual(found, { ok: true, value: { openInPids: [2], mappedInPids: [] } });
  });

  it("finds a device that a process moves to another descriptor", async (t) => {
    const procRoot = await mkdtemp(join(tmpdir(), "processes-"));
    t.after(() => rm(procRoot, { recursive: true }));
    const device = "/dev/loop0";
    const { rdev } = await stat(device, { bigint: true }).catch(() => ({ rdev: undefined }));
    if (rdev === undefined) {
      t.skip(`${device} is missing`);
      return;
    }
    await aProcess(procRoot, "1", [device]);
    let hasMoved = false;
    const moving: CommandRunner = {
      ...runner,
      run: async (command, signal) => {
        if (!hasMoved) renameSync(join(procRoot, "1/fd/0"), join(procRoot, "1/fd/7"));
        hasMoved = true;
        return await runner.run(command, signal);
      },
    };
    const limits = defaultCommandTimeLimits;
    const found = await searchProcesses({ procRoot, limits, runner: moving }, never);
    assert.deepEqual(usersOf(found, rdev), { ok: true, value: { openInPids: [1], mappedInPids: [] } });
  });

  it("asks again about no file of which a command is stuck in the kernel", async (t) => {
    const procRoot = await mkdtemp(join(tmpdir(), "processes-"));
    t.after(() => rm(procRoot, { recursive: true }));
    await aProcess(procRoot, "1", [procRoot, procRoot]);
    const asked: string[] = [];
    const stuck: CommandRunner = {
      ...runner,
      run: async (command, signal) => {
        asked.push(command.program);
        return await runner.run(command, signal);
      },
      isStuck: (program, args) => program === "stat" && args.at(-1) === join(procRoot, "1/fd/1"),
    };
    const found = await searchProcesses({ procRoot, limits: defaultCommandTimeLimits, runner: stuck }, never);
    assert.match(JSON.stringify(found.incomplete), /process 1 .* does not show .* what it has open/u);
    assert.deepEqual(asked, []);
  });
});

/** What /proc shows of a process with these files open, by their targets. */
async function aProcess(procRoot: string, name: string, targets: readonly string[]): Promise<void> {
  const [descriptors, namespaces] = [join(procRoot, name, "fd"), join(procRoot, name, "ns")];
  for (const folder of [descriptors, namespaces]) await mkdir(folder, { recursive: true });
  symlinkSync("mnt:[1]", join(namespaces, "mnt"));
  writeFileSync(join(procRoot, name, "mountinfo"), "21 1 8:1 / / rw - ext4 /dev/sda1 rw\n");
  for (const [descriptor, target] of targets.entries())
    symlinkSync(target, join(descriptors, String(descriptor)));
}
