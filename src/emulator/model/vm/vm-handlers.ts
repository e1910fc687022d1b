import {
  addressOf,
  type ArmCall,
  expandedMembers,
  type HandlerResult,
  isOn,
  reply,
} from "../api/arm-message.ts";
import { type ArmFailure, armErrors } from "../api/errors.ts";
import { booleanAt, isObject, type JsonObject, listAt, numberAt, textAt } from "../api/json.ts";
import { inScope, page } from "../api/resource/paging.ts";
import { resourceId, sameId } from "../api/resource/resource-id.ts";
import { accepted, operationHeaders } from "../pace/lro.ts";
import { instancesOf, scaleSetIdOf } from "../scale-set/instances.ts";
import { ofScaleSet } from "../scale-set/scale-set-address.ts";
import { renderFlexibleInstance, scaleSetId } from "../scale-set/scale-set.ts";
import { findVm, normalLocation, ensureResourceGroup, type World, findScaleSet } from "../world.ts";
import { type AttachDetachRequest, isForced } from "./data-disks.ts";
import { renderInstanceView } from "./instance-view.ts";
import { withoutNewNames } from "./new-disks.ts";
import {
  etagText,
  renderStorageProfile,
  renderVirtualMachine,
  type VirtualMachine,
} from "./virtual-machine.ts";
import { createVm, repeatedCreation, type VmAddress } from "./vm-create.ts";
import { deleteVm } from "./vm-delete.ts";
import { changePower, type PowerAction } from "./vm-power.ts";
import { checkPreconditions } from "./vm-state.ts";
import { attachDetachDataDisks, diskFacts, updateVm, type VmUpdate } from "./vm-update.ts";

/** The only filter of a list of VMs, and how Azure's description writes it. */
const OF_SCALE_SET_ALLOWED = ["'virtualMachineScaleSet/id' eq '<id>'"];
const OF_SCALE_SET = /^\s*'?virtualMachineScaleSet\/id'? eq '?([^']+?)'?\s*$/i;
/** The filters of a list of instances, beside `startswith(…'PowerState') eq true`, which all of them meet. */
const BY_MODEL = /^\s*properties\/latestModelApplied eq (true|false)\s*$/i;
const HAS_POWER_STATE = /^\s*startswith\(instanceView\/statuses\/code, *'PowerState'\) eq true\s*$/i;
const OF_INSTANCES_ALLOWED = [
  "startswith(instanceView/statuses/code, 'PowerState') eq true",
  "properties/latestModelApplied eq true",
  "properties/latestModelApplied eq false",
];

/** PUT. Go's client accepts only 200 for an existing VM, and only 201 for a new one. */
export function putVmHandler(world: World, call: ArmCall): HandlerResult {
  const address = vmAddressOf(call);
  ensureResourceGroup(world, address, textAt(call.body, "location") ?? "eastus");
  const vm = vmAt(world, call);
  if (textAt(call.body, "location") === undefined) return armErrors.locationRequired();
  const refused = checkPreconditions(vm, call);
  if (refused !== undefined) return refused;
  const repeated = vm === undefined ? undefined : repeatedCreation(world, vm, call.body);
  const written =
    repeated ??
    (vm === undefined
      ? createVm(world, address, call.body)
      : updateVm(world, vm, call.body, "VirtualMachines_CreateOrUpdate"));
  if (written.kind === "Failure") return written;
  const status = vm === undefined || repeated !== undefined ? 201 : 200;
  return firstAnswer(status, world, call, { before: vm, ...written });
}

/** PATCH. Go's client accepts only 200. */
export function patchVmHandler(world: World, call: ArmCall): HandlerResult {
  const address = vmAddressOf(call);
  const vm = vmAt(world, call);
  if (vm === undefined)
    return armErrors.patchResourceNotFound(resourceId({ ...address, type: "virtualMachines" }), address.name);
  const refused = checkPreconditions(vm, call);
  if (refused !== undefined) return refused;
  const written = updateVm(world, vm, call.body, "VirtualMachines_Update");
  return written.kind === "Failure" ? written : firstAnswer(200, world, call, { before: vm, ...written });
}

/** PUT of an instance of a uniform scale set: there is no PATCH, and a PUT changes what it names. */
export function putInstanceHandler(world: World, call: ArmCall): HandlerResult {
  const vm = vmAt(world, call);
  if (vm === undefined) return vmGone(world, call);
  const refused = checkPreconditions(vm, call);
  if (refused !== undefined) return refused;
  const written = updateVm(world, vm, call.body, "VirtualMachineScaleSetVMs_Update");
  return written.kind === "Failure" ? written : firstAnswer(200, world, call, { before: vm, ...written });
}

