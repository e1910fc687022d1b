import { createHash } from "node:crypto";
import type { Lab } from "../../../testbed/lab/lab.ts";
import { attachByHand } from "./attach-by-hand.ts";

const GLOBAL_MOUNTS = "/var/lib/kubelet/plugins/kubernetes.io/csi/disk.csi.azure.com";

/**
 * Attaches a disk to a node's VM and mounts it at the kubelet's path, as a forced deletion of pod and
 * VolumeAttachment leaves it.
 */
export async function leaveMounted(lab: Lab, nodeName: string, diskUri: string): Promise<void> {
  const lun = await attachByHand(lab, nodeName, diskUri);
  const path = `${GLOBAL_MOUNTS}/${createHash("sha256").update(diskUri).digest("hex")}/globalmount`;
  await lab.node(nodeName).exec(["mkdir", "-p", path]);
  await lab.node(nodeName).exec(["mount", `/dev/disk/azure/scsi1/lun${lun}`, path]);
}
