import { type ArmFailure, armErrors } from "../api/errors.ts";
import { normalLocation, type World } from "../world.ts";
import { type Region, REGIONS } from "./region-table.ts";

/** What a region has that only the settings know: everything, in three zones. */
const UNKNOWN = { zones: 3, premiumV2: 3, ultra: 3 } as const;
const OPEN_REGIONS = Object.entries(REGIONS)
  .filter(([, { restricted }]) => restricted !== true)
  .map(([name]) => name);

/**
 * The regions where subscriptions can have resources: those that the settings name, or all of Azure's public
 * cloud without restricted access.
 */
export function regionsOf({ settings }: Pick<World, "settings">): readonly string[] {
  return settings.locations.length > 0 ? settings.locations.map(normalLocation) : OPEN_REGIONS;
}

/** The regions in the list of a subscription, which has those of restricted access as well. */
export function listedRegions({ settings }: Pick<World, "settings">): readonly string[] {
  return settings.locations.length > 0 ? settings.locations.map(normalLocation) : Object.keys(REGIONS);
}

/** What a region has, whatever the spelling of its name. */
export function regionNamed(location: string): Partial<Region> & Pick<Region, "zones"> {
  return REGIONS[normalLocation(location)] ?? UNKNOWN;
}

/** `East US` for `eastus`; the name itself of a region that only the settings name. */
export function displayNameOf(region: string): string {
  return REGIONS[region]?.displayName ?? region;
}

/** The availability zones of a region: `["1", "2", "3"]` or none. */
export function zonesIn(location: string): readonly string[] {
  return firstZones(regionNamed(location).zones);
}

/** The refusal to put a resource, `Microsoft.Compute/disks/pvc-1`, into a zone that its region lacks. */
export function checkZones(
  zones: readonly string[],
  location: string,
  resource: string,
  offered: readonly string[] = zonesIn(location),
): ArmFailure | undefined {
  const wrong = zones.filter((zone) => !offered.includes(zone));
  return wrong.length > 0
    ? armErrors.invalidZone(wrong, { resource, location: normalLocation(location), offered })
    : undefined;
}

/** Inferred: of the zones of a subscription, the first ones have what not all of them have. */
export function firstZones(count: number): readonly string[] {
  return Array.from({ length: count }, (_, index) => String(index + 1));
}

export function hasRegion(world: Pick<World, "settings">, location: string): boolean {
  return regionsOf(world).includes(normalLocation(location));
}

/** Why there can be no resource of a type, such as `Microsoft.Compute/disks`, in a region. */
export function checkRegion(
  world: Pick<World, "settings">,
  location: string,
  resourceType: string,
): ArmFailure | undefined {
  return hasRegion(world, location)
    ? undefined
    : armErrors.locationNotAvailable(location, resourceType, regionsOf(world));
}
