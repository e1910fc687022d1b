import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, describe, it } from "node:test";
import { valueOf } from "../../src/core/testing/value-of.ts";
import { buildGuestParts } from "../../testbed/guests/guest-parts.ts";
import { reasonAgainstGuests } from "../../testbed/guests/reason-against-guests.ts";
import { startGuest } from "../../testbed/guests/start-guest.ts";
import { freePorts } from "../../testbed/ports/free-ports.ts";
import { reservationsContract } from "../contract/host/reservations.ts";
import { startSharingGuest, type SharingGuest } from "./sharing/sharing-guest.ts";
import { BOOT_LIMIT_MS, waitForGuest } from "./sharing/wait-for-guest.ts";

const BUILD_TIMEOUT_MS = 2_400_000;
/** Each wait for a guest ends before. */
const TIMEOUT_MS = 1_200_000;
const DISK_BYTES = 48n * 1024n * 1024n;
const PATH = "/run/mnt";
const [KEY_A, NEXT_KEY_A, KEY_B] = ["617a00000000000a", "617a0000000000a2", "617a00000000000b"] as const;
const fsType = "ext4";
/** The kernel begins to write a change after minutes, not seconds. */
const LATE = "commit=600";
/** The same for the blocks of a raw disk. */
const LATE_CENTISECS = 600_000;
const SLEEP_S = 3600;
/** Of sg_persist. */
const UNIT_ATTENTION = 6;
/** Of one command that the disk answers with what it has to report. */
const TRIES_MAX = 8;
const never = new AbortController().signal;

describe("reservations of SCSI disks", { skip: (await reasonAgainstGuests()) ?? false }, () => {
  const owned = new AsyncDisposableStack();
  let a: SharingGuest;
  let b: SharingGuest;

  before(
    async ({ signal }) => {
      const parts = await buildGuestParts((line) => console.log(line), signal);
      const [port = 0] = await freePorts(1);
      const target = owned.use(
        await startGuest(
          parts,
          {
            entry: "testbed/guests/iscsi-target.sh",
            diskBytes: new Map([[0, DISK_BYTES]]),
            servedAtPort: port,
          },
          signal,
        ),
      );
      const work = target.untilPrinted("served");
      const what = "start of the guest that serves the disk";
      if (!(await waitForGuest(target, { work, what, limitMs: BOOT_LIMIT_MS }))) {
        const { output, console: messages } = await target.ended();
        assert.fail(`${output}\n${messages}`);
      }
      const start = async (...initiators: readonly ("a" | "b" | "c")[]): Promise<SharingGuest> => {
        const disks = initiators.map((initiator) => ({ port, initiator }));
        return owned.use(await startSharingGuest(parts, disks, signal));
      };
      const started = [start("a"), start("b", "c")] as const;
      // A guest that is still starting once another one has failed would keep this process from ending.
      await Promise.allSettled(started);
      [a, b] = await Promise.all(started);
    },
    { timeout: BUILD_TIMEOUT_MS },
  );
  after(() => owned.disposeAsync());

  reservationsContract("Linux", async () => ({ a, b, aborts: true, close: () => clearKeys(b) }), {
    timeout: TIMEOUT_MS,
  });

  it("fences a mounted ext4 with dirty blocks, none of which lands", { timeout: TIMEOUT_MS }, async () => {
    assert.ok(await a.write(""), "the contract has left no data");
    await reserve(a, KEY_A);
    valueOf(await a.host.format({ device: a.device, fsType, uuid: randomUUID() }, never));
    valueOf(await mount(a));
    assert.equal(await a.processes.writeFile(`${PATH}/synced`, "of a"), "done");
    assert.equal(await a.processes.fsync(`${PATH}/synced`), "done");
    valueOf(await a.host.flush(PATH, never));
    assert.equal(await a.processes.writeFile(`${PATH}/dirty`, "x".repeat(1_000_000)), "done");
    valueOf(await b.host.preempt({ device: b.device, key: KEY_B, victim: KEY_A }, never));
    const fenced = await checksum(b);
    // The second once the kernel has tried to write them by itself.
    assert.match(await a.processes.fsync(`${PATH}/dirty`), /^(?:EIO|EROFS)$/u);
    const flushed = await a.host.flush(PATH, never);
    assert.equal(flushed.ok ? "success" : flushed.failure.kind, "FileSystemBroken");
    assert.equal(await checksum(b), fenced);

    valueOf(await b.host.checkFileSystem({ device: b.device, fsType }, never));
    valueOf(await mount(b));
    assert.deepEqual(await files(b), ["synced"]);
    assert.equal(await b.processes.readFile(`${PATH}/synced`), "of a");
    assert.equal(await b.processes.writeFile(`${PATH}/of-b`, "of b"), "done");
    valueOf(await b.host.flush(PATH, never));

    assert.equal((await clean(a)).clean, false, "it has the disk mounted");
    valueOf(await a.host.unmount(PATH, never));
    // Blocks that the kernel could not write are reported once, and dropped.
    const first = await clean(a);
    if (!first.clean) assert.match(first.reason, /is not flushed/u);
    assert.deepEqual(await clean(a), { clean: true, reason: `nothing holds ${a.device.path}` });
    assert.deepEqual(await files(b), ["of-b", "synced"]);
    valueOf(await b.host.unmount(PATH, never));
    assert.ok((await clean(b)).clean);

    await reserve(a, NEXT_KEY_A, KEY_B);
    valueOf(await a.host.dropCachedBlocks(a.device, never));
    valueOf(await a.host.checkFileSystem({ device: a.device, fsType }, never));
    valueOf(await mount(a));
    assert.deepEqual(await files(a), ["of-b", "synced"]);
    assert.equal(await a.processes.readFile(`${PATH}/of-b`), "of b");
    valueOf(await a.host.unmount(PATH, never));
    assert.ok((await clean(a)).clean);
    await clearKeys(b);
  });

  it(
    "writes no block of a raw disk late that was dirty as it was preempted",
    { timeout: TIMEOUT_MS },
    async () => {
      await reserve(a, KEY_A);
      const stopWriting = await writeBuffered(a, "of a");
      valueOf(await b.host.preempt({ device: b.device, key: KEY_B, victim: KEY_A }, never));
      assert.ok(await b.write("of b"));
      assert.deepEqual(await clean(a, "block"), {
        clean: false,
        reason: `it is open in process ${stopWriting.processId}`,
      });
      await stopWriting();
      // The disk has to refuse them until now: a node that reserves it first writes them, as below.
      const { clean: isClean, reason } = await clean(a, "block");
      assert.deepEqual([isClean, reason.includes("Input/output error")], [false, true], reason);
      assert.ok((await clean(a, "block")).clean);
      await reserve(a, NEXT_KEY_A, KEY_B);
      valueOf(await a.host.dropCachedBlocks(a.device, never));
      assert.equal(await b.read(), "of b");
      await clearKeys(b);
    },
  );

  it(
    "writes blocks of a raw disk late where it was reserved again unflushed",
    { timeout: TIMEOUT_MS },
    async () => {
      await reserve(a, KEY_A);
      const stopWriting = await writeBuffered(a, "of a");
      valueOf(await b.host.preempt({ device: b.device, key: KEY_B, victim: KEY_A }, never));
      assert.ok(await b.write("of b"));
      await reserve(a, NEXT_KEY_A, KEY_B);
      valueOf(await a.host.dropCachedBlocks(a.device, never));
      assert.equal(await b.read(), "of a", "the test above would not notice a late write");
      await stopWriting();
      await clearKeys(b);
    },
  );

  it("takes a reservation over by another path of the same machine", { timeout: TIMEOUT_MS }, async () => {
    const otherPath = { ...b, device: await b.deviceAt(1) };
    await reserve(b, KEY_B);
    const write = (): Promise<string> => b.processes.writeRaw(otherPath.device.path, "by the other path");
    assert.notEqual(await write(), "done");
    await reserve(otherPath, KEY_B);
    assert.deepEqual([await b.write("by the first path"), await write()], [false, "done"]);
    await clearKeys(b);
  });

  it("keeps a reservation through a crash of its holder, and its end", { timeout: TIMEOUT_MS }, async () => {
    await reserve(a, KEY_A);
    await a.crash();
    assert.equal(valueOf(await a.host.readReservation(a.device, never)), KEY_A);
    assert.deepEqual([await b.write("of b"), await a.write("of a")], [false, true]);
    await a.kill();
    assert.equal(await b.write("of b"), false);
    await reserve(b, KEY_B, KEY_A);
    assert.equal(await b.write("of b"), true);
  });
});

