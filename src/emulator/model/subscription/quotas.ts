import { type ArmCall, type HandlerResult, param, reply } from "../api/arm-message.ts";
import { type ArmFailure, armErrors } from "../api/errors.ts";
import { isObject, type Json } from "../api/json.ts";
import { keyOf } from "../api/resource/resource-id.ts";
import { normalLocation, type World } from "../world.ts";
import { diskQuota, type QuotaName, QUOTAS, snapshotQuota } from "./quota-table.ts";

/** A subscription's part of a region. */
interface Place {
  readonly subscriptionId: string;
  readonly location: string;
}

/** GET usages: what a subscription has in a region, and what it may have. */
export function listUsagesHandler(world: World, call: ArmCall): HandlerResult {
  const place = { subscriptionId: param(call, "subscriptionId"), location: param(call, "location") };
  const usages = usagesOf(world, place);
  const value = Object.entries(QUOTAS).map(([name, { localizedName }]) => ({
    unit: "Count",
    currentValue: usages.get(name as QuotaName) ?? 0,
    limit: limitOf(world, name as QuotaName),
    name: { value: name, localizedValue: localizedName },
  }));
  return reply(200, { value });
}

/** The refusal of one disk or snapshot more than the subscription may have in the region. */
export function checkQuota(world: World, place: Place, name: QuotaName): ArmFailure | undefined {
  const limit = limitOf(world, name);
  // Without a count of each: most worlds are far from any limit.
  if (world.disks.size + world.snapshots.size < limit) return undefined;
  const usage = usagesOf(world, place).get(name) ?? 0;
  return usage < limit
    ? undefined
    : armErrors.quotaExceeded({ quota: name, location: normalLocation(place.location), limit, usage });
}

/** Reads the setting `quotas`. A text says what is wrong with it. */
export function parseQuotas(
  value: Json | undefined,
): { readonly value: Readonly<Partial<Record<QuotaName, number>>> } | string {
  if (!isObject(value)) return "'quotas' is an object from a name to a number";
  for (const [name, limit] of Object.entries(value)) {
    if (!Object.hasOwn(QUOTAS, name))
      return `quotas: '${name}' is not a quota; there are ${Object.keys(QUOTAS).join(", ")}`;
    if (typeof limit !== "number" || !Number.isInteger(limit) || limit < 0)
      return `quotas: '${name}' is a whole number from 0, not ${JSON.stringify(limit)}`;
  }
  return { value: value as Readonly<Partial<Record<QuotaName, number>>> };
}

function limitOf({ settings }: World, name: QuotaName): number {
  return settings.quotas[name] ?? QUOTAS[name].limit;
}

function usagesOf(world: World, { subscriptionId, location }: Place): ReadonlyMap<QuotaName, number> {
  const usages = new Map<QuotaName, number>();
  const count = (owners: Iterable<Place>, name: QuotaName | undefined, by = 1): void => {
    for (const owner of owners)
      if (
        name !== undefined &&
        keyOf(owner.subscriptionId) === keyOf(subscriptionId) &&
        normalLocation(owner.location) === normalLocation(location)
      )
        usages.set(name, (usages.get(name) ?? 0) + by);
  };
  for (const disk of world.disks.values()) count([disk], diskQuota(disk.spec.sku.name));
  for (const snapshot of world.snapshots.values()) count([snapshot], snapshotQuota(snapshot.skuName));
  for (const vm of world.virtualMachines.values()) {
    count([vm], "virtualMachines");
    if (vm.power !== "deallocated") count([vm], "cores", vm.size.vcpus);
  }
  count(world.scaleSets.values(), "virtualMachineScaleSets");
  count(world.availabilitySets.values(), "availabilitySets");
  return usages;
}
