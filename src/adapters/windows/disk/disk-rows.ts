import * as z from "zod";
import { parseDiskLocation, parseNvmeLun } from "../../../core/platform/disk-location.ts";

/** The adapter of the system disk and the temporary disk of Azure's VMs; data disks are on others. */
const SYSTEM_ADAPTER = 0;

/** A whole number, also where it comes as text. */
export const wholeNumber = z
  .union([z.number(), z.string().regex(/^\d+$/u).transform(Number)])
  .pipe(z.number().int().nonnegative());
const text = z
  .string()
  .nullish()
  .transform((value) => value ?? "");
/** The `PartitionStyle` of a disk by its number. */
const partitionStyles: ReadonlyMap<number, string> = new Map([
  [0, "RAW"],
  [1, "MBR"],
  [2, "GPT"],
]);
/** The `BusType` of a disk by its number, as far as it matters. */
const busTypes: ReadonlyMap<number, string> = new Map([
  [1, "SCSI"],
  [4, "1394"],
  [6, "Fibre Channel"],
  [7, "USB"],
  [9, "iSCSI"],
  [10, "SAS"],
  [12, "SD"],
  [13, "MMC"],
  [15, "File Backed Virtual"],
  [16, "Storage Spaces"],
  [17, "NVMe"],
]);
/** Buses that have none of Azure's disks. Their disks have LUNs of their own: iSCSI's begin at 0, too. */
const foreignBuses: ReadonlySet<string> = new Set([
  "1394",
  "Fibre Channel",
  "USB",
  "iSCSI",
  "SD",
  "MMC",
  "File Backed Virtual",
  "Storage Spaces",
]);

/** What a class of Windows has as a number, by its name; a name stays as it is. */
export const namedBy = (names: ReadonlyMap<number, string>) =>
  z
    .union([z.string(), z.number()])
    .transform((value) => (typeof value === "number" ? (names.get(value) ?? String(value)) : value));
const busType = namedBy(busTypes)
  .nullish()
  .transform((value) => value ?? "unknown bus");

/** What is read of each disk. https://learn.microsoft.com/windows-hardware/drivers/storage/msft-disk */
const diskShape = {
  Number: wholeNumber,
  /** The disk's own identity: the same wherever it is attached. */
  UniqueId: text,
  Location: text,
  /** The path of its device interface. */
  Path: text,
  BusType: busType,
  Size: wholeNumber,
  PartitionStyle: namedBy(partitionStyles),
  IsOffline: z.boolean(),
  IsReadOnly: z.boolean(),
  IsBoot: z.boolean(),
  IsSystem: z.boolean(),
};
const diskSchema = z.object(diskShape);

/** As `diskShape`, where each property may be missing: what is known of an odd row. */
const oddSchema = z
  .object({
    Number: wholeNumber.optional().catch(undefined),
    UniqueId: text.catch(""),
    Location: text.catch(""),
    Path: text.catch(""),
    BusType: busType.catch("unknown bus"),
    IsBoot: z.boolean().catch(false),
    IsSystem: z.boolean().catch(false),
  })
  .catch({
    Number: undefined,
    UniqueId: "",
    Location: "",
    Path: "",
    BusType: "unknown bus",
    IsBoot: false,
    IsSystem: false,
  });

export const diskProperties: readonly string[] = Object.keys(diskShape);

/** A disk as Windows reports it. */
export type Disk = z.infer<typeof diskSchema>;

/** A disk of which Windows reports less than is needed to use it. */
export interface OddDisk {
  /** Undefined where the row has none. */
  readonly Number: number | undefined;
  /** Empty where the row has none. */
  readonly UniqueId: string;
  /** Undefined for a disk of the system or of another bus, and where the row names no LUN. */
  readonly lun: number | undefined;
  /** Whether it is the system's, or on a bus that has no volume's disk. */
  readonly isNoVolumes: boolean;
  /** Such as `disk 4: Size: Invalid input`. */
  readonly problem: string;
}

/** All disks that Windows reports. */
export interface DiskList {
  readonly disks: readonly Disk[];
  /** They hide no other disk, and are not used themselves. */
  readonly odd: readonly OddDisk[];
}

/** Reads each row by itself: one that misses something says nothing about the others. */
export function readDiskRows(rows: readonly unknown[]): DiskList {
  const disks: Disk[] = [];
  const odd: OddDisk[] = [];
  for (const row of rows) {
    const parsed = diskSchema.safeParse(row);
    if (parsed.success) disks.push(parsed.data);
    else odd.push(oddDisk(row, parsed.error));
  }
  return { disks, odd };
}

/**
 * The LUN of a data disk; undefined for the system's, the VM's temporary one, one of another bus, and one
 * that shows none. The location of a disk by NVMe is its place on its controller: the VM's local disks have
 * one, too.
 */
export function lunOf(
  disk: Pick<Disk, "IsBoot" | "IsSystem" | "Location" | "Path" | "BusType">,
): number | undefined {
  const { Location, Path } = disk;
  if (isNoVolumes(disk)) return undefined;
  if (isNvme(disk)) return parseNvmeLun(Path);
  const place = parseDiskLocation(Location);
  return place === undefined || place.adapter === SYSTEM_ADAPTER ? undefined : place.lun;
}

function isNvme({ BusType, Path }: Pick<Disk, "BusType" | "Path">): boolean {
  return BusType === "NVMe" || /&ven_nvme&/iu.test(Path);
}

function isNoVolumes({ IsBoot, IsSystem, BusType }: Pick<Disk, "IsBoot" | "IsSystem" | "BusType">): boolean {
  return IsBoot || IsSystem || foreignBuses.has(BusType);
}

/**
 * The odd disk that may be a volume's; undefined: none. A disk is another one by its unique id, which stays
 * wherever it is attached. Without the volume's, only a LUN, its bus or being the system's tells it apart.
 */
export function oddDiskThatMayBe(
  odd: readonly OddDisk[],
  { lun, majorMinor }: { readonly lun: number | undefined; readonly majorMinor: string | undefined },
): OddDisk | undefined {
  const [, uniqueId] = majorMinor === undefined ? [] : splitMajorMinor(majorMinor);
  return odd.find((disk) => {
    if (disk.isNoVolumes) return false;
    if (uniqueId !== undefined && disk.UniqueId !== "") return isSameId(disk.UniqueId, uniqueId);
    return majorMinor !== undefined || lun === undefined || disk.lun === undefined || disk.lun === lun;
  });
}

/** Whether two unique ids name one disk: Windows compares them without case. */
export function isSameId(one: string, other: string): boolean {
  return one.toLowerCase() === other.toLowerCase();
}

/** Whether two devices are one disk: it has another number each time that it comes. */
export function isSameDisk(one: string, other: string): boolean {
  const [[, id], [, otherId]] = [splitMajorMinor(one), splitMajorMinor(other)];
  return id !== "" && isSameId(id, otherId);
}

/** The number and the unique id of `2:60022480…`. */
export function splitMajorMinor(majorMinor: string): readonly [number: string, uniqueId: string] {
  const colon = majorMinor.indexOf(":");
  return [majorMinor.slice(0, colon), majorMinor.slice(colon + 1)];
}

function oddDisk(row: unknown, error: z.ZodError): OddDisk {
  const known = oddSchema.parse(row);
  const missing = error.issues
    .map(({ path, message }) => `${path.join(".") || "row"}: ${message}`)
    .join(", ");
  return {
    Number: known.Number,
    UniqueId: known.UniqueId,
    lun: lunOf(known),
    isNoVolumes: isNoVolumes(known),
    problem: `disk ${known.Number ?? "without a number"}: ${missing}`,
  };
}
