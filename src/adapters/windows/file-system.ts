import * as z from "zod";
import { fileSystemBroken, hostNotReady, wrongDevice } from "../../core/failure/frequent-failures.ts";
import type { Result } from "../../core/failure/result.ts";
import { fail, ok } from "../../core/failure/result.ts";
import {
  BEFORE_A_PARTITION,
  BEYOND_ITS_CLUSTERS,
  ntfsMaxBytes,
} from "../../core/node/file-system/why-not-grown.ts";
import type { Device, FileSystemStats, HostProvisioner } from "../../ports/host/host-provisioner.ts";
import { wholeNumber } from "./disk/disk-rows.ts";
import { bringOnline, changeByNumber, diskOf } from "./disks.ts";
import { folderAt, mountedFolders, refuseMounted } from "./mount/mounted-folders.ts";
import { linkAt } from "./mount/paths.ts";
import { mountAt } from "./mount/read-mounts.ts";
import { dataPartitionOf, type Partition, partitionsOf, volumeOf, volumePathOf } from "./partitions.ts";
import { change, query } from "./storage-call.ts";
import type { WindowsHostContext } from "./windows-host-context.ts";

/**
 * How Windows says that a volume needs a repair, and which parameter of `Repair-Volume` does it; the most
 * thorough one first.
 */
const repairs: ReadonlyMap<string, string> = new Map([
  ["Full Repair Needed", "OfflineScanAndFix"],
  ["Spot Fix Needed", "SpotFix"],
  ["Scan Needed", "Scan"],
]);
/**
 * States in which a volume responds to commands, by the text of MSFT_Volume in storagewmi.mof: `Degraded` is
 * one that is "not running in an optimal operating state". By itself it names no repair.
 */
const RESPONDING = new Set(["OK", "Degraded"]);
/** The repairs that one check may take, each of which may show that the next is needed. */
const REPAIRS_MAX = 3;
/**
 * What a partition leaves free at the end of its disk, in bytes, and the least that it grows by. A GPT has a
 * second table there, of 33 sectors at most, and Windows refuses to grow a partition by less.
 */
const GROWTH_STEP_BYTES = 1024 * 1024;

const countersSchema = z.object({ Name: z.string(), DiskWriteBytesPersec: z.coerce.string() });

/**
 * Repairs what Windows reports to need it. A volume that reports nothing is left alone: NTFS and ReFS repair
 * themselves as they are mounted, and a scan of terabytes takes hours.
 */
export async function checkVolume(host: WindowsHostContext, device: Device): Promise<Result<void>> {
  const partition = await ownPartition(host, device);
  if (!partition.ok) return partition;
  const free = await refuseMounted(host, device);
  if (!free.ok) return free;
  for (let repaired = 0; ; repaired += 1) {
    const volume = await volumeOf(host, partition.value);
    if (!volume.ok) return volume;
    const { OperationalStatus: states, path } = volume.value;
    if (states.length > 0 && states.every((state) => state === "OK")) return ok(undefined);
    const isUnknown = states.some((state) => !RESPONDING.has(state) && !repairs.has(state));
    const repair = [...repairs].find(([state]) => states.includes(state))?.[1];
    if (isUnknown || repair === undefined || repaired === REPAIRS_MAX)
      return fileSystemBroken(
        device.path,
        `Windows reports of its volume: ${states.join(", ") || "no state"}`,
      );
    const done = await change(host.powerShell, "Repair-Volume", { Path: path, [repair]: true });
    if (!done.ok) return done;
  }
}

/**
 * Grows the partition, and with it the mounted file system, to the end of the disk. Windows' own answer of
 * how far it may grow (`Get-PartitionSupportedSize`) needs the service that defragments volumes, which may
 * be disabled, or busy: https://github.com/kubernetes-sigs/aws-ebs-csi-driver/issues/2877
 */
export async function growVolume(
  host: WindowsHostContext,
  { device, mountPath, fsType }: Parameters<HostProvisioner["growFileSystem"]>[0],
): Promise<Result<void>> {
  const mounted = await mountAt(host, mountPath);
  if (!mounted.ok) return mounted;
  if (mounted.value === undefined) return fail({ kind: "PathNotMounted", path: mountPath });
  if (mounted.value.majorMinor !== device.majorMinor)
    return wrongDevice(device.path, `${mountPath} holds a mount of device ${mounted.value.majorMinor}`);
  const disk = await diskOf(host, device);
  if (!disk.ok) return disk;
  const partition = await dataPartitionOf(host, disk.value);
  if (!partition.ok) return partition;
  const { DiskNumber, PartitionNumber, Offset, Size: sizeNow } = partition.value;
  const free = disk.value.Size - Offset - GROWTH_STEP_BYTES;
  const Size = free - (free % GROWTH_STEP_BYTES);
  if (Size - sizeNow < GROWTH_STEP_BYTES) return ok(undefined);
  const partitions = await partitionsOf(host, disk.value);
  if (!partitions.ok) return partitions;
  if (partitions.value.some((other) => other.Offset > Offset))
    return fail({ kind: "GrowsUnmounted", devicePath: device.path, reason: BEFORE_A_PARTITION });
  const sizeMax =
    fsType === "ntfs" && Size > ntfsMaxBytes() ? await sizeMaxOf(host, partition.value) : ok(Size);
  if (!sizeMax.ok) return sizeMax;
  return Size > sizeMax.value
    ? fail({ kind: "GrowsUnmounted", devicePath: device.path, reason: BEYOND_ITS_CLUSTERS })
    : changeByNumber(host, device, "Resize-Partition", { DiskNumber, PartitionNumber, Size });
}

