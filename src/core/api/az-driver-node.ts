import type { z } from "zod";
import type { DeepReadonly } from "./deep-readonly.ts";
import type { azDriverNodeSchema } from "./schema/az-driver-node.schema.ts";

/** See `azDriverNodeSchema`: the one place that describes this resource. */
export type AzDriverNode = DeepReadonly<z.infer<typeof azDriverNodeSchema>>;

type NodeStatus = NonNullable<AzDriverNode["status"]>;

/** What a node reports with a heartbeat, without the heartbeat itself. */
export function reportIn(
  status: NodeStatus,
): Omit<NodeStatus, "lastHeartbeatTime" | "heartbeat" | "heartbeatDelayMs"> {
  const { lastHeartbeatTime: _, heartbeat: __, heartbeatDelayMs: ___, ...report } = status;
  return report;
}
