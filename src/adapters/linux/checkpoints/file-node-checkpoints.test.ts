import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline/promises";
import { describe, it } from "node:test";
import type { TestContext } from "node:test";
import type { VolumeNote } from "../../../ports/host/node-checkpoints.ts";
import { openFileNodeNotes } from "./file-node-checkpoints.ts";

const never = new AbortController().signal;

async function aPath(t: TestContext): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "node-notes-"));
  t.after(() => rm(directory, { recursive: true }));
  return join(directory, "notes.json");
}

function aNote(given: Partial<VolumeNote>): VolumeNote {
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

describe("openFileNodeNotes", () => {
  it("starts empty where there is no file yet", async (t) => {
    const notes = await openFileNodeNotes(await aPath(t));
    assert.deepEqual([notes.volumes(), notes.heartbeat()], [[], 0]);
  });

  it("keeps notes, heartbeat and doubt over a restart, one note for each volume", async (t) => {
    const path = await aPath(t);
    const before = await openFileNodeNotes(path);
    await before.put(aNote({ volumeName: "pvc-2" }), never);
    await before.put(aNote({ epoch: 1 }), never);
    await before.put(aNote({ epoch: 2 }), never);
    await before.putHeartbeat(7, never);
    assert.equal(before.doubtedGeneration(), undefined);
    await before.putDoubt(3, never);
    const after = await openFileNodeNotes(path);
    assert.deepEqual([after.volumes(), after.heartbeat(), after.doubtedGeneration()], [[aNote({ epoch: 2 }), aNote({ volumeName: "pvc-2" })], 7, 3]);
  });

  it("forgets device numbers when the machine is started again, and only then: another disk may have them now", async (t) => {
    const path = await aPath(t);
    const bootIdFile = join(path, "..", "boot_id");
    await writeFile(bootIdFile, "first\n");
    await (await openFileNodeNotes(path, bootIdFile)).put(aNote({}), never);
    assert.deepEqual((await openFileNodeNotes(path, bootIdFile)).volumes(), [aNote({})]);
    await writeFile(bootIdFile, "second\n");
    const rebooted = await openFileNodeNotes(path, bootIdFile);
    assert.deepEqual(rebooted.volumes(), [aNote({ majorMinor: undefined })]);
    await rebooted.putHeartbeat(1, never);
    assert.deepEqual((await openFileNodeNotes(path, bootIdFile)).volumes(), [aNote({ majorMinor: undefined })]);
  });

  it("removes a note, and does nothing for a volume without one", async (t) => {
    const path = await aPath(t);
    const notes = await openFileNodeNotes(path);
    await notes.put(aNote({}), never);
    await notes.remove("pvc-1", never);
    await notes.remove("pvc-9", never);
    assert.deepEqual((await openFileNodeNotes(path)).volumes(), []);
  });

  it("loses no change of many that are made at once", async (t) => {
    const path = await aPath(t);
    const notes = await openFileNodeNotes(path);
    const names = Array.from({ length: 20 }, (_, index) => `pvc-${10 + index}`);
    await Promise.all([...names.map((volumeName) => notes.put(aNote({ volumeName }), never)), notes.putHeartbeat(3, never)]);
    const after = await openFileNodeNotes(path);
    assert.deepEqual([after.volumes().map((note) => note.volumeName), after.heartbeat()], [names, 3]);
  });

  it("reads notes of an older plug-in, which do not say on which VM they were made", async (t) => {
    const path = await aPath(t);
    const { vm: _, ...older } = aNote({});
    await writeFile(path, JSON.stringify({ version: 1, heartbeat: 1, volumes: [older] }));
    assert.deepEqual((await openFileNodeNotes(path)).volumes(), [older]);
  });

  const damaged = [
    { text: "", because: "it is empty" },
    { text: '{"version":1,"heartbeat":1,"volumes":[', because: "it is cut short" },
    { text: '{"version":2,"heartbeat":1,"volumes":[]}', because: "a newer driver wrote it" },
    { text: '{"version":1,"heartbeat":-1,"volumes":[]}', because: "a number is impossible" },
    { text: '{"version":1,"heartbeat":1,"doubtedGeneration":"1","volumes":[]}', because: "what it doubted is no number" },
    { text: '{"version":1,"heartbeat":1,"volumes":[{"volumeName":"pvc-1"}]}', because: "a note lacks fields" },
    { text: JSON.stringify({ version: 1, heartbeat: 1, volumes: [{ ...aNote({}), vm: { vmId: "guid-a" } }] }), because: "a note's VM lacks its resource id" },
    { text: JSON.stringify({ version: 1, heartbeat: 1, volumes: [{ ...aNote({}), vm: "guid-a" }] }), because: "a note's VM is a text" },
  ];
  for (const { text, because } of damaged) {
    it(`refuses a file when ${because}, and leaves it as it is`, async (t) => {
      const path = await aPath(t);
      await writeFile(path, text);
      await assert.rejects(openFileNodeNotes(path), /notes in .* are damaged \(/);
      assert.equal(await readFile(path, "utf8"), text);
    });
  }

  it("says that it can't write, and keeps what was durable", async (t) => {
    const path = await aPath(t);
    const notes = await openFileNodeNotes(path);
    await notes.putHeartbeat(1, never);
    // A directory in the way of the temporary file; root may write anywhere else.
    await mkdir(join(path, "..", ".notes.json.new"));
    const put = await notes.putHeartbeat(2, never);
    assert.deepEqual([put.ok ? "written" : put.failure.kind, notes.heartbeat()], ["HostNotReady", 1]);
  });

  it("writes nothing for a caller that has left", async (t) => {
    const path = await aPath(t);
    const notes = await openFileNodeNotes(path);
    assert.deepEqual(await notes.putHeartbeat(1, AbortSignal.abort()), { ok: false, failure: { kind: "Cancelled" } });
    assert.equal((await openFileNodeNotes(path)).heartbeat(), 0);
  });

  it("has every acknowledged change after a kill -9 at any moment", async (t) => {
    const path = await aPath(t);
    const source = `
      const { openFileNodeNotes } = await import(${JSON.stringify(new URL("./file-node-checkpoints.ts", import.meta.url).href)});
      const notes = await openFileNodeNotes(${JSON.stringify(path)});
      for (let beat = notes.heartbeat() + 1; ; beat += 1) {
        await notes.putHeartbeat(beat, new AbortController().signal);
        console.log(beat);
      }`;
    for (const linesBeforeKill of [1, 7, 20]) {
      const writer = spawn(process.execPath, ["--input-type=module", "--eval", source], { stdio: ["ignore", "pipe", "inherit"] });
      let acknowledged = 0;
      let lines = 0;
      for await (const line of createInterface({ input: writer.stdout })) {
        acknowledged = Number(line);
        lines += 1;
        if (lines === linesBeforeKill) writer.kill("SIGKILL");
      }
      if (writer.exitCode === null && writer.signalCode === null) await once(writer, "exit");
      const found = (await openFileNodeNotes(path)).heartbeat();
      assert.ok(found === acknowledged || found === acknowledged + 1, `acknowledged ${acknowledged}, found ${found}`);
    }
  });
});
