import { accessOf } from "../authorization/check-authorization.ts";
import {
  deleteDiskHandler,
  getDiskHandler,
  listDisksHandler,
  patchDiskHandler,
  putDiskHandler,
} from "../disk/disk-handlers.ts";
import { beginAccessHandler, endAccessHandler } from "../disk/sas-handlers.ts";
import {
  deleteSnapshotHandler,
  getSnapshotHandler,
  listSnapshotsHandler,
  patchSnapshotHandler,
  putSnapshotHandler,
} from "../disk/snapshot/snapshot-handlers.ts";
import { linkedRoutes } from "../linked/linked-resource-handlers.ts";
import { LINKED_TYPES } from "../linked/linked-resource.ts";
import { getGroupOperation, getOperation } from "../pace/lro.ts";
import {
  deleteGroupHandler,
  getGroupHandler,
  headGroupHandler,
  listGroupsHandler,
  patchGroupHandler,
  putGroupHandler,
} from "../resource-group/group-handlers.ts";
import { runCommandHandler } from "../run-command/run-command.ts";
import {
  cancelRollingUpgradeHandler,
  latestRollingUpgradeHandler,
  startOsUpgradeHandler,
} from "../scale-set/rolling-upgrade-handlers.ts";
import {
  deleteInstancesHandler,
  deleteScaleSetHandler,
  eachInstanceHandler,
  getScaleSetHandler,
  listScaleSetSkusHandler,
  listScaleSetsHandler,
  patchScaleSetHandler,
  putScaleSetHandler,
  scaleSetInstanceViewHandler,
  upgradeInstancesHandler,
} from "../scale-set/scale-set-handlers.ts";
import { simulateEvictionHandler } from "../scheduled-events/event-handlers.ts";
import { listUsagesHandler } from "../subscription/quotas.ts";
import { listResourcesHandler } from "../subscription/resource-list-handlers.ts";
import {
  getSubscriptionHandler,
  listLocationsHandler,
  listProvidersHandler,
  listSubscriptionsHandler,
  listTenantsHandler,
  providerHandler,
} from "../subscription/subscription-handlers.ts";
import {
  attachDetachHandler,
  deleteVmHandler,
  getVmHandler,
  instanceViewHandler,
  listInstancesHandler,
  listVmsHandler,
  patchVmHandler,
  powerHandler,
  putInstanceHandler,
  putVmHandler,
} from "../vm/vm-handlers.ts";
import type { PowerAction } from "../vm/vm-power.ts";
import { type HandlerResult, reply } from "./arm-message.ts";
import {
  deleteAvailabilitySetHandler,
  getAvailabilitySetHandler,
  listAvailabilitySetsHandler,
  patchAvailabilitySetHandler,
  putAvailabilitySetHandler,
} from "./availability-set-handlers.ts";
import type { JsonObject } from "./json.ts";
import type { Route } from "./router.ts";
import { listSkusHandler, listVmSizesHandler } from "./sku-handlers.ts";
import { tagRoutes } from "./tag-handlers.ts";

const SUBSCRIPTION = "/subscriptions/{subscriptionId}";
const GROUP = `${SUBSCRIPTION}/resourceGroups/{resourceGroup}`;
const SUBSCRIPTION_COMPUTE = `${SUBSCRIPTION}/providers/Microsoft.Compute`;
const PROVIDER = `${SUBSCRIPTION}/providers/{namespace}`;
const COMPUTE = `${GROUP}/providers/Microsoft.Compute`;
const VM = `${COMPUTE}/virtualMachines/{name}`;
const SCALE_SET = `${COMPUTE}/virtualMachineScaleSets/{scaleSet}`;
const INSTANCE = `${SCALE_SET}/virtualMachines/{name}`;
const SNAPSHOT = `${COMPUTE}/snapshots/{name}`;
const AVAILABILITY_SET = `${COMPUTE}/availabilitySets/{name}`;
const DISK = `${COMPUTE}/disks/{name}`;

/** Where each type of resources has its paths. */
const SCOPES = { group: COMPUTE, subscription: SUBSCRIPTION_COMPUTE };

/** Name of the operation that reads another operation's state. */
export const POLL_OPERATION = "Operations_Get";

