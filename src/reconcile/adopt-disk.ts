import type { Failure } from "../core/failure.ts";
import { isSameResourceUri } from "../core/model/disk-uri.ts";
import type { NodeIdentity, PlacedNode } from "../core/model/node-identity.ts";
import { ok, type Result } from "../core/result.ts";
import type { CloudProvisioner, DiskFacts } from "../ports/cloud-provisioner.ts";

/** A VM that has a disk, and where the disk sits on it. */
export interface DiskHolder {
  readonly node: PlacedNode;
  readonly lun: number | undefined;
  /** Somebody is taking the disk off it just now: a detach that was allowed before what is known now, and lands whatever is decided meanwhile. */
  readonly isLeaving: boolean;
}

/**
 * A VM that is no node of this cluster: in another resource group or subscription. It stands in a record under its whole URI, so that no node of ours that
 * happens to have its name can answer for it.
 */
export function isForeign(node: NodeIdentity): boolean {
  return node.nodeName.startsWith("/");
}

/** The nodes of this cluster among those. */
export function ownNodes<T extends NodeIdentity>(nodes: readonly T[]): readonly T[] {
  return nodes.filter((node) => !isForeign(node));
}

/**
 * Who has a disk attached, with the GUID of each VM: the disk names VMs, and names are reused. A VM of the cluster that the disk names and that does not exist
 * any more has nothing open. Fails as the platform does: nobody may be left out.
 */
export async function findHolders(cloud: CloudProvisioner, disk: DiskFacts, signal: AbortSignal): Promise<Result<readonly DiskHolder[], Failure>> {
  const holders: DiskHolder[] = [];
  for (const instanceUri of disk.attachedTo) {
    const nodeName = cloud.nodeNameOf(instanceUri);
    if (nodeName === undefined) {
      holders.push({ node: { nodeName: instanceUri, vmId: instanceUri }, lun: undefined, isLeaving: false });
      continue;
    }
    const instance = await cloud.inspectInstance({ nodeName }, signal);
    if (!instance.ok) {
      if (instance.failure.kind === "InstanceNotFound") continue;
      return instance;
    }
    const entry = instance.value.dataDisks.find((dataDisk) => isSameResourceUri(dataDisk.diskUri, disk.diskUri));
    holders.push({
      node: { nodeName, vmId: instance.value.vmId, instanceUri: instance.value.instanceUri },
      lun: entry?.lun,
      isLeaving: entry?.beingDetached ?? false,
    });
  }
  return ok(holders);
}
