import type { DiskSpec } from "../api/az-volume.ts";
import type { Failure, FailureOf } from "../failure/failure.ts";
import { refuseArgument } from "../failure/frequent-failures.ts";
import { ok, type Result } from "../failure/result.ts";
import { isZoneRedundant } from "../volume/disk-sku.ts";

/**
 * Zones that a zone-redundant disk is reachable from. Most regions with availability zones have three, and
 * East US 2 EUAP has four (azuredisk-csi-driver#3309): a PersistentVolume can't name another one later.
 */
const ZONES_PER_REGION = ["1", "2", "3", "4"];

const ZONE_VALUE = /^([a-z0-9]+)-([0-9]+)$/u;

/** CSI's TopologyRequirement, as zone values: `eastus-1`, or empty for nodes without a zone. */
export interface TopologyRequirement {
  readonly requisite: readonly string[];
  readonly preferred: readonly string[];
  /** The regions of the nodes for which an empty value stands. Default: any. */
  readonly zonelessRegions?: readonly string[] | undefined;
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
 * Chooses region and zone of a new disk: the first preferred, then the first requisite zone in the region
 * asked for. An empty zone stands for nodes without zone and gives a regional disk, in a region that has
 * some. Fails with `InvalidArgument` where no zone can be used.
 */
export function choosePlacement(request: {
  readonly topology: TopologyRequirement | undefined;
  readonly skuName: string;
  readonly location: string | undefined;
}): Result<Pick<DiskSpec, "location" | "zone">, FailureOf<"InvalidArgument">> {
  const { preferred = [], requisite = [], zonelessRegions } = request.topology ?? {};
  const terms = [...preferred, ...requisite];
  const regional = request.location === undefined ? {} : { location: request.location };
  if (terms.length === 0) return ok(regional);
  const elsewhere: string[] = [];
  for (const value of terms) {
    if (value === "") {
      if (request.location === undefined || zonelessRegions?.includes(request.location) !== false)
        return ok(regional);
      elsewhere.push(...zonelessRegions);
      continue;
    }
    const parsed = parseZoneValue(value);
    if (parsed === undefined)
      return refuseArgument(
        "accessibility_requirements",
        value,
        "must be empty or have the form <region>-<zone>, such as eastus-1",
      );
    if (request.location === undefined || request.location === parsed.location) {
      const { location, zone } = parsed;
      return ok(isZoneRedundant(request.skuName) ? { location } : { location, zone });
    }
    elsewhere.push(value);
  }
  return refuseArgument(
    "location",
    request.location ?? "",
    `none of the volume's required topologies lies there: ${[...new Set(elsewhere)].toSorted().join(", ")}`,
  );
}

/**
 * The place in which a disk is tried next that could not be made in `present`: that of the term behind it, in
 * the order in which `choosePlacement` takes them, and in the same region. So the place of a disk says which
 * ones were tried before, also after a crash. `isOfUse` leaves out zone values. Undefined: there is none.
 */
export function nextPlacement(
  present: Pick<DiskSpec, "location" | "zone">,
  topology: TopologyRequirement | undefined,
  isOfUse: (value: string) => boolean = () => true,
): Pick<DiskSpec, "location" | "zone"> | undefined {
  const { location, zone } = present;
  if (location === undefined || zone === undefined) return undefined;
  const places = placesIn(location, topology);
  const at = places.indexOf(zoneValue({ location, zone }));
  const next = at === -1 ? undefined : places.slice(at + 1).find(isOfUse);
  if (next === undefined) return undefined;
  const parsed = parseZoneValue(next);
  return parsed === undefined ? { location } : { location, zone: parsed.zone };
}

/**
 * The places in which a disk was tried that could not be made in `present`, which is the last of them, each
 * such as `eastus-1`. Without a zone it is the region alone. `isOfUse` as for `nextPlacement`.
 */
export function triedPlaces(
  present: { readonly location: string; readonly zone?: string | undefined },
  topology: TopologyRequirement | undefined,
  isOfUse: (value: string) => boolean = () => true,
): readonly string[] {
  const { location, zone } = present;
  if (zone === undefined) return [location];
  const value = zoneValue({ location, zone });
  const places = placesIn(location, topology);
  const before = places
    .slice(0, Math.max(places.indexOf(value), 0))
    .filter((place, at) => at === 0 || isOfUse(place));
  return [...before.map((place) => (place === "" ? location : place)), value];
}

/** The terms of a topology in a region, in the order in which `choosePlacement` takes them. */
function placesIn(location: string, topology: TopologyRequirement | undefined): readonly string[] {
  const { preferred = [], requisite = [], zonelessRegions } = topology ?? {};
  const terms = [...new Set([...preferred, ...requisite].map((value) => value.toLowerCase()))];
  return terms.filter((value) =>
    value === ""
      ? zonelessRegions?.includes(location) !== false
      : parseZoneValue(value)?.location === location,
  );
}

/**
 * A failure to make a disk in a zone that lacks its SKU, as an answer to its request: only where that allows
 * another zone may another choice of node help. Without one external-provisioner would ask for ever, also
 * for a claim that is deleted.
 */
export function answerInZone(failure: Failure, topology: TopologyRequirement | undefined): Failure {
  if (failure.kind !== "NotOfferedInZone") return failure;
  const { zone: value, detail, azure } = failure;
  const allowed = [...(topology?.requisite ?? []), ...(topology?.preferred ?? [])];
  if (allowed.some((term) => parseZoneValue(term)?.zone !== value)) return failure;
  const problem = `${detail} No other zone is allowed`;
  return { kind: "InvalidArgument", field: "zone", value, problem, ...(azure && { azure }) };
}

/** Whether a disk could not be made in one zone: CreateVolume alone knows where else it was tried. */
export function isOfOneZone(failure: Failure): boolean {
  return failure.kind === "NotOfferedInZone" || failure.kind === "NoCapacityInZone";
}

/**
 * The topology of a disk for which none is required: the place from which most nodes reach it. Azure attaches
 * a zonal disk only in its zone, and a regional one only to VMs without a zone, which therefore count as
 * those of one more zone. That one wins a tie. Undefined: there is no node.
 */
export function topologyOfNodes(
  nodes: readonly { readonly location: string; readonly zone: string }[],
): TopologyRequirement | undefined {
  const byZone = Map.groupBy(nodes, zoneValue);
  const [best] = [...byZone].toSorted(
    ([left, ofLeft], [right, ofRight]) => ofRight.length - ofLeft.length || (left < right ? -1 : 1),
  );
  return best === undefined ? undefined : { requisite: [], preferred: [best[0]] };
}

/** The regions of the nodes without a zone; undefined: there is none, or of one the region is not known. */
export function zonelessRegionsOf(
  nodes: readonly { readonly location: string; readonly zone: string }[],
): readonly string[] | undefined {
  const regions = nodes.filter(({ zone }) => zone === "").map(({ location }) => regionName(location));
  return regions.length === 0 || regions.includes("") ? undefined : [...new Set(regions)].toSorted();
}

/** The zone values that a disk is reachable from; empty: nodes without a zone. */
export function accessibleZones(disk: {
  readonly skuName: string;
  readonly location: string;
  readonly zones: readonly string[];
}): readonly string[] {
  const { skuName, location, zones } = disk;
  if (isZoneRedundant(skuName)) return [...ZONES_PER_REGION.map((zone) => zoneValue({ location, zone })), ""];
  return zones.length === 0 ? [""] : zones.map((zone) => zoneValue({ location, zone }));
}

/** A place as a zone value: `eastus-1`, or empty without a zone. */
export function zoneValue(place: { readonly location: string; readonly zone: string }): string {
  return place.zone === "" ? "" : `${regionName(place.location)}-${place.zone}`;
}

/** Whether a volume that is reachable from `accessible` satisfies `requisite`, if that names any zone. */
export function satisfiesRequisite(accessible: readonly string[], requisite: readonly string[]): boolean {
  return requisite.length === 0 || requisite.some((zone) => accessible.includes(zone));
}
