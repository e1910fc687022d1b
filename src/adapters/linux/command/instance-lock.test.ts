import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import type { TestContext } from "node:test";
import { takeInstanceLock } from "./instance-lock.ts";

async function aDirectory(t: TestContext): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "instance-lock-"));
  t.after(() => rm(directory, { recursive: true }));
  return directory;
}

/**
 * A plug-in of its own: acquires the lock, starts a command that only a signal ends, and prints the
 * command's process id.
 */
async function aPluginWithAChild(directory: string) {
  const source = `
    const { takeInstanceLock } = await import(${JSON.stringify(new URL("./instance-lock.ts", import.meta.url).href)});
    const { spawn } = await import("node:child_process");
    const lock = await takeInstanceLock(${JSON.stringify(directory)});
    const child = spawn("sleep", ["infinity"], { stdio: ["ignore", "ignore", "ignore", lock.fd], detached: true });
    console.log(child.pid);
  `;
  const plugin = spawn(process.execPath, ["--input-type=module", "--eval", source], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [line]: string[] = await once(plugin.stdout.setEncoding("utf8"), "data");
  return { plugin, childPid: Number(line) };
}

describe("takeInstanceLock", () => {
  it("sees no earlier instance in a new directory", async (t) => {
    const lock = await takeInstanceLock(join(await aDirectory(t), "made"));
    t.after(lock.close);
    assert.deepEqual(await lock.earlierAlive(), { ok: true, value: false });
  });

  it("sees an earlier instance until it is closed, and then removes its file", async (t) => {
    const directory = await aDirectory(t);
    const earlier = await takeInstanceLock(directory);
    const later = await takeInstanceLock(directory);
    t.after(later.close);
    assert.deepEqual(await later.earlierAlive(), { ok: true, value: true });
    assert.deepEqual(await earlier.earlierAlive(), { ok: true, value: false });
    await earlier.close();
    assert.deepEqual(await later.earlierAlive(), { ok: true, value: false });
    assert.deepEqual(await readdir(directory), [`instance-${later.instanceNumber}.lock`]);
  });

  it("removes what earlier instances left, even if no volume is ever staged", async (t) => {
    const directory = await aDirectory(t);
    for (let nth = 1; nth <= 3; nth += 1) await (await takeInstanceLock(directory)).close();
    const last = await takeInstanceLock(directory);
    t.after(last.close);
    assert.deepEqual(await readdir(directory), [`instance-${last.instanceNumber}.lock`]);
  });

  it("is not misled by its own concurrent checks: two volumes may be staged at once", async (t) => {
    const directory = await aDirectory(t);
    await (await takeInstanceLock(directory)).close();
    const later = await takeInstanceLock(directory);
    t.after(later.close);
    const looks = await Promise.all([later.earlierAlive(), later.earlierAlive(), later.earlierAlive()]);
    assert.deepEqual(
      looks,
      looks.map(() => ({ ok: true, value: false })),
    );
  });

  it("sees a command that outlives its killed plug-in, until the command is dead", async (t) => {
    const directory = await aDirectory(t);
    const { plugin, childPid } = await aPluginWithAChild(directory);
    plugin.kill("SIGKILL");
    await once(plugin, "exit");
    const later = await takeInstanceLock(directory);
    t.after(later.close);
    assert.deepEqual(await later.earlierAlive(), { ok: true, value: true });
    process.kill(childPid, "SIGKILL");
    // A killed process closes its descriptors a moment after kill(2) returns.
    let alive = await later.earlierAlive();
    while (alive.ok && alive.value) alive = await later.earlierAlive();
    assert.deepEqual(alive, { ok: true, value: false });
  });

  it("numbers concurrent instances, of which exactly the lowest sees no earlier one", async (t) => {
    const directory = await aDirectory(t);
    const locks = await Promise.all([1, 2, 3, 4].map(() => takeInstanceLock(directory)));
    t.after(() => Promise.all(locks.map((lock) => lock.close())));
    const ordered = locks.toSorted((a, b) => a.instanceNumber - b.instanceNumber);
    const seen = await Promise.all(ordered.map((lock) => lock.earlierAlive()));
    assert.deepEqual(
      seen,
      [false, true, true, true].map((value) => ({ ok: true, value })),
    );
  });

  it("refuses to start if it can't lock", async (t) => {
    const file = join(await aDirectory(t), "file");
    await writeFile(file, "");
    await assert.rejects(takeInstanceLock(join(file, "locks")), /ENOTDIR/);
  });
});
