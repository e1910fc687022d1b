import { textAt } from "../api/json.ts";
import type { VirtualMachine } from "../vm/virtual-machine.ts";
import type { World } from "../world.ts";

/** The VM of this name, or else the only one with this host name; or why there is none. */
export function vmCalled(world: World, name: string): VirtualMachine | string {
  const vms = [...world.virtualMachines.values()];
  const isName = (text: string | undefined): boolean => text?.toLowerCase() === name.toLowerCase();
  const named = vms.find((vm) => isName(vm.name));
  if (named !== undefined) return named;
  const [host, other] = vms.filter((vm) => isName(textAt(vm.other, "osProfile", "computerName")));
  if (other !== undefined) return `several virtual machines have the host name '${name}'`;
  return host ?? `no virtual machine '${name}', and none with that host name`;
}
