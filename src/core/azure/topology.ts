import type { DiskSpec, Topology } from "../api/az-volume.ts";
import type { FailureOf } from "../failure/failure.ts";
import type { Result } from "../failure/result.ts";
import { fail, ok } from "../failure/result.ts";
import { isZoneRedundant } from "../volume/disk-sku.ts";

/** Kubernetes' own zone label: `<region>-<n>` on zonal Azure nodes. */
export const wellKnownZoneKey = "topology.kubernetes.io/zone";

/**
 * The driver's zone label: as above on zonal nodes, empty on all others. A volume's accessible topology
 * has only this label.
 */
export const driverZoneKey = "topology.disk.csi.azure.com/zone";

/** Zones that a zone-redundant disk is reachable from; regions with availability zones have three. */
const ZONES_PER_REGION = ["1", "2", "3"];

const ZONE_VALUE = /^([a-z0-9]+)-([0-9]+)$/u;

/** CSI's TopologyRequirement. */
export interface TopologyRequirement {
  readonly requisite: readonly Topology[];
  readonly preferred: readonly Topology[];
}

/** A region as in Azure's responses and node labels: `East US` is the display name of `eastus`. */
export function regionName(location: string): string {
  return location.replaceAll(" ", "").toLowerCase();
}

/** The region and zone in a topology value such as `eastus-1`, undefined if it is none. */
export function parseZoneValue(
  value: string,
): { readonly location: string; readonly zone: string } | undefined {
  const [, location, zone] = ZONE_VALUE.exec(value.toLowerCase()) ?? [];
  return location === undefined || zone === undefined ? undefined : { location, zone };
}

/**
 * Chooses region and zone of a new disk: the first preferred, then the first requisite topology in the
 * region asked for. A term with an empty zone stands for nodes without zone and gives a regional disk.
 * Fails with `InvalidArgument` where no term can be used.
 */
export function choosePlacement(request: {
  readonly topology: TopologyRequirement | undefined;
  readonly skuName: string;
  readonly location: string | undefined;
}): Result<Pick<DiskSpec, "location" | "zone">, FailureOf<"InvalidArgument">> {
  const { preferred = [], requisite = [] } = request.topology ?? {};
  const terms = [...preferred, ...requisite];
  const regional = request.location === undefined ? {} : { location: request.location };
  if (terms.length === 0) return ok(regional);
  const zones: string[] = [];
  for (const term of terms) {
    const value = topologyZone(term);
    if (value === undefined)
      return fail(
        invalidTopology(
          JSON.stringify(term.segments),
          `has neither ${driverZoneKey} nor ${wellKnownZoneKey}`,
        ),
      );
    if (value === "") return ok(regional);
    const parsed = parseZoneValue(value);
    if (parsed === undefined)
      return fail(invalidTopology(value, "must be empty or have the form <region>-<zone>, such as eastus-1"));
    if (request.location === undefined || request.location === parsed.location) {
      const { location, zone } = parsed;
      return ok(isZoneRedundant(request.skuName) ? { location } : { location, zone });
    }
    zones.push(value);
  }
  return fail({
    kind: "InvalidArgument",
    field: "location",
    value: request.location ?? "",
    problem:
      "none of the volume's required topologies lies there: " +
      `${[...new Set(zones)].toSorted().join(", ")}`,
  });
}

/** The topologies that a disk is reachable from, in the driver's own key. */
export function accessibleTopology(disk: {
  readonly skuName: string;
  readonly location: string;
  readonly zones: readonly string[];
}): readonly Topology[] {
  if (isZoneRedundant(disk.skuName))
    return [...ZONES_PER_REGION.map((zone) => zonalTopology(disk.location, zone)), REGIONAL];
  return disk.zones.length === 0 ? [REGIONAL] : disk.zones.map((zone) => zonalTopology(disk.location, zone));
}

/**
 * The topology that a node reports: both keys where it has a zone, else the driver's key with an empty
 * value. Kubernetes' own key only where the Node has no other value of it (`zoneLabel`): kubelet refuses
 * to register a plug-in that contradicts a label. Volumes name the driver's key anyway.
 */
export function nodeTopology(node: {
  readonly location: string;
  readonly zone: string;
  readonly zoneLabel?: string | undefined;
}): Topology {
  if (node.zone === "") return REGIONAL;
  const value = `${node.location}-${node.zone}`;
  const isContradicted = node.zoneLabel !== undefined && node.zoneLabel !== value;
  return {
    segments: isContradicted
      ? { [driverZoneKey]: value }
      : { [driverZoneKey]: value, [wellKnownZoneKey]: value },
  };
}

/**
 * Whether a volume that is reachable from `accessible` satisfies `requisite`: one of its terms, if there
 * are any.
 */
export function satisfiesRequisite(accessible: readonly Topology[], requisite: readonly Topology[]): boolean {
  if (requisite.length === 0) return true;
  const reachable = new Set(accessible.map((topology) => topologyZone(topology)));
  return requisite.some((term) => reachable.has(topologyZone(term)));
}

const REGIONAL: Topology = { segments: { [driverZoneKey]: "" } };

function zonalTopology(location: string, zone: string): Topology {
  return { segments: { [driverZoneKey]: `${location}-${zone}` } };
}

/**
 * The zone that a topology names, such as `eastus-1`; empty: none; undefined: it names neither key. The
 * driver's key goes first: nodes without zone have only that one, and Azure puts a fault domain into the
 * other.
 */
export function topologyZone(topology: Topology): string | undefined {
  return (topology.segments[driverZoneKey] ?? topology.segments[wellKnownZoneKey])?.toLowerCase();
}

function invalidTopology(value: string, problem: string): FailureOf<"InvalidArgument"> {
  return { kind: "InvalidArgument", field: "accessibility_requirements", value, problem };
}
