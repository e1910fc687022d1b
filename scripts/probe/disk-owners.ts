import { type ProbeVm, read } from "./probe-vm.ts";

/** The VMs that the probe's disk names, in Azure's spelling. */
export async function ownersOf(vm: ProbeVm): Promise<readonly string[]> {
  const disk = await read(vm, vm.diskId);
  const { managedBy, managedByExtended } = (disk ?? {}) as {
    readonly managedBy?: string;
    readonly managedByExtended?: readonly string[];
  };
  return [...new Set([...(managedBy === undefined ? [] : [managedBy]), ...(managedByExtended ?? [])])];
}
