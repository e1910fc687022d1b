import type { AzVolume, DiskSpec } from "../../core/api/az-volume.ts";
import { maxSharesOf } from "../../core/attachment/observed-volume.ts";
import { describeFailure } from "../../core/failure/describe-failure.ts";
import { fail, ok, type Result } from "../../core/failure/result.ts";
import { capabilitiesDifference, checkCapabilities } from "../../core/volume/access-modes.ts";
import { createRequestDifference } from "../../core/volume/create-request-difference.ts";
import { parseModification, parseWithMutable } from "../../core/volume/modification/volume-modification.ts";
import { unservedAttribute } from "../../core/volume/parameters/volume-attributes.ts";
import { metadataParameterNames } from "../../core/volume/parameters/volume-parameter-table.ts";
import { diskFieldsOf } from "../../core/volume/parameters/volume-parameters.ts";
import type {
  ValidateVolumeCapabilitiesRequest,
  ValidateVolumeCapabilitiesResponse,
} from "../gen/csi/v1/csi.ts";
import { missingField } from "../messages/required.ts";
import { readCapabilities } from "../messages/volume-capability.ts";
import type { CallContext } from "../server/unary-handler.ts";
import type { ControllerContext } from "./controller-context.ts";
import { findOrAdoptUnpublished } from "./find-or-adopt.ts";

/**
 * ValidateVolumeCapabilities: confirms what the volume can serve, or says why it can't, which is no
 * error. The capabilities asked about say nothing of what a disk without an AzVolume is for.
 */
export async function validateVolumeCapabilities(
  context: ControllerContext,
  request: ValidateVolumeCapabilitiesRequest,
  call: CallContext,
): Promise<Result<ValidateVolumeCapabilitiesResponse>> {
  const { volumeId, volumeContext, volumeCapabilities, parameters, mutableParameters } = request;
  const missing = missingField({
    volume_id: volumeId,
    volume_capabilities: volumeCapabilities.length === 0 ? "" : "given",
  });
  if (missing !== undefined) return fail(missing);
  const volume = await findOrAdoptUnpublished(context, volumeId, undefined, call.signal);
  if (!volume.ok) return volume;
  const objection = objectionTo(volume.value, request);
  if (objection !== undefined) return ok({ confirmed: undefined, message: objection });
  return ok({ confirmed: { volumeContext, volumeCapabilities, parameters, mutableParameters }, message: "" });
}

const ofAnySizeAnywhere = { capacity: { requiredBytes: 0n, limitBytes: 0n }, topology: undefined };

function objectionTo(volume: AzVolume, request: ValidateVolumeCapabilitiesRequest): string | undefined {
  const capabilities = readCapabilities(request.volumeCapabilities);
  if (!capabilities.ok) return describeFailure(capabilities.failure);
  const served = checkCapabilities(capabilities.value, maxSharesOf(volume));
  if (!served.ok) return describeFailure(served.failure);
  const difference = capabilitiesDifference(volume.spec.capabilities, capabilities.value);
  if (difference !== undefined) return difference;
  for (const capability of capabilities.value) {
    const unserved = unservedAttribute(request.volumeContext, capability);
    if (unserved !== undefined) return describeFailure(unserved);
  }
  // Templates of tags are filled in with the names that CreateVolume stated, also where this call leaves them
  // out.
  const names = Object.fromEntries(
    metadataParameterNames.flatMap((name) => {
      const stated = volume.spec.volumeContext[name];
      return stated === undefined ? [] : [[name, stated] as const];
    }),
  );
  const parameters = parseWithMutable({ ...names, ...request.parameters }, request.mutableParameters);
  if (!parameters.ok) return describeFailure(parameters.failure);
  // A part that the request leaves out is not compared: a CO may validate a volume that it knows only
  // by its id.
  if (Object.keys(request.parameters).length === 0)
    return mutableObjection(volume, { ...names, ...request.mutableParameters });
  const { cachingMode, fsType, writeAcceleratorEnabled } = parameters.value;
  const { sizeGiB, diskIOPSReadWrite, diskMBpsReadWrite, logicalSectorSize, sourceUri } = volume.spec.disk;
  // What the parameters leave open was chosen by the size that the disk had then, or by its source.
  const chosen = { diskIOPSReadWrite, diskMBpsReadWrite, logicalSectorSize };
  const disk = { ...chosen, ...diskFieldsOf(parameters.value), sizeGiB, sourceUri };
  const mount = { cachingMode, fsType, writeAcceleratorEnabled };
  const spec = { ...volume.spec, disk, ...mount, volumeContext: request.parameters };
  return createRequestDifference(volume, { spec, ...ofAnySizeAnywhere });
}

/** Why a disk is not as the parameters of a VolumeAttributesClass alone state; undefined: it is. */
function mutableObjection(
  volume: AzVolume,
  parameters: Readonly<Record<string, string>>,
): string | undefined {
  const change = parseModification(parameters);
  if (!change.ok) return describeFailure(change.failure);
  // Of an adopted disk, too, the spec has what Azure shows and what a modification has made of it.
  const { diskUri: _, ...spec } = volume.spec;
  const disk = { ...spec.disk, ...(change.value as Partial<DiskSpec>) };
  return createRequestDifference({ ...volume, spec }, { spec: { ...spec, disk }, ...ofAnySizeAnywhere });
}