const clusterSchema = z.object({ BlockSize: wholeNumber });

/** The largest size, in bytes, of the NTFS in a partition: it keeps the clusters that it was made with. */
async function sizeMaxOf(host: WindowsHostContext, partition: Partition): Promise<Result<number>> {
  const path = volumePathOf(partition);
  if (!path.ok) return path;
  // Matched to the last character, as for a dismount.
  const id = path.value.replaceAll("\\", "\\\\");
  const Query = `SELECT BlockSize FROM Win32_Volume WHERE DeviceID = '${id}'`;
  const volumes = await query(host.powerShell, "Get-CimInstance", { Query }, clusterSchema);
  if (!volumes.ok) return volumes;
  const [volume] = volumes.value;
  return volume === undefined
    ? hostNotReady(`Windows shows no volume ${path.value}: try again`)
    : ok(ntfsMaxBytes(volume.BlockSize));
}

/** Usage of the volume at a path. Windows counts no inodes: they are 0. */
export async function volumeStats(host: WindowsHostContext, path: string): Promise<Result<FileSystemStats>> {
  const partition = await partitionAt(host, path);
  if (!partition.ok) return partition;
  const volume = await volumeOf(host, partition.value);
  if (!volume.ok) return volume;
  const totalBytes = BigInt(volume.value.Size);
  const availableBytes = BigInt(volume.value.SizeRemaining);
  return ok({
    totalBytes,
    availableBytes,
    usedBytes: totalBytes - availableBytes,
    totalInodes: 0n,
    availableInodes: 0n,
    usedInodes: 0n,
  });
}

/** Writes what Windows has cached of the volume at a path to its disk. */
export async function flushVolume(host: WindowsHostContext, path: string): Promise<Result<void>> {
  const partition = await partitionAt(host, path);
  if (!partition.ok) return partition;
  const volume = await volumeOf(host, partition.value);
  return volume.ok ? change(host.powerShell, "Write-VolumeCache", { Path: volume.value.path }) : volume;
}

/** The bytes that Windows has written to a disk since it came. */
export async function writtenBytes(host: WindowsHostContext, majorMinor: string): Promise<Result<string>> {
  const counters = await query(
    host.powerShell,
    "Get-CimInstance",
    { ClassName: "Win32_PerfRawData_PerfDisk_PhysicalDisk" },
    countersSchema,
  );
  if (!counters.ok) return counters;
  // Such as `2` or `2 C:`.
  const [number] = majorMinor.split(":");
  const counter = counters.value.find(({ Name }) => Name.split(" ")[0] === number);
  return ok(counter?.DiskWriteBytesPersec ?? "gone");
}

async function ownPartition(host: WindowsHostContext, device: Device): Promise<Result<Partition>> {
  const disk = await diskOf(host, device);
  if (!disk.ok) return disk;
  const online = await bringOnline(host, disk.value);
  return online.ok ? dataPartitionOf(host, disk.value) : online;
}

/**
 * The partition behind a staged folder, or behind a link to one. The kubelet asks for each volume's usage
 * once a minute, and each cmdlet costs some 0.1 s: what is mounted is listed once.
 */
async function partitionAt(host: WindowsHostContext, path: string): Promise<Result<Partition>> {
  const known = await partitionIn(host, path);
  if (!known.ok) return known;
  if (known.value !== undefined) return ok(known.value);
  // Looks again at what looks dead, and so may find a mount that was made past the Storage provider.
  const mount = await mountAt(host, path);
  if (!mount.ok) return mount;
  if (mount.value === undefined || mount.value.isPlaceholder) return fail({ kind: "PathNotMounted", path });
  const present = mount.value.isDead ? ok(undefined) : await partitionIn(host, path);
  if (!present.ok) return present;
  return present.value === undefined
    ? fileSystemBroken(path, `the mount at ${path} is dead`)
    : ok(present.value);
}

/** The partition that Windows shows behind a folder, or behind a link to one; undefined: none. */
async function partitionIn(host: WindowsHostContext, path: string): Promise<Result<Partition | undefined>> {
  const mounted = await mountedFolders(host);
  if (!mounted.ok) return mounted;
  const direct = folderAt(mounted.value, path);
  if (!direct.ok) return direct;
  const linked = folderAt(mounted.value, (await linkAt(path)) ?? path);
  if (!linked.ok) return linked;
  return ok((direct.value ?? linked.value)?.partition);
}
