import type { Lab } from "../../testbed/lab/lab.ts";
import { thenCleanUp } from "../../testbed/lab/then-clean-up.ts";
import { waitUntil } from "../../testbed/lab/wait-until.ts";

const API = "api-version=2025-04-01";
const DISK_API = "api-version=2025-01-02";
const SETTLED_MAX_MS = 60_000;

interface Vm {
  readonly properties: {
    readonly provisioningState: string;
    readonly storageProfile: { readonly dataDisks: readonly { readonly managedDisk: { readonly id: string } }[] };
  };
}

/** Runs `use` while disks that are not the driver's, attached by hand, take slots of a node's VM. */
export async function withForeignDisks(lab: Lab, where: { readonly nodeName: string; readonly count: number }, use: () => Promise<void>): Promise<void> {
  const { azure } = lab;
  const vmUri = azure.vmId(where.nodeName);
  const zone = lab.settings.vms.find(({ name }) => name === where.nodeName)?.zone ?? "";
  const uris = Array.from({ length: where.count }, (_, index) => vmUri.replace(/virtualMachines\/.*/u, `disks/foreign-${where.nodeName}-${index}`));
  const sku = { name: "Premium_LRS" };
  const properties = { creationData: { createOption: "Empty" }, diskSizeGB: 4 };
  await Promise.all(uris.map((uri) => azure.call("PUT", `${uri}?${DISK_API}`, { location: azure.location, zones: [zone], sku, properties })));
  await Promise.all(uris.map((uri) => settled(`disk ${uri}`, async () => (await azure.call("GET", `${uri}?${DISK_API}`)) as Vm)));
  await attach(lab, vmUri, uris);
  await thenCleanUp(use, async () => {
    await attach(lab, vmUri, []);
    await Promise.all(uris.map((uri) => azure.call("DELETE", `${uri}?${DISK_API}`)));
  });
}

/** Sets a VM's list of data disks to these. */
async function attach(lab: Lab, vmUri: string, uris: readonly string[]): Promise<void> {
  const dataDisks = uris.map((id, lun) => ({ lun, createOption: "Attach", managedDisk: { id } }));
  await lab.azure.call("PATCH", `${vmUri}?${API}`, { properties: { storageProfile: { dataDisks } } });
  await settled(`VM ${vmUri} to have ${uris.length} foreign disks`, async () => (await lab.azure.call("GET", `${vmUri}?${API}`)) as Vm);
}

async function settled(what: string, read: () => Promise<Vm>): Promise<void> {
  await waitUntil(what, { timeoutMs: SETTLED_MAX_MS }, async () => ((await read()).properties.provisioningState === "Succeeded" ? true : undefined));
}
