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
const LOCATION = `${SUBSCRIPTION_COMPUTE}/locations/{location}`;
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
  route("Tenants_List", "GET", "/tenants", listTenantsHandler),
  route("Subscriptions_List", "GET", "/subscriptions", listSubscriptionsHandler),
  route("Subscriptions_Get", "GET", SUBSCRIPTION, getSubscriptionHandler),
  route("Subscriptions_ListLocations", "GET", `${SUBSCRIPTION}/locations`, listLocationsHandler),
  route("Providers_List", "GET", `${SUBSCRIPTION}/providers`, listProvidersHandler),
  route("Providers_Get", "GET", PROVIDER, providerHandler),
  route("Providers_Register", "POST", `${PROVIDER}/register`, providerHandler),
  route("ResourceGroups_CreateOrUpdate", "PUT", GROUP, putGroupHandler),
  route("ResourceGroups_Update", "PATCH", GROUP, patchGroupHandler),
  route("ResourceGroups_Get", "GET", GROUP, getGroupHandler),
  route("ResourceGroups_CheckExistence", "HEAD", GROUP, headGroupHandler),
  route("ResourceGroups_Delete", "DELETE", GROUP, deleteGroupHandler),
  route("ResourceGroups_List", "GET", `${SUBSCRIPTION}/resourceGroups`, listGroupsHandler),

  ...tagRoutes([GROUP, `${COMPUTE}/{type}/{name}`]),

  route("Resources_ListByResourceGroup", "GET", `${GROUP}/resources`, listResourcesHandler),
  route("Resources_List", "GET", `${SUBSCRIPTION}/resources`, listResourcesHandler),

  route("Operations_List", "GET", "/providers/Microsoft.Compute/operations", () =>
    reply(200, { value: [...providerActions()] }),
  ),

  route("Disks_CreateOrUpdate", "PUT", DISK, putDiskHandler),
  route("Disks_Update", "PATCH", DISK, patchDiskHandler),
  route("Disks_Get", "GET", DISK, getDiskHandler),
  route("Disks_Delete", "DELETE", DISK, deleteDiskHandler),
  route("Disks_ListByResourceGroup", "GET", `${COMPUTE}/disks`, listDisksHandler),
  route("Disks_List", "GET", `${SUBSCRIPTION_COMPUTE}/disks`, listDisksHandler),

  route("Disks_GrantAccess", "POST", `${DISK}/beginGetAccess`, beginAccessHandler("disks")),
  route("Disks_RevokeAccess", "POST", `${DISK}/endGetAccess`, endAccessHandler("disks")),

  route("Snapshots_CreateOrUpdate", "PUT", SNAPSHOT, putSnapshotHandler),
  route("Snapshots_Update", "PATCH", SNAPSHOT, patchSnapshotHandler),
  route("Snapshots_Get", "GET", SNAPSHOT, getSnapshotHandler),
  route("Snapshots_Delete", "DELETE", SNAPSHOT, deleteSnapshotHandler),
  route("Snapshots_ListByResourceGroup", "GET", `${COMPUTE}/snapshots`, listSnapshotsHandler),
  route("Snapshots_List", "GET", `${SUBSCRIPTION_COMPUTE}/snapshots`, listSnapshotsHandler),
  route("Snapshots_GrantAccess", "POST", `${SNAPSHOT}/beginGetAccess`, beginAccessHandler("snapshots")),
  route("Snapshots_RevokeAccess", "POST", `${SNAPSHOT}/endGetAccess`, endAccessHandler("snapshots")),

  route("AvailabilitySets_CreateOrUpdate", "PUT", AVAILABILITY_SET, putAvailabilitySetHandler),
  route("AvailabilitySets_Update", "PATCH", AVAILABILITY_SET, patchAvailabilitySetHandler),
  route("AvailabilitySets_Get", "GET", AVAILABILITY_SET, getAvailabilitySetHandler),
  route("AvailabilitySets_Delete", "DELETE", AVAILABILITY_SET, deleteAvailabilitySetHandler),
  route("AvailabilitySets_List", "GET", `${COMPUTE}/availabilitySets`, listAvailabilitySetsHandler),
  route(
    "AvailabilitySets_ListBySubscription",
    "GET",
    `${SUBSCRIPTION_COMPUTE}/availabilitySets`,
    listAvailabilitySetsHandler,
  ),

  ...LINKED_TYPES.flatMap((type) => linkedRoutes(type, SCOPES)),

  route("ResourceSkus_List", "GET", `${SUBSCRIPTION_COMPUTE}/skus`, listSkusHandler),
  route("Usage_List", "GET", `${LOCATION}/usages`, listUsagesHandler),
  route("VirtualMachineSizes_List", "GET", `${LOCATION}/vmSizes`, listVmSizesHandler),
  route("VirtualMachines_ListAvailableSizes", "GET", `${VM}/vmSizes`, (world, call) =>
    ifFound(getVmHandler(world, call), listVmSizesHandler),
  ),
  route("AvailabilitySets_ListAvailableSizes", "GET", `${AVAILABILITY_SET}/vmSizes`, (world, call) =>
    ifFound(getAvailabilitySetHandler(world, call), listVmSizesHandler),
  ),

  route("VirtualMachines_CreateOrUpdate", "PUT", VM, putVmHandler),
  route("VirtualMachines_Update", "PATCH", VM, patchVmHandler),
  route("VirtualMachines_Get", "GET", VM, getVmHandler),
  route("VirtualMachines_Delete", "DELETE", VM, deleteVmHandler),
  route("VirtualMachines_InstanceView", "GET", `${VM}/instanceView`, instanceViewHandler),
  route("VirtualMachines_List", "GET", `${COMPUTE}/virtualMachines`, listVmsHandler),
  route("VirtualMachines_ListAll", "GET", `${SUBSCRIPTION_COMPUTE}/virtualMachines`, listVmsHandler),
  route("VirtualMachines_ListByLocation", "GET", `${LOCATION}/virtualMachines`, listVmsHandler),
  route("VirtualMachines_AttachDetachDataDisks", "POST", `${VM}/attachDetachDataDisks`, attachDetachHandler),
  route("VirtualMachines_RunCommand", "POST", `${VM}/runCommand`, runCommandHandler),
  route("VirtualMachines_SimulateEviction", "POST", `${VM}/simulateEviction`, simulateEvictionHandler),
  ...powerRoutes("VirtualMachines", VM, [...POWER_ACTIONS, "reapply"]),

  route("VirtualMachineScaleSets_CreateOrUpdate", "PUT", SCALE_SET, putScaleSetHandler),
  route("VirtualMachineScaleSets_Update", "PATCH", SCALE_SET, patchScaleSetHandler),
  route("VirtualMachineScaleSets_Get", "GET", SCALE_SET, getScaleSetHandler),
  route("VirtualMachineScaleSets_Delete", "DELETE", SCALE_SET, deleteScaleSetHandler),
  route("VirtualMachineScaleSets_List", "GET", `${COMPUTE}/virtualMachineScaleSets`, listScaleSetsHandler),
  route(
    "VirtualMachineScaleSets_ListByLocation",
    "GET",
    `${LOCATION}/virtualMachineScaleSets`,
    listScaleSetsHandler,
  ),
  route(
    "VirtualMachineScaleSets_GetInstanceView",
    "GET",
    `${SCALE_SET}/instanceView`,
    scaleSetInstanceViewHandler,
  ),
  route("VirtualMachineScaleSets_ListSkus", "GET", `${SCALE_SET}/skus`, listScaleSetSkusHandler),
  route(
    "VirtualMachineScaleSets_ListAll",
    "GET",
    `${SUBSCRIPTION_COMPUTE}/virtualMachineScaleSets`,
    listScaleSetsHandler,
  ),
  route("VirtualMachineScaleSets_DeleteInstances", "POST", `${SCALE_SET}/delete`, deleteInstancesHandler),
  route(
    "VirtualMachineScaleSets_UpdateInstances",
    "POST",
    `${SCALE_SET}/manualupgrade`,
    upgradeInstancesHandler,
  ),
  route(
    "VirtualMachineScaleSetRollingUpgrades_StartOSUpgrade",
    "POST",
    `${SCALE_SET}/osRollingUpgrade`,
    startOsUpgradeHandler,
  ),
  route(
    "VirtualMachineScaleSetRollingUpgrades_Cancel",
    "POST",
    `${SCALE_SET}/rollingUpgrades/cancel`,
    cancelRollingUpgradeHandler,
  ),
  route(
    "VirtualMachineScaleSetRollingUpgrades_GetLatest",
    "GET",
    `${SCALE_SET}/rollingUpgrades/latest`,
    latestRollingUpgradeHandler,
  ),
  ...POWER_ACTIONS.map((action) => eachInstanceRoute(action, action)),
  eachInstanceRoute("reimage", "reimageAll"),
  eachInstanceRoute("reapply", "reapply"),
  route("VirtualMachineScaleSetVMs_List", "GET", `${SCALE_SET}/virtualMachines`, listInstancesHandler),
  route("VirtualMachineScaleSetVMs_Update", "PUT", INSTANCE, putInstanceHandler),
  route("VirtualMachineScaleSetVMs_Get", "GET", INSTANCE, getVmHandler),
  route("VirtualMachineScaleSetVMs_Delete", "DELETE", INSTANCE, deleteVmHandler),
  route("VirtualMachineScaleSetVMs_GetInstanceView", "GET", `${INSTANCE}/instanceView`, instanceViewHandler),
  route(
    "VirtualMachineScaleSetVMs_AttachDetachDataDisks",
    "POST",
    `${INSTANCE}/attachDetachDataDisks`,
    attachDetachHandler,
  ),
  route("VirtualMachineScaleSetVMs_RunCommand", "POST", `${INSTANCE}/runCommand`, runCommandHandler),
  route(
    "VirtualMachineScaleSetVMs_SimulateEviction",
    "POST",
    `${INSTANCE}/simulateEviction`,
    simulateEvictionHandler,
  ),
  ...powerRoutes("VirtualMachineScaleSetVMs", INSTANCE, POWER_ACTIONS),
  route("VirtualMachineScaleSetVMs_ReimageAll", "POST", `${INSTANCE}/reimageAll`, powerHandler("reimage")),

  route(POLL_OPERATION, "GET", `${LOCATION}/operations/{operationId}`, getOperation),
  route(POLL_OPERATION, "GET", `${LOCATION}/DiskOperations/{operationId}`, getOperation),
  route(POLL_OPERATION, "GET", `${SUBSCRIPTION}/operationresults/{operationId}`, getGroupOperation),
];

function route(
  operation: string,
  method: Route["method"],
  pattern: string,
  handler: Route["handler"],
): Route {
  return { operation, method, pattern, handler };
}

function capitalized(word: string): string {
  return `${word.slice(0, 1).toUpperCase()}${word.slice(1)}`;
}

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
  const operation = `VirtualMachineScaleSets_${capitalized(verb)}`;
  return route(operation, "POST", `${SCALE_SET}/${verb}`, eachInstanceHandler(action, operation));
}

/** The power actions of VMs, or of instances of scale sets. */
function powerRoutes(group: string, pattern: string, actions: readonly PowerAction[]): readonly Route[] {
  return actions.map((action) =>
    route(`${group}_${capitalized(action)}`, "POST", `${pattern}/${action}`, powerHandler(action)),
  );
}
