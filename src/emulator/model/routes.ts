import { deleteDiskHandler, getDiskHandler, listDisksHandler, patchDiskHandler, putDiskHandler } from "./disk-handlers.ts";
import { deleteGroupHandler, getGroupHandler, headGroupHandler, listGroupsHandler, putGroupHandler } from "./group-handlers.ts";
import { getOperation } from "./lro.ts";
import type { Route } from "./router.ts";
import {
  attachDetachHandler,
  deleteVmHandler,
  getVmHandler,
  instanceViewHandler,
  listVmsHandler,
  patchVmHandler,
  powerHandler,
  putVmHandler,
} from "./vm-handlers.ts";

const SUBSCRIPTION = "/subscriptions/{subscriptionId}";
const GROUP = `${SUBSCRIPTION}/resourceGroups/{resourceGroup}`;
const SUBSCRIPTION_COMPUTE = `${SUBSCRIPTION}/providers/Microsoft.Compute`;
const COMPUTE = `${GROUP}/providers/Microsoft.Compute`;
const VM = `${COMPUTE}/virtualMachines/{name}`;
const DISK = `${COMPUTE}/disks/{name}`;

/** Name of the operation that asks for another one's state. */
export const POLL_OPERATION = "Operations_Get";

/** Every ARM path that the emulator answers. */
export const ARM_ROUTES: readonly Route[] = [
  { operation: "ResourceGroups_CreateOrUpdate", method: "PUT", pattern: GROUP, handler: putGroupHandler },
  { operation: "ResourceGroups_Get", method: "GET", pattern: GROUP, handler: getGroupHandler },
  { operation: "ResourceGroups_CheckExistence", method: "HEAD", pattern: GROUP, handler: headGroupHandler },
  { operation: "ResourceGroups_Delete", method: "DELETE", pattern: GROUP, handler: deleteGroupHandler },
  { operation: "ResourceGroups_List", method: "GET", pattern: `${SUBSCRIPTION}/resourceGroups`, handler: listGroupsHandler },

  { operation: "Disks_CreateOrUpdate", method: "PUT", pattern: DISK, handler: putDiskHandler },
  { operation: "Disks_Update", method: "PATCH", pattern: DISK, handler: patchDiskHandler },
  { operation: "Disks_Get", method: "GET", pattern: DISK, handler: getDiskHandler },
  { operation: "Disks_Delete", method: "DELETE", pattern: DISK, handler: deleteDiskHandler },
  { operation: "Disks_ListByResourceGroup", method: "GET", pattern: `${COMPUTE}/disks`, handler: listDisksHandler },
  { operation: "Disks_List", method: "GET", pattern: `${SUBSCRIPTION_COMPUTE}/disks`, handler: listDisksHandler },

  { operation: "VirtualMachines_CreateOrUpdate", method: "PUT", pattern: VM, handler: putVmHandler },
  { operation: "VirtualMachines_Update", method: "PATCH", pattern: VM, handler: patchVmHandler },
  { operation: "VirtualMachines_Get", method: "GET", pattern: VM, handler: getVmHandler },
  { operation: "VirtualMachines_Delete", method: "DELETE", pattern: VM, handler: deleteVmHandler },
  { operation: "VirtualMachines_InstanceView", method: "GET", pattern: `${VM}/instanceView`, handler: instanceViewHandler },
  { operation: "VirtualMachines_List", method: "GET", pattern: `${COMPUTE}/virtualMachines`, handler: listVmsHandler },
  { operation: "VirtualMachines_ListAll", method: "GET", pattern: `${SUBSCRIPTION_COMPUTE}/virtualMachines`, handler: listVmsHandler },
  { operation: "VirtualMachines_AttachDetachDataDisks", method: "POST", pattern: `${VM}/attachDetachDataDisks`, handler: attachDetachHandler },
  { operation: "VirtualMachines_Start", method: "POST", pattern: `${VM}/start`, handler: powerHandler("start") },
  { operation: "VirtualMachines_PowerOff", method: "POST", pattern: `${VM}/powerOff`, handler: powerHandler("powerOff") },
  { operation: "VirtualMachines_Deallocate", method: "POST", pattern: `${VM}/deallocate`, handler: powerHandler("deallocate") },
  { operation: "VirtualMachines_Restart", method: "POST", pattern: `${VM}/restart`, handler: powerHandler("restart") },
  { operation: "VirtualMachines_Redeploy", method: "POST", pattern: `${VM}/redeploy`, handler: powerHandler("redeploy") },
  { operation: "VirtualMachines_Reapply", method: "POST", pattern: `${VM}/reapply`, handler: powerHandler("reapply") },

  { operation: POLL_OPERATION, method: "GET", pattern: `${SUBSCRIPTION_COMPUTE}/locations/{location}/operations/{operationId}`, handler: getOperation },
  { operation: POLL_OPERATION, method: "GET", pattern: `${SUBSCRIPTION_COMPUTE}/locations/{location}/DiskOperations/{operationId}`, handler: getOperation },
];
