import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { lookup } from "node:dns/promises";
import { once } from "node:events";
import { existsSync } from "node:fs";
import {
  mkdir,
  mkdtemp,
  open,
  readdir,
  readFile,
  readlink,
  rm,
  stat,
  truncate,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { describe, it } from "node:test";
import type { TestContext } from "node:test";
import { promisify } from "node:util";
import { openFileNodeCheckpoints } from "../../src/adapters/linux/checkpoints/file-node-checkpoints.ts";
import { createCommandRunner } from "../../src/adapters/linux/command/command-runner.ts";
import { createLinuxHost } from "../../src/adapters/linux/create-linux-host.ts";
import { systemClock } from "../../src/adapters/system/system-clock.ts";
import { fail, ok } from "../../src/core/failure/result.ts";
import type { Result } from "../../src/core/failure/result.ts";
import { majorMinorOf } from "../../src/core/node/device/device-number.ts";
import { bytes } from "../../src/core/primitives/units.ts";
import { kindOf } from "../../src/core/testing/value-of.ts";
import { dataPlaneAvailable } from "../../src/emulator/data-plane/data-plane-available.ts";
import type { Clock } from "../../src/ports/clock.ts";
import type { Device } from "../../src/ports/host/host-provisioner.ts";
import { aCheckpoint } from "../../src/ports/testing/a-checkpoint.ts";

const run = promisify(execFile);
const never = new AbortController().signal;
const devices = dataPlaneAvailable();
const here = { timeout: 120_000, ...(devices.available ? {} : { skip: devices.reason }) };
/** More than Node has threads for files and names. */
const MOUNTS = 8;
const FASTER = 20;
/** What hangs counts as hanging that much sooner. */
const fast: Clock = { ...systemClock, sleep: (ms, signal) => systemClock.sleep(ms / FASTER, signal) };
const sizeBytes = bytes(16n * 1024n * 1024n);
const done = { ok: true, value: undefined };

const makers = { ext4: ["mkfs.ext4", "-q"], xfs: ["mkfs.xfs", "-q"] } as const;

interface Disk {
  readonly folder: string;
  /** Passes faster while the disk hangs: until then a call that a busy machine holds up has its full time. */
  readonly clock: Clock;
  /** From now on every change hangs in the kernel. */
  readonly freeze: () => Promise<void>;
  readonly thaw: () => Promise<void>;
}

async function withDisk(kind: keyof typeof makers, act: (disk: Disk) => Promise<void>): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), "hung-disk-"));
  const [folder, image] = [join(directory, "root"), join(directory, "root.img")];
  await mkdir(folder);
  await writeFile(image, "");
  await truncate(image, 320 * 1024 * 1024);
  const [mkfs, ...args] = makers[kind];
  await run(mkfs, [...args, image]);
  await run("mount", ["-o", "loop", image, folder]);
  let isFrozen = false;
  const thaw = async (): Promise<void> => {
    if (isFrozen) await run("fsfreeze", ["--unfreeze", folder]);
    isFrozen = false;
  };
  const freeze = async (): Promise<void> => {
    await run("fsfreeze", ["--freeze", folder]);
    isFrozen = true;
  };
  const clock: Clock = {
    ...systemClock,
    sleep: (ms, signal) => (isFrozen ? fast : systemClock).sleep(ms, signal),
  };
  try {
    await act({ folder, clock, freeze, thaw });
  } finally {
    await thaw();
    // A command that hung, and was killed, is on its way out.
    const unmounted = () => run("umount", [folder]).then(Boolean, () => false);
    while (!(await unmounted())) await systemClock.sleep(5, never);
    await rm(directory, { recursive: true });
  }
}

/** What a heartbeat needs of the process: files, such as that of its token, and the API server's address. */
async function takesFilesAndNames(): Promise<void> {
  await Promise.all([readdir("/proc/self"), lookup("localhost")]);
}

