/** The part of the emulator's own API that the demo uses. */
export interface EmulatorClient {
  /** Calls of Azure's API so far, operation polls included. */
  armCalls(): Promise<number>;
  /** Disks for data that exist, by name, with the VMs that have them. */
  disks(): Promise<readonly { readonly name: string; readonly attachedTo: readonly string[] }[]>;
  /** Resource ids of the snapshots that exist. */
  snapshots(): Promise<readonly string[]>;
  /** GUID and resource id of each of the lab's VMs, by the node's name, which is the computer name. */
  instances(): Promise<ReadonlyMap<string, { readonly vmId: string; readonly instanceUri: string }>>;
}

interface State {
  readonly snapshots: readonly { readonly id: string }[];
  readonly disks: readonly {
    readonly name: string;
    readonly managedBy?: string;
    readonly managedByExtended?: readonly string[];
    /** Of disks of the operating system, which are no volumes. */
    readonly properties: { readonly osType?: string };
  }[];
  readonly virtualMachines: readonly {
    readonly id: string;
    readonly properties: { readonly vmId: string; readonly osProfile: { readonly computerName: string } };
  }[];
}

/** Connects to an emulator over TLS with its own CA, for a lab with nodes of these names. */
export function createEmulatorClient(
  url: string,
  nodeNames: readonly string[],
  get: (url: string) => Promise<unknown>,
): EmulatorClient {
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
      (await state()).disks
        .filter(({ properties }) => properties.osType === undefined)
        .map((disk) => ({
          name: disk.name,
          attachedTo: [
            ...(disk.managedBy === undefined ? [] : [disk.managedBy]),
            ...(disk.managedByExtended ?? []),
          ],
        })),
    snapshots: async () => (await state()).snapshots.map(({ id }) => id),
    instances: async () =>
      new Map(
        (await state()).virtualMachines
          .filter(({ properties }) => nodeNames.includes(properties.osProfile.computerName))
          .map(({ id, properties: { vmId, osProfile } }) => [
            osProfile.computerName,
            { vmId, instanceUri: id },
          ]),
      ),
  };
}
