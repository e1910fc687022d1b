import type { FailureOf } from "../failure/failure.ts";
import { readValue } from "./parameter-value.ts";
import { isPartitionName, partitionProblem, readPartition } from "./partition.ts";
import { volumeParameterTable } from "./volume-parameter-table.ts";
import { attributeNames } from "./volume-parameters.ts";

const REMEDY = "volumeAttributes can't be changed: make a PersistentVolume of the same disk without it";
const RAW_PARTITION = "needs volumeMode Filesystem: a raw block volume is the whole disk";

/**
 * The first attribute of a PersistentVolume (`spec.csi.volumeAttributes`, the volume context of CSI) that
 * V1 would apply at attach or mount and that this version can't, or that can't be read. Parameters that only
 * shaped the new disk have had their effect, and those that only tune (`refusedParameters`) protect nothing:
 * both are no reason to refuse it.
 */
export function unservedAttribute(
  volumeContext: Readonly<Record<string, string>>,
  accessType: "block" | "mount",
): FailureOf<"InvalidArgument"> | undefined {
  for (const [name, value] of Object.entries(volumeContext).toSorted(([left], [right]) =>
    left < right ? -1 : 1,
  )) {
    const problem = value === "" ? undefined : problemOf(name, value, accessType);
    if (problem !== undefined)
      return { kind: "InvalidArgument", field: `volume_context.${name}`, value, problem };
  }
  return undefined;
}

function problemOf(name: string, value: string, accessType: "block" | "mount"): string | undefined {
  const key = name.toLowerCase();
  if (isPartitionName(name)) {
    if (readPartition(value) === undefined) return `${partitionProblem}; ${REMEDY}, or with another value`;
    return accessType === "block" ? RAW_PARTITION : undefined;
  }
  const known = attributeNames.find((attribute) => attribute.toLowerCase() === key);
  if (known === undefined) return undefined;
  const read = readValue(volumeParameterTable[known], value);
  return read.ok ? undefined : `${read.failure}; ${REMEDY}, or with another value`;
}
