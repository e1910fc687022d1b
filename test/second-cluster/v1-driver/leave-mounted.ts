import { createHash } from "node:crypto";
import type { Lab } from "../../../testbed/lab/lab.ts";
import { waitUntil } from "../../../testbed/lab/units/wait-until.ts";

const API = "api-version=2025-04-01";
const SETTLED_MAX_MS = 240_000;
const GLOBAL_MOUNTS = "/var/lib/kubelet/plugins/kubernetes.io/csi/disk.csi.azure.com";

interface Vm {
  readonly properties: {
    readonly provisioningState: string;
    readonly storageProfile: { readonly dataDisks: readonly { readonly lun: number }[] };
  };
}

/**
 * Attaches a disk to a node's VM and mounts it at the kubelet's path, as a forced deletion of pod and
 * VolumeAttachment leaves it.
 */
export async function leaveMounted(lab: Lab, nodeName: string, diskUri: string): Promise<void> {
  const vm = `${lab.azure.vmId(nodeName)}?${API}`;
  const { dataDisks } = ((await lab.azure.call("GET", vm)) as Vm).properties.storageProfile;
  const lun = Math.max(-1, ...dataDisks.map((disk) => disk.lun)) + 1;
  const entry = { lun, createOption: "Attach", managedDisk: { id: diskUri } };
  await lab.azure.call("PATCH", vm, { properties: { storageProfile: { dataDisks: [...dataDisks, entry] } } });
  await waitUntil(`${diskUri} to be on ${nodeName}`, { timeoutMs: SETTLED_MAX_MS }, async () =>
    ((await lab.azure.call("GET", vm)) as Vm).properties.provisioningState === "Succeeded" ? true : undefined,
  );
  const path = `${GLOBAL_MOUNTS}/${createHash("sha256").update(diskUri).digest("hex")}/globalmount`;
  await lab.node(nodeName).exec(["mkdir", "-p", path]);
  await lab.node(nodeName).exec(["mount", `/dev/disk/azure/scsi1/lun${lun}`, path]);
}