describe("a node whose root disk hangs", here, () => {
  for (const kind of ["ext4", "xfs"] as const)
    it(`sends heartbeats, and drops checkpoints, while a write does not return (${kind})`, () =>
      withDisk(kind, async ({ folder, clock, freeze, thaw }) => {
        const path = join(folder, "state/volumes.json");
        const checkpoints = await openFileNodeCheckpoints(path, undefined, undefined, clock);
        for (const name of ["pvc-1", "pvc-2"])
          assert.equal(kindOf(await checkpoints.put(aCheckpoint({ volumeName: name }), never)), "ok");
        await freeze();
        const beats = [1, 2, 3, 4, 5, 6].map((beat) =>
          checkpoints.putHeartbeat({ heartbeat: beat, vmId: "vm-1" }, never),
        );
        const added = checkpoints.put(aCheckpoint({ volumeName: "pvc-3" }), never);
        const removed = checkpoints.remove("pvc-1", never);
        for (const beat of [...beats, added]) assert.equal(kindOf(await beat), "HostNotReady");
        assert.deepEqual(await removed, done);
        // None of these begins a write.
        assert.equal(
          kindOf(await checkpoints.putHeartbeat({ heartbeat: 7, vmId: "vm-1" }, never)),
          "HostNotReady",
        );
        assert.deepEqual(await checkpoints.remove("pvc-2", never), done);
        assert.deepEqual([checkpoints.heartbeat(), checkpoints.volumes()], [7, []]);
        const why = checkpoints.unwritten();
        assert.match(why?.kind === "HostNotReady" ? why.detail : "", /has not answered for 10 s/u);
        await takesFilesAndNames();
        await thaw();
        // The write that hung ends first.
        while (kindOf(await checkpoints.putHeartbeat({ heartbeat: 8, vmId: "vm-1" }, never)) !== "ok")
          await systemClock.sleep(5, never);
        assert.equal(checkpoints.unwritten(), undefined);
        const after = await openFileNodeCheckpoints(path);
        assert.deepEqual([after.heartbeat(), after.volumes()], [8, []]);
      }));

  for (const kind of ["ext4", "xfs"] as const)
    it(`unmounts any number of volumes below folders that can't be removed (${kind})`, () =>
      withDisk(kind, async ({ folder, clock, freeze, thaw }) => {
        const host = await createLinuxHost({
          deviceRoot: folder,
          lockDirectory: join(folder, "locks"),
          clock,
        });
        const paths = Array.from({ length: MOUNTS }, (_, index) => join(folder, `pod-${index}`));
        for (const path of paths) {
          await mkdir(path);
          await run("mount", ["-t", "tmpfs", "-o", "size=64k", "volume", path]);
        }
        try {
          await freeze();
          assert.deepEqual(
            await Promise.all(paths.map((path) => host.unmount(path, never))),
            paths.map(() => done),
          );
          await takesFilesAndNames();
          // Kubelet repeats a call whose folder it can't remove either.
          for (const path of paths) assert.deepEqual(await host.unmount(path, never), done);
          const placed = await host.bindMount(
            { stagingPath: "/proc", targetPath: join(folder, "new"), readOnly: true, mountFlags: [] },
            never,
          );
          assert.equal(kindOf(placed), "HostNotReady");
          await takesFilesAndNames();
          await thaw();
          // Until the call that hung has ended no folder goes with its mount.
          while ((await readdir(folder)).some((name) => name.startsWith("pod-")))
            for (const path of paths) assert.deepEqual(await host.unmount(path, never), done);
        } finally {
          await thaw();
          for (const path of paths) await run("umount", [path]).catch(() => undefined);
          await host.close();
        }
      }));

  it("finds an earlier plug-in's commands ended, whose lock can't be removed", () =>
    withDisk("ext4", async ({ folder, clock, freeze, thaw }) => {
      const lockDirectory = join(folder, "locks");
      const options = { deviceRoot: folder, lockDirectory, clock };
      const earlier = await createLinuxHost(options);
      const host = await createLinuxHost(options);
      try {
        assert.deepEqual(await host.earlierChildrenAlive(never), { ok: true, value: true });
        await freeze();
        await earlier.close();
        assert.deepEqual(await host.earlierChildrenAlive(never), { ok: true, value: false });
        await takesFilesAndNames();
        await thaw();
        while ((await readdir(lockDirectory)).length > 1) await systemClock.sleep(5, never);
      } finally {
        await thaw();
        await host.close();
      }
    }));

  it("unmounts a volume below a folder that it can't look up any more", (t) =>
    withoutServer(t, async ({ directory, folder }) => {
      const procRoot = join(directory, "proc");
      const [path, mountinfo] = [join(folder, "pods/pod-1"), join(procRoot, "self/mountinfo")];
      await mkdir(join(procRoot, "self"), { recursive: true });
      const staged = `36 35 0:50 / ${directory}/staging rw - tmpfs volume rw\n`;
      await writeFile(mountinfo, `${staged}37 35 0:50 / ${path} rw - tmpfs volume rw\n`);
      const umount = `#!/bin/sh\nsed -i '\\#^37 #d' ${mountinfo}\n`;
      const lockDirectory = join(directory, "locks");
      const host = await createLinuxHost({ deviceRoot: directory, procRoot, lockDirectory, clock: fast });
      try {
        await withProgram(directory, "umount", umount, async () =>
          assert.deepEqual(await host.unmount(path, never), done),
        );
        await takesFilesAndNames();
        // What was never a mount point may be below a link that leads to one.
        const unknown = await host.unmount(join(folder, "pods/pod-2"), never);
        assert.match(
          JSON.stringify(unknown),
          /HostNotReady.*could not unmount .*pod-2: EHANGS: realpath .*repair or replace it/u,
        );
      } finally {
        await host.close();
      }
    }));
});