const POWER_ACTIONS: readonly PowerAction[] = [
  "start",
  "powerOff",
  "deallocate",
  "restart",
  "redeploy",
  "reimage",
];

/** Every ARM path that the emulator answers. */
export const ARM_ROUTES: readonly Route[] = [
  { operation: "Tenants_List", method: "GET", pattern: "/tenants", handler: listTenantsHandler },
  {
    operation: "Subscriptions_List",
    method: "GET",
    pattern: "/subscriptions",
    handler: listSubscriptionsHandler,
  },
  { operation: "Subscriptions_Get", method: "GET", pattern: SUBSCRIPTION, handler: getSubscriptionHandler },
  {
    operation: "Subscriptions_ListLocations",
    method: "GET",
    pattern: `${SUBSCRIPTION}/locations`,
    handler: listLocationsHandler,
  },
  {
    operation: "Providers_List",
    method: "GET",
    pattern: `${SUBSCRIPTION}/providers`,
    handler: listProvidersHandler,
  },
  { operation: "Providers_Get", method: "GET", pattern: PROVIDER, handler: providerHandler },
  {
    operation: "Providers_Register",
    method: "POST",
    pattern: `${PROVIDER}/register`,
    handler: providerHandler,
  },
  { operation: "ResourceGroups_CreateOrUpdate", method: "PUT", pattern: GROUP, handler: putGroupHandler },
  { operation: "ResourceGroups_Update", method: "PATCH", pattern: GROUP, handler: patchGroupHandler },
  { operation: "ResourceGroups_Get", method: "GET", pattern: GROUP, handler: getGroupHandler },
  { operation: "ResourceGroups_CheckExistence", method: "HEAD", pattern: GROUP, handler: headGroupHandler },
  { operation: "ResourceGroups_Delete", method: "DELETE", pattern: GROUP, handler: deleteGroupHandler },
  {
    operation: "ResourceGroups_List",
    method: "GET",
    pattern: `${SUBSCRIPTION}/resourceGroups`,
    handler: listGroupsHandler,
  },

  ...tagRoutes([GROUP, `${COMPUTE}/{type}/{name}`]),

  {
    operation: "Resources_ListByResourceGroup",
    method: "GET",
    pattern: `${GROUP}/resources`,
    handler: listResourcesHandler,
  },
  {
    operation: "Resources_List",
    method: "GET",
    pattern: `${SUBSCRIPTION}/resources`,
    handler: listResourcesHandler,
  },

  {
    operation: "Operations_List",
    method: "GET",
    pattern: "/providers/Microsoft.Compute/operations",
    handler: () => reply(200, { value: [...providerActions()] }),
  },

  { operation: "Disks_CreateOrUpdate", method: "PUT", pattern: DISK, handler: putDiskHandler },
  { operation: "Disks_Update", method: "PATCH", pattern: DISK, handler: patchDiskHandler },
  { operation: "Disks_Get", method: "GET", pattern: DISK, handler: getDiskHandler },
  { operation: "Disks_Delete", method: "DELETE", pattern: DISK, handler: deleteDiskHandler },
  {
    operation: "Disks_ListByResourceGroup",
    method: "GET",
    pattern: `${COMPUTE}/disks`,
    handler: listDisksHandler,
  },
  {
    operation: "Disks_List",
    method: "GET",
    pattern: `${SUBSCRIPTION_COMPUTE}/disks`,
    handler: listDisksHandler,
  },

  {
    operation: "Disks_GrantAccess",
    method: "POST",
    pattern: `${DISK}/beginGetAccess`,
    handler: beginAccessHandler("disks"),
  },
  {
    operation: "Disks_RevokeAccess",
    method: "POST",
    pattern: `${DISK}/endGetAccess`,
    handler: endAccessHandler("disks"),
  },

  { operation: "Snapshots_CreateOrUpdate", method: "PUT", pattern: SNAPSHOT, handler: putSnapshotHandler },
  { operation: "Snapshots_Update", method: "PATCH", pattern: SNAPSHOT, handler: patchSnapshotHandler },
  { operation: "Snapshots_Get", method: "GET", pattern: SNAPSHOT, handler: getSnapshotHandler },
  { operation: "Snapshots_Delete", method: "DELETE", pattern: SNAPSHOT, handler: deleteSnapshotHandler },
  {
    operation: "Snapshots_ListByResourceGroup",
    method: "GET",
    pattern: `${COMPUTE}/snapshots`,
    handler: listSnapshotsHandler,
  },
  {
    operation: "Snapshots_List",
    method: "GET",
    pattern: `${SUBSCRIPTION_COMPUTE}/snapshots`,
    handler: listSnapshotsHandler,
  },
  {
    operation: "Snapshots_GrantAccess",
    method: "POST",
    pattern: `${SNAPSHOT}/beginGetAccess`,
    handler: beginAccessHandler("snapshots"),
  },
  {
    operation: "Snapshots_RevokeAccess",
    method: "POST",
    pattern: `${SNAPSHOT}/endGetAccess`,
    handler: endAccessHandler("snapshots"),
  },

  {
    operation: "AvailabilitySets_CreateOrUpdate",
    method: "PUT",
    pattern: AVAILABILITY_SET,
    handler: putAvailabilitySetHandler,
  },
  {
    operation: "AvailabilitySets_Update",
    method: "PATCH",
    pattern: AVAILABILITY_SET,
    handler: patchAvailabilitySetHandler,
  },
  {
    operation: "AvailabilitySets_Get",
    method: "GET",
    pattern: AVAILABILITY_SET,
    handler: getAvailabilitySetHandler,
  },
  {
    operation: "AvailabilitySets_Delete",
    method: "DELETE",
    pattern: AVAILABILITY_SET,
    handler: deleteAvailabilitySetHandler,
  },
  {
    operation: "AvailabilitySets_List",
    method: "GET",
    pattern: `${COMPUTE}/availabilitySets`,
    handler: listAvailabilitySetsHandler,
  },
  {
    operation: "AvailabilitySets_ListBySubscription",
    method: "GET",
    pattern: `${SUBSCRIPTION_COMPUTE}/availabilitySets`,
    handler: listAvailabilitySetsHandler,
  },

  ...LINKED_TYPES.flatMap((type) => linkedRoutes(type, SCOPES)),

  {
    operation: "ResourceSkus_List",
    method: "GET",
    pattern: `${SUBSCRIPTION_COMPUTE}/skus`,
    handler: listSkusHandler,
  },
  {
    operation: "Usage_List",
    method: "GET",
    pattern: `${SUBSCRIPTION_COMPUTE}/locations/{location}/usages`,
    handler: listUsagesHandler,
  },
  {
    operation: "VirtualMachineSizes_List",
    method: "GET",
    pattern: `${SUBSCRIPTION_COMPUTE}/locations/{location}/vmSizes`,
    handler: listVmSizesHandler,
  },
  {
    operation: "VirtualMachines_ListAvailableSizes",
    method: "GET",
    pattern: `${VM}/vmSizes`,
    handler: (world, call) => ifFound(getVmHandler(world, call), listVmSizesHandler),
  },
  {
    operation: "AvailabilitySets_ListAvailableSizes",
    method: "GET",
    pattern: `${AVAILABILITY_SET}/vmSizes`,
    handler: (world, call) => ifFound(getAvailabilitySetHandler(world, call), listVmSizesHandler),
  },

  { operation: "VirtualMachines_CreateOrUpdate", method: "PUT", pattern: VM, handler: putVmHandler },
  { operation: "VirtualMachines_Update", method: "PATCH", pattern: VM, handler: patchVmHandler },
  { operation: "VirtualMachines_Get", method: "GET", pattern: VM, handler: getVmHandler },
  { operation: "VirtualMachines_Delete", method: "DELETE", pattern: VM, handler: deleteVmHandler },
  {
    operation: "VirtualMachines_InstanceView",
    method: "GET",
    pattern: `${VM}/instanceView`,
    handler: instanceViewHandler,
  },
  {
    operation: "VirtualMachines_List",
    method: "GET",
    pattern: `${COMPUTE}/virtualMachines`,
    handler: listVmsHandler,
  },
  {
    operation: "VirtualMachines_ListAll",
    method: "GET",
    pattern: `${SUBSCRIPTION_COMPUTE}/virtualMachines`,
    handler: listVmsHandler,
  },
  {
    operation: "VirtualMachines_ListByLocation",
    method: "GET",
    pattern: `${SUBSCRIPTION_COMPUTE}/locations/{location}/virtualMachines`,
    handler: listVmsHandler,
  },
  {
    operation: "VirtualMachines_AttachDetachDataDisks",
    method: "POST",
    pattern: `${VM}/attachDetachDataDisks`,
    handler: attachDetachHandler,
  },
  {
    operation: "VirtualMachines_RunCommand",
    method: "POST",
    pattern: `${VM}/runCommand`,
    handler: runCommandHandler,
  },
  {
    operation: "VirtualMachines_SimulateEviction",
    method: "POST",
    pattern: `${VM}/simulateEviction`,
    handler: simulateEvictionHandler,
  },
  ...powerRoutes("VirtualMachines", VM, [...POWER_ACTIONS, "reapply"]),

  {
    operation: "VirtualMachineScaleSets_CreateOrUpdate",
    method: "PUT",
    pattern: SCALE_SET,
    handler: putScaleSetHandler,
  },
  {
    operation: "VirtualMachineScaleSets_Update",
    method: "PATCH",
    pattern: SCALE_SET,
    handler: patchScaleSetHandler,
  },
  {
    operation: "VirtualMachineScaleSets_Get",
    method: "GET",
    pattern: SCALE_SET,
    handler: getScaleSetHandler,
  },
  {
    operation: "VirtualMachineScaleSets_Delete",
    method: "DELETE",
    pattern: SCALE_SET,
    handler: deleteScaleSetHandler,
  },
  {
    operation: "VirtualMachineScaleSets_List",
    method: "GET",
    pattern: `${COMPUTE}/virtualMachineScaleSets`,
    handler: listScaleSetsHandler,
  },
  {
    operation: "VirtualMachineScaleSets_ListByLocation",
    method: "GET",
    pattern: `${SUBSCRIPTION_COMPUTE}/locations/{location}/virtualMachineScaleSets`,
    handler: listScaleSetsHandler,
  },
  {
    operation: "VirtualMachineScaleSets_GetInstanceView",
    method: "GET",
    pattern: `${SCALE_SET}/instanceView`,
    handler: scaleSetInstanceViewHandler,
  },
  {
    operation: "VirtualMachineScaleSets_ListSkus",
    method: "GET",
    pattern: `${SCALE_SET}/skus`,
    handler: listScaleSetSkusHandler,
  },
  {
    operation: "VirtualMachineScaleSets_ListAll",
    method: "GET",
    pattern: `${SUBSCRIPTION_COMPUTE}/virtualMachineScaleSets`,
    handler: listScaleSetsHandler,
  },
  {
    operation: "VirtualMachineScaleSets_DeleteInstances",
    method: "POST",
    pattern: `${SCALE_SET}/delete`,
    handler: deleteInstancesHandler,
  },
  {
    operation: "VirtualMachineScaleSets_UpdateInstances",
    method: "POST",
    pattern: `${SCALE_SET}/manualupgrade`,
    handler: upgradeInstancesHandler,
  },
  {
    operation: "VirtualMachineScaleSetRollingUpgrades_StartOSUpgrade",
    method: "POST",
    pattern: `${SCALE_SET}/osRollingUpgrade`,
    handler: startOsUpgradeHandler,
  },
  {
    operation: "VirtualMachineScaleSetRollingUpgrades_Cancel",
    method: "POST",
    pattern: `${SCALE_SET}/rollingUpgrades/cancel`,
    handler: cancelRollingUpgradeHandler,
  },
  {
    operation: "VirtualMachineScaleSetRollingUpgrades_GetLatest",
    method: "GET",
    pattern: `${SCALE_SET}/rollingUpgrades/latest`,
    handler: latestRollingUpgradeHandler,
  },
  ...POWER_ACTIONS.map((action) => eachInstanceRoute(action, action)),
  eachInstanceRoute("reimage", "reimageAll"),
  eachInstanceRoute("reapply", "reapply"),
  {
    operation: "VirtualMachineScaleSetVMs_List",
    method: "GET",
    pattern: `${SCALE_SET}/virtualMachines`,
    handler: listInstancesHandler,
  },
  {
    operation: "VirtualMachineScaleSetVMs_Update",
    method: "PUT",
    pattern: INSTANCE,
    handler: putInstanceHandler,
  },
  { operation: "VirtualMachineScaleSetVMs_Get", method: "GET", pattern: INSTANCE, handler: getVmHandler },
  {
    operation: "VirtualMachineScaleSetVMs_Delete",
    method: "DELETE",
    pattern: INSTANCE,
    handler: deleteVmHandler,
  },
  {
    operation: "VirtualMachineScaleSetVMs_GetInstanceView",
    method: "GET",
    pattern: `${INSTANCE}/instanceView`,
    handler: instanceViewHandler,
  },
  {
    operation: "VirtualMachineScaleSetVMs_AttachDetachDataDisks",
    method: "POST",
    pattern: `${INSTANCE}/attachDetachDataDisks`,
    handler: attachDetachHandler,
  },
  {
    operation: "VirtualMachineScaleSetVMs_RunCommand",
    method: "POST",
    pattern: `${INSTANCE}/runCommand`,
    handler: runCommandHandler,
  },
  {
    operation: "VirtualMachineScaleSetVMs_SimulateEviction",
    method: "POST",
    pattern: `${INSTANCE}/simulateEviction`,
    handler: simulateEvictionHandler,
  },
  ...powerRoutes("VirtualMachineScaleSetVMs", INSTANCE, POWER_ACTIONS),
  {
    operation: "VirtualMachineScaleSetVMs_ReimageAll",
    method: "POST",
    pattern: `${INSTANCE}/reimageAll`,
    handler: powerHandler("reimage"),
  },

  {
    operation: POLL_OPERATION,
    method: "GET",
    pattern: `${SUBSCRIPTION_COMPUTE}/locations/{location}/operations/{operationId}`,
    handler: getOperation,
  },
  {
    operation: POLL_OPERATION,
    method: "GET",
    pattern: `${SUBSCRIPTION_COMPUTE}/locations/{location}/DiskOperations/{operationId}`,
    handler: getOperation,
  },
  {
    operation: POLL_OPERATION,
    method: "GET",
    pattern: `${SUBSCRIPTION}/operationresults/{operationId}`,
    handler: getGroupOperation,
  },
];

