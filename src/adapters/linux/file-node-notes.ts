import { mkdir, open, readFile, rename } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { Failure } from "../../core/failure.ts";
import type { Result } from "../../core/result.ts";
import { fail, ok } from "../../core/result.ts";
import type { NodeNotes, VolumeNote } from "../../ports/node-notes.ts";
import { undefinedIfMissing } from "./error-code.ts";
import { parseNodeNotes } from "./parse-node-notes.ts";
import type { NotesContent } from "./parse-node-notes.ts";

/** A name that the kernel makes up each time that the machine is started. */
const BOOT_ID_FILE = "/proc/sys/kernel/random/boot_id";

/**
 * Opens the node's notes in the file at `path`, which has to survive reboots. No file: the node's first start. Throws if the file can't be read or understood:
 * starting with empty notes would let the node take a disk that it may still be writing.
 */
export async function openFileNodeNotes(path: string, bootIdFile = BOOT_ID_FILE): Promise<NodeNotes> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const bootId = (await readFile(bootIdFile, "utf8")).trim();
  const text = await readFile(path, "utf8").catch(undefinedIfMissing);
  if (text === undefined) return notesIn(path, { bootId, heartbeat: 0, volumes: [] });
  const parsed = parseNodeNotes(text);
  if (parsed.ok) return notesIn(path, afterBoot(parsed.value, bootId));
  throw new Error(
    `the node's notes in ${path} are damaged (${parsed.failure}): restore the file, or remove it once nothing of this driver is mounted on this node`,
  );
}

/** What was noted before the machine was started again says nothing of the devices that it has now. */
function afterBoot(content: NotesContent, bootId: string): NotesContent {
  const isSameBoot = content.bootId === undefined || content.bootId === bootId;
  return { ...content, bootId, volumes: isSameBoot ? content.volumes : content.volumes.map((note) => ({ ...note, majorMinor: undefined })) };
}

function notesIn(path: string, first: NotesContent): NodeNotes {
  let durable = first;
  let lastWrite: Promise<unknown> = Promise.resolve();

  /** One change after the other, each on top of what the one before it made durable. */
  const change = async (revise: (current: NotesContent) => NotesContent, signal: AbortSignal): Promise<Result<void, Failure>> => {
    const written = lastWrite.then(async (): Promise<Result<void, Failure>> => {
      if (signal.aborted) return fail({ kind: "Cancelled" });
      const content = revise(durable);
      try {
        await replaceDurably(path, `${JSON.stringify({ version: 1, ...content }, null, 1)}\n`);
      } catch (error) {
        return fail({
          kind: "HostNotReady",
          detail: `the node's notes in ${path} can't be written: ${error instanceof Error ? error.message : String(error)}`,
        });
      }
      durable = content;
      return ok(undefined);
    });
    lastWrite = written;
    return await written;
  };

  return {
    volumes: () => durable.volumes,
    put: (note, signal) => change((current) => ({ ...current, volumes: [...withoutNote(current.volumes, note.volumeName), note].toSorted(byName) }), signal),
    remove: async (volumeName, signal) => await change((current) => ({ ...current, volumes: withoutNote(current.volumes, volumeName) }), signal),
    heartbeat: () => durable.heartbeat,
    putHeartbeat: (heartbeat, signal) => change((current) => ({ ...current, heartbeat }), signal),
  };
}

/** Replaces a file so that after a crash at any moment either the old or the new content is there, and after the answer the new one. */
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
  const directory = await open(dirname(path), "r");
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

function withoutNote(volumes: readonly VolumeNote[], volumeName: string): readonly VolumeNote[] {
  return volumes.filter((note) => note.volumeName !== volumeName);
}

function byName(a: VolumeNote, b: VolumeNote): number {
  return a.volumeName < b.volumeName ? -1 : 1;
}
