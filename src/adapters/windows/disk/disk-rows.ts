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
/** What PowerShell shows as a name, or as the number behind it where it has no names for a class. */
const named = z.union([z.string(), z.number()]).transform(String);

/** What is read of each disk. https://learn.microsoft.com/windows-hardware/drivers/storage/msft-disk */
const diskShape = {
  Number: wholeNumber,
  /** The disk's own identity: the same wherever it is attached. */
  UniqueId: text,
  Location: text,
  /** The path of its device interface. */
  Path: text,
  BusType: named.nullish().transform((value) => value ?? "unknown bus"),
  Size: wholeNumber,
  PartitionStyle: named,
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
    IsBoot: z.boolean().catch(false),
    IsSystem: z.boolean().catch(false),
  })
  .catch({ Number: undefined, UniqueId: "", Location: "", Path: "", IsBoot: false, IsSystem: false });

/** The properties that are asked for of each disk. */
export const diskProperties: readonly string[] = Object.keys(diskShape);

/** A disk as Windows reports it. */
export type Disk = z.infer<typeof diskSchema>;

/** A disk of which Windows reports less than is needed to use it. */
export interface OddDisk {
  /** Undefined where the row has none. */
  readonly Number: number | undefined;
  /** Empty where the row has none. */
  readonly UniqueId: string;
  /** Undefined for a disk of the system, and where the row names no LUN. */
  readonly lun: number | undefined;
  readonly isSystems: boolean;
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

/** The LUN of a data disk; undefined for the system's, the VM's temporary one, and one that shows none. */
export function lunOf({
  IsBoot,
  IsSystem,
  Location,
  Path,
}: Pick<Disk, "IsBoot" | "IsSystem" | "Location" | "Path">): number | undefined {
  if (IsBoot || IsSystem) return undefined;
  const place = parseDiskLocation(Location);
  if (place === undefined) return parseNvmeLun(Path);
  return place.adapter === SYSTEM_ADAPTER ? undefined : place.lun;
}

/**
 * The odd disk that may be a volume's; undefined: none. A disk is another one by its unique id, which stays
 * wherever it is attached. Without the volume's, only a LUN or being the system's tells it apart.
 */
export function oddDiskThatMayBe(
  odd: readonly OddDisk[],
  { lun, majorMinor }: { readonly lun: number | undefined; readonly majorMinor: string | undefined },
): OddDisk | undefined {
  const [, uniqueId] = majorMinor === undefined ? [] : splitMajorMinor(majorMinor);
  return odd.find((disk) => {
    if (disk.isSystems) return false;
    if (uniqueId !== undefined && disk.UniqueId !== "") return disk.UniqueId === uniqueId;
    return majorMinor !== undefined || lun === undefined || disk.lun === undefined || disk.lun === lun;
  });
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
    isSystems: known.IsBoot || known.IsSystem,
    problem: `disk ${known.Number ?? "without a number"}: ${missing}`,
  };
}
