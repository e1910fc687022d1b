/** The emulator's own API, as far as the demo looks at it. */
export interface EmulatorClient {
  /** Calls of Azure's API so far, operation polls included. */
  armCalls(): Promise<number>;
  /** Disks that exist, by name, with the VMs that have them. */
  disks(): Promise<readonly { readonly name: string; readonly attachedTo: readonly string[] }[]>;
  /** The GUID of each VM, by name. */
  vmIds(): Promise<ReadonlyMap<string, string>>;
}

interface State {
  readonly disks: readonly { readonly name: string; readonly managedBy?: string; readonly managedByExtended?: readonly string[] }[];
  readonly virtualMachines: readonly { readonly name: string; readonly properties: { readonly vmId: string } }[];
}

/** Speaks to an emulator over TLS with its own CA. */
export function createEmulatorClient(url: string, get: (url: string) => Promise<unknown>): EmulatorClient {
  const state = async (): Promise<State> => (await get(`${url}/emulator/v1/state`)) as State;
  let counted = 0;
  let seen = 0;
  return {
    armCalls: async () => {
      const journal = (await get(`${url}/emulator/v1/journal?since=${seen}`)) as {
        readonly lastSequence: number;
        readonly value: readonly { readonly kind: string }[];
      };
      seen = journal.lastSequence;
      counted += journal.value.filter((entry) => entry.kind !== "admin").length;
      return counted;
    },
    disks: async () =>
      (await state()).disks.map((disk) => ({
        name: disk.name,
        attachedTo: [...(disk.managedBy === undefined ? [] : [disk.managedBy]), ...(disk.managedByExtended ?? [])],
      })),
    vmIds: async () => new Map((await state()).virtualMachines.map((vm) => [vm.name, vm.properties.vmId])),
  };
}
