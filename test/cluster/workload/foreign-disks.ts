import type { Lab } from "../../../testbed/lab/lab.ts";
import { thenCleanUp } from "../../../testbed/lab/units/then-clean-up.ts";
import { deleteDisk, makeDisk, untilSucceeded } from "./disks-by-hand.ts";

const API = "api-version=2025-04-01";

/** Runs `use` while foreign disks, attached by hand, occupy slots of a node's VM. */
export async function withForeignDisks(
  lab: Lab,
  where: { readonly nodeName: string; readonly count: number },
  use: () => Promise<void>,
): Promise<void> {
  const { azure } = lab;
  const vmUri = azure.vmId(where.nodeName);
  const zone = lab.settings.vms.find(({ name }) => name === where.nodeName)?.zone;
  const uris = Array.from({ length: where.count }, (_, index) =>
    vmUri.replace(/virtualMachines\/.*/u, `disks/foreign-${where.nodeName}-${index}`),
  );
  await Promise.all(uris.map((diskUri) => makeDisk(azure, { diskUri, zone })));
  await attach(lab, vmUri, uris);
  await thenCleanUp(use, async () => {
    await attach(lab, vmUri, []);
    await Promise.all(uris.map((uri) => deleteDisk(azure, uri)));
  });
}

/** Sets a VM's list of data disks to these. */
async function attach(lab: Lab, vmUri: string, uris: readonly string[]): Promise<void> {
  const dataDisks = uris.map((id, lun) => ({ lun, createOption: "Attach", managedDisk: { id } }));
  await lab.azure.call("PATCH", `${vmUri}?${API}`, { properties: { storageProfile: { dataDisks } } });
  await untilSucceeded(lab.azure, `${vmUri}?${API}`);
}
