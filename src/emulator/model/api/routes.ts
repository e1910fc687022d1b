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
} from "../disk/snapshot-handlers.ts";
import { getOperation } from "../pace/lro.ts";
import {
  attachDetachHandler,
  deleteVmHandler,
  getVmHandler,
  instanceViewHandler,
  listVmsHandler,
  patchVmHandler,
  powerHandler,
  putVmHandler,
} from "../vm/vm-handlers.ts";
import { REIMAGE } from "../vm/vm-state.ts";
import {
  deleteAvailabilitySetHandler,
  getAvailabilitySetHandler,
  listAvailabilitySetsHandler,
  writeAvailabilitySetHandler,
} from "./availability-set-handlers.ts";
import {
  deleteGroupHandler,
  getGroupHandler,
  headGroupHandler,
  listGroupsHandler,
  putGroupHandler,
} from "./group-handlers.ts";
import type { Route } from "./router.ts";
import { listSkusHandler, listVmSizesHandler } from "./sku-handlers.ts";

const SUBSCRIPTION = "/subscriptions/{subscriptionId}";
const GROUP = `${SUBSCRIPTION}/resourceGroups/{resourceGroup}`;
const SUBSCRIPTION_COMPUTE = `${SUBSCRIPTION}/providers/Microsoft.Compute`;
const COMPUTE = `${GROUP}/providers/Microsoft.Compute`;
const VM = `${COMPUTE}/virtualMachines/{name}`;
const SNAPSHOT = `${COMPUTE}/snapshots/{name}`;
const AVAILABILITY_SET = `${COMPUTE}/availabilitySets/{name}`;
const DISK = `${COMPUTE}/disks/{name}`;

/** Name of the operation that reads another operation's state. */
export const POLL_OPERATION = "Operations_Get";

/** Every ARM path that the emulator answers. */
export const ARM_ROUTES: readonly Route[] = [
  { operation: "ResourceGroups_CreateOrUpdate", method: "PUT", pattern: GROUP, handler: putGroupHandler },
  { operation: "ResourceGroups_Get", method: "GET", pattern: GROUP, handler: getGroupHandler },
  { operation: "ResourceGroups_CheckExistence", method: "HEAD", pattern: GROUP, handler: headGroupHandler },
  { operation: "ResourceGroups_Delete", method: "DELETE", pattern: GROUP, handler: deleteGroupHandler },
  {
    operation: "ResourceGroups_List",
    method: "GET",
    pattern: `${SUBSCRIPTION}/resourceGroups`,
    handler: listGroupsHandler,
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
    handler: writeAvailabilitySetHandler,
  },
  {
    operation: "AvailabilitySets_Update",
    method: "PATCH",
    pattern: AVAILABILITY_SET,
    handler: writeAvailabilitySetHandler,
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

  {
    operation: "ResourceSkus_List",
    method: "GET",
    pattern: `${SUBSCRIPTION_COMPUTE}/skus`,
    handler: listSkusHandler,
  },
  {
    operation: "VirtualMachineSizes_List",
    method: "GET",
    pattern: `${SUBSCRIPTION_COMPUTE}/locations/{location}/vmSizes`,
    handler: listVmSizesHandler,
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
    operation: "VirtualMachines_Start",
    method: "POST",
    pattern: `${VM}/start`,
    handler: powerHandler("start"),
  },
  {
    operation: "VirtualMachines_PowerOff",
    method: "POST",
    pattern: `${VM}/powerOff`,
    handler: powerHandler("powerOff"),
  },
  {
    operation: "VirtualMachines_Deallocate",
    method: "POST",
    pattern: `${VM}/deallocate`,
    handler: powerHandler("deallocate"),
  },
  {
    operation: "VirtualMachines_Restart",
    method: "POST",
    pattern: `${VM}/restart`,
    handler: powerHandler("restart"),
  },
  {
    operation: "VirtualMachines_Redeploy",
    method: "POST",
    pattern: `${VM}/redeploy`,
    handler: powerHandler("redeploy"),
  },
  { operation: REIMAGE, method: "POST", pattern: `${VM}/reimage`, handler: powerHandler("reimage") },
  {
    operation: "VirtualMachines_Reapply",
    method: "POST",
    pattern: `${VM}/reapply`,
    handler: powerHandler("reapply"),
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
];
