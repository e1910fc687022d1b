import { readdirSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import type { Lab } from "../../demo/lab/lab.ts";
import type { WriterRecord } from "../../src/core/api/az-volume.ts";
import { wrongMove } from "./writer-moves.ts";

/**
 * Watches from outside: every version of every writer record, and which nodes have a disk mounted that
 * takes writes.
 */
export interface WriterWatch {
  /** Violations that were seen. */
  violations(): readonly string[];
  /** The number of versions of records that were judged, of checks of the mounts, and of mounts found. */
  readonly seen: { records: number; looks: number; mounts: number };
  stop(): Promise<void>;
}

const LOOK_EVERY_MS = 25;

/** Starts to watch a lab. */
export async function watchWriters(lab: Lab, signal: AbortSignal): Promise<WriterWatch> {
  const found: string[] = [];
  const seen = { records: 0, looks: 0, mounts: 0 };
  const ended = new AbortController();
  const untilEnded = AbortSignal.any([signal, ended.signal]);
  const listed = await lab.store.list("AzVolume", {}, untilEnded);
  if (!listed.ok) throw new Error(listed.failure.kind);
  const judging = judgeRecords(lab, listed.value.resourceVersion, { found, seen }, untilEnded);
  const looking = lookAtMounts(lab, { found, seen }, untilEnded);
  return {
    violations: () => found,
    seen,
    stop: async () => {
      ended.abort();
      await Promise.all([judging, looking]);
    },
  };
}

interface Findings {
  readonly found: string[];
  readonly seen: WriterWatch["seen"];
}

async function judgeRecords(
  lab: Lab,
  fromVersion: string,
  { found, seen }: Findings,
  signal: AbortSignal,
): Promise<void> {
  const records = new Map<string, WriterRecord>();
  try {
    for await (const event of lab.store.watch("AzVolume", {}, fromVersion, signal)) {
      if (event.type === "BOOKMARK") continue;
      const { uid, name } = event.object.metadata;
      const after = event.object.status?.record;
      if (after === undefined) continue;
      const before = records.get(uid);
      const wrong = before === undefined ? undefined : wrongMove(before, after);
      if (wrong !== undefined) found.push(`record of ${name}: ${wrong}`);
      records.set(uid, after);
      seen.records += 1;
    }
  } catch (error) {
    if (!signal.aborted) found.push(`the watch of the records broke: ${String(error)}`);
  }
}

async function lookAtMounts(lab: Lab, { found, seen }: Findings, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const mounted = mountedDisks(lab);
    const doubles = doublyMounted(mounted);
    // Two namespaces are not read at one instant: a mount that moved in between is seen once, not twice.
    const again = doubles.length === 0 ? [] : doublyMounted(mountedDisks(lab));
    found.push(...doubles.filter((double) => again.includes(double) && !found.includes(double)));
    seen.looks += 1;
    seen.mounts += mounted.length;
    await sleep(LOOK_EVERY_MS, undefined, { signal }).catch(() => undefined);
  }
}

/** A disk that a node has mounted through a device that still takes writes. */
interface MountedDisk {
  readonly disk: string;
  readonly nodeName: string;
}

function mountedDisks(lab: Lab): readonly MountedDisk[] {
  const devices = liveDevices(lab.directory);
  return [...lab.nodes.values()].flatMap((node) => {
    const disks = readFileSync(`/proc/${node.mountsPid}/mountinfo`, "utf8")
      .split("\n")
      .map((line) => devices.get(deviceOf(line)))
      .filter((disk) => disk !== undefined);
    return [...new Set(disks)].map((disk) => ({ disk, nodeName: node.name }));
  });
}

/** Disks that more than one node has mounted. */
function doublyMounted(mounted: readonly MountedDisk[]): readonly string[] {
  return [...Map.groupBy(mounted, ({ disk }) => disk)]
    .filter(([, nodes]) => nodes.length > 1)
    .map(([disk, nodes]) => `${disk} is mounted on ${nodes.map(({ nodeName }) => nodeName).join(" and ")}`);
}

/** `36 35 7:3 / /mnt rw - ext4 /dev/loop3 rw`: the number, or the name where it is btrfs's own number. */
function deviceOf(mountLine: string): string {
  const [, fsType, source = ""] = / - (\S+) (\S+)/u.exec(mountLine) ?? [];
  return fsType === "btrfs" ? source : (mountLine.split(" ")[2] ?? "");
}

/** The lab's attached loop devices, by number and by name: a detached device has one sector left. */
function liveDevices(directory: string): ReadonlyMap<string, string> {
  const devices = new Map<string, string>();
  for (const name of readdirSync("/sys/block")) {
    if (!name.startsWith("loop")) continue;
    const [file, sectors, majorMinor] = ["loop/backing_file", "size", "dev"].map((attribute) =>
      readAttribute(`/sys/block/${name}/${attribute}`),
    );
    if (file?.startsWith(`${directory}/`) === true && Number(sectors) > 1 && majorMinor !== undefined)
      for (const device of [majorMinor, `/dev/${name}`])
        devices.set(device, file.slice(directory.length + 1));
  }
  return devices;
}

/** Undefined where a device has no such attribute, because nothing is bound to it. */
function readAttribute(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8").trim();
  } catch {
    return undefined;
  }
}
