import { readFile } from "node:fs/promises";
import { dirname, join, parse } from "node:path";
import type { Failure } from "../../../core/failure/failure.ts";
import { messageOf } from "../../../core/failure/message-of.ts";
import { fail, ok, type Result } from "../../../core/failure/result.ts";
import { isFull, takesNoChange, undefinedIfMissing } from "../../../core/primitives/error-code.ts";
import type { Clock } from "../../../ports/clock.ts";
import type { NodeCheckpoints } from "../../../ports/host/node-checkpoints.ts";
import { systemClock } from "../../system/system-clock.ts";
import { CALL_MAX_MS, type CallLane, createCallLane } from "../call-lane.ts";
import { makeFolder } from "../make-folder.ts";
import { ownDisk, type CheckpointDisk } from "./checkpoint-disk.ts";
import { encodeSlot } from "./checkpoint-slot.ts";
import {
  chooseCheckpoints,
  type CheckpointFileFault,
  type ChosenCheckpoints,
  type FoundFiles,
} from "./choose-checkpoints.ts";
import { afterBoot, createDurableCheckpoints, type CheckpointChange } from "./create-durable-checkpoints.ts";
import { formatNodeCheckpoints } from "./format-node-checkpoints.ts";
import type { CheckpointFile } from "./parse-node-checkpoints.ts";
import { createSlotFile, syncFolder, type SlotFile } from "./slot-file.ts";

/** A name that the kernel generates each time that the machine starts. */
const BOOT_ID_FILE = "/proc/sys/kernel/random/boot_id";
/** On Windows a device is known by its disk's unique id, which outlives a restart. */
const EVERY_BOOT = "windows";
/** By how much slots grow, in bytes: with the reserve that is room for some 27 volumes. */
const SLOT_STEP_BYTES = 64 * 1024;
const MS_PER_SECOND = 1000;
/** How many times its content is to fit into a slot; what adds a volume or a target fails without that. */
const RESERVE_FACTOR = 2;

/** The node's checkpoints, and what their files were found like. */
export interface OpenedCheckpoints extends NodeCheckpoints {
  /**
   * The file, if any, that is not whole or was removed, so that the change before its own may count. The next
   * change writes it.
   */
  readonly faultyFile: { readonly path: string; readonly fault: CheckpointFileFault } | undefined;
}

/**
 * Opens the node's checkpoints in the file at `path` and its second one, both of which have to survive
 * reboots. The two are overwritten in turn and in place: a release, a heartbeat and whatever else adds no
 * volume or target needs no free space. Neither file: the node's first start. Throws if one of them can't be
 * read, if none is whole, or if the newest whole one can't be parsed: starting with no checkpoints, or with
 * older ones, would let the node acquire a volume that it may still be writing. What was read is made durable
 * first: here, or on a disk that takes no change with the first change that it takes. Only the plug-in that
 * holds the state folder's lock may open them. `bootIdFile`: undefined on Windows.
 */
export async function openFileNodeCheckpoints(
  path: string,
  bootIdFile: string | undefined = process.platform === "win32" ? undefined : BOOT_ID_FILE,
  disk: CheckpointDisk = ownDisk,
  clock: Clock = systemClock,
): Promise<OpenedCheckpoints> {
  await makeFolder(dirname(path), 0o700);
  const bootId = bootIdFile === undefined ? EVERY_BOOT : (await readFile(bootIdFile, "utf8")).trim();
  const found = await readBoth(path, disk);
  const chosen = wholeOf(path, chooseCheckpoints(found));
  const slotAt = (file: string, bytes: Buffer | undefined): SlotFile =>
    createSlotFile(disk, file, chosen.kind === "slot" ? (bytes?.length ?? 0) : 0);
  const first = slotAt(path, found[0]);
  const second = slotAt(secondOf(path), found[1]);
  const slots =
    chosen.kind === "slot" && chosen.index === 1
      ? { newest: second, next: first }
      : { newest: first, next: second };
  // A plug-in that was killed after it had made a file may not have synced the file's name. And the kernel
  // may have what was read in memory only: its writer was killed before the sync, or the sync has failed,
  // which the next one does not report. The next change overwrites the only other copy. The same bytes harm
  // none that are on the disk already, at whichever of them the machine stops.
  const makeDurable = async (): Promise<void> => {
    await syncFolder(disk, dirname(path));
    if (chosen.kind === "slot") await slots.newest.overwrite(chosen.bytes);
  };
  const unwrittenYet = await makeDurable().then(() => undefined, whyNoChange(path));
  const file =
    chosen.kind === "none" ? { bootId, heartbeat: 0, volumes: [] } : afterBoot(chosen.file, bootId);
  const sequence = chosen.kind === "slot" ? chosen.sequence : 0;
  const checkpoints = checkpointsIn(
    path,
    { ...slots, makeDurable, unwrittenYet },
    { file, sequence },
    createCallLane(clock),
  );
  const fault = chosen.kind === "slot" ? chosen.faultOfOther : undefined;
  const other = chosen.kind === "slot" && chosen.index === 0 ? secondOf(path) : path;
  return { ...checkpoints, faultyFile: fault === undefined ? undefined : { path: other, fault } };
}

