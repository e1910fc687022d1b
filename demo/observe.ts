import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { open, readFile } from "node:fs/promises";
import { promisify } from "node:util";
import type { AzVolumeAttachment } from "../src/core/api/az-volume-attachment.ts";
import type { AzVolume } from "../src/core/api/az-volume.ts";
import { diskFiles } from "../src/emulator/data-plane/disk-files.ts";
import { checkFileSystem } from "./check-file-system.ts";
import type { Lab, LabNode } from "./lab/lab.ts";
import type { DemoVolume } from "./volume-moves.ts";

const run = promisify(execFile);

/** The volume's attachments that are attached, by node. */
export async function attachedNodes(
  lab: Lab,
  volume: DemoVolume,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, AzVolumeAttachment>> {
  const list = await lab.store.list("AzVolumeAttachment", {}, signal);
  if (!list.ok) throw new Error(list.failure.kind);
  const own = list.value.items.filter(
    (attachment) =>
      attachment.spec.volumeId.toLowerCase() === volume.volumeId.toLowerCase() &&
      attachment.status?.state === "Attached",
  );
  return new Map(own.map((attachment) => [attachment.spec.nodeName, attachment]));
}

/** The writer record of a volume. */
export async function readRecord(
  lab: Lab,
  volume: DemoVolume,
  signal: AbortSignal,
): Promise<VolumeStatus["record"]> {
  return (await readStatus(lab, volume, signal))?.record;
}

/** The volume's state in the disk's tags, according to its AzVolume. */
export async function readStateTags(
  lab: Lab,
  volume: DemoVolume,
  signal: AbortSignal,
): Promise<Readonly<Record<string, string>> | undefined> {
  return (await readStatus(lab, volume, signal))?.detail?.stateTags;
}

type VolumeStatus = NonNullable<AzVolume["status"]>;

async function readStatus(
  lab: Lab,
  volume: DemoVolume,
  signal: AbortSignal,
): Promise<VolumeStatus | undefined> {
  const read = await lab.store.get("AzVolume", volume.name, signal);
  if (!read.ok) throw new Error(read.failure.kind);
  return read.value.status;
}

/** The file in which the emulator keeps a disk's bytes. */
function diskFile(lab: Lab, volume: DemoVolume): string {
  return diskFiles(`${lab.directory}/disks`).pathOf(volume.volumeId);
}

/** A hash of a disk's content: the allocated parts of its file. */
export async function hashOfDisk(lab: Lab, volume: DemoVolume): Promise<string> {
  const path = diskFile(lab, volume);
  const hash = createHash("sha256");
  const file = await open(path, "r");
  try {
    const { stdout } = await run("filefrag", ["-e", path], { maxBuffer: 64 * 1024 * 1024 }).catch(() => ({
      stdout: "",
    }));
    for (const [offset, length] of extentsIn(stdout)) {
      for (let at = 0; at < length; at += CHUNK_BYTES) {
        const chunk = Buffer.alloc(Math.min(CHUNK_BYTES, length - at));
        await file.read(chunk, 0, chunk.length, offset + at);
        hash.update(String(offset + at)).update(chunk);
      }
    }
  } finally {
    await file.close();
  }
  return hash.digest("hex");
}

const CHUNK_BYTES = 4 * 1024 * 1024;
const BLOCK_BYTES = 4096;

/** `filefrag -e` lists extents in blocks: `0: 0.. 255: 34816.. 35071: 256:`. */
function extentsIn(text: string): readonly (readonly [number, number])[] {
  return text.split("\n").flatMap((line) => {
    const [, first, last] = /^\s*\d+:\s*(\d+)\.\.\s*(\d+):/u.exec(line) ?? [];
    return first === undefined || last === undefined
      ? []
      : [[Number(first) * BLOCK_BYTES, (Number(last) - Number(first) + 1) * BLOCK_BYTES] as const];
  });
}

/**
 * Checks the file system of a disk that no node has mounted: `clean`, or what the check says. Needs no
 * attachment, since an unused replica may be pruned at any time.
 */
export async function stateOfFileSystem(lab: Lab, volume: DemoVolume): Promise<string> {
  const { accessType } = volume.capability;
  const fsType = accessType?.$case === "mount" ? accessType.value.fsType : "";
  return checkFileSystem(diskFile(lab, volume), fsType);
}

/** What remains of a lab that should be empty: disks, snapshots, objects, loop devices, mounts. */
export async function leftovers(lab: Lab, signal: AbortSignal): Promise<readonly string[]> {
  const disks = (await lab.emulator.disks()).map((disk) => `disk ${disk.name} in Azure`);
  const snapshots = (await lab.emulator.snapshots()).map((id) => `snapshot ${id} in Azure`);
  const objects: string[] = [];
  for (const kind of ["AzVolume", "AzVolumeAttachment"] as const) {
    const list = await lab.store.list(kind, {}, signal);
    if (!list.ok) throw new Error(list.failure.kind);
    objects.push(...list.value.items.map((object) => `${kind} ${object.metadata.name} in the store`));
  }
  return [
    ...disks,
    ...snapshots,
    ...objects,
    ...(lab.hasDevices ? [...(await loopDevices(lab)), ...(await mounts(lab))] : []),
  ];
}

async function loopDevices(lab: Lab): Promise<readonly string[]> {
  const { stdout } = await run("losetup", ["--list", "--noheadings", "--output", "NAME,BACK-FILE"]);
  return stdout
    .split("\n")
    .filter((line) => line.includes(`${lab.directory}/disks/`))
    .map((line) => `loop device ${line.trim()}`);
}

async function mounts(lab: Lab): Promise<readonly string[]> {
  const left = [...lab.nodes.values()].map(async (node) =>
    (await mountPoints(node)).map((mountPoint) => `mount on ${node.name}: ${mountPoint}`),
  );
  return (await Promise.all(left)).flat();
}

/** What is mounted where a node stages and publishes volumes. */
export async function mountPoints({ mountsPid, kubeletDirectory }: LabNode): Promise<readonly string[]> {
  const text = await readFile(`/proc/${mountsPid}/mountinfo`, "utf8");
  return text
    .split("\n")
    .map((line) => line.split(" ")[4] ?? "")
    .filter((mountPoint) => mountPoint.startsWith(`${kubeletDirectory}/`));
}
