import type { FileHandle } from "node:fs/promises";
import type { Result } from "../../core/failure/result.ts";
import { fail, ok } from "../../core/failure/result.ts";
import type { Device, DeviceContent, HostProvisioner } from "../../ports/host/host-provisioner.ts";
import type { Disk } from "./disk/disk-rows.ts";
import { withOpenDisk } from "./disk/open-disk.ts";
import {
  DATA_PARTITION_OFFSET,
  partitionSignature,
  type RawContent,
  readRawContent,
  readUuid,
  writeUuid,
  zeroEnds,
} from "./disk/raw-disk.ts";
import { bringOnline, changeByNumber, diskOf, updateCache } from "./disks.ts";
import { refuseMounted } from "./mount/mounted-folders.ts";
import {
  holdsData,
  isDriversOwn,
  isForeign,
  type Partition,
  partitionsOf,
  presentDataPartitionOf,
  volumeOf,
  volumePathOf,
} from "./partitions.ts";
import { change } from "./storage-call.ts";
import type { WindowsHostContext } from "./windows-host-context.ts";

/** What `Get-Volume` reports of a volume that no file system of Windows recognizes. */
const NO_FILE_SYSTEM = new Set(["", "RAW", "Unknown"]);
/** What an interrupted format of the driver may have begun to write. */
const OWN_SIGNATURES = new Set(["NTFS", "ReFS"]);

/**
 * What is on a disk. Windows calls a disk with a file system of Linux and no partition table RAW, so a RAW
 * disk is blank only if both of its ends, and samples of what is between, are zeros. The UUID is what
 * `formatDisk` wrote before the data partition; empty on other disks, whose GUIDs Windows changes where a
 * copy of them is online.
 */
export function inspectDisk(host: WindowsHostContext, device: Device): Promise<Result<DeviceContent>> {
  return inspectParts(host, device, { samples: true });
}

function inspectParts(
  host: WindowsHostContext,
  device: Device,
  reads: { readonly samples: boolean },
): Promise<Result<DeviceContent>> {
  return withOpenDisk(host, device, "r", async (file, disk) => {
    const { PartitionStyle } = disk;
    if (PartitionStyle === "RAW") {
      const raw = await readRawContent(file, device, reads);
      return raw.ok ? ok(judgeRaw(raw.value)) : raw;
    }
    if (PartitionStyle !== "GPT")
      return ok({ kind: "otherData", detail: `a partition table of type ${PartitionStyle}` });
    const online = await bringOnline(host, disk);
    if (!online.ok) return online;
    const found = await inspectPartitions(host, { device, disk, file });
    if (!found.ok || found.value.kind === "fileSystem") return found;
    // What may be erased is judged by what Windows sees now, of a disk that may just have come online.
    const updated = await updateCache(host);
    return updated.ok ? inspectPartitions(host, { device, disk, file }) : updated;
  });
}

/** An interrupted format leaves parts of a GPT, and no signature of anything else. */
function judgeRaw({ nonZeroParts, signature }: RawContent): DeviceContent {
  if (signature !== undefined) return { kind: "otherData", detail: `no partition table, but ${signature}` };
  return nonZeroParts.length === 0
    ? { kind: "blank" }
    : {
        kind: "otherData",
        detail: `no partition table, but data at its ${nonZeroParts.join(" and ")}`,
        hasNoSignature: true,
      };
}

async function inspectPartitions(
  host: WindowsHostContext,
  { device, disk, file }: { readonly device: Device; readonly disk: Disk; readonly file: FileHandle },
): Promise<Result<DeviceContent>> {
  const partitions = await partitionsOf(host, disk);
  if (!partitions.ok) return partitions;
  const [partition, second] = partitions.value.filter(holdsData);
  if (partition === undefined) return ok(judgeWithoutData(partitions.value));
  if (second !== undefined)
    return ok({ kind: "otherData", detail: `${partitions.value.filter(holdsData).length} data partitions` });
  const volume = await volumeOf(host, partition);
  if (!volume.ok) return volume;
  const fileSystem = volume.value.FileSystem ?? "";
  const isOwn = isDriversOwn(partitions.value);
  if (!NO_FILE_SYSTEM.has(fileSystem)) {
    const uuid = isOwn ? await readUuid(file, device) : ok("");
    return uuid.ok ? ok({ kind: "fileSystem", fsType: fileSystem.toLowerCase(), uuid: uuid.value }) : uuid;
  }
  const signature = isOwn ? await partitionSignature(file, device) : ok(undefined);
  if (!signature.ok) return signature;
  const isUnnamed = signature.value === undefined || OWN_SIGNATURES.has(signature.value);
  return ok({
    kind: "otherData",
    detail: isUnnamed
      ? "a data partition without a file system that Windows knows"
      : `a data partition with ${signature.value}`,
    ...(isOwn && isUnnamed && !partitions.value.some(isForeign) ? { hasNoSignature: true } : {}),
  });
}

