import assert from "node:assert/strict";
import { mkdtemp, readFile, readlink, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { it } from "node:test";
import { boundLoopDevices } from "../../src/emulator/data-plane/bound-loop-devices.ts";
import { dataPlaneAvailable } from "../../src/emulator/data-plane/data-plane-available.ts";
import { waitUntil } from "../wait-until.ts";
import { type Child, startChild } from "./child.ts";
import { diskOf, type Machine, startMachine } from "./machine.ts";

const WAIT_MAX_MS = 60_000;
const GRACE_MS = 100;
/** Appends to a file until it can't, and reports when it has begun: what a power loss interrupts. */
const BUSY = 'while echo more >> "$0"; do [ -n "$begun" ] || echo "{}"; begun=1; done; echo "it noticed"';
/** As the holder of a freeze for a snapshot, without its limit. */
const HOLDS_FREEZE =
  'trap : HUP INT PIPE TERM; exec 3<"$0"; fsfreeze --freeze /proc/self/fd/3 && echo {}; ' +
  "while :; do sleep 1; done";

/** A machine with a disk of its own. */
interface World {
  readonly machine: Machine;
  readonly home: string;
  /** A path of the machine, seen from outside. */
  inside(path: string): string;
  /** Starts a process on the machine. */
  on(...command: readonly string[]): Child;
  /** Starts a process on the machine that writes to its disk. */
  startBusy(): Promise<Child>;
}

function onMachine(title: string, play: (world: World) => Promise<void>): void {
  it(title, async (t) => {
    const devices = dataPlaneAvailable();
    if (!devices.available) {
      t.skip(devices.reason);
      return;
    }
    const home = await mkdtemp(join(tmpdir(), "machine-"));
    const children: Child[] = [];
    const run = (command: readonly string[]): Child => {
      const child = startChild("machine", command);
      children.push(child);
      return child;
    };
    const machine = await startMachine({ name: "machine", home, hasOwnDisk: true, run });
    const on = (...command: readonly string[]): Child =>
      run(["nsenter", `--mount=/proc/${machine.mountsPid}/ns/mnt`, "--", ...command]);
    const startBusy = async (): Promise<Child> => {
      const busy = on("bash", "-c", BUSY, join(diskOf(home), "busy"));
      await busy.untilLine((line) => line === "{}", WAIT_MAX_MS);
      return busy;
    };
    try {
      const inside = (path: string): string => `/proc/${machine.mountsPid}/root${path}`;
      await play({ machine, home, inside, on, startBusy });
    } finally {
      await machine.shutDown(GRACE_MS);
      for (const child of children) await child.stop(WAIT_MAX_MS);
      assert.deepEqual(await boundLoopDevices(home), []);
      await rm(home, { recursive: true });
    }
  });
}

onMachine("a machine that loses its power keeps what it has synced, and nothing else", async (world) => {
  const { machine, home, inside, on } = world;
  const bootId = (): Promise<string> => readFile(inside("/proc/sys/kernel/random/boot_id"), "utf8");
  const [synced, unsynced] = [join(diskOf(home), "synced"), join(diskOf(home), "unsynced")];
  const mounting = on("sh", "-c", "mount -t tmpfs tmpfs /mnt && echo {}");
  await mounting.untilLine((line) => line === "{}", WAIT_MAX_MS);
  const busy = await world.startBusy();
  const before = await bootId();

  // The sync ends a transaction: without another one, ext4 writes the next by itself after five seconds.
  await machine.losePower(async () => {
    await writeFile(inside(synced), "kept", { flush: true });
    await writeFile(inside(unsynced), "lost");
  });

  await busy.stop(WAIT_MAX_MS);
  assert.deepEqual([busy.lines(), busy.log()], [["{}"], ""], "a process noticed the end of its disk");
  await machine.boot();
  assert.equal(await readFile(inside(synced), "utf8"), "kept");
  await assert.rejects(readFile(inside(unsynced)), { code: "ENOENT" });
  assert.doesNotMatch(await readFile(`/proc/${machine.mountsPid}/mounts`, "utf8"), / \/mnt tmpfs/u);
  assert.notEqual(await bootId(), before);
  assert.notEqual(await bootId(), await readFile("/proc/sys/kernel/random/boot_id", "utf8"));
});

onMachine(
  "a machine with a frozen file system ends, also after its processes have stopped",
  async (world) => {
    const { machine, home } = world;
    await holdsFreeze();
    await machine.freeze();
    await machine.losePower(() => Promise.resolve());

    await machine.boot();
    await holdsFreeze();
    await machine.freeze();
    await machine.shutDown(GRACE_MS);
    assert.deepEqual(await boundLoopDevices(home), []);

    /** A process holds the file system frozen, and another one waits in the kernel until it can write. */
    async function holdsFreeze(): Promise<void> {
      const busy = await world.startBusy();
      const holder = world.on("bash", "-c", HOLDS_FREEZE, diskOf(home));
      await holder.untilLine((line) => line === "{}", WAIT_MAX_MS);
      await waitUntil("a write to wait for the thaw", WAIT_MAX_MS, async () =>
        / D /u.test(await readFile(`/proc/${busy.pid}/stat`, "utf8")) ? true : undefined,
      );
    }
  },
);

onMachine(
  "a machine ends also when another program takes its namespace's number",
  async ({ machine, home }) => {
    const ended = new AbortController();
    const strangers: Child[] = [];
    const starting = (async () => {
      while (!ended.signal.aborted) {
        const stranger = startChild("stranger", [
          "unshare",
          "--mount",
          "sh",
          "-c",
          "echo {} && exec sleep 600",
        ]);
        strangers.push(stranger);
        await stranger.untilLine((line) => line === "{}", WAIT_MAX_MS);
      }
    })();
    try {
      // Programs outside this test take numbers, too.
      await waitUntil("a stranger to take the number", WAIT_MAX_MS, async () => {
        const number = await namespaceNumber(machine.mountsPid);
        await machine.shutDown(GRACE_MS);
        const isTaken = (await Promise.all(strangers.map(({ pid }) => namespaceNumber(pid)))).includes(
          number,
        );
        if (!isTaken) await machine.boot();
        return isTaken ? true : undefined;
      });
    } finally {
      ended.abort();
      await starting;
      for (const stranger of strangers) await stranger.stop(WAIT_MAX_MS);
    }
    assert.deepEqual(await boundLoopDevices(home), []);
  },
);

function namespaceNumber(pid: number): Promise<string> {
  return readlink(`/proc/${pid}/ns/mnt`);
}
