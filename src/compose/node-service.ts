import { join } from "node:path";
import { createLinuxHost } from "../adapters/linux/create-linux-host.ts";
import { openFileNodeNotes } from "../adapters/linux/file-node-notes.ts";
import { createLogEvents } from "../adapters/observe/log-events.ts";
import { NodeService } from "../csi/gen/csi/v1/csi.ts";
import type { GrpcServer } from "../csi/grpc-server.ts";
import { nodeHandlers } from "../csi/node/node-handlers.ts";
import { OperationLock } from "../csi/operation-lock.ts";
import type { NodeFacts, NodePorts } from "../node/node-ports.ts";
import { runNode } from "../node/run-node.ts";
import type { ObjectStore } from "../ports/object-store.ts";
import type { ObjectCache } from "../reconcile/object-cache.ts";
import type { Values } from "./options.ts";
import type { nodeOptions } from "./process-options.ts";
import type { ProcessPorts } from "./run-role.ts";

/** Adds CSI's node service to a server, and answers the run of what the node does by itself. */
export async function addNodeService(
  server: GrpcServer,
  parts: { readonly store: ObjectStore; readonly cache: ObjectCache; readonly node: NodeFacts },
  values: Values<typeof nodeOptions>,
  process: ProcessPorts,
): Promise<(signal: AbortSignal) => Promise<void>> {
  const { clock, random, steps, logger } = process;
  const stateDir = values["state-dir"];
  const host = await createLinuxHost({ deviceRoot: values["device-root"], lockDirectory: join(stateDir, "locks"), clock });
  const notes = await openFileNodeNotes(join(stateDir, "volumes.json"));
  const ports: NodePorts = {
    ...parts,
    host,
    notes,
    clock,
    random,
    steps,
    logger,
    events: createLogEvents(logger),
    locks: new OperationLock(),
    lunsReadAgain: new Set(),
    settings: { attach: values.attach, stageWaitMs: values["stage-wait-ms"], heartbeatMs: values["heartbeat-ms"], allowedRoots: values["kubelet-dir"] },
  };
  server.add(NodeService, nodeHandlers(ports));
  return (signal) => runNode(ports, signal);
}
