import assert from "node:assert/strict";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { startPowerShell } from "./start-power-shell.ts";
import type { StorageCall } from "./storage-call.ts";
import { WORKER_FILE, WORKER_SCRIPT } from "./worker-script.ts";

/**
 * A worker in JavaScript, with the protocol of the script: it answers its process id and the call. `Exit`
 * ends it, `Fail` is an error of a cmdlet, and `Noise` is no answer.
 */
const WORKER = `
require("node:readline").createInterface({ input: process.stdin }).on("line", (line) => {
  const call = JSON.parse(line);
  if (call.cmdlet === "Exit") process.exit(3);
  const answer = call.cmdlet === "Fail"
    ? { ok: false, error: "Access denied" }
    : { ok: true, rows: [{ worker: process.pid, call }] };
  console.log(call.cmdlet === "Noise" ? "WARNING" : JSON.stringify(answer));
});`;

function aCall(cmdlet: string): StorageCall {
  return { cmdlet, parameters: { Text: "O'Neil; $(Remove-Item C:\\) \u00e9\n" }, select: [] };
}

async function aPool(t: TestContext) {
  const directory = await mkdtemp(join(tmpdir(), "power-shell-"));
  const powerShell = await startPowerShell({ directory, command: () => [process.execPath, "-e", WORKER] });
  t.after(async () => {
    powerShell.close();
    await rm(directory, { recursive: true });
  });
  return { powerShell, directory };
}

describe("startPowerShell", () => {
  it("writes the workers' script to its folder", async (t) => {
    const { directory } = await aPool(t);
    assert.equal(await readFile(join(directory, WORKER_FILE), "utf8"), WORKER_SCRIPT);
  });

  it("sends a call as data, whatever its text, and returns the answer", async (t) => {
    const { powerShell } = await aPool(t);
    const answered = await powerShell.call(aCall("Get-Disk"));
    assert.ok(answered.ok && answered.value.ok);
    assert.deepEqual((answered.value.rows[0] as { readonly call: unknown }).call, aCall("Get-Disk"));
  });

  it("returns a cmdlet's error as an answer", async (t) => {
    const { powerShell } = await aPool(t);
    assert.deepEqual(await powerShell.call(aCall("Fail")), {
      ok: true,
      value: { ok: false, error: "Access denied" },
    });
  });

  it("runs four calls at a time, and makes the others wait", async (t) => {
    const { powerShell } = await aPool(t);
    const answers = await Promise.all(Array.from({ length: 9 }, () => powerShell.call(aCall("Get-Disk"))));
    const workers = answers.map((answered) =>
      answered.ok && answered.value.ok ? (answered.value.rows[0] as { readonly worker: number }).worker : 0,
    );
    assert.deepEqual([new Set(workers).size, workers.includes(0)], [4, false]);
  });

  it("fails with what it got where a worker answers something else", async (t) => {
    const { powerShell } = await aPool(t);
    assert.deepEqual(await powerShell.call(aCall("Noise")), {
      ok: false,
      failure: { kind: "HostNotReady", detail: "PowerShell answered something else: WARNING" },
    });
  });

  it("fails the call of a worker that ends, and starts another for the next", async (t) => {
    const { powerShell } = await aPool(t);
    const ended = await powerShell.call(aCall("Exit"));
    assert.equal(!ended.ok && ended.failure.kind, "HostNotReady");
    assert.equal((await powerShell.call(aCall("Get-Disk"))).ok, true);
  });

  it("keeps no process alive by its idle workers", async (t) => {
    const keepers = (): readonly string[] =>
      process.getActiveResourcesInfo().filter((name) => name === "ProcessWrap" || name === "PipeWrap");
    const before = keepers();
    const { powerShell } = await aPool(t);
    await powerShell.call(aCall("Get-Disk"));
    // A process of an earlier test may end during this one.
    const now = keepers();
    assert.ok(now.length <= before.length, `${now.join()} after ${before.join()}`);
  });

  it("throws where PowerShell can't be started", async (t) => {
    const directory = await mkdtemp(join(tmpdir(), "power-shell-"));
    t.after(() => rm(directory, { recursive: true }));
    await assert.rejects(
      startPowerShell({ directory, command: () => [join(directory, "absent")] }),
      /ENOENT/u,
    );
  });
});
