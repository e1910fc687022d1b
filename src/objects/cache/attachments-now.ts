import type { AzVolumeAttachment } from "../../core/api/az-volume-attachment.ts";
import { labelValue } from "../../core/api/object-names.ts";
import { ok, type Result } from "../../core/failure/result.ts";
import type { ObjectStore } from "../../ports/store/object-store.ts";
import { NODE_NAME_LABEL, VOLUME_NAME_LABEL } from "../new-attachment.ts";
import type { ObjectCache } from "./object-cache.ts";

type NodeOrVolume = { readonly nodeName: string } | { readonly volumeName: string };

/** The attachments of a node or a volume as the store has them now, without those that the cache ignores. */
export async function attachmentsNow(
  { store, cache }: { readonly store: ObjectStore; readonly cache: Pick<ObjectCache, "ignoredAttachment"> },
  of: NodeOrVolume,
  signal: AbortSignal,
): Promise<Result<readonly AzVolumeAttachment[]>> {
  const listed = await listAttachments(store, of, signal);
  if (!listed.ok) return listed;
  return ok(listed.value.filter(({ metadata }) => cache.ignoredAttachment(metadata.name) === undefined));
}

/** The same with those that it ignores. One list, by label. */
export async function listAttachments(
  store: ObjectStore,
  of: NodeOrVolume,
  signal: AbortSignal,
): Promise<Result<readonly AzVolumeAttachment[]>> {
  const selector =
    "nodeName" in of
      ? { [NODE_NAME_LABEL]: labelValue(of.nodeName) }
      : { [VOLUME_NAME_LABEL]: labelValue(of.volumeName) };
  const listed = await store.list("AzVolumeAttachment", selector, signal);
  if (!listed.ok) return listed;
  // A long name's label is its hash.
  const isOf = ({ spec }: AzVolumeAttachment): boolean =>
    "nodeName" in of ? spec.nodeName === of.nodeName : spec.volumeName === of.volumeName;
  return ok(listed.value.items.filter(isOf));
}
