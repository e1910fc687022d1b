import { type ArmFailure, armErrors } from "../api/errors.ts";
import {
  at,
  booleanAt,
  type Json,
  type JsonObject,
  listAt,
  objectAt,
  sameJson,
  textAt,
  textsAt,
  withoutMembers,
  withoutNulls,
} from "../api/json.ts";
import { checkVmName } from "../api/request/check-name.ts";
import { choiceOf } from "../api/request/choice.ts";
import { type ResourceAddress, resourceId, sameId } from "../api/resource/resource-id.ts";
import { statedMembers } from "../api/resource/stated-members.ts";
import type { DiskControllerType } from "../data-plane-port.ts";
import { RETRY_AFTER } from "../pace/lro.ts";
import type { Operation } from "../pace/operation.ts";
import { delayMs, joinOperation, startOperation, writing } from "../pace/operations.ts";
import { domainNumberOf } from "../scale-set/fault-domains.ts";
import { checkTerminateNotice } from "../scheduled-events/raise-event.ts";
import { checkVmQuotas } from "../subscription/quotas.ts";
import { checkZones, zonesIn } from "../subscription/regions.ts";
import { checkSku } from "../subscription/restricted-skus.ts";
import { putVm, without, type World } from "../world.ts";
import { checkAttach } from "./attachment-rules.ts";
import { parseDataDisks, planReplacedList } from "./data-disks.ts";
import { withDiskNames } from "./new-disks.ts";
import { osTypeOf } from "./os-disk/image.ts";
import { reserveOsDisk, withOsDisk, withOsDiskSettled } from "./os-disk/os-disk.ts";
import { completedOsProfile, type Machine } from "./os-disk/os-profile.ts";
import type { VirtualMachine } from "./virtual-machine.ts";
import { findVmSize, type VmSize } from "./vm-sizes.ts";
import {
  asDiskShows,
  dataDiskEffects,
  dataPlaneVm,
  endWrite,
  putVmWithReservations,
  runningOperation,
  withDataDisksSettled,
} from "./vm-state.ts";

export type VmAddress = Omit<ResourceAddress, "type">;

/**
 * Parts of a VM that the emulator understands. It keeps and returns everything else in `properties`
 * unchanged.
 */
const UNDERSTOOD = [
  "hardwareProfile",
  "storageProfile",
  "availabilitySet",
  "additionalCapabilities",
  "provisioningState",
  "vmId",
  "timeCreated",
  "instanceView",
  "latestModelApplied",
];

/**
 * The VM that a PUT requests, still without data disks and power. `nth`: of those of its set that are made
 * together, which have no place there yet.
 */
