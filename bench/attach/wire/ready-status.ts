import type { AzDriverNode } from "../../../src/core/api/az-driver-node.ts";
import type { NodeIdentity } from "../../../src/core/api/identity/node-identity.ts";
import { toTimestamp } from "../../../src/core/primitives/timestamp.ts";
import { LOCATION } from "../place.ts";

type NodeStatus = NonNullable<AzDriverNode["status"]>;

const VOLUMES_MAX = 32;

/** What a ready node plug-in reports with its heartbeat of that number. */
export function readyStatus(
  { vmId, instanceUri }: Pick<NodeIdentity, "vmId" | "instanceUri">,
  report: Pick<NodeStatus, "heartbeat" | "volumes"> & { readonly nowMs: number },
): NodeStatus {
  return {
    lastHeartbeatTime: toTimestamp(report.nowMs),
    heartbeat: report.heartbeat,
    readyForVolumeAllocation: true,
    statusMessage: "",
    conditions: [],
    maxVolumes: VOLUMES_MAX,
    location: LOCATION,
    zone: "",
    busType: "SCSI",
    vmId,
    instanceUri,
    volumes: report.volumes,
  };
}