async function reserve({ host, device }: SharingGuest, key: string, earlier?: string) {
  valueOf(await host.reserve({ device, key, earlier }, never));
}

function mount({ host, device }: SharingGuest) {
  return host.mountDevice({ device, path: PATH, fsType, mountFlags: [LATE], readOnly: false }, never);
}

async function clean({ host, device }: SharingGuest, accessType: "block" | "mount" = "mount") {
  const place = { lun: 0, lastMajorMinor: device.majorMinor, lunsOfOthers: [] };
  return valueOf(await host.isClean({ accessType, ...place }, never));
}

/** A process writes to the raw disk without fsync, and keeps it open until it is ended. */
async function writeBuffered({ processes, device }: SharingGuest, text: string) {
  const begin = `echo ${LATE_CENTISECS} > /proc/sys/vm/dirty_expire_centisecs
    exec 7<> ${device.path}
    printf '${text}' | dd bs=4096 conv=sync status=none >&7
    sleep ${SLEEP_S} > /dev/null 2>&1 & echo $!`;
  const { exitCode, output } = await processes.run("sh", "-c", begin);
  assert.equal(exitCode, 0, output);
  const processId = output.trim();
  const stop = async (): Promise<void> => {
    const end = `kill ${processId}; while [ -e /proc/${processId}/fd/7 ]; do sleep 0.1; done`;
    const ended = await processes.run("sh", "-c", end);
    assert.equal(ended.exitCode, 0, ended.output);
  };
  return Object.assign(stop, { processId });
}

async function files({ processes }: SharingGuest): Promise<readonly string[]> {
  return (await processes.listFiles(PATH)).filter((name) => name !== "lost+found").toSorted();
}

/** Of the whole disk, past the cache. */
async function checksum({ processes, device }: SharingGuest): Promise<string> {
  const command = `dd if=${device.path} bs=1M iflag=direct status=none | sha256sum`;
  const { exitCode, output } = await processes.run("sh", "-c", command);
  assert.equal(exitCode, 0, output);
  return output;
}

/** The disk forgets all keys. */
async function clearKeys({ processes, device }: SharingGuest): Promise<void> {
  const persist = ["--no-inquiry", "--out", device.path] as const;
  const forget = [
    ["--register-ignore", "--param-sark=c1ea", "--param-aptpl"],
    ["--clear", "--param-rk=c1ea"],
  ];
  for (const action of forget) {
    let ended = await processes.run("sg_persist", ...persist, ...action);
    // The disk reports first what it has done to this machine's keys.
    for (let tries = 1; tries < TRIES_MAX && ended.exitCode === UNIT_ATTENTION; tries += 1)
      ended = await processes.run("sg_persist", ...persist, ...action);
    assert.equal(ended.exitCode, 0, ended.output);
  }
}
