import { VOLUME_CONTEXT_MAX_CHARS } from "../../core/api/attachment-bounds.ts";
import { diskNameOf } from "../../core/api/object-names.ts";
import type { TopologyRequirement } from "../../core/azure/topology.ts";
import { readZones } from "../../core/azure/zone-keys.ts";
import type { FailureOf } from "../../core/failure/failure.ts";
import { refuseArgument } from "../../core/failure/frequent-failures.ts";
import { fail, ok, type Result } from "../../core/failure/result.ts";
import type { CopySource } from "../../core/volume/copies/copy-source.ts";
import type { CreateRequest } from "../../core/volume/create-request-difference.ts";
import { parseWithMutable } from "../../core/volume/modification/volume-modification.ts";
import { resolveVolumeSpec } from "../../core/volume/parameters/resolve-volume-spec.ts";
import { parseVolumeParameters, volumeContextOf } from "../../core/volume/parameters/volume-parameters.ts";
import type { CreateDiskRequest } from "../../ports/cloud/cloud-provisioner.ts";
import type { CreateVolumeRequest } from "../gen/csi/v1/csi.ts";
import { nameObstacle } from "./required.ts";
import { readCapabilities } from "./volume-capability.ts";

/**
 * Of a new volume's context: external-provisioner adds its identity to it, an attribute of 44 characters with
 * a time, a number and the driver's name of at most 63.
 */
const CONTEXT_MAX_CHARS = VOLUME_CONTEXT_MAX_CHARS - 256;

/** CSI promises at most 128 bytes; Kubernetes may give volumes longer names. */
const NAME_MAX_CHARS = 253;

/**
 * The request of a CreateVolume, whose name `readDiskPlace` has checked: here by every other rule that does
 * not read Azure. `topologyOfNodes` places a disk for which no topology is required, `zonelessRegions` are
 * those of nodes without a zone, and `source` is what its disk is to be a copy of.
 */
export function readCreateRequest(
  request: CreateVolumeRequest,
  context: {
    readonly driverName: string;
    readonly topologyOfNodes: () => TopologyRequirement | undefined;
    readonly zonelessRegions?: () => TopologyRequirement["zonelessRegions"];
    readonly source: CopySource | undefined;
  },
): Result<CreateRequest> {
  const { driverName, topologyOfNodes, zonelessRegions, source } = context;
  const capabilities = readCapabilities(request.volumeCapabilities);
  if (!capabilities.ok) return capabilities;
  const parameters = parseWithMutable(request.parameters, request.mutableParameters);
  if (!parameters.ok) return parameters;
  const capacity = request.capacityRange ?? { requiredBytes: 0n, limitBytes: 0n };
  const required = readTopology(request.accessibilityRequirements, driverName);
  if (!required.ok) return required;
  const topology = required.value;
  // The place of a copy follows from its source.
  const placing =
    topology ?? (source === undefined || source.zones.length === 0 ? topologyOfNodes() : undefined);
  const resolved = resolveVolumeSpec({
    parameters: parameters.value,
    capabilities: capabilities.value,
    capacity,
    topology: placing && withZonelessRegions(placing, zonelessRegions),
    source,
  });
  if (!resolved.ok) return resolved;
  const { sizeGiB } = resolved.value.disk;
  const volumeContext = volumeContextOf(request.parameters, { ...parameters.value, sizeGiB });
  const contextChars = Object.entries(volumeContext).flat().join("").length;
  // The disk could be made, and be attached to no node.
  if (contextChars > CONTEXT_MAX_CHARS)
    return refuseArgument(
      "parameters",
      `${contextChars} characters`,
      `must have at most ${CONTEXT_MAX_CHARS} characters in all names and values`,
    );
  const spec = {
    volumeName: request.name,
    capabilities: capabilities.value,
    ...resolved.value,
    volumeContext,
    deleteRequested: false,
  };
  return ok({ spec, capacity, topology });
}

/** A cluster has thousands of nodes: their regions matter only where a term is of nodes without a zone. */
function withZonelessRegions(
  topology: TopologyRequirement,
  zonelessRegions: (() => TopologyRequirement["zonelessRegions"]) | undefined,
): TopologyRequirement {
  const isZoneless = [...topology.preferred, ...topology.requisite].includes("");
  return isZoneless ? { ...topology, zonelessRegions: zonelessRegions?.() } : topology;
}

function readTopology(
  required: CreateVolumeRequest["accessibilityRequirements"],
  driverName: string,
): Result<TopologyRequirement | undefined, FailureOf<"InvalidArgument">> {
  if (required === undefined) return ok(undefined);
  const requisite = readZones(required.requisite, driverName);
  if (!requisite.ok) return requisite;
  const preferred = readZones(required.preferred, driverName);
  return preferred.ok ? ok({ requisite: requisite.value, preferred: preferred.value }) : preferred;
}

export function readDiskPlace(
  request: Pick<CreateVolumeRequest, "name" | "parameters">,
): Result<Pick<CreateDiskRequest, "diskName" | "resourceGroup">, FailureOf<"InvalidArgument">> {
  const obstacle = nameObstacle(request.name, NAME_MAX_CHARS);
  if (obstacle !== undefined) return fail(obstacle);
  const parameters = parseVolumeParameters(request.parameters);
  if (!parameters.ok) return parameters;
  const diskName = diskNameOf({ volumeName: request.name, disk: parameters.value });
  return ok({ diskName, resourceGroup: parameters.value.resourceGroup });
}
