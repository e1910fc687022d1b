/** The attribute of a PersistentVolume that names a partition of its disk, in any case. */
const NAME = "partition";

/** The most entries of a GPT, as all tools make it. */
const PARTITIONS_MAX = 128;

export const partitionProblem = `must be a whole number from 1 to ${PARTITIONS_MAX}`;

/**
 * The number of the partition on which a volume's file system is; undefined: it is on the whole disk, or
 * the attribute can't be read (`unservedAttribute`).
 */
export function partitionOf(volumeContext: Readonly<Record<string, string>>): number | undefined {
  const stated = Object.entries(volumeContext).find(([name]) => isPartitionName(name))?.[1];
  return stated === undefined ? undefined : readPartition(stated);
}

/**
 * The partition that any of a volume's attributes name: those of its object, of its attachments, of its
 * PersistentVolume. An object that was made of the disk alone, or of another PersistentVolume, names none.
 */
export function statedPartition(
  ...contexts: readonly (Readonly<Record<string, string>> | undefined)[]
): number | undefined {
  return contexts.map((context) => partitionOf(context ?? {})).find((number) => number !== undefined);
}

export function isPartitionName(name: string): boolean {
  return name.toLowerCase() === NAME;
}

/** Reads the attribute's value; undefined if it names no partition. */
export function readPartition(value: string): number | undefined {
  const number = Number(value);
  return /^[1-9]\d*$/u.test(value) && number <= PARTITIONS_MAX ? number : undefined;
}
