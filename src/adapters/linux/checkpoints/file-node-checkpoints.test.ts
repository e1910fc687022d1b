import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline/promises";
import { describe, it } from "node:test";
import type { TestContext } from "node:test";
import type { VolumeCheckpoint } from "../../../ports/host/node-checkpoints.ts";
import { openFileNodeCheckpoints } from "./file-node-checkpoints.ts";

const never = new AbortController().signal;

async function aPath(t: TestContext): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "node-notes-"));
  t.after(() => rm(directory, { recursive: true }));
  return join(directory, "notes.json");
}

function aCheckpoint(given: Partial<VolumeCheckpoint>): VolumeCheckpoint {
  return {
    volumeName: "pvc-1",
    uid: "uid-1",
    volumeId: "/disks/pvc-1",
    epoch: 1,
    stagingPath: "/staging",
    targetPaths: ["/target"],
    lun: 0,
    majorMinor: "8:32",
    accessType: "mount",
    vm: { vmId: "guid-a", instanceUri: "/virtualMachines/a" },
    ...given,
  };
}

describe("openFileNodeCheckpoints", () => {
  it("starts empty where there is no file yet", async (t) => {
    const checkpoints = await openFileNodeCheckpoints(await aPath(t));
    assert.deepEqual([checkpoints.volumes(), checkpoints.heartbeat()], [[], 0]);
  });

  it("keeps checkpoints (one for each volume), heartbeat and doubt over a restart", async (t) => {
    const path = await aPath(t);
    const before = await openFileNodeCheckpoints(path);
    await before.put(aCheckpoint({ volumeName: "pvc-2" }), never);
    await before.put(aCheckpoint({ epoch: 1 }), never);
    await before.put(aCheckpoint({ epoch: 2 }), never);
    await before.putHeartbeat(7, never);
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
    await (await openFileNodeCheckpoints(path, bootIdFile)).put(aCheckpoint({}), never);
    assert.deepEqual((await openFileNodeCheckpoints(path, bootIdFile)).volumes(), [aCheckpoint({})]);
    await writeFile(bootIdFile, "second\n");
    const rebooted = await openFileNodeCheckpoints(path, bootIdFile);
    assert.deepEqual(rebooted.volumes(), [aCheckpoint({ majorMinor: undefined })]);
    await rebooted.putHeartbeat(1, never);
    assert.deepEqual((await openFileNodeCheckpoints(path, bootIdFile)).volumes(), [
      aCheckpoint({ majorMinor: undefined }),
    ]);
  });

  it("keeps device numbers over a restart where there is no boot id, as on Windows", async (t) => {
    const path = await aPath(t);
    await (await openFileNodeCheckpoints(path, undefined)).put(aCheckpoint({}), never);
    assert.deepEqual((await openFileNodeCheckpoints(path, undefined)).volumes(), [aCheckpoint({})]);
  });

  it("keeps the earlier settings of a device over a restart", async (t) => {
    const path = await aPath(t);
    const checkpoint = aCheckpoint({ deviceSettings: { "queue/scheduler": "none" } });
    await (await openFileNodeCheckpoints(path)).put(checkpoint, never);
    assert.deepEqual((await openFileNodeCheckpoints(path)).volumes(), [checkpoint]);
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
    await checkpoints.put(aCheckpoint({}), never);
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
      checkpoints.putHeartbeat(3, never),
    ]);
    const after = await openFileNodeCheckpoints(path);
    assert.deepEqual(
      [after.volumes().map((checkpoint) => checkpoint.volumeName), after.heartbeat()],
      [names, 3],
    );
  });

  it("reads checkpoints of an older plug-in, which do not name their VM", async (t) => {
    const path = await aPath(t);
    const { vm: _, ...older } = aCheckpoint({});
    await writeFile(path, JSON.stringify({ version: 1, heartbeat: 1, volumes: [older] }));
    assert.deepEqual((await openFileNodeCheckpoints(path)).volumes(), [older]);
  });

  const damaged = [
    { text: "", because: "it is empty" },
    { text: '{"version":1,"heartbeat":1,"volumes":[', because: "it is cut short" },
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
      text: JSON.stringify({
        version: 1,
        heartbeat: 1,
        volumes: [{ ...aCheckpoint({}), vm: { vmId: "guid-a" } }],
      }),
      because: "a checkpoint's VM lacks its resource id",
    },
    {
      text: JSON.stringify({ version: 1, heartbeat: 1, volumes: [{ ...aCheckpoint({}), vm: "guid-a" }] }),
      because: "a checkpoint's VM is a text",
    },
    {
      text: JSON.stringify({
        version: 1,
        heartbeat: 1,
        volumes: [{ ...aCheckpoint({}), deviceSettings: { "../uevent": "add" } }],
      }),
      because: "a checkpoint has a setting that no device has",
    },
    {
      text: JSON.stringify({ version: 1, heartbeat: 1, volumes: [], freezes: [{ volumeName: "pvc-1" }] }),
      because: "the mark of a freeze lacks its path",
    },
  ];
  for (const { text, because } of damaged) {
    it(`refuses a file when ${because}, and leaves it as it is`, async (t) => {
      const path = await aPath(t);
      await writeFile(path, text);
      await assert.rejects(openFileNodeCheckpoints(path), /checkpoints in .* are damaged \(/);
      assert.equal(await readFile(path, "utf8"), text);
    });
  }

  it("reports that it can't write, and keeps what was durable", async (t) => {
    const path = await aPath(t);
    const checkpoints = await openFileNodeCheckpoints(path);
    await checkpoints.putHeartbeat(1, never);
    // A directory in the way of the temporary file; root may write anywhere else.
    await mkdir(join(path, "..", ".notes.json.new"));
    const put = await checkpoints.putHeartbeat(2, never);
    assert.deepEqual([put.ok ? "written" : put.failure.kind, checkpoints.heartbeat()], ["HostNotReady", 1]);
  });

  it("writes nothing for a caller that has left", async (t) => {
    const path = await aPath(t);
    const checkpoints = await openFileNodeCheckpoints(path);
    assert.deepEqual(await checkpoints.putHeartbeat(1, AbortSignal.abort()), {
      ok: false,
      failure: { kind: "Cancelled" },
    });
    assert.equal((await openFileNodeCheckpoints(path)).heartbeat(), 0);
  });

  it("has every acknowledged change after a kill -9 at any moment", async (t) => {
    const path = await aPath(t);
    const source = `
      const { openFileNodeCheckpoints } = await import(${JSON.stringify(new URL("./file-node-checkpoints.ts", import.meta.url).href)});
      const checkpoints = await openFileNodeCheckpoints(${JSON.stringify(path)});
      for (let beat = checkpoints.heartbeat() + 1; ; beat += 1) {
        await checkpoints.putHeartbeat(beat, new AbortController().signal);
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
