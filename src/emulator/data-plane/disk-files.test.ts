import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { after, describe, it } from "node:test";
import { copyWhole, diskFiles } from "./disk-files.ts";

const DISK_ID = "/subscriptions/s/resourceGroups/rg/providers/Microsoft.Compute/disks/Data_1";
const COPY_ID = `${DISK_ID}-copy`;

describe("diskFiles", () => {
  const directories: string[] = [];
  after(() => Promise.all(directories.map((directory) => rm(directory, { recursive: true }))));

  async function someFiles() {
    const directory = await mkdtemp(join(tmpdir(), "disk-files-"));
    directories.push(directory);
    return { files: diskFiles(directory), directory };
  }

  it("names a file by the disk and its whole id, whatever its case", () => {
    const files = diskFiles("/disks");
    assert.match(basename(files.pathOf(DISK_ID)), /^data_1-[0-9a-f]{16}\.disk$/);
    assert.equal(files.pathOf(DISK_ID.toUpperCase()), files.pathOf(DISK_ID));
    assert.notEqual(files.pathOf(DISK_ID.replace("/rg/", "/other/")), files.pathOf(DISK_ID));
    const odd = files.pathOf(`/x/${"é/..\\".repeat(40)}`);
    assert.equal(dirname(odd), join("/disks"));
    assert.match(basename(odd), /^[\w.-]{1,120}\.disk$/);
  });

  it("makes a disk of the requested size that uses no space", async () => {
    const { files } = await someFiles();
    await files.create(DISK_ID, 2n ** 40n);
    const { size, blocks } = await stat(files.pathOf(DISK_ID), { bigint: true });
    assert.deepEqual({ size, blocks }, { size: 2n ** 40n, blocks: 0n });
  });

  it("empties a recreated disk, grows one and keeps its bytes, copies its content", async () => {
    const { files, directory } = await someFiles();
    await writeFile(files.pathOf(DISK_ID), "old bytes");
    await files.create(DISK_ID, 4n);
    assert.equal(await readFile(files.pathOf(DISK_ID), "latin1"), "\0\0\0\0");
    await writeFile(files.pathOf(DISK_ID), "data");
    await files.grow(DISK_ID, 6n);
    await files.copy(DISK_ID, COPY_ID, 8n);
    assert.equal(await readFile(files.pathOf(COPY_ID), "latin1"), "data\0\0\0\0");
    assert.equal((await readdir(directory)).length, 2);
  });

  it("copies the content where there is no program that keeps holes", async () => {
    const { directory } = await someFiles();
    const files = diskFiles(directory, copyWhole);
    const path = process.env["PATH"];
    process.env["PATH"] = directory;
    try {
      await writeFile(files.pathOf(DISK_ID), "data");
      await files.copy(DISK_ID, COPY_ID, 8n);
    } finally {
      process.env["PATH"] = path;
    }
    assert.equal(await readFile(files.pathOf(COPY_ID), "latin1"), "data\0\0\0\0");
  });

  it("refuses to shrink a disk or a copy of it", async () => {
    const { files } = await someFiles();
    await files.create(DISK_ID, 8n);
    await assert.rejects(files.grow(DISK_ID, 4n), { message: /it has 8 bytes, and disks only grow/ });
    await assert.rejects(files.copy(DISK_ID, COPY_ID, 4n), {
      message: /the source has 8 bytes, and a copy cannot be smaller/,
    });
  });

  it("removes either unfinished files only, or disks only", async () => {
    const { files, directory } = await someFiles();
    await files.create(DISK_ID, 8n);
    await writeFile(`${files.pathOf(COPY_ID)}.unfinished`, "half");
    await writeFile(join(directory, "foreign-file"), "");
    await files.removeUnfinished();
    assert.deepEqual(
      (await readdir(directory)).toSorted(),
      [basename(files.pathOf(DISK_ID)), "foreign-file"].toSorted(),
    );
    await files.removeAll();
    assert.deepEqual(await readdir(directory), ["foreign-file"]);
  });
});
