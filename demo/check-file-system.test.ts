import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { findCommand } from "../scripts/child/find-command.ts";
import { runCommand } from "../scripts/child/run-command.ts";
import { checkFileSystem } from "./check-file-system.ts";

const DISK_BYTES = 4 * 1024 * 1024;
const hasE2fsck =
  (await findCommand("e2fsck")) === undefined || (await findCommand("mkfs.ext4")) === undefined
    ? { skip: "needs e2fsprogs" }
    : {};

async function aDisk(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "check-"));
  t.after(() => rm(folder, { recursive: true }));
  const path = join(folder, "a.disk");
  await writeFile(path, Buffer.alloc(DISK_BYTES));
  return path;
}

describe("checkFileSystem", () => {
  it("answers clean, or what the check says", hasE2fsck, async (t) => {
    const path = await aDisk(t);
    assert.match(await checkFileSystem(path, "ext4"), /^e2fsck ended with 8: [^]*Bad magic number/u);
    const made = await runCommand("mkfs.ext4", ["-q", path], { cwd: tmpdir() });
    assert.equal(made.code, 0, made.output);
    assert.equal(await checkFileSystem(path, "ext4"), "clean");
  });

  it("throws where the check can't be run: that says nothing of the file system", async (t) => {
    const path = await aDisk(t);
    const { PATH } = process.env;
    t.after(() => Object.assign(process.env, { PATH }));
    process.env["PATH"] = "";
    await assert.rejects(checkFileSystem(path, "xfs"), { code: "ENOENT", path: "xfs_repair" });
  });
});
