import type { Failure } from "../core/failure.ts";
import { parseInstanceUri } from "../core/model/instance-uri.ts";
import type { NodeIdentity } from "../core/model/node-identity.ts";
import { fail, ok, type Result } from "../core/result.ts";
import type { CloudProvisioner, DiskFacts } from "../ports/cloud-provisioner.ts";

/** A VM that has a disk, and where the disk sits on it. */
export interface DiskHolder {
  readonly node: NodeIdentity;
  readonly lun: number | undefined;
}

/**
 * Who has a disk attached, with the GUID of each VM: the disk names VMs, and names are reused. A VM that the disk names and that does not exist
 * any more has nothing open. Fails as the platform does: nobody may be left out.
 */
export async function findHolders(cloud: CloudProvisioner, disk: DiskFacts, signal: AbortSignal): Promise<Result<readonly DiskHolder[], Failure>> {
  const holders: DiskHolder[] = [];
  for (const instanceUri of disk.attachedTo) {
    const nodeName = cloud.nodeNameOf(instanceUri) ?? parseInstanceUri(instanceUri)?.instanceName;
    if (nodeName === undefined) return fail({ kind: "DiskAttachedElsewhere", diskUri: disk.diskUri, attachedTo: disk.attachedTo });
    const instance = await cloud.inspectInstance({ nodeName }, signal);
    if (!instance.ok) {
      if (instance.failure.kind === "InstanceNotFound") continue;
      return instance;
    }
    const entry = instance.value.dataDisks.find((dataDisk) => dataDisk.diskUri.toLowerCase() === disk.diskUri.toLowerCase());
    holders.push({ node: { nodeName, vmId: instance.value.vmId }, lun: entry?.lun });
  }
  return ok(holders);
}