/**
 * A GPT of an interrupted format has the reserved partition at least: Windows makes that with the table. It
 * may show none of a disk that has just come online.
 */
function judgeWithoutData(partitions: readonly Partition[]): DeviceContent {
  const foreign = partitions.find(isForeign);
  if (foreign !== undefined)
    return { kind: "otherData", detail: `a GPT with a partition of type ${foreign.GptType ?? "unknown"}` };
  return partitions.length === 0
    ? {
        kind: "otherData",
        detail: "a GPT of which Windows shows no partition (docs/windows.md says what to do)",
      }
    : { kind: "otherData", detail: "a GPT without a data partition", hasNoSignature: true };
}

/**
 * Makes a GPT with one data partition and a file system on a blank disk. An interrupted one leaves a disk
 * that `inspectDisk` calls other data without a signature, or the complete file system.
 */
export async function formatDisk(
  host: WindowsHostContext,
  { device, fsType, uuid }: Parameters<HostProvisioner["format"]>[0],
): Promise<Result<void>> {
  // Without samples: between the ends is the rest of an erased format.
  const content = await inspectParts(host, device, { samples: false });
  if (!content.ok) return content;
  if (content.value.kind !== "blank")
    return fail({
      kind: "WrongFileSystem",
      devicePath: device.path,
      found: content.value.kind === "fileSystem" ? content.value.fsType : content.value.detail,
      requested: `a blank disk to make ${fsType} on`,
    });
  const disk = await diskOf(host, device);
  if (!disk.ok) return disk;
  const { Number: DiskNumber, UniqueId } = disk.value;
  const run = (cmdlet: string, parameters: Parameters<typeof change>[2]) => () =>
    change(host.powerShell, cmdlet, parameters);
  const prepared = await inOrder([
    () => bringOnline(host, disk.value),
    run("Initialize-Disk", { UniqueId, PartitionStyle: "GPT" }),
    () => writeUuid(host, device, uuid),
    () =>
      changeByNumber(host, device, "New-Partition", {
        DiskNumber,
        Offset: DATA_PARTITION_OFFSET,
        UseMaximumSize: true,
      }),
  ]);
  if (!prepared.ok) return prepared;
  const partition = await presentDataPartitionOf(host, disk.value);
  if (!partition.ok) return partition;
  const path = volumePathOf(partition.value);
  if (!path.ok) return path;
  const { PartitionNumber } = partition.value;
  return inOrder([
    // Otherwise Windows gives it a drive letter on each machine.
    run("Set-Partition", { DiskNumber, PartitionNumber, NoDefaultDriveLetter: true }),
    run("Format-Volume", {
      Path: path.value,
      FileSystem: fsType === "refs" ? "ReFS" : "NTFS",
      Confirm: false,
    }),
  ]);
}

/** Makes a disk blank again whose first format never ended. The mark stays. */
export async function eraseUnfinished(host: WindowsHostContext, device: Device): Promise<Result<void>> {
  const disk = await diskOf(host, device);
  if (!disk.ok) return disk;
  const free = await refuseMounted(host, device);
  if (!free.ok) return free;
  const { UniqueId } = disk.value;
  const cleared = await inOrder([
    () => bringOnline(host, disk.value),
    ...(disk.value.PartitionStyle === "RAW"
      ? []
      : [
          () =>
            change(host.powerShell, "Clear-Disk", {
              UniqueId,
              RemoveData: true,
              RemoveOEM: true,
              Confirm: false,
            }),
        ]),
  ]);
  return cleared.ok ? zeroEnds(host, device) : cleared;
}

async function inOrder(steps: readonly (() => Promise<Result<void>>)[]): Promise<Result<void>> {
  for (const step of steps) {
    const done = await step();
    if (!done.ok) return done;
  }
  return ok(undefined);
}
