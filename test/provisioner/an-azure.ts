import { settledOn } from "../../src/adapters/virtual/testing/settled-on.ts";
import { type VirtualClock, createVirtualClock } from "../../src/adapters/virtual/virtual-clock.ts";
import type { NodeIdentity } from "../../src/core/api/identity/node-identity.ts";
import {
  type ComputeModel,
  type ComputeModelOptions,
  createComputeModel,
} from "../../src/emulator/model/compute-model.ts";
import { addResourceGroup, addVirtualMachine } from "../../src/emulator/model/set-up.ts";
import type { AzureCloudProvisioner } from "../../src/provisioner/azure-cloud-provisioner.ts";
import type { ProvisionerSettings } from "../../src/provisioner/settings.ts";
import {
  LOCATION,
  mayAlways,
  never,
  RESOURCE_GROUP,
  SUBSCRIPTION_ID,
} from "../contract/worlds/cloud-bench.ts";
import { provisionerOnModel } from "./provisioner-on-model.ts";

/** Azure's model, and a provisioner over it. */
export interface ModelAzure {
  readonly clock: VirtualClock;
  readonly model: ComputeModel;
  readonly cloud: AzureCloudProvisioner;
  /** Waits for `work` while the clock runs. */
  readonly run: <T>(work: Promise<T>) => Promise<T>;
  /** Adds a virtual machine, which is the node with its name. */
  readonly addNode: (name: string) => NodeIdentity;
  /** Attaches a disk for a pod. */
  readonly attach: (diskUri: string, node: NodeIdentity) => ReturnType<AzureCloudProvisioner["attachDisk"]>;
}

/** One with the resource group of the tests, and nothing in it. */
export function anAzure(
  options: {
    readonly model?: ComputeModelOptions["settings"];
    readonly provisioner?: Partial<ProvisionerSettings>;
  } = {},
): ModelAzure {
  const clock = createVirtualClock();
  const model = createComputeModel({ clock, settings: options.model ?? {} });
  addResourceGroup(model.world, {
    subscriptionId: SUBSCRIPTION_ID,
    name: RESOURCE_GROUP,
    location: LOCATION,
  });
  const cloud = provisionerOnModel(model, clock, options.provisioner);
  return {
    clock,
    model,
    cloud,
    run: (work) => settledOn(clock, work),
    addNode: (name) => {
      const added = addVirtualMachine(model.world, {
        subscriptionId: SUBSCRIPTION_ID,
        resourceGroup: RESOURCE_GROUP,
        location: LOCATION,
        name,
      });
      if (added.kind !== "Added") throw new Error(`${name} was not added: ${added.kind}`);
      return { nodeName: name, vmId: added.vm.vmGuid, instanceUri: added.vm.id };
    },
    attach: (diskUri, node) =>
      cloud.attachDisk(
        { diskUri, node, cachingMode: "None", lane: "primaryAttach", precondition: mayAlways },
        never,
      ),
  };
}