/** The instances of one scale set. */
export const listInstancesHandler = ofScaleSet((world, call, set) => {
  const { $filter: filter = "" } = call.query;
  const [, isLatest] = BY_MODEL.exec(filter) ?? [];
  if (filter !== "" && isLatest === undefined && !HAS_POWER_STATE.test(filter))
    return armErrors.invalidFilter(filter, OF_INSTANCES_ALLOWED);
  const instances = instancesOf(world, set).filter(
    ({ instance }) =>
      isLatest === undefined || String(instance?.latestModelApplied) === isLatest.toLowerCase(),
  );
  return page(world, call, instances, (vm) =>
    set.orchestrationMode === "Flexible"
      ? renderFlexibleInstance(set, vm)
      : rendered(world, vm, expandedBy(call)),
  );
});

/** Recorded in February 2026: it answers as a PATCH does, though with the VM's disks only. */
export function attachDetachHandler(world: World, call: ArmCall): HandlerResult {
  const vm = vmAt(world, call);
  if (vm === undefined) return vmGone(world, call);
  const written = attachDetachDataDisks(world, vm, attachDetachRequest(call));
  return written.kind === "Failure"
    ? written
    : reply(
        200,
        renderStorageProfile(written.vm, (id) => diskFacts(world, id)),
        { etag: etagText(written.vm), ...operationHeaders(world, call, written.operation, "Update") },
      );
}

export function getVmHandler(world: World, call: ArmCall): HandlerResult {
  const vm = vmAt(world, call);
  return vm === undefined ? vmNotFound(world, call) : vmReply(200, world, vm, {}, expandedBy(call));
}

export function instanceViewHandler(world: World, call: ArmCall): HandlerResult {
  const vm = vmAt(world, call);
  return vm === undefined ? vmNotFound(world, call) : reply(200, renderInstanceView(world, vm));
}

export function listVmsHandler(world: World, call: ArmCall): HandlerResult {
  const { $filter: filter = "" } = call.query;
  const [, ofScaleSet] = OF_SCALE_SET.exec(filter) ?? [];
  if (filter !== "" && ofScaleSet === undefined) return armErrors.invalidFilter(filter, OF_SCALE_SET_ALLOWED);
  const { withView: expands } = expandedBy(call);
  const withView = expands || isOn(call, "statusonly");
  const { location } = call.params;
  const isThere = (vm: VirtualMachine): boolean =>
    location === undefined || normalLocation(vm.location) === normalLocation(location);
  const vms = [...world.virtualMachines.values()].filter(
    (vm) =>
      inScope(call, vm) &&
      isThere(vm) &&
      // A uniform scale set's instances are in its own list only.
      vm.instance === undefined &&
      (ofScaleSet === undefined || sameId(scaleSetIdOf(vm) ?? "", ofScaleSet)),
  );
  // Recorded in January 2026: without a VM there is nothing to refuse. So cloud-provider-azure asks.
  if (expands && ofScaleSet === undefined && vms.length > 0) return armErrors.expandWithoutFilter();
  return page(world, call, vms, (vm) => rendered(world, vm, { withView, userData: false }));
}

export function deleteVmHandler(world: World, call: ArmCall): HandlerResult {
  const vm = vmAt(world, call);
  if (vm === undefined) return reply(204);
  const refused = checkPreconditions(vm, call);
  if (refused !== undefined) return refused;
  return accepted(world, call, deleteVm(world, vm), "Action");
}

export function powerHandler(action: PowerAction): (world: World, call: ArmCall) => HandlerResult {
  return (world, call) => {
    const vm = vmAt(world, call);
    if (vm === undefined) return vmGone(world, call);
    const forced = isOn(call, "skipshutdown") || isOn(call, "forcedeallocate");
    const hibernate = isOn(call, "hibernate");
    return accepted(world, call, changePower(world, vm, action, { forced, hibernate }), "Action");
  };
}

