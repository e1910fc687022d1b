import * as z from "zod";
import { hostNotReady, wrongDevice } from "../../core/failure/frequent-failures.ts";
import type { Result } from "../../core/failure/result.ts";
import { ok } from "../../core/failure/result.ts";
import { type Disk, namedBy, wholeNumber } from "./disk/disk-rows.ts";
import {
  type OddPartition,
  oddPartitionOn,
  type Partition,
  type PartitionList,
  partitionProperties,
  readPartitionRows,
} from "./disk/partition-rows.ts";
import { DATA_PARTITION_OFFSET } from "./disk/raw-disk.ts";
import { diskOf, presentDiskOf, toDevice } from "./disks.ts";
import { query, queryRows } from "./storage-call.ts";
import type { WindowsHostContext } from "./windows-host-context.ts";

export type { Partition } from "./disk/partition-rows.ts";

/** The states of a volume by their numbers: `OperationalStatus` of MSFT_Volume in storagewmi.mof. */
const volumeStates: ReadonlyMap<number, string> = new Map([
  [0, "Unknown"],
  [2, "OK"],
  [3, "Degraded"],
  [0xd00d, "Scan Needed"],
  [0xd00e, "Spot Fix Needed"],
  [0xd00f, "Full Repair Needed"],
]);
const volumeState = namedBy(volumeStates);

const volumeSchema = z.object({
  FileSystem: z.string().nullish(),
  /** A volume may be in several states. */
  OperationalStatus: z.union([z.array(volumeState), volumeState.transform((state) => [state])]),
  Size: wholeNumber,
  SizeRemaining: wholeNumber,
});

/** A volume as Windows reports it. */
export type Volume = z.infer<typeof volumeSchema>;

/** The types of partitions. https://learn.microsoft.com/windows/win32/api/winioctl/ns-winioctl-partition_information_gpt */
const BASIC_DATA_TYPE = "{ebd0a0a2-b9e5-4433-87c0-68b6b72699c7}";
const RESERVED_TYPE = "{e3c9e316-0b5c-4db8-817d-f92df00215ae}";
/** The path of a volume, which contains the GUID of its GPT partition. */
const VOLUME_PATH = /^\\\\\?\\Volume\{[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}\}\\$/iu;
const DRIVE_LETTER = /^[A-Z]:\\$/iu;

/** All partitions of all disks that are online. A row that misses something makes no other one unreadable. */
export async function listPartitions(host: WindowsHostContext): Promise<Result<PartitionList>> {
  const rows = await queryRows(host.powerShell, {
    cmdlet: "Get-Partition",
    parameters: {},
    select: partitionProperties,
  });
  return rows.ok ? ok(readPartitionRows(rows.value)) : rows;
}

/**
 * The partitions of a disk. Windows names their disk by its number, which may be another one's by now: so the
 * disk is looked up after them, by `lookUp`. Fails with `WrongDevice` where it is gone, and with
 * `HostNotReady` where Windows reports a partition incompletely that may be its own.
 */
export async function partitionsOf(
  host: WindowsHostContext,
  disk: Disk,
  lookUp: typeof diskOf = diskOf,
): Promise<Result<readonly Partition[]>> {
  const list = await listPartitions(host);
  if (!list.ok) return list;
  const still = await lookUp(host, toDevice(host, disk));
  if (!still.ok) return still;
  const unread = oddPartitionOn(list.value.odd, disk);
  if (unread !== undefined) return incompletePartition(unread);
  return ok(list.value.partitions.filter(({ DiskNumber }) => DiskNumber === disk.Number));
}

/** The failure of a partition of which Windows reports less than is needed. */
export function incompletePartition({ problem }: OddPartition): Result<never> {
  return hostNotReady(`Windows reports a partition incompletely: ${problem}`);
}

/** Whether these are the partitions of a disk that the driver has formatted: one for data, in its place. */
export function isDriversOwn(partitions: readonly Partition[]): boolean {
  const [partition, second] = partitions.filter(holdsData);
  return partition?.Offset === DATA_PARTITION_OFFSET && second === undefined;
}

/** Whether data may be in a partition, by its type. */
export function holdsData({ GptType }: Partition): boolean {
  return GptType?.toLowerCase() === BASIC_DATA_TYPE;
}

/** Whether a partition is neither one for data nor the reserved one that Windows makes on each disk. */
export function isForeign(partition: Partition): boolean {
  return !holdsData(partition) && partition.GptType?.toLowerCase() !== RESERVED_TYPE;
}

/** The one data partition of a disk. Fails with `WrongDevice` where there is another number of them. */
export function dataPartitionOf(host: WindowsHostContext, disk: Disk): Promise<Result<Partition>> {
  return oneDataPartition(host, disk, diskOf);
}

/**
 * As `dataPartitionOf`, for a volume that is to be formatted: Windows looks at its disks between the look at
 * the partitions and the one at the disk.
 */
export function presentDataPartitionOf(host: WindowsHostContext, disk: Disk): Promise<Result<Partition>> {
  return oneDataPartition(host, disk, presentDiskOf);
}

async function oneDataPartition(
  host: WindowsHostContext,
  disk: Disk,
  lookUp: typeof diskOf,
): Promise<Result<Partition>> {
  const partitions = await partitionsOf(host, disk, lookUp);
  if (!partitions.ok) return partitions;
  const data = partitions.value.filter(holdsData);
  const [partition, second] = data;
  return partition === undefined || second !== undefined
    ? wrongDevice(
        `disk ${disk.Number}`,
        `it has ${data.length} data partitions, and the driver serves exactly one`,
      )
    : ok(partition);
}

/** The path by which a partition's volume is addressed: no other partition has it. */
export function volumePathOf({ DiskNumber, AccessPaths }: Partition): Result<string> {
  const path = (AccessPaths ?? []).find((candidate) => VOLUME_PATH.test(candidate));
  return path === undefined
    ? hostNotReady(`Windows shows no volume on disk ${DiskNumber} yet: try again`)
    : ok(path);
}

/** The folders at which a partition is mounted. A drive letter, which Windows assigns, is no use of it. */
export function foldersOf({ AccessPaths }: Pick<Partition, "AccessPaths">): readonly string[] {
  return (AccessPaths ?? []).filter((path) => !VOLUME_PATH.test(path) && !DRIVE_LETTER.test(path));
}

/** Whether a partition has a drive letter: a person or a program of the machine uses it. */
export function hasDriveLetter({ AccessPaths }: Partition): boolean {
  return (AccessPaths ?? []).some((path) => DRIVE_LETTER.test(path));
}

export async function volumeOf(
  host: WindowsHostContext,
  partition: Partition,
): Promise<Result<Volume & { readonly path: string }>> {
  const path = volumePathOf(partition);
  if (!path.ok) return path;
  const volumes = await query(host.powerShell, "Get-Volume", { Path: path.value }, volumeSchema);
  if (!volumes.ok) return volumes;
  const [volume] = volumes.value;
  return volume === undefined
    ? hostNotReady(`Windows shows no volume ${path.value}: try again`)
    : ok({ ...volume, path: path.value });
}
