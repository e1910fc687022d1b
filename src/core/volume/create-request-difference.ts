import type { AzVolume } from "../api/az-volume.ts";
import { accessibleZones, satisfiesRequisite, type TopologyRequirement } from "../azure/topology.ts";
import { capabilitiesDifference } from "./access-modes.ts";
import { type CapacityRange, isSizeWithin } from "./capacity.ts";
import { sourceDifference } from "./copies/copy-source.ts";
import { deviceTuningIn } from "./device/device-settings.ts";
import { geometryNames, geometryOf } from "./device/file-system-geometry.ts";
import {
  type VolumeParameter,
  type VolumeParameterName,
  volumeParameterNames,
  volumeParameterTable,
} from "./parameters/volume-parameter-table.ts";
import { fieldOf } from "./parameters/volume-parameters.ts";
import { mergeTags } from "./tags/merge-tags.ts";
import type { Tags } from "./tags/volume-tags.ts";

type VolumeSpec = AzVolume["spec"];

/** A CreateVolume: the spec that it would store, and what a volume of another spec may satisfy as well. */
export interface CreateRequest {
  readonly spec: VolumeSpec;
  readonly capacity: CapacityRange;
  /** Undefined: the request states none, and the spec's zone is the driver's choice. */
  readonly topology: TopologyRequirement | undefined;
}

/**
 * Why an existing volume does not satisfy a repeated CreateVolume under its name, as a sentence for
 * people; undefined if it does. A volume that has grown, or whose replica count was edited, still matches.
 */
export function createRequestDifference(existing: AzVolume, requested: CreateRequest): string | undefined {
  const { spec } = requested;
  if (existing.spec.volumeName !== spec.volumeName)
    return (
      `it was made as ${JSON.stringify(existing.spec.volumeName)}, and Azure compares disk names ` +
      "without case"
    );
  return (
    sizeDifference(existing, requested.capacity) ??
    sourceDifference(existing.spec.disk, spec.disk) ??
    fieldsDifference(existing.spec, requested) ??
    capabilitiesDifference(existing.spec.capabilities, spec.capabilities) ??
    topologyDifference(existing, requested.topology?.requisite ?? [])
  );
}

function sizeDifference({ spec, status }: AzVolume, capacity: CapacityRange): string | undefined {
  const sizeGiB = status?.detail?.sizeGiB ?? spec.disk.sizeGiB;
  if (isSizeWithin(capacity, sizeGiB)) return undefined;
  const { requiredBytes, limitBytes } = capacity;
  return (
    `it has ${sizeGiB} GiB, which is outside the range asked for now (${requiredBytes} ` +
    `to ${limitBytes === 0n ? "any number of" : limitBytes} bytes)`
  );
}

/** Aliases, what is compared one by one or shapes no volume, and the count that an operator may edit. */
const notCompared = new Set<VolumeParameterName>([
  "storageAccountType",
  "tags",
  "tagValueDelimiter",
  "maxMountReplicaCount",
  "perfProfile",
  "userAgent",
  ...geometryNames,
]);
const comparedParameters = volumeParameterNames.filter((name) => !notCompared.has(name));

function fieldsDifference(existing: VolumeSpec, { spec, topology }: CreateRequest): string | undefined {
  // The spec of an adopted disk has what Azure and its PersistentVolume say, not what was requested.
  const isAdopted = existing.diskUri !== undefined;
  for (const name of comparedParameters) {
    const { field }: VolumeParameter = volumeParameterTable[name];
    const [left, right] = [JSON.stringify(fieldOf(existing, field)), JSON.stringify(fieldOf(spec, field))];
    // Without a topology, the region depends on the nodes that the cluster had. With one, it depends on
    // the order of its terms, and the topologies are compared.
    const isRegionStated = topology !== undefined && topology.requisite.length === 0;
    const isComparedIfAbsent = !isAdopted && (field !== "disk.location" || isRegionStated);
    const isComparable = isComparedIfAbsent || (left !== undefined && right !== undefined);
    // Azure compares names of resource groups without case.
    if (isComparable && left?.toLowerCase() !== right?.toLowerCase())
      return `its ${name} is ${left ?? "the default"}, not ${right ?? "left to the default"}`;
  }
  if (isAdopted) return undefined;
  return (
    tagsDifference(existing.disk.tags, spec.disk.tags) ??
    attributesDifference(comparedAttributes(existing), comparedAttributes(spec))
  );
}

/** Others set tags too, and a modification shows them: only those that are asked for count. */
function tagsDifference(before: Tags, now: Tags): string | undefined {
  const expected = mergeTags(before, now);
  const different = Object.keys(expected)
    .toSorted()
    .find((name) => expected[name] !== before[name]);
  return different === undefined
    ? undefined
    : `its tag ${different} is ${JSON.stringify(before[different] ?? "")}, not ` +
        `${JSON.stringify(expected[different])}`;
}

function comparedAttributes({ volumeContext }: VolumeSpec): Tags {
  const geometry = Object.entries(geometryOf(volumeContext)).map(([name, value]) => [name, String(value)]);
  return { ...deviceTuningIn(volumeContext), ...Object.fromEntries(geometry) };
}

function attributesDifference(before: Tags, now: Tags): string | undefined {
  const names = [...new Set([...Object.keys(before), ...Object.keys(now)])].toSorted();
  const different = names.find((name) => before[name] !== now[name]);
  return different === undefined
    ? undefined
    : `its ${different} is ${before[different] ?? "the default"}, not ${now[different] ?? "left to the default"}`;
}

function topologyDifference(
  { spec: { disk }, status }: AzVolume,
  requisite: TopologyRequirement["requisite"],
): string | undefined {
  const { skuName, location = "", zone } = disk;
  const accessible = accessibleZones(
    status?.detail ?? { skuName, location, zones: zone === undefined ? [] : [zone] },
  );
  return satisfiesRequisite(accessible, requisite)
    ? undefined
    : `it is reachable from ${listed(accessible)}, not from ${listed(requisite)}`;
}

function listed(zones: readonly string[]): string {
  return zones.map((zone) => (zone === "" ? "nodes without a zone" : zone)).join(", ");
}
