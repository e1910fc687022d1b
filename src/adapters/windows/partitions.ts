import * as z from "zod";
import type { Failure } from "../../core/failure/failure.ts";
import type { Result } from "../../core/failure/result.ts";
import { fail, ok } from "../../core/failure/result.ts";
import { type Disk, wholeNumber } from "./disk/disk-rows.ts";
import { DATA_PARTITION_OFFSET } from "./raw-disk.ts";
import { query } from "./storage-call.ts";
import type { WindowsHostContext } from "./windows-host-context.ts";

/** What is read of each partition. https://learn.microsoft.com/windows-hardware/drivers/storage/msft-partition */
const partitionSchema = z.object({
  DiskNumber: wholeNumber,
  PartitionNumber: wholeNumber,
  Offset: wholeNumber,
  Size: wholeNumber,
  GptType: z.string().nullish(),
  AccessPaths: z.array(z.string()).nullish(),
});

/** A partition as Windows reports it. */
export type Partition = z.infer<typeof partitionSchema>;

const volumeSchema = z.object({
  FileSystem: z.string().nullish(),
  OperationalStatus: z.string(),
  Size: wholeNumber,
  SizeRemaining: wholeNumber,
});

/** A volume as Windows reports it. */
export type Volume = z.infer<typeof volumeSchema>;

/** The type of a partition with data. https://learn.microsoft.com/windows/win32/api/winioctl/ns-winioctl-partition_information_gpt */
const BASIC_DATA_TYPE = "{ebd0a0a2-b9e5-4433-87c0-68b6b72699c7}";
/** The path of a volume, which contains the GUID of its GPT partition. */
const VOLUME_PATH = /^\\\\\?\\Volume\{[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}\}\\$/iu;
const DRIVE_LETTER = /^[A-Z]:\\$/iu;

/** All partitions of all disks that are online. */
export function listPartitions(host: WindowsHostContext): Promise<Result<readonly Partition[], Failure>> {
  return query(host.powerShell, "Get-Partition", {}, partitionSchema);
}

/** The partitions of a disk in which data may be. */
export async function dataPartitionsOf(
  host: WindowsHostContext,
  disk: Disk,
): Promise<Result<readonly Partition[], Failure>> {
  const partitions = await listPartitions(host);
  return partitions.ok
    ? ok(partitions.value.filter((partition) => partition.DiskNumber === disk.Number && holdsData(partition)))
    : partitions;
}

/** Whether these are the partitions of a disk that the driver has formatted: one for data, in its place. */
export function isDriversOwn(partitions: readonly Partition[]): boolean {
  const [partition, second] = partitions.filter(holdsData);
  return partition?.Offset === DATA_PARTITION_OFFSET && second === undefined;
}

function holdsData({ GptType }: Partition): boolean {
  return GptType?.toLowerCase() === BASIC_DATA_TYPE;
}

/** The one data partition of a disk. Fails with `WrongDevice` where there is another number of them. */
export async function dataPartitionOf(
  host: WindowsHostContext,
  disk: Disk,
): Promise<Result<Partition, Failure>> {
  const partitions = await dataPartitionsOf(host, disk);
  if (!partitions.ok) return partitions;
  const [partition, second] = partitions.value;
  return partition === undefined || second !== undefined
    ? fail({
        kind: "WrongDevice",
        devicePath: `disk ${disk.Number}`,
        problem: `it has ${partitions.value.length} data partitions, and the driver serves exactly one`,
      })
    : ok(partition);
}

/** The path by which a partition's volume is addressed: no other partition has it. */
export function volumePathOf({ DiskNumber, AccessPaths }: Partition): Result<string, Failure> {
  const path = (AccessPaths ?? []).find((candidate) => VOLUME_PATH.test(candidate));
  return path === undefined
    ? fail({ kind: "HostNotReady", detail: `Windows shows no volume on disk ${DiskNumber} yet: try again` })
    : ok(path);
}

/** The folders at which a partition is mounted. A drive letter, which Windows assigns, is no use of it. */
export function foldersOf({ AccessPaths }: Partition): readonly string[] {
  return (AccessPaths ?? []).filter((path) => !VOLUME_PATH.test(path) && !DRIVE_LETTER.test(path));
}

/** Whether a partition has a drive letter: a person or a program of the machine uses it. */
export function hasDriveLetter({ AccessPaths }: Partition): boolean {
  return (AccessPaths ?? []).some((path) => DRIVE_LETTER.test(path));
}

/** The volume of a partition. */
export async function volumeOf(
  host: WindowsHostContext,
  partition: Partition,
): Promise<Result<Volume & { readonly path: string }, Failure>> {
  const path = volumePathOf(partition);
  if (!path.ok) return path;
  const volumes = await query(host.powerShell, "Get-Volume", { Path: path.value }, volumeSchema);
  if (!volumes.ok) return volumes;
  const [volume] = volumes.value;
  return volume === undefined
    ? fail({ kind: "HostNotReady", detail: `Windows shows no volume ${path.value}: try again` })
    : ok({ ...volume, path: path.value });
}
