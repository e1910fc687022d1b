import type { Failure } from "../../core/failure.ts";
import type { Result } from "../../core/result.ts";
import { fail, ok } from "../../core/result.ts";
import { readVolume } from "../../reconcile/find-volume.ts";
import type { ControllerGetVolumeRequest, ControllerGetVolumeResponse } from "../gen/csi/v1/csi.ts";
import { missingField } from "../required.ts";
import type { CallContext } from "../unary-handler.ts";
import type { ControllerContext } from "./controller-context.ts";
import { publishedNodes } from "./published-nodes.ts";
import { volumeMessage } from "./volume-message.ts";

/** ControllerGetVolume: one volume as ListVolumes shows it. */
export async function getVolume(
  context: Pick<ControllerContext, "store" | "cache" | "attach" | "clusterVolumes" | "users">,
  request: ControllerGetVolumeRequest,
  call: CallContext,
): Promise<Result<ControllerGetVolumeResponse, Failure>> {
  const { volumeId } = request;
  const missing = missingField({ volume_id: volumeId });
  if (missing !== undefined) return fail(missing);
  const volume = await readVolume(context, volumeId, call.signal);
  if (!volume.ok) return volume;
  const detail = volume.value.status?.detail;
  if (detail === undefined) return fail({ kind: "VolumeNotFound", volumeId });
  return ok({ volume: volumeMessage(detail), status: { publishedNodeIds: publishedNodes(context, volume.value) } });
}
