import { createModelArmApi } from "../../src/adapters/arm-model/model-arm-api.ts";
import { createSeededRandom } from "../../src/adapters/virtual/seeded-random.ts";
import { createVirtualClock } from "../../src/adapters/virtual/virtual-clock.ts";
import type { NodeIdentity } from "../../src/core/api/identity/node-identity.ts";
import { type ComputeModel, createComputeModel } from "../../src/emulator/model/compute-model.ts";
import { addVirtualMachine } from "../../src/emulator/model/set-up.ts";
import type { ModelSettings } from "../../src/emulator/model/settings.ts";
import { findVm } from "../../src/emulator/model/world.ts";
import type { Clock } from "../../src/ports/clock.ts";
import type { ArmApi } from "../../src/provisioner/arm/arm-api.ts";
import {
  type AzureCloudProvisioner,
  createAzureCloudProvisioner,
} from "../../src/provisioner/azure-cloud-provisioner.ts";
import type { ProvisionerSettings } from "../../src/provisioner/settings.ts";
import { attachDisks, createDisks } from "./model-disks.ts";
import { LOCATION, RESOURCE_GROUP, SUBSCRIPTION_ID, place, vmUri } from "./place.ts";

/**
 * The emulator's model on a virtual clock, with a provisioner. Hours pass in seconds, and every run has the
 * same figures.
 */
export interface VirtualCloud {
  readonly clock: Clock;
  readonly model: ComputeModel;
  readonly arm: ArmApi;
  readonly provisioner: AzureCloudProvisioner;
  readonly nodes: readonly NodeIdentity[];
  /** Advances the clock until `work` is done. */
  readonly run: <T>(work: Promise<T>) => Promise<T>;
  /** Creates disks directly in the model, so that they count as no call. Returns their ids. */
  readonly addDisks: (
    count: number,
    tags?: (name: string) => Readonly<Record<string, string>>,
  ) => readonly string[];
  /** The same of attaches: an equal share of the disks to each VM. */
  readonly attachDisks: (disks: readonly string[]) => void;
  /** Disks that are attached to the VM, with no update pending. */
  readonly attachedTo: (node: NodeIdentity) => readonly string[];
}

const ONE_WAY_MS = 10;
const RUN_MAX_MS = 7 * 24 * 3_600_000;
const SIZE = "Standard_D16s_v5";

/** A cloud with `vms` VMs that take 32 disks each. */
export function createVirtualCloud({
  oneWayMs = ONE_WAY_MS,
  ...options
}: {
  readonly vms: number;
  readonly settings?: Partial<ModelSettings>;
  readonly provisionerSettings?: Partial<ProvisionerSettings>;
  /** The duration of a call's way to Azure or back, in milliseconds. Default: 10. */
  readonly oneWayMs?: number;
}): VirtualCloud {
  const clock = createVirtualClock();
  const model = createComputeModel({ clock, settings: { journalMax: 1_000_000, ...options.settings } });
  const nodes = Array.from({ length: options.vms }, (_, index) => {
    const name = `node-${index}`;
    const added = addVirtualMachine(model.world, {
      subscriptionId: SUBSCRIPTION_ID,
      resourceGroup: RESOURCE_GROUP,
      location: LOCATION,
      name,
      size: SIZE,
    });
    if (added.kind === "Failure") throw new Error(added.message);
    return { nodeName: name, vmId: added.vm.vmGuid, instanceUri: added.vm.id };
  });
  const arm = createModelArmApi({
    model,
    subscriptionId: SUBSCRIPTION_ID,
    clock,
    oneWayMs: () => oneWayMs,
  });
  const provisioner = createAzureCloudProvisioner({
    arm,
    clock,
    random: createSeededRandom(1),
    place,
    lifetime: new AbortController().signal,
    ...(options.provisionerSettings === undefined ? {} : { settings: options.provisionerSettings }),
  });
  let disks = 0;
  return {
    clock,
    model,
    arm,
    provisioner,
    nodes,
    run: async (work) => {
      let isDone = false;
      const watched = work.finally(() => (isDone = true));
      if (!(await clock.runUntil(() => isDone, RUN_MAX_MS)))
        throw new Error("the work did not end within a week of virtual time");
      return watched;
    },
    addDisks: (count, tags = () => ({})) =>
      createDisks(
        model,
        Array.from({ length: count }, () => `pvc-${disks++}`),
        tags,
      ),
    attachDisks: (added) => {
      const names = nodes.map(({ nodeName }) => nodeName);
      attachDisks(model, names, added);
      model.advanceTo(clock.nowMs());
    },
    attachedTo: (node) => {
      model.advanceTo(clock.nowMs());
      const vm = findVm(model.world, vmUri(node.nodeName));
      return (vm?.dataDisks ?? []).filter((entry) => entry.phase === "Attached").map((entry) => entry.diskId);
    },
  };
}
