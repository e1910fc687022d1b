import * as z from "zod";
import { wholeNumber } from "./disk-rows.ts";

/** What is read of each partition. https://learn.microsoft.com/windows-hardware/drivers/storage/msft-partition */
const partitionShape = {
  DiskNumber: wholeNumber,
  PartitionNumber: wholeNumber,
  Offset: wholeNumber,
  Size: wholeNumber,
  GptType: z.string().nullish(),
  AccessPaths: z.array(z.string()).nullish(),
};
const partitionSchema = z.object(partitionShape);

/** As `partitionShape`, where each property may be missing: what is known of an odd row. */
const oddSchema = z
  .object({
    DiskNumber: wholeNumber.optional().catch(undefined),
    AccessPaths: z
      .array(z.string())
      .nullable()
      .transform((paths) => paths ?? [])
      .optional()
      .catch(undefined),
  })
  .catch({ DiskNumber: undefined, AccessPaths: undefined });

export const partitionProperties: readonly string[] = Object.keys(partitionShape);

/** A partition as Windows reports it. */
export type Partition = z.infer<typeof partitionSchema>;

/** A partition of which Windows reports less than is needed to use it. */
export interface OddPartition {
  /** Undefined where the row has none: it may be any disk's. */
  readonly DiskNumber: number | undefined;
  /** Undefined where they can't be read: it may be mounted anywhere. */
  readonly AccessPaths: readonly string[] | undefined;
  /** Such as `a partition of disk 4: Offset: Invalid input`. */
  readonly problem: string;
}

/** All partitions that Windows reports. */
export interface PartitionList {
  readonly partitions: readonly Partition[];
  /** They hide no other disk's, and are not used themselves. */
  readonly odd: readonly OddPartition[];
}

/** Reads each row by itself: one that misses something says nothing about other disks. */
export function readPartitionRows(rows: readonly unknown[]): PartitionList {
  const partitions: Partition[] = [];
  const odd: OddPartition[] = [];
  for (const row of rows) {
    const parsed = partitionSchema.safeParse(row);
    if (parsed.success) partitions.push(parsed.data);
    else odd.push(oddPartition(row, parsed.error));
  }
  return { partitions, odd };
}

/** The odd partition that may be on a disk; undefined: none. */
export function oddPartitionOn(
  odd: readonly OddPartition[],
  { Number }: { readonly Number: number },
): OddPartition | undefined {
  return odd.find(({ DiskNumber }) => DiskNumber === undefined || DiskNumber === Number);
}

function oddPartition(row: unknown, error: z.ZodError): OddPartition {
  const { DiskNumber, AccessPaths } = oddSchema.parse(row);
  const missing = error.issues
    .map(({ path, message }) => `${path.join(".") || "row"}: ${message}`)
    .join(", ");
  const disk = DiskNumber === undefined ? "without the number of its disk" : `of disk ${DiskNumber}`;
  return { DiskNumber, AccessPaths, problem: `a partition ${disk}: ${missing}` };
}
