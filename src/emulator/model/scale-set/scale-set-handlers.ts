import { type ArmCall, type HandlerResult, param, reply } from "../api/arm-message.ts";
import { type ArmFailure, armErrors } from "../api/errors.ts";
import { type JsonObject, listAt, numberAt, objectAt, sameJson, textAt, textsAt } from "../api/json.ts";
import { checkScope, inScope, page } from "../api/paging.ts";
import { operationHeaders } from "../pace/lro.ts";
import { joinOperation, startOperation } from "../pace/operations.ts";
import type { VirtualMachine } from "../vm/virtual-machine.ts";
import { changePower, type PowerAction } from "../vm/vm-power.ts";
import { findVmSize } from "../vm/vm-sizes.ts";
import { findScaleSet, normalLocation, putVm, resourceGroupForWrite, type World } from "../world.ts";
import { instancesOf } from "./instances.ts";
import { newInstance, planCapacity, type ScaleSetChange, writeScaleSet } from "./scale-set-write.ts";
import { renderScaleSet, type ScaleSet, type ScaleSetAddress, scaleSetId } from "./scale-set.ts";

const SIZE_DEFAULT = "Standard_D8s_v5";

/** PUT of a scale set, new or existing. */
export function putScaleSetHandler(world: World, call: ArmCall): HandlerResult {
  const location = textAt(call.body, "location");
  if (location === undefined) return armErrors.locationRequired();
  const existing = scaleSetAt(world, call);
  if (existing !== undefined) return change(world, call, existing, "VirtualMachineScaleSets_CreateOrUpdate");
  const address = addressOf(call);
  if (resourceGroupForWrite(world, address, location) === undefined)
    return armErrors.resourceGroupNotFound(address.resourceGroup);
  return change(
    world,
    call,
    {
      ...address,
      id: scaleSetId(address),
      location: normalLocation(location),
      zones: (listAt(call.body, "zones") ?? []).filter((zone): zone is string => typeof zone === "string"),
      tags: {},
      orchestrationMode:
        textAt(call.body, "properties", "orchestrationMode") === "Flexible" ? "Flexible" : "Uniform",
      sizeName: SIZE_DEFAULT,
      profile: {},
      uniqueId: world.random.guid(),
      nextInstanceId: 0,
      provisioningState: "Creating",
      createdAtMs: world.nowMs,
    },
    "VirtualMachineScaleSets_CreateOrUpdate",
  );
}

/** PATCH of a scale set. */
export function patchScaleSetHandler(world: World, call: ArmCall): HandlerResult {
  const set = scaleSetAt(world, call);
  return set === undefined ? notFound(call) : change(world, call, set, "VirtualMachineScaleSets_Update");
}

/** A body's tags, size, capacity and model. Existing instances keep the model with which they were made. */
function change(world: World, call: ArmCall, set: ScaleSet, name: string): HandlerResult {
  if (set.operationId !== undefined) return armErrors.conflict();
  const sizeName = textAt(call.body, "sku", "name") ?? set.sizeName;
  const size = findVmSize(sizeName);
  if (size === undefined) return armErrors.invalidVmSize(sizeName);
  const profile = objectAt(call.body, "properties", "virtualMachineProfile") ?? set.profile;
  const changed = {
    ...set,
    sizeName: size.name,
    profile,
    tags: textsAt(call.body, "tags") ?? set.tags,
  };
  const present = instancesOf(world, set);
  const plan = planCapacity(world, changed, numberAt(call.body, "sku", "capacity") ?? present.length);
  if ("kind" in plan) return plan;
  const refused = checkModel(world, changed);
  if (refused !== undefined) return refused;
  if (!sameJson(profile, set.profile) || size.name !== set.sizeName) outdate(world, present);
  const isNew = findScaleSet(world, set.id) === undefined;
  return started(world, call, changed, { name, ...plan }, isNew ? 201 : 200);
}

/** Why no instance can be made of a scale set's model. */
function checkModel(world: World, set: ScaleSet): ArmFailure | undefined {
  const sample = newInstance(world, set, { index: 0, nth: 0 });
  return "code" in sample ? sample : undefined;
}

function outdate(world: World, instances: readonly VirtualMachine[]): void {
  for (const vm of instances)
    if (vm.instance !== undefined)
      putVm(world, { ...vm, instance: { ...vm.instance, latestModelApplied: false } });
}

/** DELETE of a scale set with all its instances. */
export function deleteScaleSetHandler(world: World, call: ArmCall): HandlerResult {
  const set = scaleSetAt(world, call);
  if (set === undefined) return reply(204);
  const running = set.operationId === undefined ? undefined : world.operations.get(set.operationId);
  if (running !== undefined && set.provisioningState === "Deleting")
    return reply(202, undefined, operationHeaders(world, call, joinOperation(world, running), "Action"));
  if (running !== undefined) return armErrors.conflict();
  const leaving = instancesOf(world, set);
  const name = "VirtualMachineScaleSets_Delete";
  return started(world, call, set, { name, coming: [], leaving, deletesSet: true }, 202);
}