/** The failure of a disk that takes no change; throws every other error. */
function whyNoChange(path: string): (error: unknown) => Failure {
  return (error) => {
    if (!takesNoChange(error)) throw error;
    return unwritten(path, error);
  };
}

/**
 * What the node's checkpoints say now, for all but their writer, which may be overwriting them: it may still
 * be lost. Writes nothing. Throws where they can't be read or parsed.
 */
export async function readFileNodeCheckpoints(
  path: string,
): Promise<Pick<CheckpointFile, "volumes" | "freezes">> {
  const look = async (): Promise<Whole> => wholeOf(path, chooseCheckpoints(await readBoth(path, ownDisk)));
  // A look that lasts for two writes finds neither whole.
  const chosen = await look().catch(look);
  return chosen.kind === "none" ? { volumes: [] } : chosen.file;
}

async function readBoth(path: string, disk: CheckpointDisk): Promise<FoundFiles> {
  const read = (file: string): Promise<Buffer | undefined> => disk.readFile(file).catch(undefinedIfMissing);
  return await Promise.all([read(path), read(secondOf(path))]);
}

type Whole = Exclude<ChosenCheckpoints, { readonly kind: "damaged" }>;

function wholeOf(path: string, chosen: ChosenCheckpoints): Whole {
  if (chosen.kind !== "damaged") return chosen;
  throw new Error(
    `the node's checkpoints in ${path} and ${secondOf(path)} are damaged (${chosen.fault}): restore the ` +
      "files, or remove both once nothing of this driver is mounted on this node",
  );
}

/** `volumes.json` and `volumes.2.json`. */
function secondOf(path: string): string {
  const { dir, name, ext } = parse(path);
  return join(dir, `${name}.2${ext}`);
}

interface OpenedSlots {
  /** The one that has what was read. */
  readonly newest: SlotFile;
  readonly next: SlotFile;
  /** Makes what was read durable. */
  readonly makeDurable: () => Promise<void>;
  /** Why it is not durable yet. */
  readonly unwrittenYet: Failure | undefined;
}

function checkpointsIn(
  path: string,
  { makeDurable, unwrittenYet, ...slots }: OpenedSlots,
  first: { readonly file: CheckpointFile; readonly sequence: number },
  lane: CallLane,
): NodeCheckpoints {
  let { newest, next } = slots;
  let { sequence } = first;
  let durable = encode(first.file, sequence);
  let isDurable = unwrittenYet === undefined;

  /** Makes room in both slots, so that the write after this one has it as well. */
  const reserve = async (sizeBytes: number): Promise<void> => {
    for (const slot of [next, newest])
      await slot.reserve(Math.ceil(sizeBytes / SLOT_STEP_BYTES) * SLOT_STEP_BYTES, durable);
  };

  const replace = async (content: CheckpointFile, { adds }: CheckpointChange): Promise<Result<void>> => {
    const encoded = encode(content, sequence + 1);
    const withReserve = RESERVE_FACTOR * encoded.length;
    const needed = adds ? withReserve : encoded.length;
    try {
      if (!isDurable) await makeDurable();
      isDurable = true;
    } catch (error) {
      return fail(unwritten(path, error));
    }
    try {
      // What adds nothing takes the reserve where there is space, and continues without: files that were just
      // made have none yet.
      await reserve(withReserve).catch((error: unknown) => {
        if (adds) throw error;
        return reserve(needed);
      });
    } catch (error) {
      if (!isFull(error)) return fail(unwritten(path, error));
      return fail({ kind: "CheckpointsFull", path, neededBytes: needed });
    }
    try {
      await next.overwrite(encoded);
    } catch (error) {
      return fail(unwritten(path, error));
    }
    durable = encoded;
    sequence += 1;
    [next, newest] = [newest, next];
    return ok(undefined);
  };
  const late = unwritten(path, `the disk has not answered for ${CALL_MAX_MS / MS_PER_SECOND} s`);
  return createDurableCheckpoints(first.file, replace, { lane, late, unwritten: unwrittenYet });
}

function encode(content: CheckpointFile, sequence: number): Buffer {
  return encodeSlot({ sequence, text: formatNodeCheckpoints(content) });
}

function unwritten(path: string, error: unknown): Failure {
  return {
    kind: "HostNotReady",
    detail:
      `the node's checkpoints in ${path} can't be written (${messageOf(error)}): repair or replace the ` +
      "node's disk; volumes in use here continue, and those that pods have left are released",
  };
}
