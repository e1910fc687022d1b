import type { AzVolume, VolumeDetail } from "../api/az-volume.ts";
import { choosePlacement, satisfiesRequisite } from "../azure/topology.ts";
import { capabilitiesDifference } from "./access-modes.ts";
import { isSizeWithin } from "./capacity.ts";
import { resolveVolumeSpec } from "./resolve-volume-spec.ts";
import type { VolumeParameters } from "./volume-parameters.ts";
import { parseVolumeParameters } from "./volume-parameters.ts";

type VolumeSpec = AzVolume["spec"];

/**
 * Why an existing volume does not satisfy a repeated CreateVolume under its name, as a sentence for
 * people; undefined if it does. Compares the volume's state, not the request's spelling: a volume that
 * has grown, or whose replica count was edited, still matches.
 */
export function createRequestDifference(existing: AzVolume, requested: VolumeSpec): string | undefined {
  if (existing.spec.volumeName !== requested.volumeName)
    return (
      `it was made as ${JSON.stringify(existing.spec.volumeName)}, and Azure compares disk names ` +
      "without case"
    );
  return (
    sizeDifference(existing, requested) ??
    parametersDifference(existing, requested) ??
    capabilitiesDifference(existing.spec.capabilities, requested.capabilities) ??
    topologyDifference(existing, requested)
  );
}

function sizeDifference(existing: AzVolume, requested: VolumeSpec): string | undefined {
  const sizeGiB = existing.status?.detail?.sizeGiB ?? askedSize(existing.spec);
  if (sizeGiB === undefined || isSizeWithin(capacityOf(requested), sizeGiB)) return undefined;
  return (
    `it has ${sizeGiB} GiB, which is outside the range asked for now (${requested.requiredBytes} ` +
    `to ${requested.limitBytes === 0 ? "any number of" : requested.limitBytes} bytes)`
  );
}

/** The size of a disk that does not exist yet. */
function askedSize(spec: VolumeSpec): number | undefined {
  const parameters = parseVolumeParameters(spec.parameters);
  if (!parameters.ok) return undefined;
  const settled = resolveVolumeSpec({
    parameters: parameters.value,
    capabilities: spec.capabilities,
    capacity: capacityOf(spec),
  });
  return settled.ok ? settled.value.sizeGiB : undefined;
}

function capacityOf(spec: VolumeSpec): { readonly requiredBytes: bigint; readonly limitBytes: bigint } {
  return { requiredBytes: BigInt(spec.requiredBytes), limitBytes: BigInt(spec.limitBytes) };
}

function parametersDifference(
  { spec: existing, status }: AzVolume,
  requested: VolumeSpec,
): string | undefined {
  const isWhole = existing.diskUri === undefined;
  const stated = isWhole ? existing.parameters : { ...factsOf(status?.detail), ...existing.parameters };
  const before = parseVolumeParameters(stated);
  const now = parseVolumeParameters(requested.parameters);
  // Parameters that an older version accepted may not parse any more; then only an identical request is
  // the same.
  if (!before.ok || !now.ok)
    return sameWords(existing.parameters, requested.parameters) ? undefined : "its parameters differ";
  // An object that was recreated from its disk knows only what the disk and its PersistentVolume say.
  const isKnown = (name: string): boolean =>
    isWhole || Object.keys(stated).some((other) => other.toLowerCase() === name.toLowerCase());
  for (const name of comparedParameters.filter(isKnown)) {
    const [left, right] = [JSON.stringify(before.value[name]), JSON.stringify(now.value[name])];
    if (left !== right)
      return `its ${name} is ${left ?? "the default"}, not ${right ?? "left to the default"}`;
  }
  return isKnown("tags") ? tagsDifference(before.value.tags, now.value.tags) : undefined;
}

function factsOf(detail: VolumeDetail | undefined): Readonly<Record<string, string>> {
  return detail === undefined ? {} : { skuName: detail.skuName };
}

const comparedParameters = [
  "skuName",
  "maxShares",
  "maxMountReplicaCount",
  "cachingMode",
  "fsType",
  "resourceGroup",
  "location",
] as const satisfies readonly (keyof VolumeParameters)[];

function tagsDifference(before: VolumeParameters["tags"], now: VolumeParameters["tags"]): string | undefined {
  const names = [...new Set([...Object.keys(before), ...Object.keys(now)])].toSorted();
  const different = names.find((name) => before[name] !== now[name]);
  return different === undefined
    ? undefined
    : `its tag ${different} is ${JSON.stringify(before[different] ?? "")}, not ` +
        `${JSON.stringify(now[different] ?? "")}`;
}

function sameWords(left: Readonly<Record<string, string>>, right: Readonly<Record<string, string>>): boolean {
  return (
    Object.keys(left).length === Object.keys(right).length &&
    Object.entries(left).every(([name, value]) => right[name] === value)
  );
}

function topologyDifference(existing: AzVolume, requested: VolumeSpec): string | undefined {
  const detail = existing.status?.detail;
  const requisite = requested.accessibilityRequirements?.requisite ?? [];
  if (detail !== undefined) {
    return satisfiesRequisite(detail.accessibleTopology, requisite)
      ? undefined
      : `it is reachable from ${zonesOf(detail.accessibleTopology)}, not from ${zonesOf(requisite)}`;
  }
  const [before, now] = [placementOf(existing.spec), placementOf(requested)];
  return before === now ? undefined : `it is being created in ${before}, not in ${now}`;
}

function placementOf(spec: VolumeSpec): string {
  const parameters = parseVolumeParameters(spec.parameters);
  if (!parameters.ok) return "no zone";
  const placement = choosePlacement({
    accessibilityRequirements: spec.accessibilityRequirements,
    skuName: parameters.value.skuName,
    location: parameters.value.location,
  });
  return placement.ok && placement.value.zone !== undefined ? `zone ${placement.value.zone}` : "no zone";
}

function zonesOf(topologies: readonly { readonly segments: Readonly<Record<string, string>> }[]): string {
  return topologies.map((topology) => JSON.stringify(topology.segments)).join(", ");
}
