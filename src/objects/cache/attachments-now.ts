import type { AzVolumeAttachment } from "../../core/api/az-volume-attachment.ts";
import { labelValue } from "../../core/api/object-names.ts";
import { ok, type Result } from "../../core/failure/result.ts";
import type { ObjectStore } from "../../ports/store/object-store.ts";
import { NODE_NAME_LABEL, VOLUME_NAME_LABEL } from "../new-attachment.ts";
import type { ObjectCache } from "./object-cache.ts";

interface ListPorts {
  readonly store: ObjectStore;
  readonly cache: Pick<ObjectCache, "byIndex">;
}

type NodeOrVolume = { readonly nodeName: string } | { readonly volumeName: string };

/** The attachments of a node or a volume as the store has them now, without those that the cache ignores. */
export async function attachmentsNow(
  ports: ListPorts & { readonly cache: Pick<ObjectCache, "ignoredAttachment"> },
  of: NodeOrVolume,
  signal: AbortSignal,
): Promise<Result<readonly AzVolumeAttachment[]>> {
  const listed = await listAttachments(ports, of, signal);
  if (!listed.ok) return listed;
  return ok(
    listed.value.filter(({ metadata }) => ports.cache.ignoredAttachment(metadata.name) === undefined),
  );
}

/**
 * The same with those that it ignores. One list, by label, and a read of each further one that the cache
 * shows: a person may have removed its labels.
 */
export async function listAttachments(
  { store, cache }: ListPorts,
  of: NodeOrVolume,
  signal: AbortSignal,
): Promise<Result<readonly AzVolumeAttachment[]>> {
  const [field, label, name] =
    "nodeName" in of
      ? (["nodeName", NODE_NAME_LABEL, of.nodeName] as const)
      : (["volumeName", VOLUME_NAME_LABEL, of.volumeName] as const);
  const listed = await store.list("AzVolumeAttachment", { [label]: labelValue(name) }, signal);
  if (!listed.ok) return listed;
  // A long name's label is its hash.
  const isOf = ({ spec }: AzVolumeAttachment): boolean => spec[field] === name;
  const found = listed.value.items.filter(isOf);
  const names = new Set(found.map(({ metadata }) => metadata.name));
  for (const { metadata } of cache.byIndex("AzVolumeAttachment", field, name)) {
    if (names.has(metadata.name)) continue;
    const read = await store.get("AzVolumeAttachment", metadata.name, signal);
    if (read.ok && isOf(read.value)) found.push(read.value);
    if (!read.ok && read.failure.kind !== "ObjectNotFound") return read;
  }
  return ok(found);
}
