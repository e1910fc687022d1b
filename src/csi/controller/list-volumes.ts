import type { AzVolume, VolumeDetail } from "../../core/api/az-volume.ts";
import { fail, ok, type Result } from "../../core/failure/result.ts";
import type { ObjectCache } from "../../objects/cache/object-cache.ts";
import {
  type ControllerGetVolumeRequest,
  type ControllerGetVolumeResponse,
  type ListVolumesRequest,
  type ListVolumesResponse,
  ListVolumesResponse_Entry,
} from "../gen/csi/v1/csi.ts";
import { pageOf } from "../messages/page.ts";
import { type PublicationPorts, publishedNodes } from "../messages/published-nodes.ts";
import { missingField } from "../messages/required.ts";
import { volumeMessage } from "../messages/volume-message.ts";
import type { CallContext } from "../server/unary-handler.ts";
import type { ControllerContext } from "./controller-context.ts";
import { findOrAdoptUnpublished } from "./find-or-adopt.ts";

type ListContext = PublicationPorts & Pick<ControllerContext, "driverName" | "clusterVolumes">;

/**
 * ListVolumes: every volume whose disk exists, oldest first, with the nodes that it is published on. From
 * the cache: no request to store or cloud.
 */
export async function listVolumes(
  context: ListContext & { readonly cache: Pick<ObjectCache, "list"> },
  request: ListVolumesRequest,
): Promise<Result<ListVolumesResponse>> {
  const created = context.cache
    .list("AzVolume")
    .flatMap((volume) =>
      volume.status?.detail === undefined ? [] : [{ volume, detail: volume.status.detail }],
    );
  return pageOf(
    created,
    {
      positionOf: ({ volume }) => positionOf(volume),
      entryOf: ({ volume, detail }) => entryOf(context, volume, detail),
      bytesOf: (entry) => ListVolumesResponse_Entry.encode(entry).finish().length,
    },
    request,
  );
}

/**
 * A volume as it is listed. Its id is spelled as in its PersistentVolume: external-attacher compares ids with
 * case, and publishes again once a minute what it does not find.
 */
function entryOf(context: ListContext, volume: AzVolume, detail: VolumeDetail): ListVolumesResponse_Entry {
  const volumeId = context.clusterVolumes.volumeOf(detail.diskUri)?.volumeId ?? detail.diskUri;
  return {
    volume: { ...volumeMessage(volume.spec, detail, context.driverName), volumeId },
    status: { publishedNodeIds: publishedNodes(context, volume) },
  };
}

function positionOf(volume: AzVolume): string {
  return `${volume.metadata.creationTimestamp} ${volume.metadata.name}`;
}

/** ControllerGetVolume: one volume as ListVolumes shows it. */
export async function getVolume(
  context: ControllerContext,
  request: ControllerGetVolumeRequest,
  call: CallContext,
): Promise<Result<ControllerGetVolumeResponse>> {
  const { volumeId } = request;
  const missing = missingField({ volume_id: volumeId });
  if (missing !== undefined) return fail(missing);
  const volume = await findOrAdoptUnpublished(context, volumeId, undefined, call.signal);
  if (!volume.ok) return volume;
  const detail = volume.value.status?.detail;
  return detail === undefined
    ? fail({ kind: "VolumeNotFound", volumeId })
    : ok(entryOf(context, volume.value, detail));
}
