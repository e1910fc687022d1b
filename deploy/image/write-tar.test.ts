import assert from "node:assert/strict";
import { chmod, link, mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { runCommand } from "../../scripts/child/run-command.ts";
import { folderEntries } from "./folder-entries.ts";
import type { TarEntry } from "./tar-entry.ts";
import { tarChunks } from "./write-tar.ts";

const LONG_NAME = `${"folder/".repeat(20)}file`;

describe("tar archive", () => {
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "tar-"));
  });
  after(async () => rm(folder, { recursive: true }));

  /** The archive as the system's own tar lists it: mode, owner, size, time and name. */
  async function list(entries: readonly TarEntry[]): Promise<readonly string[]> {
    const file = join(folder, "archive.tar");
    await writeFile(file, tarChunks(entries));
    const { code, output } = await runCommand(
      "tar",
      [
        "--list",
        "--verbose",
        "--numeric-owner",
        "--full-time",
        "--utc",
        "--quoting-style=literal",
        "-f",
        file,
      ],
      {
        cwd: folder,
        env: { LC_ALL: "C.UTF-8" },
      },
    );
    assert.equal(code, 0, output);
    return output
      .trimEnd()
      .split("\n")
      .map((line) => line.replaceAll(/ +/gu, " "));
  }

  it("holds every kind of member so that another program can read it", async () => {
    const bytes = Buffer.from("#!/bin/sh\n");
    assert.deepEqual(
      await list([
        { kind: "Folder", path: "bin", mode: 0o755 },
        {
          kind: "File",
          path: "bin/run",
          mode: 0o4755,
          uid: 1000,
          gid: 10,
          content: { kind: "Bytes", bytes },
        },
        { kind: "HardLink", path: "bin/same", target: "bin/run" },
        { kind: "SymbolicLink", path: "bin/sh", target: "run" },
      ]),
      [
        "drwxr-xr-x 0/0 0 1980-01-01 00:00:00 bin/",
        "-rwsr-xr-x 1000/10 10 1980-01-01 00:00:00 bin/run",
        "hrwxrwxrwx 0/0 0 1980-01-01 00:00:00 bin/same link to bin/run",
        "lrwxrwxrwx 0/0 0 1980-01-01 00:00:00 bin/sh -> run",
      ],
    );
  });

  it("holds names that are longer than a header's field or not ASCII", async () => {
    const content = { kind: "Bytes", bytes: new Uint8Array(513) } as const;
    assert.deepEqual(
      await list([
        { kind: "File", path: LONG_NAME, mode: 0o644, content },
        { kind: "SymbolicLink", path: "főtanúsítvány", target: LONG_NAME },
        { kind: "Folder", path: "x".repeat(99), mode: 0o700 },
        { kind: "Folder", path: "y".repeat(100), mode: 0o700 },
      ]),
      [
        `-rw-r--r-- 0/0 513 1980-01-01 00:00:00 ${LONG_NAME}`,
        `lrwxrwxrwx 0/0 0 1980-01-01 00:00:00 főtanúsítvány -> ${LONG_NAME}`,
        `drwx------ 0/0 0 1980-01-01 00:00:00 ${"x".repeat(99)}/`,
        `drwx------ 0/0 0 1980-01-01 00:00:00 ${"y".repeat(100)}/`,
      ],
    );
  });

  it("takes a folder with its modes, owners and links, parents first", async () => {
    const root = await mkdtemp(join(folder, "root-"));
    const owner = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
    await mkdir(join(root, "etc"));
    await chmod(join(root, "etc"), 0o750);
    await writeFile(join(root, "etc/file"), "content");
    await chmod(join(root, "etc/file"), 0o640);
    await link(join(root, "etc/file"), join(root, "etc/same"));
    await symlink("etc/nowhere", join(root, "a-link"));
    assert.deepEqual(await folderEntries(root), [
      { kind: "SymbolicLink", path: "a-link", ...owner, target: "etc/nowhere" },
      { kind: "Folder", path: "etc", ...owner, mode: 0o750 },
      {
        kind: "File",
        path: "etc/file",
        ...owner,
        mode: 0o640,
        content: { kind: "Disk", path: join(root, "etc/file"), sizeBytes: 7 },
      },
      { kind: "HardLink", path: "etc/same", ...owner, target: "etc/file" },
    ]);
  });

  // A layer with both cannot be unpacked.
  it("stores a symbolic link to a folder as a link, without what is behind it", async () => {
    const root = await mkdtemp(join(folder, "root-"));
    await mkdir(join(root, "bin"));
    await writeFile(join(root, "bin/tool"), "tool");
    await symlink("bin", join(root, "sbin"));
    await symlink("..", join(root, "bin/up"));
    const entries = await folderEntries(root);
    assert.deepEqual(
      entries.map(({ kind, path }) => `${kind} ${path}`),
      ["Folder bin", "File bin/tool", "SymbolicLink bin/up", "SymbolicLink sbin"],
    );
  });

  it("refuses entries that the container runtime makes itself", async () => {
    const root = await mkdtemp(join(folder, "root-"));
    const { code } = await runCommand("mkfifo", [join(root, "pipe")], { cwd: root });
    assert.equal(code, 0);
    await assert.rejects(folderEntries(root), {
      message: `${join(root, "pipe")} can't go into an image: it is neither file, folder nor link`,
    });
  });
});