/** The actions of the provider that roles can name, such as `Microsoft.Compute/disks/write`. */
function providerActions(): readonly JsonObject[] {
  const names = ARM_ROUTES.filter(
    ({ pattern }) => pattern.startsWith(SUBSCRIPTION_COMPUTE) || pattern.startsWith(COMPUTE),
  )
    .map(({ method, pattern }) => accessOf({ method, path: pattern }).action)
    .filter((name) => name.startsWith("Microsoft.Compute/"));
  return [...new Set(names)].sort().map((name) => {
    const [provider = "", ...rest] = name.replace(/\/action$/u, "").split("/");
    const operation = rest.pop() ?? "";
    return { name, display: { provider, resource: rest.join("/"), operation, description: name } };
  });
}

/** What `answer` says of a resource, or why there is none. */
function ifFound(resource: HandlerResult, answer: () => HandlerResult): HandlerResult {
  return resource.kind === "Failure" ? resource : answer();
}

/** An action of a scale set on its instances, or on those that its body names. */
function eachInstanceRoute(action: PowerAction, verb: string): Route {
  const operation = `VirtualMachineScaleSets_${verb.slice(0, 1).toUpperCase()}${verb.slice(1)}`;
  return {
    operation,
    method: "POST",
    pattern: `${SCALE_SET}/${verb}`,
    handler: eachInstanceHandler(action, operation),
  };
}

/** The power actions of VMs, or of instances of scale sets. */
function powerRoutes(group: string, pattern: string, actions: readonly PowerAction[]): readonly Route[] {
  return actions.map((action) => ({
    operation: `${group}_${action.slice(0, 1).toUpperCase()}${action.slice(1)}`,
    method: "POST",
    pattern: `${pattern}/${action}`,
    handler: powerHandler(action),
  }));
}
