import { defaultDriverName } from "../api/driver-name.ts";
import type { FailureOf } from "../failure/failure.ts";
import { refuseArgument } from "../failure/frequent-failures.ts";
import { ok, type Result } from "../failure/result.ts";

/** CSI's Topology: label key to value. */
export interface Topology {
  readonly segments: Readonly<Record<string, string>>;
}

/** Kubernetes' own zone label: `<region>-<n>` on zonal Azure nodes. */
export const wellKnownZoneKey = "topology.kubernetes.io/zone";

/**
 * The zone label of the driver of that name, as V1 derives it: as above on zonal nodes, empty on all
 * others. A volume's accessible topology has only this label.
 */
function driverZoneKey(driverName: string): string {
  return `topology.${driverName}/zone`;
}

/** A zone value (`eastus-1`; empty: no zone) as the topology of a volume. */
export function volumeTopology(zone: string, driverName: string): Topology {
  return { segments: { [driverZoneKey(driverName)]: zone } };
}

/**
 * The topology that a node reports: both keys where it has a zone, else the driver's key with an empty
 * value. Kubernetes' own key only where the Node has no other value of it (`zoneLabel`): kubelet refuses
 * to register a plug-in that contradicts a label. Volumes name the driver's key anyway.
 */
export function nodeTopology(
  node: { readonly zoneValue: string; readonly zoneLabel?: string | undefined },
  driverName: string,
): Topology {
  const { segments } = volumeTopology(node.zoneValue, driverName);
  const isContradicted = node.zoneLabel !== undefined && node.zoneLabel !== node.zoneValue;
  return {
    segments:
      node.zoneValue === "" || isContradicted
        ? segments
        : { ...segments, [wellKnownZoneKey]: node.zoneValue },
  };
}

/**
 * The zone values that topologies name, in lower case and in their order. Fails with `InvalidArgument`
 * where one has no key of a zone.
 */
export function readZones(
  topologies: readonly Topology[],
  driverName: string,
): Result<readonly string[], FailureOf<"InvalidArgument">> {
  const keys = readKeys(driverName);
  const zones: string[] = [];
  for (const { segments } of topologies) {
    const key = keys.find((known) => segments[known] !== undefined);
    if (key === undefined)
      return refuseArgument(
        "accessibility_requirements",
        JSON.stringify(segments),
        `must have one of ${keys.join(", ")}`,
      );
    zones.push((segments[key] ?? "").toLowerCase());
  }
  return ok(zones);
}

/**
 * The driver's key goes first: nodes without zone have only that one, and Azure puts a fault domain into
 * Kubernetes'. A class that was written for the default name has the key of that name.
 */
function readKeys(driverName: string): readonly string[] {
  const names = [...new Set([driverName, defaultDriverName])];
  return [...names.map((name) => driverZoneKey(name)), wellKnownZoneKey];
}
