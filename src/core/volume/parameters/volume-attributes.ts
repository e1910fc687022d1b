import type { VolumeCapability } from "../../api/az-volume.ts";
import type { FailureOf } from "../../failure/failure.ts";
import { invalidArgument } from "../../failure/frequent-failures.ts";
import {
  geometryNames,
  geometryOf,
  geometryProblem,
  rawGeometryProblem,
} from "../device/file-system-geometry.ts";
import { isPartitionName, partitionProblem, readPartition } from "../device/partition.ts";
import { type CachingMode, cachingModes } from "../disk-sku.ts";
import { readValue, statedIn } from "./parameter-value.ts";
import { chooseFileSystem } from "./resolve-volume-spec.ts";
import { volumeParameterTable } from "./volume-parameter-table.ts";
import { attributeNames, parseFileSystemType, requestedSizeName } from "./volume-parameters.ts";

const REMEDY = "volumeAttributes can't be changed: make a PersistentVolume of the same disk without it";
const RAW_PARTITION = "needs volumeMode Filesystem: a raw block volume is the whole disk";

/** How a volume is used: its file system is `fsType`, unless its attributes name one. */
type FileSystemUse = Pick<VolumeCapability, "accessType" | "fsType">;

/**
 * The first attribute of a PersistentVolume (`spec.csi.volumeAttributes`, the volume context of CSI) that
 * V1 would apply at attach or mount, and whose value can't be read or does not fit. Parameters that only
 * shaped the new disk have had their effect, and are no reason to refuse it.
 */
export function unservedAttribute(
  volumeContext: Readonly<Record<string, string>>,
  use: FileSystemUse,
): FailureOf<"InvalidArgument"> | undefined {
  const isProvisioned = (statedIn(volumeContext, requestedSizeName) ?? "") !== "";
  for (const [name, value] of Object.entries(volumeContext).toSorted(([left], [right]) =>
    left < right ? -1 : 1,
  )) {
    const problem = value === "" ? undefined : problemOf({ name, value }, use, isProvisioned);
    if (problem !== undefined) return invalidArgument(`volume_context.${name}`, value, problem);
  }
  return impossibleGeometry(volumeContext, use);
}

export function statedFileSystem(
  volumeContext: Readonly<Record<string, string>>,
): ReturnType<typeof parseFileSystemType> {
  return parseFileSystemType(statedIn(volumeContext, "fsType"), "volume_context.fsType");
}

/** How attributes say that the host caches the disk. What can't be read says nothing. */
export function statedHostCache(volumeContext: Readonly<Record<string, string>>): {
  readonly cachingMode: CachingMode | undefined;
  readonly isAccelerated: boolean | undefined;
} {
  const cachingMode = statedIn(volumeContext, "cachingMode");
  const accelerated = readValue(
    volumeParameterTable.writeAcceleratorEnabled,
    statedIn(volumeContext, "writeAcceleratorEnabled") ?? "",
  );
  return {
    cachingMode: cachingModes.find((mode) => mode === cachingMode),
    isAccelerated: accelerated.ok ? accelerated.value === true : undefined,
  };
}

/** Whether a file system of the volume exists already is not known here, and is no reason to drop them. */
function impossibleGeometry(
  volumeContext: Readonly<Record<string, string>>,
  { accessType, fsType }: FileSystemUse,
): FailureOf<"InvalidArgument"> | undefined {
  const geometry = geometryOf(volumeContext);
  const parsed = statedFileSystem(volumeContext);
  const chosen = parsed.ok ? chooseFileSystem({ fsType: parsed.value }, fsType) : parsed;
  // What names the file system is refused where it is read.
  const impossible =
    accessType === "mount" && chosen.ok ? geometryProblem({ fsType: chosen.value, geometry }) : undefined;
  return impossible === undefined
    ? undefined
    : invalidArgument(
        `volume_context.${impossible.name}`,
        impossible.value,
        `${impossible.problem}; ${REMEDY}, or with another value`,
      );
}

function problemOf(
  { name, value }: { readonly name: string; readonly value: string },
  { accessType }: FileSystemUse,
  isProvisioned: boolean,
): string | undefined {
  const key = name.toLowerCase();
  if (isPartitionName(name)) {
    if (readPartition(value) === undefined) return `${partitionProblem}; ${REMEDY}, or with another value`;
    return accessType === "block" ? RAW_PARTITION : undefined;
  }
  const known = attributeNames.find((attribute) => attribute.toLowerCase() === key);
  // V1 keeps every other text than true in the PersistentVolumes of its classes, and accelerates nothing.
  if (known === undefined || known === "writeAcceleratorEnabled") return undefined;
  // The classes of the V2 driver in Go take any text: it counts as `maxShares` - 1, as at an adoption here.
  if (known === "maxMountReplicaCount" && isProvisioned) return undefined;
  if (accessType === "block" && geometryNames.some((geometry) => geometry === known))
    return `${rawGeometryProblem}; ${REMEDY}`;
  const read = readValue(volumeParameterTable[known], value);
  return read.ok ? undefined : `${read.failure}; ${REMEDY}, or with another value`;
}
