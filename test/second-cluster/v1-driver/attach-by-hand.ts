import type { Lab } from "../../../testbed/lab/lab.ts";
import { waitUntil } from "../../../testbed/lab/units/wait-until.ts";

const API = "api-version=2025-04-01";
const SETTLED_MAX_MS = 240_000;

interface Vm {
  readonly properties: {
    readonly provisioningState: string;
    readonly storageProfile: { readonly dataDisks: readonly { readonly lun: number }[] };
  };
}

/** Attaches a disk to a node's VM, without any object in the cluster. Returns its LUN. */
export async function attachByHand(lab: Lab, nodeName: string, diskUri: string): Promise<number> {
  const vm = `${lab.azure.vmId(nodeName)}?${API}`;
  const { dataDisks } = ((await lab.azure.call("GET", vm)) as Vm).properties.storageProfile;
  const lun = Math.max(-1, ...dataDisks.map((disk) => disk.lun)) + 1;
  const entry = { lun, createOption: "Attach", managedDisk: { id: diskUri } };
  await lab.azure.call("PATCH", vm, { properties: { storageProfile: { dataDisks: [...dataDisks, entry] } } });
  await waitUntil(`${diskUri} to be on ${nodeName}`, { timeoutMs: SETTLED_MAX_MS }, async () =>
    ((await lab.azure.call("GET", vm)) as Vm).properties.provisioningState === "Succeeded" ? true : undefined,
  );
  return lun;
}
