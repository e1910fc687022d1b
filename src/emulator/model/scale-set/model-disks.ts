import { type ArmFailure, armErrors } from "../api/errors.ts";
import { listAt } from "../api/json.ts";
import { checkAttach } from "../vm/attachment-rules.ts";
import { parseDataDisks, planReplacedList } from "../vm/data-disks.ts";
import { type RequestedDataDisk, withDiskNames } from "../vm/new-disks.ts";
import type { VirtualMachine } from "../vm/virtual-machine.ts";
import type { World } from "../world.ts";
import type { ScaleSet } from "./scale-set.ts";

/**
 * An instance with the data disks that its scale set's model describes, still to be made. Each instance has
 * its own, so that a model names none that exists. They go with the instance, unless a flexible set's model
 * keeps them.
 */
export function withModelDisks(world: World, set: ScaleSet, vm: VirtualMachine): VirtualMachine | ArmFailure {
  const requested = parseDataDisks(listAt(set.profile, "storageProfile", "dataDisks") ?? []);
  if (requested.some(({ diskId }) => diskId !== undefined))
    return armErrors.invalidParameter(
      "dataDisk.managedDisk.id",
      "Parameter 'dataDisk.managedDisk.id' is not allowed.",
    );
  const disks = requested.map((wanted) => ({
    ...wanted,
    name: undefined,
    deleteOption: deletion(set, wanted),
  }));
  const plan = planReplacedList(world, vm, withDiskNames(world, vm, disks));
  if (plan.kind === "Failure") return plan;
  const refused = plan.entries
    .map((entry) => checkAttach(world, vm, entry))
    .find((failure) => failure !== undefined);
  return refused ?? { ...vm, dataDisks: plan.entries };
}

function deletion(set: ScaleSet, { deleteOption }: RequestedDataDisk): string {
  return set.orchestrationMode === "Flexible" ? (deleteOption ?? "Delete") : "Delete";
}
