import { mkdir, readdir, readFile, rename, rm, rmdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { holdLock } from "../../scripts/child/hold-lock.ts";
import { undefinedIf } from "../../src/core/primitives/error-code.ts";
import { type LabHome, labHome, LABS_FOLDER } from "./lab-home.ts";
import { isTaken, labNetwork, SLOTS_MAX } from "./lab-network.ts";
import type { LabSettings } from "./lab-options.ts";
import { identifyProcess, isAlive, type ProcessIdentity } from "./units/process-identity.ts";
import { run } from "./units/run.ts";

/** The facts about a lab that other processes read from its folder. */
export interface LabRecord {
  readonly name: string;
  /** The clone of the project that started it. */
  readonly clone: string;
  /** Its addresses: see `labNetwork`. */
  readonly slot: number;
  readonly settings: LabSettings;
  /** The process that starts it, or started it. */
  readonly starter: ProcessIdentity;
  /** Whether it is to be taken down when its starter ends. */
  readonly endsWithStarter: boolean;
  /** Whether its start was completed. */
  readonly isUp: boolean;
}

const RECORD = "lab.json";
/** A node mounts its own disks over this folder, so it must exist; machines without udev have none. */
const DEVICE_FOLDER = "/dev/disk";
const MADE_DEVICE_FOLDER = join(LABS_FOLDER, "made-device-folder");

/**
 * The record of a lab; `undefined` if there is no lab of this name, or only a folder whose start was
 * interrupted before the record was written.
 */
export async function readLabRecord(home: LabHome): Promise<LabRecord | undefined> {
  const text = await readFile(home.path(RECORD), "utf8").catch(unlessAbsent);
  return text === undefined ? undefined : (JSON.parse(text) as LabRecord);
}

/**
 * Makes the folder of a new lab, assigns it addresses, and records both before anything else of it exists.
 * Throws if there is a lab of this name.
 */
export async function claimLab(
  home: LabHome,
  { settings, clone, endsWithStarter }: Pick<LabRecord, "settings" | "clone" | "endsWithStarter">,
  signal: AbortSignal,
): Promise<LabRecord> {
  await using _lock = await lockLabs(signal);
  await mkdir(LABS_FOLDER, { recursive: true });
  const starter = await identifyProcess(process.pid);
  if (starter === undefined) throw new Error("this process can't be found in /proc");
  const record: LabRecord = {
    name: home.name,
    clone,
    slot: await freeSlot(),
    settings,
    starter,
    endsWithStarter,
    isUp: false,
  };
  await mkdir(home.folder, { mode: 0o711 });
  await writeLabRecord(home, record);
  if ((await readdir(DEVICE_FOLDER).catch(unlessAbsent)) === undefined) {
    await writeFile(MADE_DEVICE_FOLDER, "");
    await mkdir(DEVICE_FOLDER);
  }
  return record;
}

/** Replaces the record of a lab atomically. */
export async function writeLabRecord(home: LabHome, record: LabRecord): Promise<void> {
  await writeFile(home.path(`${RECORD}.unfinished`), JSON.stringify(record, undefined, 2));
  await rename(home.path(`${RECORD}.unfinished`), home.path(RECORD));
}

/** Removes all files of a lab and, with the last lab, the shared ones. */
export async function forgetLab(home: LabHome, signal: AbortSignal): Promise<void> {
  await run(["rm", "-rf", "--one-file-system", home.folder]);
  await using _lock = await lockLabs(signal);
  if ((await labNames()).length > 0) return;
  if ((await readFile(MADE_DEVICE_FOLDER).catch(unlessAbsent)) !== undefined) {
    await rmdir(DEVICE_FOLDER).catch(unlessAbsent);
    await rm(MADE_DEVICE_FOLDER);
  }
  await rmdir(LABS_FOLDER).catch(unlessAbsent);
}

/** Every lab of this machine, whichever clone started it. */
export async function labNames(): Promise<readonly string[]> {
  const entries = (await readdir(LABS_FOLDER, { withFileTypes: true }).catch(unlessAbsent)) ?? [];
  return entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
}

/** Whether another process is starting the lab. */
export async function isBeingStarted(record: LabRecord): Promise<boolean> {
  return !record.isUp && record.starter.pid !== process.pid && (await isAlive(record.starter));
}

/**
 * Whether the lab has outlived the process it was to end with. The machine stopped both that process and the
 * one that was to take the lab down.
 */
export async function isOrphaned(record: LabRecord): Promise<boolean> {
  return record.endsWithStarter && !(await isAlive(record.starter));
}

/** The folder above that of the labs always exists, so that the lock itself leaves nothing behind. */
function lockLabs(signal: AbortSignal): Promise<AsyncDisposable> {
  return holdLock(dirname(LABS_FOLDER), signal);
}

/** The first slot whose addresses are free. */
async function freeSlot(): Promise<number> {
  const routes = JSON.parse(await run(["ip", "-j", "route", "show", "table", "all"])) as readonly {
    readonly dst: string;
  }[];
  const records = await Promise.all((await labNames()).map((name) => readLabRecord(labHome(name))));
  const slots = Array.from({ length: SLOTS_MAX }, (_, slot) => slot);
  const free = slots.find(
    (slot) => records.every((record) => record?.slot !== slot) && !isTaken(labNetwork(slot), routes),
  );
  if (free === undefined)
    throw new Error(
      `this machine has labs or routes in all of the ${SLOTS_MAX} ranges from ${labNetwork(0).machines} on`,
    );
  return free;
}

const unlessAbsent = undefinedIf("ENOENT");
