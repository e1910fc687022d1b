import type { AzVolume } from "../../core/api/az-volume.ts";
import { choosePlacement } from "../../core/azure/topology.ts";
import type { Failure, FailureOf } from "../../core/failure/failure.ts";
import type { Result } from "../../core/failure/result.ts";
import { fail, ok } from "../../core/failure/result.ts";
import { resolveVolumeSpec } from "../../core/volume/resolve-volume-spec.ts";
import { parseVolumeParameters } from "../../core/volume/volume-parameters.ts";
import type { CreateVolumeRequest, TopologyRequirement } from "../gen/csi/v1/csi.ts";
import { readCapabilities } from "./read-capabilities.ts";
import { missingField } from "./required.ts";

/** CSI promises at most 128 bytes; Kubernetes may give volumes longer names. */
const NAME_MAX_CHARS = 253;

/** The request of a CreateVolume, checked by every rule that does not read the platform. */
export function volumeSpecOf(request: CreateVolumeRequest): Result<AzVolume["spec"], Failure> {
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
  const settled = resolveVolumeSpec({
    parameters: parameters.value,
    capabilities: capabilities.value,
    capacity,
  });
  if (!settled.ok) return settled;
  const accessibilityRequirements = readRequirements(request.accessibilityRequirements);
  const placement = choosePlacement({
    accessibilityRequirements,
    skuName: settled.value.skuName,
    location: parameters.value.location,
  });
  if (!placement.ok) return placement;
  return ok({
    volumeName: request.name,
    capabilities: capabilities.value,
    requiredBytes: Number(capacity.requiredBytes),
    limitBytes: exactNumber(capacity.limitBytes),
    parameters: request.parameters,
    ...(accessibilityRequirements === undefined ? {} : { accessibilityRequirements }),
    maxShares: settled.value.maxShares,
    maxMountReplicaCount: settled.value.maxMountReplicaCount,
    deleteRequested: false,
  });
}

/** A limit above the size of every disk; JSON carries integers up to this one exactly. */
export function exactNumber(limitBytes: bigint): number {
  const max = BigInt(Number.MAX_SAFE_INTEGER);
  return Number(limitBytes > max ? max : limitBytes);
}

function readRequirements(
  message: TopologyRequirement | undefined,
): AzVolume["spec"]["accessibilityRequirements"] {
  if (message === undefined) return undefined;
  return {
    requisite: message.requisite.map(({ segments }) => ({ segments })),
    preferred: message.preferred.map(({ segments }) => ({ segments })),
  };
}

function invalid(field: string, value: string, problem: string): FailureOf<"InvalidArgument"> {
  return { kind: "InvalidArgument", field, value, problem };
}
