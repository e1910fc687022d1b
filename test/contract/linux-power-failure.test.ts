import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { copyFile, mkdir, mkdtemp, open, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { promisify } from "node:util";
import { decodeSlot, encodeSlot } from "../../src/adapters/linux/checkpoints/checkpoint-slot.ts";
import { openFileNodeCheckpoints } from "../../src/adapters/linux/checkpoints/file-node-checkpoints.ts";
import { dataPlaneAvailable } from "../../src/emulator/data-plane/data-plane-available.ts";
import { aCheckpoint } from "../../src/ports/testing/a-checkpoint.ts";

const run = promisify(execFile);
const never = new AbortController().signal;
const devices = dataPlaneAvailable();
const here = { timeout: 300_000, ...(devices.available ? {} : { skip: devices.reason }) };
const IMAGE_BYTES = 32 * 1024 * 1024;
/** How much of a write has reached the disk when the power fails. */
const TORN_BYTES = 90;

/** A root disk: a file system in a file, of which the kernel has more in memory than is in the file. */
interface RootDisk {
  readonly image: string;
  /** The two files of the checkpoints, as the plug-in names them. */
  readonly files: readonly [string, string];
  /** What is on the disk now, as after a power failure, while `act` runs. */
  readonly afterPowerFailure: (act: (files: readonly [string, string]) => Promise<void>) => Promise<void>;
}

const filesIn = (folder: string): readonly [string, string] => [
  join(folder, "state/volumes.json"),
  join(folder, "state/volumes.2.json"),
];

async function withRootDisk(act: (disk: RootDisk) => Promise<void>): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), "power-failure-"));
  const image = join(directory, "disk.img");
  const root = join(directory, "root");
  await mkdir(root);
  await writeFile(image, "");
  await truncate(image, IMAGE_BYTES);
  await run("mkfs.ext4", ["-q", image]);
  await run("mount", ["-o", "loop", image, root]);
  const afterPowerFailure: RootDisk["afterPowerFailure"] = async (look) => {
    const copy = join(directory, "after.img");
    const mounted = join(directory, "after");
    await copyFile(image, copy);
    await mkdir(mounted);
    await run("mount", ["-o", "loop", copy, mounted]);
    try {
      await look(filesIn(mounted));
    } finally {
      await run("umount", [mounted]);
    }
  };
  try {
    await act({ image, files: filesIn(root), afterPowerFailure });
  } finally {
    await run("umount", [root]);
    await rm(directory, { recursive: true });
  }
}

/** The files with the newest write, and the one that is overwritten next; which of them, and its content. */
async function newestOf(files: readonly [string, string]) {
  const [first, second] = await Promise.all(files.map(async (file) => decodeSlot(await readFile(file))));
  const index = (first?.sequence ?? 0) > (second?.sequence ?? 0) ? (0 as const) : (1 as const);
  const content = index === 0 ? first : second;
  assert.ok(content !== undefined);
  return { index, content };
}

/** A plug-in whose last acknowledged change is the checkpoint of `pvc-1`. */
async function checkpointed({ files }: RootDisk): Promise<void> {
  const checkpoints = await openFileNodeCheckpoints(files[0]);
  await checkpoints.putHeartbeat({ heartbeat: 1, vmId: "vm-1" }, never);
  await checkpoints.putHeartbeat({ heartbeat: 2, vmId: "vm-1" }, never);
  const put = await checkpoints.put(aCheckpoint(), never);
  assert.deepEqual(put, { ok: true, value: undefined });
}

/** The plug-in that starts next is overwriting one of its files when the power fails. */
async function expectKept(disk: RootDisk): Promise<void> {
  const again = await openFileNodeCheckpoints(disk.files[0]);
  assert.deepEqual(
    again.volumes().map(({ volumeName }) => volumeName),
    ["pvc-1"],
  );
  const { index, content } = await newestOf(disk.files);
  await disk.afterPowerFailure(async (files) => {
    const torn = await open(files[index === 0 ? 1 : 0], "r+");
    await torn.write(encodeSlot({ ...content, sequence: content.sequence + 1 }).subarray(0, TORN_BYTES));
    await torn.close();
    const rebooted = await openFileNodeCheckpoints(files[0]);
    assert.deepEqual(
      rebooted.volumes().map(({ volumeName }) => volumeName),
      ["pvc-1"],
    );
  });
}

describe("a node whose power fails knows which volumes it may have written", here, () => {
  it("after a plug-in that was killed between a write and its sync", async () =>
    withRootDisk(async (disk) => {
      await checkpointed(disk);
      const { index, content } = await newestOf(disk.files);
      const file = await open(disk.files[index === 0 ? 1 : 0], "r+");
      const text = content.text.replace(/"heartbeat": 2/u, '"heartbeat": 3');
      await file.writeFile(encodeSlot({ sequence: content.sequence + 1, text }));
      await file.close();
      await expectKept(disk);
    }));

  it("after one whose sync failed, of which the kernel says nothing more", async () =>
    withRootDisk(async (disk) => {
      await checkpointed(disk);
      const { content } = await newestOf(disk.files);
      const bytes = await readFile(disk.image);
      const at = bytes.indexOf(encodeSlot(content));
      assert.ok(at > 0, "the write is not on the disk");
      const image = await open(disk.image, "r+");
      await image.write(Buffer.alloc(TORN_BYTES), 0, TORN_BYTES, at);
      await image.close();
      await expectKept(disk);
    }));
});
