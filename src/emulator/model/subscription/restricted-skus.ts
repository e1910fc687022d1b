import { type ArmFailure, armErrors } from "../api/errors.ts";
import type { JsonObject } from "../api/json.ts";
import { findDiskSku } from "../disk/disk-sku.ts";
import type { RestrictedSku } from "../settings.ts";
import { normalLocation, type World } from "../world.ts";

/** `restrictions` of a SKU in the list of SKUs. */
export function restrictionsOf(world: World, name: string, location: string): readonly JsonObject[] {
  return restrictedIn(world, name, location).map(({ zones }) => ({
    type: zones === undefined ? "Location" : "Zone",
    values: [location],
    restrictionInfo: { locations: [location], ...(zones === undefined ? {} : { zones }) },
    reasonCode: "NotAvailableForSubscription",
  }));
}

/** The refusal to give a resource a SKU where the subscription can't have it. Those that have it keep it. */
export function checkSku(
  world: World,
  name: string,
  resource: {
    readonly id: string;
    readonly subscriptionId: string;
    readonly location: string;
    readonly zones: readonly string[];
  },
): ArmFailure | undefined {
  const isRestricted = restrictedIn(world, name, resource.location).some(
    ({ zones }) => zones === undefined || resource.zones.some((zone) => zones.includes(zone)),
  );
  if (!isRestricted) return undefined;
  return findDiskSku(name) === undefined
    ? armErrors.sizeNotAvailable(name, normalLocation(resource.location))
    : armErrors.diskSkuNotAvailable(resource);
}

function restrictedIn(world: World, name: string, location: string): readonly RestrictedSku[] {
  return world.settings.restrictedSkus.filter(
    (restricted) =>
      restricted.name.toLowerCase() === name.toLowerCase() &&
      (restricted.location === undefined || normalLocation(restricted.location) === normalLocation(location)),
  );
}
