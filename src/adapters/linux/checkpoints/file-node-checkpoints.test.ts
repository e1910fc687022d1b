import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readFile, rm, rmdir, stat, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline/promises";
import { describe, it } from "node:test";
import type { TestContext } from "node:test";
import { aCheckpoint } from "../../../ports/testing/a-checkpoint.ts";
import { ownDisk, type CheckpointDisk } from "./checkpoint-disk.ts";
import { decodeSlot, encodeSlot } from "./checkpoint-slot.ts";
import { openFileNodeCheckpoints, readFileNodeCheckpoints } from "./file-node-checkpoints.ts";

const never = new AbortController().signal;
const SLOT_BYTES = 64 * 1024;
/** How often a process that only reads looks while another one writes. */
const LOOKS = 200;

const secondOf = (path: string): string => path.replace(/\.json$/u, ".2.json");
const slotOf = (text: string, sequence = 1): Buffer => encodeSlot({ sequence, text });

async function aPath(t: TestContext): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "node-notes-"));
  t.after(() => rm(directory, { recursive: true }));
  return join(directory, "notes.json");
}

/** A disk with room for new files and parts of files of at most `roomBytes` each. */
function withRoom(roomBytes: () => number): CheckpointDisk {
  return {
    ...ownDisk,
    open: async (path, flags, mode) => {
      const file = await ownDisk.open(path, flags, mode);
      return {
        writeFile: async (bytes) => {
          if ((flags === "w" || flags === "a") && bytes.length > roomBytes())
            throw Object.assign(new Error("ENOSPC: planted"), { code: "ENOSPC" });
          await file.writeFile(bytes);
        },
        truncate: (sizeBytes) => file.truncate(sizeBytes),
        sync: () => file.sync(),
        datasync: () => file.datasync(),
        close: () => file.close(),
      };
    },
  };
}

/** How long a staging path is that fills a slot to its end, with numbers of one digit. */
async function pathBytesForFullSlot(t: TestContext): Promise<number> {
  const path = await aPath(t);
  const pathBytes = SLOT_BYTES / 2;
  const checkpoints = await openFileNodeCheckpoints(path);
  await checkpoints.put(aCheckpoint({ stagingPath: "s".repeat(pathBytes) }), never);
  const content = decodeSlot(await readFile(secondOf(path)));
  assert.equal(content?.sequence, 1);
  return pathBytes + SLOT_BYTES - encodeSlot(content).length;
}

function newestFirst(slots: readonly Buffer[], path: string): (a: string, b: string) => number {
  const numberOf = (file: string): number =>
    decodeSlot(slots[file === path ? 0 : 1] ?? Buffer.alloc(0))?.sequence ?? 0;
  return (a, b) => numberOf(b) - numberOf(a);
}

