import type { ArmCall } from "../api/arm-message.ts";
import { type ArmFailure, armErrors } from "../api/errors.ts";
import { textAt } from "../api/json.ts";
import type { VirtualMachine } from "../vm/virtual-machine.ts";
import { findVm, type World } from "../world.ts";

/**
 * The VM whose resource id is `vmId` in the body of a call of the emulator's own API. Azure gives that name
 * to the VM's GUID, too, which is refused by what is expected.
 */
export function vmOfCall(world: World, call: ArmCall): { readonly vm: VirtualMachine } | ArmFailure {
  const vmId = textAt(call.body, "vmId") ?? "";
  if (!vmId.startsWith("/"))
    return armErrors.badRequest(
      `'vmId' is the resource id of a VM, /subscriptions/…/virtualMachines/<name>; got '${vmId}'`,
    );
  const vm = findVm(world, vmId);
  return vm === undefined ? armErrors.resourceNotFound("virtualMachines", vmId, "") : { vm };
}
