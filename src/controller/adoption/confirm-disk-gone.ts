import { isSameResourceUri, parseDiskUri } from "../../core/azure/ids/disk-uri.ts";
import type { Failure } from "../../core/failure/failure.ts";
import { fail, ok, type Result } from "../../core/failure/result.ts";
import { saysDiskGone } from "../../core/volume/says-disk-gone.ts";
import type { CloudProvisioner, DiskFacts } from "../../ports/cloud/cloud-provisioner.ts";

/**
 * Confirms that a disk is gone whose read has failed with `failure`, before what is known of it is forgotten.
 * ARM's regions learn of changes one after the other, and its index and the disk service may disagree: at
 * times a read does not find a disk that a VM has and writes (Azure's support in
 * hashicorp/terraform-provider-azurerm, issue 18268; 32535 there). So the list of its resource group must
 * lack it, too, or the group be gone. Where the list is refused nothing is known: one right allows both, so
 * the driver has just lost it, or has it for some disks alone. Fails with `failure` where that says something
 * else, with that of the list where it fails, and with `CloudUnavailable` where Azure lists the disk.
 */
export async function confirmDiskGone(
  { listDisks }: Pick<CloudProvisioner, "listDisks">,
  { diskUri, failure }: { readonly diskUri: string; readonly failure: Failure },
  signal: AbortSignal,
): Promise<Result<void>> {
  if (!saysDiskGone(failure)) return fail(failure);
  const resourceGroup = parseDiskUri(diskUri)?.resourceGroup;
  if (resourceGroup === undefined) return ok(undefined);
  const listed = await listDisks({ resourceGroup }, signal);
  if (!listed.ok) return saysDiskGone(listed.failure) ? ok(undefined) : listed;
  if (!listed.value.some((disk) => isSameResourceUri(disk.diskUri, diskUri))) return ok(undefined);
  return fail({
    kind: "CloudUnavailable",
    code: "DiskNotShown",
    message: `a read does not find disk ${diskUri}, and the list of its resource group has it`,
    requestId: "azure" in failure ? (failure.azure?.requestId ?? "") : "",
  });
}

/** A disk as Azure shows it; undefined: it is gone, which is confirmed as above. */
export async function readDiskUnlessGone(
  cloud: Pick<CloudProvisioner, "getDisk" | "listDisks">,
  diskUri: string,
  signal: AbortSignal,
): Promise<Result<DiskFacts | undefined>> {
  const disk = await cloud.getDisk({ diskUri }, signal);
  if (disk.ok || disk.failure.kind !== "DiskNotFound") return disk;
  const gone = await confirmDiskGone(cloud, { diskUri, failure: disk.failure }, signal);
  return gone.ok ? ok(undefined) : gone;
}
