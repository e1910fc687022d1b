import type { AzVolume } from "../../core/api/az-volume.ts";
import { identityOf, isSameVmId, type NodeIdentity } from "../../core/api/identity/node-identity.ts";
import { isSameResourceUri } from "../../core/azure/ids/disk-uri.ts";
import type { Lane } from "../../core/azure/lane.ts";
import { ok, type Result } from "../../core/failure/result.ts";
import type { DiskFacts } from "../../ports/cloud/cloud-provisioner.ts";
import type { AdoptionPorts } from "../controller-ports.ts";
import { nodeOfVm, withNodeUid } from "../node-of-vm.ts";

export interface VolumeDisk {
  readonly volume: AzVolume;
  readonly diskUri: string;
}

/** A VM that has a disk, and where the disk sits on it. */
export interface AttachedVm {
  readonly node: NodeIdentity;
  readonly lun: number | undefined;
  /** A detach from this VM is under way. It was allowed before what is known now, and lands in any case. */
  readonly beingDetached: boolean;
  /** Azure deletes the disk when it deletes the VM. */
  readonly deletedWithVm?: true;
}

/** A VM known only by its resource id is identified by that id alone. */
function foreignVm(instanceUri: string): AttachedVm {
  const node = { nodeName: instanceUri, vmId: instanceUri, instanceUri };
  return { node, lun: undefined, beingDetached: false };
}

type VmPorts = Pick<AdoptionPorts, "cloud" | "cache" | "users">;

/**
 * Returns the VMs that have a disk attached, each with its GUID: the disk names resource ids, and these
 * are reused. A node's name and uid are never newer than the GUID beside them. A VM that the disk names but
 * that can't be found is not a node; it may have the disk until the disk no longer names it. Fails as Azure
 * does: no VM may be left out. `lane`: that of the VMs' reads.
 */
export async function findAttachedVms(
  ports: VmPorts,
  disk: DiskFacts,
  lane: Lane,
  signal: AbortSignal,
): Promise<Result<readonly AttachedVm[]>> {
  const attached: AttachedVm[] = [];
  for (const instanceUri of disk.attachedTo) {
    const known = nodeOfVm(ports, instanceUri);
    if (known === undefined) {
      attached.push(foreignVm(instanceUri));
      continue;
    }
    const { nodeName } = known;
    // Before the read, as the name: both may be of another VM at that id by its end.
    const named = withNodeUid(ports, { nodeName, instanceUri });
    const instance = await ports.cloud.inspectInstance({ nodeName, instanceUri, lane }, signal);
    if (!instance.ok && instance.failure.kind !== "InstanceNotFound") return instance;
    if (!instance.ok || !isSameVmId(known.vmId ?? instance.value.vmId, instance.value.vmId)) {
      attached.push(foreignVm(instanceUri));
      continue;
    }
    const entry = instance.value.dataDisks.find((dataDisk) =>
      isSameResourceUri(dataDisk.diskUri, disk.diskUri),
    );
    attached.push({
      node: identityOf({ ...named, vmId: instance.value.vmId }),
      lun: entry?.lun,
      beingDetached: entry?.beingDetached ?? false,
      ...(entry?.deletedWithVm === true ? { deletedWithVm: true as const } : {}),
    });
  }
  return ok(attached);
}
