import { fail, ok } from "../../core/result.ts";
import { readVolume } from "../../reconcile/find-volume.ts";
import type { ControllerGetVolumeRequest, ControllerGetVolumeResponse } from "../gen/csi/v1/csi.ts";
import type { UnaryHandler } from "../unary-handler.ts";
import type { ControllerContext } from "./controller-context.ts";
import { publishedNodes } from "./published-nodes.ts";
import { volumeMessage } from "./volume-message.ts";

/** ControllerGetVolume: one volume as ListVolumes shows it. */
export function getVolume(context: Pick<ControllerContext, "store" | "cache">): UnaryHandler<ControllerGetVolumeRequest, ControllerGetVolumeResponse> {
  return async ({ volumeId }, call) => {
    if (volumeId === "") return fail({ kind: "InvalidArgument", field: "volume_id", value: "", problem: "is required" });
    const volume = await readVolume(context, volumeId, call.signal);
    if (!volume.ok) return volume;
    const detail = volume.value.status?.detail;
    if (detail === undefined) return fail({ kind: "VolumeNotFound", volumeId });
    return ok({ volume: volumeMessage(detail), status: { publishedNodeIds: publishedNodes(context.cache, volume.value) } });
  };
}
