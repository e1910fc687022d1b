import { fail, ok, type Result } from "../../core/failure/result.ts";
import type { ControllerGetVolumeRequest, ControllerGetVolumeResponse } from "../gen/csi/v1/csi.ts";
import { missingField } from "../messages/required.ts";
import type { CallContext } from "../server/unary-handler.ts";
import type { ControllerContext } from "./controller-context.ts";
import { findOrAdoptUnpublished } from "./find-or-adopt.ts";
import { listedVolume } from "./list-volumes.ts";

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
  const listed = listedVolume(context, volume.value);
  return listed === undefined ? fail({ kind: "VolumeNotFound", volumeId }) : ok(listed);
}
