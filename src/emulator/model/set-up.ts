import { availabilitySetId, SET_UP_AVAILABILITY_SET } from "./api/availability-set-handlers.ts";
import { armErrors, type ArmFailure } from "./api/errors.ts";
import { type Json, objectAt } from "./api/json.ts";
import { keyOf, resourceId } from "./api/resource/resource-id.ts";
import { startOperation, writing } from "./pace/operations.ts";
import { defaultsOfSet, withModelDefaults } from "./scale-set/model-defaults.ts";
import type { ScaleSetSetUp } from "./scale-set/scale-set-set-up.ts";
import { newInstance } from "./scale-set/scale-set-write.ts";
import { instanceProperties, type ScaleSet, scaleSetId } from "./scale-set/scale-set.ts";
import { DEFAULT_UPGRADE_POLICY } from "./scale-set/upgrade-policy.ts";
import { checkEdgeZone, edgeZoneIn } from "./subscription/edge-zones.ts";
import { checkRegion, hasRegion, regionsOf } from "./subscription/regions.ts";
import { withOsDiskSettled } from "./vm/os-disk/os-disk.ts";
import { setUpScaleSetProfile, setUpVmProfiles } from "./vm/os-disk/set-up-profile.ts";
import type { VirtualMachine } from "./vm/virtual-machine.ts";
import { newVm } from "./vm/vm-create.ts";
import { strikeVm } from "./vm/vm-events.ts";
import type { VmSetUp } from "./vm/vm-set-up.ts";
import { findVmSize } from "./vm/vm-sizes.ts";
import { dataPlaneVm } from "./vm/vm-state.ts";
import {
  findVm,
  normalLocation,
  putResourceGroup,
  putVm,
  findResourceGroup,
  type World,
  findScaleSet,
  putScaleSet,
} from "./world.ts";

export type AddedVm = { readonly kind: "Added"; readonly vm: VirtualMachine } | ArmFailure;

/** Adds a running VM at once, as if it had existed before the first call. */
export function addVirtualMachine(world: World, setUp: VmSetUp): AddedVm {
  const { subscriptionId, resourceGroup, name, scaleSet } = setUp;
  const elsewhere = checkRegion(world, setUp.location, "Microsoft.Compute/virtualMachines");
  if (elsewhere !== undefined) return elsewhere;
  const parentId = scaleSetId({ subscriptionId, resourceGroup, name: scaleSet ?? "" });
  const set = scaleSet === undefined ? undefined : findScaleSet(world, parentId);
  if (scaleSet !== undefined && set === undefined)
    return armErrors.parentResourceNotFound("virtualMachineScaleSets/virtualMachines", parentId);
  const uniformSet = set?.orchestrationMode === "Uniform" ? set : undefined;
  if (uniformSet !== undefined && !/^\d+$/.test(name))
    return armErrors.invalidParameter(
      "name",
      `An instance of scale set '${scaleSet}' is a number, not '${name}'.`,
    );
  const address = {
    subscriptionId,
    resourceGroup,
    name,
    ...(scaleSet === undefined || uniformSet === undefined ? {} : { scaleSet }),
  };
  if (findVm(world, resourceId({ ...address, type: "virtualMachines" })) !== undefined)
    return armErrors.resourceExists(setUp.name);
  if (setUp.availabilitySet !== undefined && (setUp.scaleSet !== undefined || setUp.zone !== undefined))
    return armErrors.invalidParameter(
      "availabilitySet",
      `VM '${name}' can't be in an availability set and also in a zone or a scale set.`,
    );
  const body = bodyOf(world, setUp, set);
  const misplaced = checkEdgeZone(body);
  if (misplaced !== undefined) return misplaced;
  const vm = newVm(world, address, body);
  if ("code" in vm) return vm;
  // An instance that the set makes later gets an id of its own.
  if (uniformSet !== undefined)
    putScaleSet(world, {
      ...uniformSet,
      nextInstanceId: Math.max(uniformSet.nextInstanceId, Number(name) + 1),
    });
  addResourceGroup(world, {
    subscriptionId: setUp.subscriptionId,
    name: setUp.resourceGroup,
    location: setUp.location,
  });
  if (setUp.availabilitySet !== undefined) addAvailabilitySet(world, setUp, setUp.availabilitySet);
  const running = putRunning(world, vm);
  for (const event of setUp.events ?? []) strikeVm(world, findVm(world, vm.id) ?? running, event);
  return { kind: "Added", vm: running };
}

function putRunning(world: World, vm: VirtualMachine): VirtualMachine {
  const running = putVm(world, {
    ...withOsDiskSettled(world, vm),
    power: "running",
    provisioningState: "Succeeded",
  });
  // Only the devices need it; no caller waits for it.
  startOperation(world, {
    name: "setUp",
    provider: "operations",
    ...writing(vm),
    delayMs: 0,
    internal: true,
    work: { effects: () => [{ kind: "vmStarted", ...dataPlaneVm(vm) }], end: () => undefined },
  });
  return running;
}

/** Creates the VM's availability set unless it exists. */
function addAvailabilitySet(
  world: World,
  { subscriptionId, resourceGroup, location }: VmSetUp,
  name: string,
): void {
  const id = availabilitySetId({ subscriptionId, resourceGroup, name });
  if (world.availabilitySets.has(keyOf(id))) return;
  world.availabilitySets.set(keyOf(id), {
    ...{ id, name, subscriptionId, resourceGroup, location: normalLocation(location), tags: undefined },
    ...SET_UP_AVAILABILITY_SET,
    other: {},
  });
}

