import type { TopologyRequirement } from "../../core/azure/topology.ts";
import type { Failure, FailureOf } from "../../core/failure/failure.ts";
import type { Result } from "../../core/failure/result.ts";
import { fail, ok } from "../../core/failure/result.ts";
import type { CreateRequest } from "../../core/volume/create-request-difference.ts";
import { resolveVolumeSpec } from "../../core/volume/resolve-volume-spec.ts";
import { parseVolumeParameters, volumeContextOf } from "../../core/volume/volume-parameters.ts";
import type { CreateVolumeRequest } from "../gen/csi/v1/csi.ts";
import { readCapabilities } from "./read-capabilities.ts";
import { missingField } from "./required.ts";

/** CSI promises at most 128 bytes; Kubernetes may give volumes longer names. */
const NAME_MAX_CHARS = 253;

/**
 * The request of a CreateVolume, checked by every rule that does not read the platform. `topologyOfNodes`
 * places a disk for which no topology is required.
 */
export function readCreateRequest(
  request: CreateVolumeRequest,
  topologyOfNodes: () => TopologyRequirement | undefined,
): Result<CreateRequest, Failure> {
  const missing = missingField({ name: request.name });
  if (missing !== undefined) return fail(missing);
  if (request.name.length > NAME_MAX_CHARS)
    return fail(
      invalid(
        "name",
        `${request.name.slice(0, 40)}…`,
        `has ${request.name.length} characters, at most ${NAME_MAX_CHARS} are possible`,
      ),
    );
  if (request.volumeContentSource !== undefined)
    return fail({ kind: "Unsupported", what: "a volume content source (snapshot or clone)" });
  const mutable = Object.keys(request.mutableParameters)[0];
  if (mutable !== undefined)
    return fail(
      invalid(
        "mutable_parameters",
        mutable,
        "is not supported yet: use a StorageClass parameter instead of a VolumeAttributesClass",
      ),
    );
  const capabilities = readCapabilities(request.volumeCapabilities);
  if (!capabilities.ok) return capabilities;
  const parameters = parseVolumeParameters(request.parameters);
  if (!parameters.ok) return parameters;
  const capacity = request.capacityRange ?? { requiredBytes: 0n, limitBytes: 0n };
  const topology = request.accessibilityRequirements;
  const resolved = resolveVolumeSpec({
    parameters: parameters.value,
    capabilities: capabilities.value,
    capacity,
    topology: topology ?? topologyOfNodes(),
  });
  if (!resolved.ok) return resolved;
  const spec = {
    volumeName: request.name,
    capabilities: capabilities.value,
    ...resolved.value,
    volumeContext: volumeContextOf(request.parameters, resolved.value.disk.sizeGiB),
    deleteRequested: false,
  };
  return ok({ spec, capacity, topology });
}

function invalid(field: string, value: string, problem: string): FailureOf<"InvalidArgument"> {
  return { kind: "InvalidArgument", field, value, problem };
}