describe("openFileNodeCheckpoints", () => {
  it("starts empty where there is no file yet", async (t) => {
    const checkpoints = await openFileNodeCheckpoints(await aPath(t));
    assert.deepEqual([checkpoints.volumes(), checkpoints.heartbeat()], [[], 0]);
  });

  for (const code of ["EROFS", "EIO"])
    it(`starts on a disk that takes no change, and writes back first once it does (${code})`, async (t) => {
      const path = await aPath(t);
      const before = await openFileNodeCheckpoints(path);
      for (const beat of [1, 2, 3])
        assert.ok((await before.putHeartbeat({ heartbeat: beat, vmId: "vm-1" }, never)).ok);
      const slots = await Promise.all([path, secondOf(path)].map(async (file) => await readFile(file)));
      let isBroken = true;
      const written: string[] = [];
      const disk: CheckpointDisk = {
        ...ownDisk,
        open: async (file, flags, mode) => {
          if (flags !== "r" && isBroken) throw Object.assign(new Error(`${code}: planted`), { code });
          if (flags !== "r") written.push(file);
          return await ownDisk.open(file, flags, mode);
        },
      };
      const after = await openFileNodeCheckpoints(path, undefined, disk);
      assert.deepEqual([after.heartbeat(), after.unwritten()?.kind], [3, "HostNotReady"]);
      const put = await after.put(aCheckpoint({}), never);
      assert.equal(put.ok ? "ok" : put.failure.kind, "HostNotReady");
      assert.deepEqual(await after.remove("pvc-1", never), { ok: true, value: undefined });
      assert.deepEqual(
        await Promise.all([path, secondOf(path)].map(async (file) => await readFile(file))),
        slots,
      );
      isBroken = false;
      assert.ok((await after.putHeartbeat({ heartbeat: 4, vmId: "vm-1" }, never)).ok);
      // The newest of what was read, and then the other one: until then it is the only copy on the disk.
      assert.deepEqual(written, [secondOf(path), path].toSorted(newestFirst(slots, path)));
      assert.equal(after.unwritten(), undefined);
      assert.equal((await openFileNodeCheckpoints(path)).heartbeat(), 4);
    });

  it("keeps checkpoints (one for each volume), heartbeat and doubt over a restart", async (t) => {
    const path = await aPath(t);
    const before = await openFileNodeCheckpoints(path);
    await before.put(aCheckpoint({ volumeName: "pvc-2" }), never);
    await before.put(aCheckpoint({ epoch: 1 }), never);
    await before.put(aCheckpoint({ epoch: 2 }), never);
    await before.putHeartbeat({ heartbeat: 7, vmId: "vm-1" }, never);
    assert.equal(before.rollbackIncarnation(), undefined);
    await before.putRollback(3, never);
    const after = await openFileNodeCheckpoints(path);
    assert.deepEqual(
      [after.volumes(), after.heartbeat(), after.rollbackIncarnation()],
      [[aCheckpoint({ epoch: 2 }), aCheckpoint({ volumeName: "pvc-2" })], 7, 3],
    );
  });

  it("drops device numbers when the machine restarts, and only then", async (t) => {
    const path = await aPath(t);
    const bootIdFile = join(path, "..", "boot_id");
    await writeFile(bootIdFile, "first\n");
    await (await openFileNodeCheckpoints(path, bootIdFile)).put(aCheckpoint(), never);
    assert.deepEqual((await openFileNodeCheckpoints(path, bootIdFile)).volumes(), [aCheckpoint()]);
    await writeFile(bootIdFile, "second\n");
    const rebooted = await openFileNodeCheckpoints(path, bootIdFile);
    assert.deepEqual(rebooted.volumes(), [aCheckpoint({ majorMinor: undefined })]);
    await rebooted.putHeartbeat({ heartbeat: 1, vmId: "vm-1" }, never);
    assert.deepEqual((await openFileNodeCheckpoints(path, bootIdFile)).volumes(), [
      aCheckpoint({ majorMinor: undefined }),
    ]);
  });

  it("keeps device numbers over a restart where there is no boot id, as on Windows", async (t) => {
    const path = await aPath(t);
    await (await openFileNodeCheckpoints(path, undefined)).put(aCheckpoint(), never);
    assert.deepEqual((await openFileNodeCheckpoints(path, undefined)).volumes(), [aCheckpoint()]);
  });

  it("keeps the earlier settings of a device over a restart", async (t) => {
    const path = await aPath(t);
    const checkpoint = aCheckpoint({
      deviceSettings: { "queue/scheduler": "mq-deadline", "queue/iosched/fifo_batch": "16" },
    });
    await (await openFileNodeCheckpoints(path)).put(checkpoint, never);
    const again = await openFileNodeCheckpoints(path);
    assert.deepEqual(again.volumes(), [checkpoint]);
    const { deviceSettings: _, ...restored } = checkpoint;
    await again.put(restored, never);
    assert.deepEqual((await openFileNodeCheckpoints(path)).volumes(), [restored]);
  });

  it("keeps the mark of a freeze over a restart of the plug-in, not of the machine", async (t) => {
    const path = await aPath(t);
    const bootIdFile = join(path, "..", "boot_id");
    await writeFile(bootIdFile, "first\n");
    const before = await openFileNodeCheckpoints(path, bootIdFile);
    const mark = { volumeName: "pvc-1", id: "f", path: "/staging", majorMinor: "8:32" };
    await before.putFreeze({ ...mark, id: "e" }, never);
    await before.putFreeze(mark, never);
    await before.putFreeze({ ...mark, volumeName: "pvc-2" }, never);
    await before.removeFreeze("pvc-2", never);
    assert.deepEqual((await openFileNodeCheckpoints(path, bootIdFile)).freezes(), [mark]);
    await writeFile(bootIdFile, "second\n");
    assert.deepEqual((await openFileNodeCheckpoints(path, bootIdFile)).freezes(), []);
  });

  it("removes a checkpoint, and does nothing for a volume without one", async (t) => {
    const path = await aPath(t);
    const checkpoints = await openFileNodeCheckpoints(path);
    await checkpoints.put(aCheckpoint(), never);
    await checkpoints.remove("pvc-1", never);
    await checkpoints.remove("pvc-9", never);
    assert.deepEqual((await openFileNodeCheckpoints(path)).volumes(), []);
  });

  it("loses no change of many that are made at once", async (t) => {
    const path = await aPath(t);
    const checkpoints = await openFileNodeCheckpoints(path);
    const names = Array.from({ length: 20 }, (_, index) => `pvc-${10 + index}`);
    await Promise.all([
      ...names.map((volumeName) => checkpoints.put(aCheckpoint({ volumeName }), never)),
      checkpoints.putHeartbeat({ heartbeat: 3, vmId: "vm-1" }, never),
    ]);
    const after = await openFileNodeCheckpoints(path);
    assert.deepEqual(
      [after.volumes().map((checkpoint) => checkpoint.volumeName), after.heartbeat()],
      [names, 3],
    );
  });

  const whole = slotOf(JSON.stringify({ version: 1, heartbeat: 1, volumes: [aCheckpoint()] }));
  const damagedSlots = [
    { bytes: Buffer.from(""), because: "it is empty" },
    { bytes: whole.subarray(0, -1), because: "it is cut short" },
    { bytes: Buffer.from(whole.toString().replace("pvc-1", "pvc-2")), because: "a byte of it is another" },
    { bytes: Buffer.from(whole.toString().replace("{", "[")), because: "its head is damaged" },
    { bytes: Buffer.from('{"sequence":1}\n{}\n'), because: "its head lacks a field" },
    { bytes: Buffer.from("{}\n{}\n"), because: "its head is another object" },
  ];
  for (const { bytes, because } of damagedSlots) {
    it(`refuses a file when ${because}, and takes the other one if that is whole`, async (t) => {
      const path = await aPath(t);
      await writeFile(path, bytes);
      await assert.rejects(openFileNodeCheckpoints(path), /checkpoints in .* are damaged \(no whole write/);
      assert.deepEqual(await readFile(path), bytes);
      for (const [damaged, other] of [
        [path, secondOf(path)],
        [secondOf(path), path],
      ] as const) {
        await writeFile(damaged, bytes);
        await writeFile(other, whole);
        const checkpoints = await openFileNodeCheckpoints(path);
        assert.deepEqual(
          [checkpoints.faultyFile, checkpoints.volumes()],
          [{ path: damaged, fault: "damaged" }, [aCheckpoint()]],
        );
        assert.deepEqual(await checkpoints.putHeartbeat({ heartbeat: 2, vmId: "vm-1" }, never), {
          ok: true,
          value: undefined,
        });
        // The damaged one was written, and the whole one left alone until then.
        assert.deepEqual((await readFile(other)).subarray(0, whole.length), whole);
        const again = await openFileNodeCheckpoints(path);
        assert.deepEqual([again.faultyFile, again.heartbeat()], [undefined, 2]);
      }
    });
  }

  const damaged = [
    { text: '{"version":2,"heartbeat":1,"volumes":[]}', because: "a newer driver wrote it" },
    { text: '{"version":1,"heartbeat":-1,"volumes":[]}', because: "a number is impossible" },
    {
      text: '{"version":1,"heartbeat":1,"rollbackIncarnation":"1","volumes":[]}',
      because: "what it doubted is no number",
    },
    {
      text: '{"version":1,"heartbeat":1,"volumes":[{"volumeName":"pvc-1"}]}',
      because: "a checkpoint lacks fields",
    },
    {
      text: JSON.stringify({ version: 1, heartbeat: 1, volumes: [{ ...aCheckpoint(), vm: undefined }] }),
      because: "a checkpoint names no VM",
    },
    {
      text: JSON.stringify({
        version: 1,
        heartbeat: 1,
        volumes: [{ ...aCheckpoint(), vm: { vmId: "guid-a" } }],
      }),
      because: "a checkpoint's VM lacks its resource id",
    },
    {
      text: JSON.stringify({ version: 1, heartbeat: 1, volumes: [{ ...aCheckpoint(), vm: "guid-a" }] }),
      because: "a checkpoint's VM is a text",
    },
    {
      text: JSON.stringify({
        version: 1,
        heartbeat: 1,
        volumes: [{ ...aCheckpoint(), deviceSettings: { "queue/read_ahead_kb": 128 } }],
      }),
      because: "a setting's value is no text",
    },
    {
      text: JSON.stringify({
        version: 1,
        heartbeat: 1,
        volumes: [{ ...aCheckpoint(), deviceSettings: {}, schedulerSettings: "none" }],
      }),
      because: "a scheduler's settings are a text",
    },
    {
      text: JSON.stringify({ version: 1, heartbeat: 1, volumes: [], freezes: [{ volumeName: "pvc-1" }] }),
      because: "the mark of a freeze lacks its path",
    },
  ];
  for (const { text, because } of damaged) {
    it(`refuses a file when ${because}, and leaves it as it is`, async (t) => {
      const path = await aPath(t);
      await writeFile(path, slotOf(text, 2));
      // Not understood is not damaged: what was before it is no substitute.
      await writeFile(secondOf(path), whole);
      await assert.rejects(openFileNodeCheckpoints(path), /checkpoints in .* are damaged \(/);
      assert.deepEqual(await readFile(path), slotOf(text, 2));
    });
  }

  it("overwrites two files in turn, in place, each of a fixed size", async (t) => {
    const path = await aPath(t);
    const checkpoints = await openFileNodeCheckpoints(path);
    await checkpoints.put(aCheckpoint(), never);
    const files = [path, secondOf(path)];
    const inodes = async () => Promise.all(files.map(async (file) => (await stat(file)).ino));
    const before = await inodes();
    for (let beat = 1; beat <= 5; beat += 1)
      await checkpoints.putHeartbeat({ heartbeat: beat, vmId: "vm-1" }, never);
    assert.deepEqual(await inodes(), before);
    const texts = await Promise.all(files.map((file) => readFile(file, "utf8")));
    const beats = texts.map((text) => [text.length, Number(/"heartbeat": (\d)/u.exec(text)?.[1])]);
    assert.deepEqual(beats, [
      [SLOT_BYTES, 5],
      [SLOT_BYTES, 4],
    ]);
    // A shorter content leaves nothing of a longer one behind.
    await checkpoints.remove("pvc-1", never);
    await checkpoints.putHeartbeat({ heartbeat: 6, vmId: "vm-1" }, never);
    for (const file of files) assert.doesNotMatch(await readFile(file, "utf8"), /pvc-1/u);
    const after = await openFileNodeCheckpoints(path);
    assert.deepEqual([after.heartbeat(), after.volumes()], [6, []]);
  });

  it("grows both files once twice its content no longer fits, and keeps the content", async (t) => {
    const path = await aPath(t);
    const checkpoints = await openFileNodeCheckpoints(path);
    const many = Array.from({ length: 120 }, (_, index) => `pvc-${100 + index}`);
    for (const volumeName of many) await checkpoints.put(aCheckpoint({ volumeName }), never);
    const sizes = await Promise.all([path, secondOf(path)].map(async (file) => (await stat(file)).size));
    assert.deepEqual(sizes, [2 * SLOT_BYTES, 2 * SLOT_BYTES]);
    const after = await openFileNodeCheckpoints(path);
    assert.deepEqual(
      after.volumes().map(({ volumeName }) => volumeName),
      many,
    );
  });

  it("continues with either file where the other one was removed", async (t) => {
    const path = await aPath(t);
    await (await openFileNodeCheckpoints(path)).put(aCheckpoint(), never);
    for (const [removed, beat] of [
      [path, 1],
      [secondOf(path), 2],
      [path, 3],
    ] as const) {
      const checkpoints = await openFileNodeCheckpoints(path);
      // Twice: whichever is the newest, the other one is not.
      await checkpoints.putHeartbeat({ heartbeat: beat, vmId: "vm-1" }, never);
      await checkpoints.putHeartbeat({ heartbeat: beat, vmId: "vm-1" }, never);
      await rm(removed);
      const reopened = await openFileNodeCheckpoints(path);
      assert.deepEqual(reopened.volumes(), [aCheckpoint()]);
      await reopened.putHeartbeat({ heartbeat: beat, vmId: "vm-1" }, never);
      assert.equal((await stat(removed)).size, SLOT_BYTES);
    }
  });

  it("makes a file again that a person has removed, with the next change", async (t) => {
    const path = await aPath(t);
    const checkpoints = await openFileNodeCheckpoints(path);
    await checkpoints.put(aCheckpoint(), never);
    for (const removed of [path, secondOf(path), path]) {
      await rm(removed);
      const written = [];
      for (const beat of [1, 2, 3])
        written.push((await checkpoints.putHeartbeat({ heartbeat: beat, vmId: "vm-1" }, never)).ok);
      assert.equal(written.filter((isOk) => isOk).length, 2);
      assert.equal((await stat(removed)).size, SLOT_BYTES);
      assert.deepEqual((await openFileNodeCheckpoints(path)).volumes(), [aCheckpoint()]);
    }
  });

  it("writes what it has read to the disk again, where its writer may not have got it", async (t) => {
    const path = await aPath(t);
    await (await openFileNodeCheckpoints(path)).put(aCheckpoint(), never);
    const long = new Date(0);
    const written = async (): Promise<readonly boolean[]> =>
      Promise.all([path, secondOf(path)].map(async (file) => (await stat(file)).mtimeMs > 0));
    for (const file of [path, secondOf(path)]) await utimes(file, long, long);
    // Not by a process that only reads: the plug-in may write at that moment.
    assert.deepEqual((await readFileNodeCheckpoints(path)).volumes, [aCheckpoint()]);
    assert.deepEqual(await written(), [false, false]);
    const before = await readFile(secondOf(path));
    assert.deepEqual((await openFileNodeCheckpoints(path)).volumes(), [aCheckpoint()]);
    assert.deepEqual([await written(), await readFile(secondOf(path))], [[false, true], before]);
  });

  for (const { because, roomBytes, sizeBytes } of [
    { because: "grows with room for later changes", roomBytes: Infinity, sizeBytes: 2 * SLOT_BYTES },
    { because: "takes its reserve where there is none", roomBytes: 0, sizeBytes: SLOT_BYTES },
  ])
    it(`${because} once more than half of a file is used`, async (t) => {
      const path = await aPath(t);
      let room = Infinity;
      const disk = withRoom(() => room);
      const checkpoints = await openFileNodeCheckpoints(path, undefined, disk);
      assert.deepEqual(await checkpoints.put(aCheckpoint(), never), { ok: true, value: undefined });
      room = roomBytes;
      // The first heartbeat adds the VM that counts it.
      const addedBytes = '\n "heartbeatVmId": "vm-1",'.length;
      const pathBytes = (await pathBytesForFullSlot(t)) - addedBytes;
      const long = aCheckpoint({ stagingPath: "s".repeat(pathBytes) });
      assert.deepEqual(await checkpoints.put(long, never), { ok: true, value: undefined });
      for (const file of [path, secondOf(path)]) assert.equal((await stat(file)).size, sizeBytes);
      room = 0;
      for (let write = 3; write < 10; write += 1)
        assert.deepEqual(await checkpoints.putHeartbeat({ heartbeat: 1, vmId: "vm-1" }, never), {
          ok: true,
          value: undefined,
        });
      // The tenth has a digit more, and there is no space by now.
      const tenth = await checkpoints.putHeartbeat({ heartbeat: 1, vmId: "vm-1" }, never);
      assert.equal(tenth.ok ? "ok" : tenth.failure.kind, roomBytes > 0 ? "ok" : "CheckpointsFull");
      room = Infinity;
      assert.deepEqual(await checkpoints.putHeartbeat({ heartbeat: 1, vmId: "vm-1" }, never), {
        ok: true,
        value: undefined,
      });
    });

  it("reports that it can't write, and keeps what was durable", async (t) => {
    const path = await aPath(t);
    const checkpoints = await openFileNodeCheckpoints(path);
    await checkpoints.put(aCheckpoint({ epoch: 1 }), never);
    // A directory in the way of one of the two; root may write anywhere else.
    await rm(secondOf(path));
    await mkdir(secondOf(path));
    const results = [];
    for (const epoch of [2, 3, 4]) {
      const put = await checkpoints.put(aCheckpoint({ epoch }), never);
      results.push([put.ok ? "written" : put.failure.kind, checkpoints.volumes()[0]?.epoch]);
    }
    const after = results.some(([, epoch]) => epoch === 2) ? 2 : 1;
    assert.deepEqual(results.at(-1), ["HostNotReady", after]);
    await rmdir(secondOf(path));
    assert.equal((await openFileNodeCheckpoints(path)).volumes()[0]?.epoch, after);
  });

  it("keeps which VM counts the heartbeats, and reads a file that does not say it", async (t) => {
    const path = await aPath(t);
    const checkpoints = await openFileNodeCheckpoints(path);
    await checkpoints.put(aCheckpoint(), never);
    assert.equal((await openFileNodeCheckpoints(path)).heartbeatVmId(), undefined);
    await checkpoints.putHeartbeat({ heartbeat: 1, vmId: "vm-1" }, never);
    const again = await openFileNodeCheckpoints(path);
    assert.deepEqual([again.heartbeatVmId(), again.heartbeat()], ["vm-1", 1]);
    assert.equal(again.heartbeatNodeName(), undefined);
    await again.putHeartbeat({ heartbeat: 2, vmId: "vm-1", nodeName: "node-a" }, never);
    assert.equal((await openFileNodeCheckpoints(path)).heartbeatNodeName(), "node-a");
  });

  it("writes nothing for a caller that has left", async (t) => {
    const path = await aPath(t);
    const checkpoints = await openFileNodeCheckpoints(path);
    assert.deepEqual(await checkpoints.putHeartbeat({ heartbeat: 1, vmId: "vm-1" }, AbortSignal.abort()), {
      ok: false,
      failure: { kind: "Cancelled" },
    });
    assert.equal((await openFileNodeCheckpoints(path)).heartbeat(), 0);
  });

  it("shows every volume to a process that reads while the plug-in writes", async (t) => {
    const path = await aPath(t);
    const names = Array.from({ length: 20 }, (_, index) => `pvc-${10 + index}`);
    const checkpoints = await openFileNodeCheckpoints(path);
    for (const volumeName of names) await checkpoints.put(aCheckpoint({ volumeName }), never);
    const source = `
      const { openFileNodeCheckpoints } = await import(${JSON.stringify(new URL("./file-node-checkpoints.ts", import.meta.url).href)});
      const checkpoints = await openFileNodeCheckpoints(${JSON.stringify(path)});
      console.log("writing");
      for (let beat = 1; ; beat += 1) await checkpoints.putHeartbeat({ heartbeat: beat, vmId: "vm-1" }, new AbortController().signal);`;
    const writer = spawn(process.execPath, ["--input-type=module", "--eval", source], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    t.after(() => writer.kill("SIGKILL"));
    await once(writer.stdout, "data");
    for (let look = 0; look < LOOKS; look += 1) {
      const { volumes } = await readFileNodeCheckpoints(path);
      assert.deepEqual(
        volumes.map(({ volumeName }) => volumeName),
        names,
      );
    }
    const exited = once(writer, "exit");
    writer.kill("SIGKILL");
    await exited;
  });

  it("has every acknowledged change after a kill -9 at any moment", async (t) => {
    const path = await aPath(t);
    const source = `
      const { openFileNodeCheckpoints } = await import(${JSON.stringify(new URL("./file-node-checkpoints.ts", import.meta.url).href)});
      const checkpoints = await openFileNodeCheckpoints(${JSON.stringify(path)});
      for (let beat = checkpoints.heartbeat() + 1; ; beat += 1) {
        await checkpoints.putHeartbeat({ heartbeat: beat, vmId: "vm-1" }, new AbortController().signal);
        console.log(beat);
      }`;
    for (const linesBeforeKill of [1, 7, 20]) {
      const writer = spawn(process.execPath, ["--input-type=module", "--eval", source], {
        stdio: ["ignore", "pipe", "inherit"],
      });
      let acknowledged = 0;
      let lines = 0;
      for await (const line of createInterface({ input: writer.stdout })) {
        acknowledged = Number(line);
        lines += 1;
        if (lines === linesBeforeKill) writer.kill("SIGKILL");
      }
      if (writer.exitCode === null && writer.signalCode === null) await once(writer, "exit");
      assert.ok(lines >= linesBeforeKill, "the writer ended by itself");
      const found = (await openFileNodeCheckpoints(path)).heartbeat();
      assert.ok(
        found === acknowledged || found === acknowledged + 1,
        `acknowledged ${acknowledged}, found ${found}`,
      );
    }
  });
});
