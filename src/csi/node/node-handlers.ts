import { zoneValue } from "../../core/azure/topology.ts";
import { reportedVolumeLimit } from "../../core/azure/volume-limit.ts";
import { nodeTopology, type Topology } from "../../core/azure/zone-keys.ts";
import { ok } from "../../core/failure/result.ts";
import { qualifiedPath } from "../../core/platform/qualified-path.ts";
import type { NodePorts } from "../../node/node-ports.ts";
import type { NodeService, NodeServiceCapability_RPC_Type } from "../gen/csi/v1/csi.ts";
import type { HandlersOf, UnaryHandler } from "../server/unary-handler.ts";
import { nodeExpandVolume } from "./node-expand-volume.ts";
import { nodeGetVolumeHealth } from "./node-get-volume-health.ts";
import { nodeGetVolumeStats } from "./node-get-volume-stats.ts";
import { nodePublishVolume, nodeUnpublishVolume } from "./node-publish-volume.ts";
import { nodeStageVolume, nodeUnstageVolume } from "./node-stage-volume.ts";

const capabilities: readonly NodeServiceCapability_RPC_Type[] = [
  "STAGE_UNSTAGE_VOLUME",
  "GET_VOLUME_STATS",
  "EXPAND_VOLUME",
  "SINGLE_NODE_MULTI_WRITER",
  "GET_VOLUME_HEALTH",
];

export function nodeHandlers(ports: NodePorts): HandlersOf<typeof NodeService> {
  return {
    nodeStageVolume: onPaths(ports, nodeStageVolume.bind(undefined, ports)),
    nodeUnstageVolume: onPaths(ports, nodeUnstageVolume.bind(undefined, ports)),
    nodePublishVolume: onPaths(ports, nodePublishVolume.bind(undefined, ports)),
    nodeUnpublishVolume: onPaths(ports, nodeUnpublishVolume.bind(undefined, ports)),
    nodeGetVolumeStats: onPaths(ports, nodeGetVolumeStats.bind(undefined, ports)),
    nodeGetVolumeHealth: nodeGetVolumeHealth.bind(undefined, ports),
    nodeExpandVolume: onPaths(ports, nodeExpandVolume.bind(undefined, ports)),
    nodeGetCapabilities: async () =>
      ok({ capabilities: capabilities.map((type) => ({ type: { $case: "rpc", value: { type } } })) }),
    // Kubelet asks when it registers the plug-in, and then every `nodeAllocatableUpdatePeriodSeconds`
    // of the CSIDriver: each time it is measured again.
    nodeGetInfo: async (_request, call) =>
      ok({
        nodeId: ports.node.nodeName,
        maxVolumesPerNode: BigInt(reportedVolumeLimit(await ports.volumeLimit.measure(0, call.signal))),
        accessibleTopology: { segments: { ...topologyOf(ports).segments } },
      }),
  };
}

/** CSI's fields that are paths of a node. */
const PATHS = ["stagingTargetPath", "targetPath", "volumePath"] as const;

type RequestPaths = { readonly [Path in (typeof PATHS)[number]]?: string };

/** A handler whose request has its paths as this node's system shows them. */
function onPaths<Request extends RequestPaths, Response>(
  ports: NodePorts,
  handler: UnaryHandler<Request, Response>,
): UnaryHandler<Request, Response> {
  return (request, call) => {
    const paths = PATHS.flatMap((name) => {
      const path = request[name];
      return path === undefined ? [] : [[name, qualifiedPath(path, ports.settings.platform)] as const];
    });
    return handler({ ...request, ...Object.fromEntries(paths) }, call);
  };
}

function topologyOf({ node, driverName }: NodePorts): Topology {
  return nodeTopology({ zoneValue: zoneValue(node), zoneLabel: node.zoneLabel }, driverName);
}