describe("a node with a loop device on a disk that hangs", here, () => {
  it("is not clean of raw block, and looks there no second time", (t) =>
    withoutServer(t, async ({ directory, folder }) => {
      const losetup = `#!/bin/sh\necho '/dev/loop4095 0:50 2 ${folder}/images/of-a-pod'\n`;
      const host = await createLinuxHost({
        ...{ deviceRoot: directory, lockDirectory: join(directory, "locks"), clock: fast },
      });
      const request = {
        accessType: "block",
        lun: undefined,
        lastMajorMinor: "7:4094",
        lunsOfOthers: [],
      } as const;
      try {
        await withProgram(directory, "losetup", losetup, async () => {
          for (const looked of await Promise.all([1, 2, 3, 4, 5].map(() => host.isClean(request, never))))
            assert.match(JSON.stringify(looked), /HostNotReady.*EHANGS: stat .*images.of-a-pod/u);
        });
        await takesFilesAndNames();
      } finally {
        await host.close();
      }
    }));
});

describe("a node with disks that do not open", here, () => {
  it("stages a volume of another disk beside any number of them", (t) =>
    withoutServer(t, async ({ directory, folder }) => {
      const places = { deviceRoot: directory, lockDirectory: join(directory, "locks") };
      const host = await createLinuxHost({ ...places, clock: systemClock });
      const impatient = await createLinuxHost({ ...places, clock: fast });
      const hung = Array.from({ length: MOUNTS }, (_, index) => ({
        ...{ path: join(folder, `disk-${index}`), majorMinor: `7:${4080 + index}`, sizeBytes },
      }));
      const staging = new AbortController();
      const checkOf = { fsType: "ext4" } as const;
      const opens = hung.flatMap((device) => [
        host.whileHolding(device, async () => ok(undefined), staging.signal),
        host.checkFileSystem({ device, ...checkOf }, staging.signal),
      ]);
      try {
        await takesFilesAndNames();
        await withLoops(directory, 1, async ([device = assert.fail()]) => {
          const path = join(directory, "staging");
          const staged = await host.whileHolding(
            device,
            async () => {
              const made = await host.format({ device, fsType: "ext4", uuid: randomUUID() }, never);
              assert.deepEqual(made, done);
              return await host.mountDevice(
                { device, path, fsType: "ext4", mountFlags: [], readOnly: false },
                never,
              );
            },
            never,
          );
          assert.deepEqual(staged, done);
          assert.deepEqual(await host.unmount(path, never), done);
          const { majorMinor } = device;
          const clean = await host.isClean(
            { accessType: "mount", lun: undefined, lastMajorMinor: majorMinor, lunsOfOthers: [] },
            never,
          );
          const reason = "the device is absent and nothing holds it";
          assert.deepEqual(clean, ok({ clean: true, reason }));
        });
        staging.abort();
        for (const open of opens) assert.match(kindOf(await open), /^(?:Cancelled|HostCommandTimedOut)$/u);
        for (const device of hung) {
          const command = `open ${device.path}`;
          const late = fail({ kind: "HostCommandTimedOut", command, timeoutMs: 10_000 });
          assert.deepEqual(await impatient.checkFileSystem({ device, ...checkOf }, never), late);
        }
      } finally {
        await host.close();
        await impatient.close();
      }
    }));

  it("freezes none of their file systems, and waits for others", (t) =>
    withoutServer(t, async ({ directory, folder }) => {
      const host = await createLinuxHost({
        ...{ deviceRoot: directory, lockDirectory: join(directory, "locks"), clock: fast },
      });
      const request = { path: folder, majorMinor: "0:99", limitMs: 1000 };
      try {
        const answers = await Promise.all([1, 2, 3, 4, 5].map(() => host.freeze(request, never)));
        const late = fail({ kind: "HostCommandTimedOut", command: `open ${folder}`, timeoutMs: 10_000 });
        for (const answer of answers) assert.deepEqual(answer, late);
        await takesFilesAndNames();
      } finally {
        await host.close();
      }
    }));

  it("keeps neither threads nor descriptors while devices do not close either", () =>
    withDisk("ext4", ({ folder, clock, freeze, thaw }) =>
      withLoops(folder, MOUNTS, async (loops) => {
        const lockDirectory = await mkdtemp(join(tmpdir(), "hung-closes-"));
        const host = await createLinuxHost({ deviceRoot: folder, lockDirectory, clock });
        const act = Promise.withResolvers<Result<string>>();
        const begun: Promise<void>[] = [];
        const holds = loops.map((device) => {
          const hasBegun = Promise.withResolvers<void>();
          begun.push(hasBegun.promise);
          return host.whileHolding(
            device,
            async () => {
              // Not the last close of the device, with which the kernel would write it.
              await run("dd", ["if=/dev/zero", `of=${device.path}`, "bs=64k", "count=1", "conv=notrunc"]);
              hasBegun.resolve();
              return await act.promise;
            },
            never,
          );
        });
        try {
          await Promise.all(begun);
          await freeze();
          act.resolve(ok("acted"));
          for (const hold of holds) assert.deepEqual(await hold, { ok: true, value: "acted" });
          await takesFilesAndNames();
          assert.deepEqual(await openAmong(loops), []);
        } finally {
          await thaw();
          act.resolve(ok("acted"));
          await Promise.all(holds);
          await host.close();
          await rm(lockDirectory, { recursive: true });
        }
      }),
    ));
});