export function newVm(
  world: World,
  address: VmAddress,
  body: Json | undefined,
  nth = 0,
): VirtualMachine | ArmFailure {
  const location = textAt(body, "location");
  if (location === undefined) return armErrors.locationRequired();
  const resource = `Microsoft.Compute/virtualMachines/${address.name}`;
  const zones = zonesOf(body, location, resource);
  if ("code" in zones) return zones;
  const wrongZone = checkZones(zones, location, resource);
  if (wrongZone !== undefined) return wrongZone;
  const sizeName = textAt(body, "properties", "hardwareProfile", "vmSize") ?? "Standard_D8s_v5";
  const size = findVmSize(sizeName);
  if (size === undefined) return armErrors.invalidVmSize(sizeName);
  const wrongNotice = checkTerminateNotice(at(body, "properties"));
  if (wrongNotice !== undefined) return wrongNotice;
  const availabilitySetId = textAt(body, "properties", "availabilitySet", "id");
  const wantedController = textAt(body, "properties", "storageProfile", "diskControllerType");
  const controller = controllerType(size, wantedController);
  if (wantedController !== undefined && !sameId(controller, wantedController))
    return armErrors.controllerNotSupported(size.name, wantedController);
  const { subscriptionId, resourceGroup, name, scaleSet } = address;
  const vm: VirtualMachine = {
    subscriptionId,
    resourceGroup,
    id: resourceId({ ...address, type: "virtualMachines" }),
    ...(scaleSet === undefined
      ? { name }
      : {
          name: `${scaleSet}_${name}`,
          instance: { scaleSet, instanceId: name, latestModelApplied: true },
        }),
    location,
    zones,
    tags: textsAt(body, "tags"),
    vmGuid: world.random.guid(),
    size,
    controllerType: controller,
    ultraSsdEnabled: booleanAt(body, "properties", "additionalCapabilities", "ultraSSDEnabled") ?? false,
    ...(availabilitySetId === undefined ? {} : { availabilitySetId }),
    other: withSpotPrice(objectAt(withoutNulls(otherProperties(body))) ?? {}),
    members: statedMembers(world, body, { members: {}, kind: "PUT" }),
    dataDisks: [],
    power: "creating",
    hibernated: false,
    guestResponsive: true,
    agentReachable: true,
    provisioningState: "Creating",
    etag: 1,
    createdAtMs: world.nowMs,
  };
  const domainNumber = domainNumberOf(world, vm, nth);
  const placed = domainNumber === undefined ? vm : { ...vm, domainNumber };
  const made = world.settings.osDisks ? withOsDisk(world, placed) : placed;
  return "code" in made ? made : { ...made, other: withOsProfile(world, made.other, machineOf(made)) };
}

/** Recorded in 2024 (Azure/azure-cli, test_vm_simulate_eviction.yaml): Spot VMs cost what others do. */
function withSpotPrice(properties: JsonObject): JsonObject {
  return textAt(properties, "priority")?.toLowerCase() === "spot"
    ? { ...properties, billingProfile: { maxPrice: -1, ...objectAt(properties, "billingProfile") } }
    : properties;
}

/** Properties of a machine with all that Azure's answers state of its system, unless it has no OS disk. */
export function withOsProfile(world: World, properties: JsonObject, machine: Machine): JsonObject {
  const osProfile = world.settings.osDisks ? objectAt(properties, "osProfile") : undefined;
  return osProfile === undefined
    ? properties
    : { ...properties, osProfile: completedOsProfile(osProfile, { osType: osTypeOf(properties), machine }) };
}

/** Which properties of its system a VM has: an instance of a uniform scale set has those of the model. */
export function machineOf({ instance }: Pick<VirtualMachine, "instance">): Machine {
  return instance === undefined ? "VM" : "Model";
}

/**
 * The zone of a VM: as stated, or one that its placement allows, where Azure is to choose it. Inferred: the
 * refusal where it allows none.
 */
function zonesOf(body: Json | undefined, location: string, resource: string): readonly string[] | ArmFailure {
  const textsOf = (...path: readonly string[]): readonly string[] =>
    (listAt(body, ...path) ?? []).filter((zone): zone is string => typeof zone === "string");
  const stated = textsOf("zones");
  const policy = textAt(body, "placement", "zonePlacementPolicy");
  if (stated.length > 0 || policy?.toLowerCase() !== "any") return stated;
  const included = textsOf("placement", "includeZones");
  const excluded = textsOf("placement", "excludeZones");
  const offered = zonesIn(location).filter((zone) => !excluded.includes(zone));
  const zone = offered.find((candidate) => included.length === 0 || included.includes(candidate));
  return zone === undefined ? armErrors.invalidZone(included, { resource, location, offered }) : [zone];
}

/**
 * The creation that a PUT repeats exactly, since clients send writes at least once; undefined if it
 * differs.
 */
export function repeatedCreation(
  world: World,
  vm: VirtualMachine,
  body: Json | undefined,
): { readonly kind: "Started"; vm: VirtualMachine; operation: Operation } | undefined {
  const running = runningOperation(world, vm);
  return running !== undefined && vm.provisioningState === "Creating" && sameJson(vm.pendingBody, body)
    ? { kind: "Started", vm, operation: joinOperation(world, running) }
    : undefined;
}

