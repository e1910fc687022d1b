import { diskNameFor } from "../../core/api/object-names.ts";
import { parseDiskUri } from "../../core/azure/ids/disk-uri.ts";
import { formatSnapshotUri } from "../../core/azure/ids/snapshot-uri.ts";
import { fail, ok, type Result } from "../../core/failure/result.ts";
import {
  type SnapshotParameters,
  parseSnapshotParameters,
} from "../../core/volume/parameters/snapshot-parameters.ts";
import type { CreateSnapshotRequest } from "../gen/csi/v1/csi.ts";
import { missingField, nameObstacle } from "./required.ts";
import { snapshotTags } from "./snapshot-identity.ts";

export interface SnapshotRequest {
  readonly name: string;
  readonly snapshotUri: string;
  readonly sourceUri: string;
  readonly parameters: SnapshotParameters;
}

/** CSI promises at most 128 bytes, and Azure's tags have room for 256 characters. */
const NAME_MAX_CHARS = 256;

/** The request of a CreateSnapshot, checked by every rule that does not read Azure. */
export function snapshotRequestOf(
  { name, sourceVolumeId: sourceUri, parameters: given }: CreateSnapshotRequest,
  clusterId: string,
): Result<SnapshotRequest> {
  const obstacle = missingField({ name, source_volume_id: sourceUri }) ?? nameObstacle(name, NAME_MAX_CHARS);
  if (obstacle !== undefined) return fail(obstacle);
  const source = parseDiskUri(sourceUri);
  if (source === undefined) return fail({ kind: "VolumeNotFound", volumeId: sourceUri });
  const parameters = parseSnapshotParameters(given, {
    tags: snapshotTags(clusterId, { name, sourceUri }),
    subscriptionId: source.subscriptionId,
  });
  if (!parameters.ok) return parameters;
  const { subscriptionId, resourceGroup } = parameters.value;
  const snapshotUri = formatSnapshotUri({
    subscriptionId: subscriptionId ?? source.subscriptionId,
    resourceGroup: resourceGroup ?? source.resourceGroup,
    name: diskNameFor(name),
  });
  return ok({ name, snapshotUri, sourceUri, parameters: parameters.value });
}
