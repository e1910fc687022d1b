import { ok } from "../../core/failure/result.ts";
import type { ControllerService, ControllerServiceCapability_RPC_Type } from "../gen/csi/v1/csi.ts";
import type { HandlersOf } from "../server/unary-handler.ts";
import type { ControllerContext } from "./controller-context.ts";
import { createVolume } from "./create-volume.ts";
import { deleteVolume } from "./deletion/delete-volume.ts";
import { expandVolume } from "./expand-volume.ts";
import { getVolume, listVolumes } from "./list-volumes.ts";
import { modifyVolume } from "./modify-volume.ts";
import { controllerPublishVolume } from "./publish/controller-publish-volume.ts";
import { controllerUnpublishVolume } from "./publish/controller-unpublish-volume.ts";
import { createSnapshot } from "./snapshots/create-snapshot.ts";
import { deleteSnapshot } from "./snapshots/delete-snapshot.ts";
import { listSnapshots } from "./snapshots/list-snapshots.ts";
import { validateVolumeCapabilities } from "./validate-volume-capabilities.ts";

/** What this version of the controller service does; everything else answers UNIMPLEMENTED. */
const capabilities: readonly ControllerServiceCapability_RPC_Type[] = [
  "CREATE_DELETE_VOLUME",
  "PUBLISH_UNPUBLISH_VOLUME",
  "LIST_VOLUMES",
  "LIST_VOLUMES_PUBLISHED_NODES",
  "GET_VOLUME",
  "CREATE_DELETE_SNAPSHOT",
  "LIST_SNAPSHOTS",
  "CLONE_VOLUME",
  "EXPAND_VOLUME",
  "MODIFY_VOLUME",
  "SINGLE_NODE_MULTI_WRITER",
];

/** CSI's controller service: each handler with its ports bound, so that the server calls it directly. */
export function controllerHandlers(context: ControllerContext): HandlersOf<typeof ControllerService> {
  return {
    createVolume: createVolume.bind(undefined, context),
    deleteVolume: deleteVolume.bind(undefined, context),
    controllerPublishVolume: controllerPublishVolume.bind(undefined, context),
    controllerUnpublishVolume: controllerUnpublishVolume.bind(undefined, context),
    validateVolumeCapabilities: validateVolumeCapabilities.bind(undefined, context),
    listVolumes: listVolumes.bind(undefined, context),
    controllerGetVolume: getVolume.bind(undefined, context),
    createSnapshot: createSnapshot.bind(undefined, context),
    deleteSnapshot: deleteSnapshot.bind(undefined, context),
    listSnapshots: listSnapshots.bind(undefined, context),
    controllerExpandVolume: expandVolume.bind(undefined, context),
    controllerModifyVolume: modifyVolume.bind(undefined, context),
    controllerGetCapabilities: async () =>
      ok({
        capabilities: capabilities.map((type) => ({ type: { $case: "rpc", value: { type } } }) as const),
      }),
  };
}