/**
 * PUT of a VM that does not exist yet. A client that only wants to change a VM must not create one that
 * lacks what every VM has, so a body without a network is refused.
 */
export function createVm(
  world: World,
  address: VmAddress,
  body: Json | undefined,
): { readonly kind: "Started"; vm: VirtualMachine; operation: Operation } | ArmFailure {
  const vm = newVm(world, address, body);
  if ("code" in vm) return vm;
  const misnamed = checkVmName("vm", address.name);
  if (misnamed !== undefined) return misnamed;
  if (objectAt(body, "properties", "networkProfile") === undefined)
    return armErrors.missingForNewVm("networkProfile");
  const restricted = checkSku(world, vm.size.name, vm) ?? checkVmQuotas(world, vm, [vm]);
  if (restricted !== undefined) return restricted;
  const plan = planReplacedList(
    world,
    vm,
    withDiskNames(world, vm, parseDataDisks(listAt(body, "properties", "storageProfile", "dataDisks") ?? [])),
  );
  if (plan.kind === "Failure") return plan;
  for (const entry of plan.entries) {
    const refused = checkAttach(world, vm, entry);
    if (refused !== undefined) return refused;
  }
  const dataDisks = plan.entries.map((entry) => asDiskShows(world, entry));
  const begun = putVmWithReservations(world, {
    ...vm,
    dataDisks,
    ...(body === undefined ? {} : { pendingBody: body }),
  });
  reserveOsDisk(world, begun);
  const write = { vmId: vm.id, vmGuid: vm.vmGuid, etagMoves: true };
  const operation = startOperation(world, {
    name: "VirtualMachines_CreateOrUpdate",
    provider: "operations",
    ...writing(vm),
    delayMs: delayMs(world, "vmCreate", plan.entries.length),
    retryAfter: RETRY_AFTER.vmCreation,
    diskIds: plan.entries.map((entry) => entry.diskId),
    work: {
      effects: (outcome) =>
        outcome.undone === "all"
          ? []
          : [{ kind: "vmStarted", ...dataPlaneVm(vm) }, ...dataDiskEffects(world, vm.id, outcome)],
      end: (outcome) =>
        endWrite(world, write, (now) => ({
          ...without(withDataDisksSettled(world, withOsDiskSettled(world, now), outcome), "pendingBody"),
          power: outcome.undone === "all" ? "stopped" : "running",
          provisioningState: outcome.error === undefined ? "Succeeded" : "Failed",
        })),
    },
  });
  return { kind: "Started", vm: putVm(world, { ...begun, operationId: operation.id }), operation };
}

/** The type that is wanted of those which a size has, or the size's own. */
export function controllerType(size: VmSize, wanted: string | undefined): DiskControllerType {
  return choiceOf(size.controllerTypes, wanted) ?? size.controllerTypes[0] ?? "SCSI";
}

/** Everything in `properties` that has no effect here, and that reads return, but for its secrets. */
export function otherProperties(body: Json | undefined): JsonObject {
  const properties = objectAt(body, "properties") ?? {};
  const { vmSize: _size, ...hardware } = objectAt(properties, "hardwareProfile") ?? {};
  const {
    dataDisks: _disks,
    diskControllerType: _type,
    ...storage
  } = objectAt(properties, "storageProfile") ?? {};
  // A VM keeps these, also where a write sets them to null.
  const unstated = ["imageReference", "osDisk"].filter((member) => storage[member] === null);
  const { ultraSSDEnabled: _understood, ...capabilities } =
    objectAt(properties, "additionalCapabilities") ?? {};
  return {
    ...withoutMembers(properties, UNDERSTOOD),
    ...named("hardwareProfile", hardware),
    ...named("storageProfile", withoutMembers(storage, unstated)),
    ...named("additionalCapabilities", capabilities),
  };
}

function named(member: string, value: JsonObject): JsonObject {
  return Object.keys(value).length === 0 ? {} : { [member]: value };
}