function attachDetachRequest(call: ArmCall): AttachDetachRequest {
  const attach = listAt(call.body, "dataDisksToAttach") ?? [];
  const detach = listAt(call.body, "dataDisksToDetach") ?? [];
  return {
    attach: attach.filter(isObject).map((entry) => ({
      lun: numberAt(entry, "lun"),
      name: undefined,
      diskId: textAt(entry, "diskId"),
      createOption: undefined,
      sizeGiB: undefined,
      skuName: undefined,
      iops: undefined,
      mbps: undefined,
      caching: textAt(entry, "caching"),
      writeAcceleratorEnabled: booleanAt(entry, "writeAcceleratorEnabled"),
      deleteOption: textAt(entry, "deleteOption"),
      diskEncryptionSetId: textAt(entry, "diskEncryptionSet", "id"),
      toBeDetached: false,
      forced: false,
    })),
    detach: detach.filter(isObject).map((entry) => ({
      diskId: textAt(entry, "diskId") ?? "",
      forced: isForced(entry),
    })),
  };
}

/** The answer to a write. */
function firstAnswer(
  status: number,
  world: World,
  call: ArmCall,
  written: { readonly before: VirtualMachine | undefined } & Exclude<VmUpdate, ArmFailure>,
): HandlerResult {
  const { before, vm, operation } = written;
  const shown = rendered(world, vm, { withView: false, userData: false });
  return reply(status, withoutNewNames(shown, call.body, before), {
    etag: etagText(vm),
    ...operationHeaders(world, call, operation, "Update"),
  });
}

function vmReply(
  status: number,
  world: World,
  vm: VirtualMachine,
  headers: Readonly<Record<string, string>>,
  expanded: ExpandOption = { withView: false, userData: false },
): HandlerResult {
  // Recorded: an answer with the instance view has its ETag in the body only.
  const etag = expanded.withView ? {} : { etag: etagText(vm) };
  return reply(status, rendered(world, vm, expanded), { ...etag, ...headers });
}

function rendered(world: World, vm: VirtualMachine, { withView, userData }: ExpandOption): JsonObject {
  return renderVirtualMachine(vm, (id) => diskFacts(world, id), {
    userData,
    ...(withView ? { instanceView: renderInstanceView(world, vm) } : {}),
  });
}

/** The `$expand` of a read. */
interface ExpandOption {
  readonly withView: boolean;
  readonly userData: boolean;
}

function expandedBy(call: ArmCall): ExpandOption {
  const expanded = expandedMembers(call);
  return { withView: expanded.includes("instanceview"), userData: expanded.includes("userdata") };
}

/** A read of a VM that is not there. */
function vmNotFound(world: World, call: ArmCall): HandlerResult {
  const { name, resourceGroup, scaleSet } = vmAddressOf(call);
  return (
    parentNotFound(world, call) ??
    wrongInstanceId(call) ??
    armErrors.resourceNotFound(
      scaleSet === undefined ? "virtualMachines" : `virtualMachineScaleSets/${scaleSet}/virtualMachines`,
      name,
      resourceGroup,
    )
  );
}

/**
 * A write of a VM, or an action on one, that is not there. Of an instance it names the id, and is no 404:
 * recorded of its PUT and of all actions of a set on named instances, and inferred of its own actions.
 */
export function vmGone(world: World, call: ArmCall): HandlerResult {
  const { name, scaleSet } = vmAddressOf(call);
  return scaleSet === undefined
    ? vmNotFound(world, call)
    : (parentNotFound(world, call) ?? wrongInstanceId(call) ?? armErrors.instanceNotActive(name));
}

/** Recorded in January 2026 of a GET, by cloud-provider-azure. */
function wrongInstanceId(call: ArmCall): ArmFailure | undefined {
  const { name, scaleSet } = vmAddressOf(call);
  return scaleSet === undefined || /^\d+$/.test(name) ? undefined : armErrors.instanceIdNoNumber();
}

function parentNotFound(world: World, call: ArmCall): ArmFailure | undefined {
  const { scaleSet, ...address } = vmAddressOf(call);
  if (scaleSet === undefined) return undefined;
  const parentId = scaleSetId({ ...address, name: scaleSet });
  return findScaleSet(world, parentId) === undefined
    ? armErrors.parentResourceNotFound("virtualMachineScaleSets/virtualMachines", parentId)
    : undefined;
}

function vmAddressOf(call: ArmCall): VmAddress {
  const { scaleSet } = call.params;
  return { ...addressOf(call), ...(scaleSet === undefined ? {} : { scaleSet }) };
}

/** The VM that a call's path names. */
export function vmAt(world: World, call: ArmCall): VirtualMachine | undefined {
  return findVm(world, resourceId({ ...vmAddressOf(call), type: "virtualMachines" }));
}