/** Starts a command that a disk keeps in the kernel, and kills it; then this process has nothing to do. */
const killing = `
const { spawnChild } = await import(process.argv[1]);
const child = spawnChild({ program: "mkdir", args: [process.argv[2]] });
setTimeout(child.kill, 200);
`;

describe("a command that a disk keeps in the kernel", here, () => {
  for (const { what, hang } of [
    { what: "one of two such", hang: "exec mkdir" },
    { what: "a child of one of two such", hang: "mkdir" },
  ])
    it(`is not started again while ${what} is there`, () =>
      withDisk("ext4", async ({ folder, freeze, thaw }) => {
        const directory = await mkdtemp(join(tmpdir(), "stuck-"));
        const descriptorsOf = () => [];
        const runner = createCommandRunner({
          ...{ lockFd: 0, descriptorsOf, outputDirectory: directory, clock: systemClock },
        });
        const [first, go] = [join(directory, "first"), join(directory, "go")];
        const hangs =
          `if mkdir ${first}; then ${hang} ${folder}/x; exit; fi; ` +
          `until test -e ${go}; do sleep 0.01; done`;
        const given = { program: "sh", args: ["-c", hangs], pool: "inspect", touches: [] } as const;
        const runFor = (limitMs: number) => runner.run({ ...given, limitMs, changes: false }, never);
        await freeze();
        try {
          const hung = runFor(1000);
          while (!existsSync(first)) await systemClock.sleep(5, never);
          const other = runFor(60_000);
          assert.equal(kindOf(await hung), "HostCommandTimedOut");
          await writeFile(go, "");
          assert.equal(kindOf(await other), "ok");
          assert.equal(kindOf(await runFor(60_000)), "HostCommandTimedOut");
          await thaw();
          while (runner.isStuck(given.program, given.args)) await systemClock.sleep(5, never);
        } finally {
          await thaw();
          await rm(directory, { recursive: true });
        }
      }));

  it("keeps no process that ends", () =>
    withDisk("ext4", async ({ folder, freeze, thaw }) => {
      await freeze();
      try {
        const url = new URL("../../src/adapters/linux/command/spawn-child.ts", import.meta.url).href;
        const args = ["--input-type=module", "--eval", killing, url, join(folder, "x")];
        const ending = spawn(process.execPath, args, { stdio: "inherit" });
        assert.deepEqual(await once(ending, "exit", { signal: AbortSignal.timeout(30_000) }), [0, null]);
      } finally {
        await thaw();
      }
    }));
});

