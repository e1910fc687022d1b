import { join } from "node:path";
import { createLinuxHost } from "../../adapters/linux/create-linux-host.ts";
import { NodeService } from "../../csi/gen/csi/v1/csi.ts";
import { nodeHandlers } from "../../csi/node/node-handlers.ts";
import type { GrpcServer } from "../../csi/server/grpc-server.ts";
import { runNode } from "../../node/lifecycle/run-node.ts";
import { createVolumeLimit } from "../../node/lifecycle/volume-limit.ts";
import type { NodeFacts, NodePorts } from "../../node/node-ports.ts";
import type { ObjectCache } from "../../objects/cache/object-cache.ts";
import type { InstanceMetadataService } from "../../ports/cloud/instance-metadata.ts";
import type { Events } from "../../ports/cluster/events.ts";
import type { OwnNode } from "../../ports/cluster/own-node.ts";
import type { NodeCheckpoints } from "../../ports/host/node-checkpoints.ts";
import type { ObjectStore } from "../../ports/store/object-store.ts";
import { OperationLock } from "../../runtime/operation-lock.ts";
import type { Values } from "../settings/options.ts";
import type { nodeOptions } from "../settings/process-options.ts";
import type { ProcessPorts } from "./run-role.ts";

/** The ports of the node service. */
export interface NodeServiceParts {
  readonly store: ObjectStore;
  readonly cache: ObjectCache;
  readonly checkpoints: NodeCheckpoints;
  readonly node: NodeFacts;
  /**
   * How many volumes the node takes without `--max-volumes`; undefined: what its size takes, less what
   * others have attached.
   */
  readonly volumesMax: number | undefined;
  readonly vmSize: string;
  readonly metadata: InstanceMetadataService | undefined;
  readonly ownNode: OwnNode | undefined;
  /** Why another Azure disk driver serves this node; undefined if none is seen. */
  readonly otherDriver: () => string | undefined;
  readonly events: Events;
}

/** Adds CSI's node service to a server, and returns the run of the node's own loops. */
export async function addNodeService(
  server: GrpcServer,
  parts: NodeServiceParts,
  values: Values<typeof nodeOptions>,
  process: ProcessPorts,
): Promise<(signal: AbortSignal) => Promise<void>> {
  const { store, cache, checkpoints, node, vmSize, metadata, ownNode, otherDriver, events } = parts;
  const { clock, random, steps, logger } = process;
  const deviceRoot = values["device-root"];
  const sharesKernel = values["shares-kernel"] || deviceRoot !== "";
  if (sharesKernel)
    logger.warn(
      "links to loop devices are believed without an address of the kernel's: for emulators and labs only",
      { deviceRoot },
    );
  const host = await createLinuxHost({
    deviceRoot,
    sharesKernel,
    lockDirectory: join(values["state-dir"], "locks"),
    clock,
  });
  const given = values["max-volumes"] < 0 ? parts.volumesMax : values["max-volumes"];
  const reserved = values["reserved-data-disk-slot-num"];
  const ports: NodePorts = {
    store,
    cache,
    node,
    host,
    checkpoints,
    clock,
    random,
    steps,
    logger,
    events,
    locks: new OperationLock(),
    disputes: new Map(),
    otherDriver,
    volumeLimit: createVolumeLimit({
      given,
      vmSize,
      reserved,
      nodeName: node.nodeName,
      metadata,
      ownNode,
      cache,
      checkpoints,
      clock,
      logger,
    }),
    settings: {
      attach: values.attach,
      stageWaitMs: values["stage-wait-ms"],
      deviceWaitMs: values["device-wait-ms"],
      heartbeatMs: values["heartbeat-ms"],
      allowedRoots: values["kubelet-dir"],
    },
  };
  server.add(NodeService, nodeHandlers(ports));
  return (signal) => runNode(ports, signal);
}