export type AddedScaleSet = { readonly kind: "Added"; readonly set: ScaleSet } | ArmFailure;

/** Adds a scale set with running instances at once, as if it had existed before the first call. */
export function addScaleSet(world: World, setUp: ScaleSetSetUp): AddedScaleSet {
  const { subscriptionId, resourceGroup, name } = setUp;
  const elsewhere = checkRegion(world, setUp.location, "Microsoft.Compute/virtualMachineScaleSets");
  if (elsewhere !== undefined) return elsewhere;
  const id = scaleSetId({ subscriptionId, resourceGroup, name });
  if (findScaleSet(world, id) !== undefined) return armErrors.resourceExists(name);
  const size = setUp.size ?? "Standard_D8s_v5";
  if (findVmSize(size) === undefined) return armErrors.invalidVmSize(size);
  addResourceGroup(world, { subscriptionId, name: resourceGroup, location: setUp.location });
  const { orchestrationMode = "Uniform", zones = [] } = setUp;
  const set = putScaleSet(world, {
    id,
    name,
    subscriptionId,
    resourceGroup,
    location: normalLocation(setUp.location),
    zones,
    tags: undefined,
    orchestrationMode,
    sizeName: size,
    upgradePolicy: DEFAULT_UPGRADE_POLICY,
    profile: world.settings.osDisks
      ? withModelDefaults(
          world,
          setUpScaleSetProfile({ ...setUp, computerNamePrefix: setUp.computerNamePrefix ?? name }),
          { sizeName: size, orchestrationMode },
        )
      : setUp.computerNamePrefix === undefined
        ? {}
        : { osProfile: { computerNamePrefix: setUp.computerNamePrefix } },
    other: defaultsOfSet({ orchestrationMode, zones }),
    members: {},
    uniqueId: world.random.guid(),
    nextInstanceId: (setUp.firstInstanceId ?? 0) + setUp.capacity,
    provisioningState: "Succeeded",
    etag: 1,
    createdAtMs: world.nowMs,
  });
  for (let index = 0; index < setUp.capacity; index++) {
    const vm = newInstance(world, set, { index, number: (setUp.firstInstanceId ?? 0) + index });
    if ("code" in vm) return vm;
    putRunning(world, vm);
  }
  return { kind: "Added", set };
}

/** Creates a resource group unless it exists, and its subscription with it. */
export function addResourceGroup(
  world: World,
  group: { readonly subscriptionId: string; readonly name: string; readonly location: string },
): ArmFailure | undefined {
  const { subscriptionId, name, location } = group;
  if (findResourceGroup(world, { subscriptionId, resourceGroup: name }) !== undefined) return undefined;
  if (!hasRegion(world, location)) return armErrors.groupLocationNotAvailable(location, regionsOf(world));
  world.subscriptions.set(keyOf(subscriptionId), subscriptionId);
  putResourceGroup(world, { ...group, tags: undefined });
  return undefined;
}

/** Fills an empty world with its initial state. */
export function populate(world: World): void {
  for (const rule of world.initial.faults ?? []) world.faults.add(rule);
  for (const group of world.initial.resourceGroups ?? []) {
    const refused = addResourceGroup(world, group);
    if (refused !== undefined)
      throw new Error(`resource group ${group.name} can't be set up: ${refused.message}`);
  }
  for (const set of world.initial.scaleSets ?? []) {
    const added = addScaleSet(world, set);
    if (added.kind === "Failure") throw new Error(`scale set ${set.name} can't be set up: ${added.message}`);
  }
  for (const vm of world.initial.virtualMachines ?? []) {
    const added = addVirtualMachine(world, vm);
    if (added.kind === "Failure")
      throw new Error(`virtual machine ${vm.name} can't be set up: ${added.message}`);
  }
}

function bodyOf(world: World, setUp: VmSetUp, set: ScaleSet | undefined): Json {
  const computerName = setUp.computerName ?? setUp.name;
  const profiles =
    set === undefined || Object.keys(set.profile).length === 0
      ? setUpVmProfiles({ ...setUp, computerName })
      : instanceProperties(set);
  const shown = world.settings.osDisks ? profiles : {};
  return {
    location: normalLocation(setUp.location),
    ...(setUp.zone === undefined ? {} : { zones: [setUp.zone] }),
    ...(setUp.edgeZone === undefined
      ? edgeZoneIn(set?.members)
      : { extendedLocation: { name: setUp.edgeZone, type: "EdgeZone" } }),
    ...(setUp.tags === undefined ? {} : { tags: setUp.tags }),
    properties: {
      ...shown,
      hardwareProfile: { vmSize: setUp.size ?? "Standard_D8s_v5" },
      osProfile: { ...objectAt(shown, "osProfile"), computerName },
      ...(set?.orchestrationMode === "Flexible" ? { virtualMachineScaleSet: { id: set.id } } : {}),
      ...(setUp.availabilitySet === undefined
        ? {}
        : { availabilitySet: { id: availabilitySetId({ ...setUp, name: setUp.availabilitySet }) } }),
      ...(setUp.ultraSsdEnabled === true ? { additionalCapabilities: { ultraSSDEnabled: true } } : {}),
    },
  };
}