describe("a node with a disk that hangs", { timeout: 120_000 }, () => {
  it("ends the read of a sample that does not return, and looks again", here, async (t) => {
    const directory = await mkdtemp(join(tmpdir(), "hung-sample-"));
    t.after(() => rm(directory, { recursive: true }));
    const [pid, begun] = [join(directory, "pid"), join(directory, "begun")];
    const dd =
      `#!/bin/sh\ncase "$*" in *skip=8388608*) echo $$ > ${pid}; touch ${begun}; exec sleep 600 ;; esac\n` +
      `PATH=/usr/bin:/bin exec dd "$@"\n`;
    const host = await createLinuxHost({
      ...{ deviceRoot: directory, lockDirectory: join(directory, "locks"), clock: systemClock },
    });
    try {
      await withLoops(directory, 1, async ([device = assert.fail()]) => {
        await withProgram(directory, "dd", dd, async () => {
          const caller = new AbortController();
          const looked = host.inspectDevice(device, caller.signal);
          while (!existsSync(begun)) await systemClock.sleep(5, never);
          caller.abort();
          assert.equal(kindOf(await looked), "Cancelled");
        });
        const reader = `/proc/${(await readFile(pid, "utf8")).trim()}/stat`;
        // One that has ended, and that no parent has asked for yet, is a zombie.
        const state = await readFile(reader, "utf8").catch(() => "(gone) Z");
        assert.match(state, /\) Z/u);
        assert.deepEqual(await host.inspectDevice(device, never), ok({ kind: "blank" }));
      });
    } finally {
      await host.close();
    }
  });

  it("waits for other disks while a SCSI host ends no scan, and no rescan", async (t) => {
    const directory = await mkdtemp(join(tmpdir(), "hung-scan-"));
    t.after(() => rm(directory, { recursive: true }));
    const sysRoot = join(directory, "sys");
    const scan = join(sysRoot, "class/scsi_host/host0/scan");
    await mkdir(dirname(scan), { recursive: true });
    // A write to it waits, for a reader.
    await run("mkfifo", [scan]);
    const locks = { deviceRoot: directory, lockDirectory: join(directory, "locks") };
    const host = await createLinuxHost({ ...locks, sysRoot, clock: fast, deviceWaitMs: 1 });
    try {
      const found = await Promise.all([1, 2, 3, 4, 5].map((lun) => host.findDevice({ lun }, never)));
      assert.deepEqual(
        found.map(kindOf),
        found.map(() => "DeviceNotFound"),
      );
      await takesFilesAndNames();
      if (!existsSync("/dev/loop0")) return;
      const rescan = join(sysRoot, "dev/block/7:0/device/rescan");
      await mkdir(dirname(rescan), { recursive: true });
      await run("mkfifo", [rescan]);
      const device = { path: "/dev/loop0", majorMinor: "7:0", sizeBytes: bytes(0n) };
      for (const rescanned of await Promise.all([1, 2, 3, 4, 5].map(() => host.rescanDevice(device, never))))
        assert.match(JSON.stringify(rescanned), /HostCommandTimedOut","command":"write 1 to [^"]*\/rescan"/u);
      await takesFilesAndNames();
    } finally {
      await host.close();
    }
  });

  it("waits for other disks while a queue shows none of its settings", async (t) => {
    if (!existsSync("/dev/loop0")) return t.skip("no loop device");
    const directory = await mkdtemp(join(tmpdir(), "hung-queue-"));
    t.after(() => rm(directory, { recursive: true }));
    const sysRoot = join(directory, "sys");
    const scheduler = join(sysRoot, "dev/block/7:0/queue/scheduler");
    await mkdir(dirname(scheduler), { recursive: true });
    // A read of it waits, for a writer.
    await run("mkfifo", [scheduler]);
    const locks = { deviceRoot: directory, lockDirectory: join(directory, "locks") };
    const host = await createLinuxHost({ ...locks, sysRoot, clock: fast });
    const device = { path: "/dev/loop0", majorMinor: "7:0", sizeBytes: bytes(0n) };
    const setting = { name: "queue/scheduler", value: "none" } as const;
    try {
      const times = [1, 2, 3, 4, 5];
      const reads = await Promise.all(times.map(() => host.readDeviceSettings(device, never)));
      const writes = await Promise.all(times.map(() => host.writeDeviceSetting({ device, setting }, never)));
      for (const answer of [...reads, ...writes]) assert.equal(kindOf(answer), "HostCommandTimedOut");
      await takesFilesAndNames();
    } finally {
      await host.close();
    }
  });
});

