import { mkdir, open, readFile, rename } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { messageOf } from "../../../core/failure/message-of.ts";
import type { NodeCheckpoints } from "../../../ports/host/node-checkpoints.ts";
import { undefinedIfMissing } from "../error-code.ts";
import { afterBoot, createDurableCheckpoints } from "./create-durable-checkpoints.ts";
import { parseNodeCheckpoints } from "./parse-node-checkpoints.ts";
import type { CheckpointFile } from "./parse-node-checkpoints.ts";

/** A name that the kernel generates each time that the machine starts. */
const BOOT_ID_FILE = "/proc/sys/kernel/random/boot_id";
/** On Windows a device is known by its disk's unique id, which outlives a restart. */
const EVERY_BOOT = "windows";

/**
 * Opens the node's checkpoints in the file at `path`, which has to survive reboots. No file: the node's
 * first start. Throws if the file can't be read or parsed: starting with no checkpoints would let the
 * node acquire a volume that it may still be writing. `bootIdFile`: undefined on Windows.
 */
export async function openFileNodeCheckpoints(
  path: string,
  bootIdFile: string | undefined = process.platform === "win32" ? undefined : BOOT_ID_FILE,
): Promise<NodeCheckpoints> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const bootId = bootIdFile === undefined ? EVERY_BOOT : (await readFile(bootIdFile, "utf8")).trim();
  const text = await readFile(path, "utf8").catch(undefinedIfMissing);
  if (text === undefined) return checkpointsIn(path, { bootId, heartbeat: 0, volumes: [] });
  const parsed = parseNodeCheckpoints(text);
  if (parsed.ok) return checkpointsIn(path, afterBoot(parsed.value, bootId));
  throw new Error(
    `the node's checkpoints in ${path} are damaged (${parsed.failure}): restore the file, or remove it ` +
      "once nothing of this driver is mounted on this node",
  );
}

function checkpointsIn(path: string, first: CheckpointFile): NodeCheckpoints {
  return createDurableCheckpoints(first, async (content) => {
    try {
      await replaceDurably(path, `${JSON.stringify({ version: 1, ...content }, null, 1)}\n`);
    } catch (error) {
      throw new Error(`the node's checkpoints in ${path} can't be written: ${messageOf(error)}`, {
        cause: error,
      });
    }
  });
}

/**
 * Replaces a file so that after a crash at any moment either the old or the new content is there, and
 * after the return the new one.
 */
async function replaceDurably(path: string, text: string): Promise<void> {
  const temporary = join(dirname(path), `.${basename(path)}.new`);
  const file = await open(temporary, "w", 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(temporary, path);
  // Windows opens no directory; NTFS keeps renames in its own journal.
  if (process.platform === "win32") return;
  const directory = await open(dirname(path), "r");
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}
