import type {
  ComputeManagementClient,
  DataDisk,
  VirtualMachineScaleSetVM,
  VirtualMachineUpdate,
} from "@azure/arm-compute";
import type { ArmApi, ArmVmName } from "../../../provisioner/arm/arm-api.ts";
import { readSku, readVmResource, vmSizesAmong } from "../../arm-wire/read-resources.ts";
import type { CallOptions } from "../sdk-call.ts";
import type { ClientOf } from "./sdk-clients.ts";
import type { SdkSender } from "./sdk-sender.ts";

type VmCalls = Pick<ArmApi, "getVm" | "startVmUpdate" | "startVmPowerOff" | "listVmSizes">;

/** The calls for VMs. Sizes are listed for `ownSubscriptionId`. */
export function createVmCalls(sender: SdkSender, clientOf: ClientOf, ownSubscriptionId: string): VmCalls {
  return {
    getVm: ({ instanceView, clientRequestId, ...vm }, signal) =>
      sender.read(
        clientRequestId,
        readVmResource,
        (call) => operationsOn(clientOf(vm.subscriptionId), vm).get(instanceView, call),
        signal,
      ),
    startVmUpdate: ({ change, ifMatch, clientRequestId, ...vm }, signal) => {
      const body = {
        ...(change.tags === undefined ? {} : { tags: { ...change.tags } }),
        ...(change.dataDisks === undefined
          ? {}
          : { storageProfile: { dataDisks: change.dataDisks as DataDisk[] } }),
      };
      return sender.start(
        { kind: "vm", clientRequestId },
        (call) => operationsOn(clientOf(vm.subscriptionId), vm).update(body, { ...call, ifMatch }),
        signal,
      );
    },
    startVmPowerOff: ({ clientRequestId, ...vm }, signal) =>
      sender.start(
        { kind: "vm", clientRequestId },
        (call) => operationsOn(clientOf(vm.subscriptionId), vm).powerOff(call),
        signal,
      ),
    listVmSizes: async ({ location, ...request }, signal) =>
      vmSizesAmong(
        await sender.list(
          request,
          readSku,
          (call) =>
            clientOf(ownSubscriptionId)
              .resourceSkus.list({ ...call, filter: `location eq '${location}'` })
              .byPage()
              .next(),
          signal,
        ),
      ),
  };
}

/** The SDK's operations on one VM, or on an instance of a uniform scale set. */
function operationsOn(
  client: ComputeManagementClient,
  { resourceGroup, name, scaleSet }: ArmVmName,
): {
  readonly get: (instanceView: boolean, call: CallOptions) => Promise<unknown>;
  readonly update: (
    change: Pick<VirtualMachineUpdate, "tags" | "storageProfile">,
    call: CallOptions & { readonly ifMatch: string },
  ) => Promise<unknown>;
  readonly powerOff: (call: CallOptions) => Promise<unknown>;
} {
  const expand = (instanceView: boolean): { expand?: "instanceView" } =>
    instanceView ? { expand: "instanceView" } : {};
  if (scaleSet === undefined) {
    const vms = client.virtualMachines;
    return {
      get: (instanceView, call) => vms.get(resourceGroup, name, { ...call, ...expand(instanceView) }),
      update: (change, call) => vms.update(resourceGroup, name, change, call).submitted(),
      powerOff: (call) => vms.powerOff(resourceGroup, name, { ...call, skipShutdown: true }).submitted(),
    };
  }
  const instances = client.virtualMachineScaleSetVMs;
  const at = [resourceGroup, scaleSet.name, scaleSet.instanceId] as const;
  return {
    get: (instanceView, call) => instances.get(...at, { ...call, ...expand(instanceView) }),
    // The SDK's type wants a location, which Azure does not: what a body leaves out stays.
    update: (change, call) => instances.update(...at, change as VirtualMachineScaleSetVM, call).submitted(),
    powerOff: (call) => instances.powerOff(...at, { ...call, skipShutdown: true }).submitted(),
  };
}