describe("a node whose root disk takes no file", { timeout: 120_000 }, () => {
  it("writes a device's setting where a shell can make no here-document", async (t) => {
    if (!existsSync("/dev/loop0")) return t.skip("no loop device");
    const directory = await mkdtemp(join(tmpdir(), "no-here-document-"));
    t.after(() => rm(directory, { recursive: true }));
    const sysRoot = join(directory, "sys");
    const readAhead = join(sysRoot, "dev/block/7:0/queue/read_ahead_kb");
    await mkdir(dirname(readAhead), { recursive: true });
    await writeFile(readAhead, "128\n");
    const locks = { deviceRoot: directory, lockDirectory: join(directory, "locks") };
    const host = await createLinuxHost({ ...locks, sysRoot, clock: systemClock });
    const sh =
      "#!/bin/sh\necho cannot create temp file for here-document: Read-only file system >&2\nexit 1\n";
    try {
      await withProgram(directory, "sh", sh, async () => {
        const device = { path: "/dev/loop0", majorMinor: "7:0", sizeBytes };
        const setting = { name: "queue/read_ahead_kb", value: "64" } as const;
        assert.deepEqual(await host.writeDeviceSetting({ device, setting }, never), done);
      });
      assert.equal((await readFile(readAhead, "utf8")).split("\n")[0], "64");
    } finally {
      await host.close();
    }
  });
});

/** Runs `act` with loop devices on files in a folder. */
async function withLoops(
  folder: string,
  count: number,
  act: (devices: readonly Device[]) => Promise<void>,
): Promise<void> {
  const devicesMade: Device[] = [];
  try {
    for (let index = 0; index < count; index += 1) {
      const image = join(folder, `loop-${index}.img`);
      await writeFile(image, "");
      await truncate(image, Number(sizeBytes));
      const path = (await run("losetup", ["--find", "--show", image])).stdout.trim();
      const majorMinor = majorMinorOf((await stat(path, { bigint: true })).rdev);
      devicesMade.push({ path, majorMinor, sizeBytes });
    }
    await act(devicesMade);
  } finally {
    for (const { path } of devicesMade) await run("losetup", ["--detach", path]);
  }
}

/** The paths of the devices that this process has open. */
async function openAmong(loops: readonly Device[]): Promise<readonly string[]> {
  const descriptors = await readdir("/proc/self/fd");
  const targets = await Promise.all(
    descriptors.map((descriptor) => readlink(`/proc/self/fd/${descriptor}`).catch(() => "")),
  );
  return targets.filter((target) => loops.some(({ path }) => path === target));
}

/** Runs `act` with a stand-in for a program. */
async function withProgram(
  directory: string,
  name: string,
  script: string,
  act: () => Promise<void>,
): Promise<void> {
  const bin = join(directory, "bin");
  await mkdir(bin, { recursive: true });
  await writeFile(join(bin, name), script, { mode: 0o755 });
  const pathBefore = process.env["PATH"];
  process.env["PATH"] = `${bin}:${pathBefore ?? ""}`;
  try {
    await act();
  } finally {
    process.env["PATH"] = pathBefore;
  }
}

/** A FUSE whose server never answers: each look below its root hangs until the end. */
async function withoutServer(
  t: TestContext,
  act: (at: { readonly directory: string; readonly folder: string }) => Promise<void>,
): Promise<void> {
  const connection = await open("/dev/fuse", "r+").catch(() => undefined);
  if (connection === undefined) {
    t.skip("this kernel has no FUSE");
    return;
  }
  const directory = await mkdtemp(join(tmpdir(), "no-server-"));
  const folder = join(directory, "root");
  await mkdir(folder);
  const options = "fd=3,rootmode=40000,user_id=0,group_id=0";
  const args = ["mount", "-i", "-t", "fuse", "-o", options, "no-server", folder];
  const mount = spawn("env", args, {
    stdio: ["ignore", "ignore", "inherit", connection.fd],
  });
  const [exitCode] = await once(mount, "exit");
  assert.equal(exitCode, 0);
  try {
    await act({ directory, folder });
  } finally {
    // Ends the calls that hang.
    await run("umount", ["--force", "--lazy", folder]);
    await connection.close();
    await rm(directory, { recursive: true });
  }
}
