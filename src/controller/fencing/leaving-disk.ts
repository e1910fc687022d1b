import type { AzVolumeAttachment } from "../../core/api/az-volume-attachment.ts";
import type { AzVolume } from "../../core/api/az-volume.ts";
import { isOfDisk } from "../../core/api/identity/disk-uri-of.ts";
import { volumeObjectNames } from "../../core/api/object-names.ts";
import { resourceUriKey } from "../../core/azure/ids/disk-uri.ts";
import { ok, type Result } from "../../core/failure/result.ts";
import { readAttachment } from "../../objects/named-attachment.ts";
import type { ControllerPorts } from "../controller-ports.ts";

/** A disk that a VM lists as being detached, with what the store shows of it. */
export interface LeavingDisk {
  readonly diskUri: string;
  /** Empty for a disk of others, and for one that recovery has not reached yet. */
  readonly volumes: readonly AzVolume[];
  /** Its attachments to that VM, at most one for each name that a node there may have. */
  readonly attachments: readonly AzVolumeAttachment[];
}

/**
 * Reads past every cache: the volumes of the disk that the cache shows, else those under the names
 * derived from its URI, and those that its attachments name. Fails as the store does, and with
 * `ObjectNotFound` where an attachment's volume is missing: its writer is unknown until the volume is
 * rebuilt.
 */
export async function readLeaving(
  { store, cache }: Pick<ControllerPorts, "store" | "cache">,
  diskUri: string,
  nodeNames: readonly string[],
  signal: AbortSignal,
): Promise<Result<LeavingDisk>> {
  const attachments: AzVolumeAttachment[] = [];
  for (const nodeName of nodeNames) {
    const read = await readAttachment(store, { diskUri, nodeName }, signal);
    if (read.ok) attachments.push(read.value);
    else if (read.failure.kind !== "ObjectNotFound") return read;
  }
  const attached = new Set(attachments.map(({ spec }) => spec.volumeName));
  const cached = cache
    .byIndex("AzVolume", "diskUri", resourceUriKey(diskUri))
    .map(({ metadata }) => metadata.name);
  const volumes: AzVolume[] = [];
  for (const name of new Set([...attached, ...(cached.length > 0 ? cached : volumeObjectNames(diskUri))])) {
    const fresh = await store.get("AzVolume", name, signal);
    if (fresh.ok && (attached.has(name) || isOfDisk(fresh.value, diskUri))) volumes.push(fresh.value);
    else if (!fresh.ok && (fresh.failure.kind !== "ObjectNotFound" || attached.has(name))) return fresh;
  }
  return ok({ diskUri, volumes, attachments });
}
