import type { Lab } from "../../../testbed/lab/lab.ts";

/** A call that the lab's Azure received. */
export interface AzureCall {
  /** By the clock of the nodes. */
  readonly atMs: number;
  /** The operation's name in Azure's API description, such as `VirtualMachines_Update`. */
  readonly operation: string;
  readonly method: string;
  readonly path: string;
  readonly status: number;
  readonly body?: unknown;
}

/** Watches the journal of the lab's Azure from now on. */
export async function azureCallsFromNow(lab: Lab): Promise<{
  /**
   * The calls since then that change a VM (attach or detach), oldest first, instances of scale sets
   * included. A disk's tags are written while its volume is at rest.
   */
  readonly vmWrites: () => Promise<readonly AzureCall[]>;
  /** All calls since then that Azure would count, oldest first. */
  readonly all: () => Promise<readonly AzureCall[]>;
}> {
  const { lastSequence } = await journal(lab, Number.MAX_SAFE_INTEGER);
  const all = async (): Promise<readonly AzureCall[]> =>
    (await journal(lab, lastSequence)).value.filter(({ kind }) => kind === "arm");
  const isVmWrite = ({ method, operation }: AzureCall): boolean =>
    method !== "GET" && /^VirtualMachine(?:ScaleSetVM)?s_/u.test(operation);
  return { all, vmWrites: async () => (await all()).filter(isVmWrite) };
}

/** Names of the disks in the lab's Azure. */
export async function disksInAzure(lab: Lab): Promise<readonly string[]> {
  const { subscriptionId } = lab.azure;
  const answer = (await lab.azure.call(
    "GET",
    `/subscriptions/${subscriptionId}/providers/Microsoft.Compute/disks?api-version=2025-01-02`,
  )) as {
    readonly value: readonly { readonly name: string }[];
  };
  return answer.value.map(({ name }) => name);
}

async function journal(lab: Lab, since: number) {
  return (await lab.azure.call("GET", `/emulator/v1/journal?since=${since}`)) as {
    readonly lastSequence: number;
    readonly value: readonly (AzureCall & { readonly kind: string })[];
  };
}