/** POST delete: removes the named instances, and the capacity with them. */
export function deleteInstancesHandler(world: World, call: ArmCall): HandlerResult {
  const set = scaleSetAt(world, call);
  if (set === undefined) return notFound(call);
  if (set.operationId !== undefined) return armErrors.conflict();
  const leaving = namedInstances(world, call, set);
  if ("code" in leaving) return leaving;
  const name = "VirtualMachineScaleSets_DeleteInstances";
  return started(world, call, set, { name, coming: [], leaving }, 202);
}

/** POST manualupgrade: the named instances get the scale set's present model. */
export function upgradeInstancesHandler(world: World, call: ArmCall): HandlerResult {
  const set = scaleSetAt(world, call);
  if (set === undefined) return notFound(call);
  if (set.operationId !== undefined) return armErrors.conflict();
  const upgraded = namedInstances(world, call, set);
  if ("code" in upgraded) return upgraded;
  for (const vm of upgraded)
    if (vm.instance !== undefined)
      putVm(world, {
        ...vm,
        size: findVmSize(set.sizeName) ?? vm.size,
        instance: { ...vm.instance, latestModelApplied: true },
        etag: vm.etag + 1,
      });
  const name = "VirtualMachineScaleSets_UpdateInstances";
  return started(world, call, set, { name, coming: [], leaving: [] }, 202);
}

/**
 * A POST that does the same to each of the named instances, by default to all: refused as long as one of them
 * is being written. It ends with the last of them.
 */
export function eachInstanceHandler(
  action: PowerAction,
  operation: string,
): (world: World, call: ArmCall) => HandlerResult {
  return (world, call) => {
    const set = scaleSetAt(world, call);
    if (set === undefined) return notFound(call);
    const named =
      listAt(call.body, "instanceIds") === undefined
        ? instancesOf(world, set)
        : namedInstances(world, call, set);
    if ("code" in named) return named;
    if (set.operationId !== undefined || named.some((vm) => vm.operationId !== undefined))
      return armErrors.conflict();
    const forced = call.query["skipshutdown"] === "true" || call.query["forcedeallocate"] === "true";
    let endsAtMs = world.nowMs;
    for (const vm of named) {
      const changed = changePower(world, vm, action, { forced, hibernate: false });
      if (changed.kind === "Failure") return changed;
      endsAtMs = Math.max(endsAtMs, changed.operation.dueAtMs);
    }
    const started = startOperation(world, {
      name: operation,
      provider: "operations",
      subscriptionId: set.subscriptionId,
      location: set.location,
      resourceId: set.id,
      delayMs: endsAtMs - world.nowMs,
      work: { effects: () => [], end: () => undefined },
    });
    return reply(202, undefined, operationHeaders(world, call, started, "Action"));
  };
}

export function getScaleSetHandler(world: World, call: ArmCall): HandlerResult {
  const set = scaleSetAt(world, call);
  return set === undefined ? notFound(call) : reply(200, rendered(world, set));
}

export function listScaleSetsHandler(world: World, call: ArmCall): HandlerResult {
  const refused = checkScope(world, call);
  if (refused !== undefined) return refused;
  const sets = [...world.scaleSets.values()].filter((set) => inScope(call, set));
  return page(world, call, sets, (set) => rendered(world, set));
}

/** The instances that a body names; `*` are all. */
function namedInstances(world: World, call: ArmCall, set: ScaleSet): readonly VirtualMachine[] | ArmFailure {
  const ids = (listAt(call.body, "instanceIds") ?? []).filter((id): id is string => typeof id === "string");
  const instances = instancesOf(world, set);
  if (ids.includes("*")) return instances;
  const nameOf = (vm: VirtualMachine): string => vm.instance?.instanceId ?? vm.name;
  const unknown = ids.find((id) => !instances.some((vm) => nameOf(vm) === id));
  if (unknown !== undefined) return armErrors.instanceNotActive(unknown);
  return instances.filter((vm) => ids.includes(nameOf(vm)));
}

function started(
  world: World,
  call: ArmCall,
  set: ScaleSet,
  change: ScaleSetChange,
  status: 200 | 201 | 202,
): HandlerResult {
  const written = writeScaleSet(world, set, change);
  if (written.kind === "Failure") return written;
  return status === 202
    ? reply(202, undefined, operationHeaders(world, call, written.operation, "Action"))
    : reply(status, rendered(world, written.set), operationHeaders(world, call, written.operation, "Update"));
}

function rendered(world: World, set: ScaleSet): JsonObject {
  return renderScaleSet(set, instancesOf(world, set).length);
}

function notFound(call: ArmCall): ArmFailure {
  const { name, resourceGroup } = addressOf(call);
  return armErrors.resourceNotFound("virtualMachineScaleSets", name, resourceGroup);
}

function scaleSetAt(world: World, call: ArmCall): ScaleSet | undefined {
  return findScaleSet(world, scaleSetId(addressOf(call)));
}

function addressOf(call: ArmCall): ScaleSetAddress {
  return {
    subscriptionId: param(call, "subscriptionId"),
    resourceGroup: param(call, "resourceGroup"),
    name: param(call, "scaleSet"),
  };
}
