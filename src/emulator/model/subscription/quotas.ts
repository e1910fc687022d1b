import { type ArmCall, type HandlerResult, param, reply } from "../api/arm-message.ts";
import { type ArmFailure, armErrors } from "../api/errors.ts";
import { keyOf } from "../api/resource/resource-id.ts";
import type { VirtualMachine } from "../vm/virtual-machine.ts";
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

/** By this, Karpenter and others tell the refusal from that of a family's cores. */
const CORES_IN_REFUSALS = "Total Regional Cores";

/** The refusal of so many more, one by default, than the subscription may have in the region. */
export function checkQuota(
  world: World,
  place: Place,
  name: QuotaName,
  required = 1,
): ArmFailure | undefined {
  const limit = limitOf(world, name);
  // Without a count of each: most worlds are far from any limit. Only cores are more than one a resource.
  if (name !== "cores" && resourcesOf(world) + required <= limit) return undefined;
  const usage = usagesOf(world, place).get(name) ?? 0;
  if (required <= 0 || usage + required <= limit) return undefined;
  const { location } = place;
  const quota = name === "cores" ? CORES_IN_REFUSALS : name;
  return armErrors.quotaExceeded({ quota, location: normalLocation(location), limit, usage, required });
}

/**
 * The same for VMs that are to be made there. What Azure grants of cores differs from subscription to
 * subscription: they are refused only where the setting names their quota.
 */
export function checkVmQuotas(
  world: World,
  place: Place,
  coming: readonly Pick<VirtualMachine, "size">[],
): ArmFailure | undefined {
  const cores = coming.reduce((sum, { size }) => sum + size.vcpus, 0);
  return checkQuota(world, place, "virtualMachines", coming.length) ?? checkCores(world, place, cores);
}

/** The same for cores of a VM that exists: as it starts, or by its new size. */
export function checkCores(world: World, place: Place, required: number): ArmFailure | undefined {
  return world.settings.quotas.cores === undefined ? undefined : checkQuota(world, place, "cores", required);
}

function resourcesOf(world: World): number {
  const { disks, snapshots, virtualMachines, scaleSets, availabilitySets } = world;
  return disks.size + snapshots.size + virtualMachines.size + scaleSets.size + availabilitySets.size;
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
