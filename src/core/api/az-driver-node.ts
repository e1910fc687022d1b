import type { z } from "zod";
import type { DeepReadonly } from "./deep-readonly.ts";
import type { azDriverNodeSchema } from "./schema/az-driver-node.schema.ts";

/** See `azDriverNodeSchema`: the one place that describes this resource. */
export type AzDriverNode = DeepReadonly<z.infer<typeof azDriverNodeSchema>>;

/** What a node plug-in has reported. */
export type NodeStatus = NonNullable<AzDriverNode["status"]>;

export type ReportedNode = AzDriverNode & { readonly status: NodeStatus };

/** What a node reports with a heartbeat, without the heartbeat itself. */
export function reportIn(
  status: NodeStatus,
): Omit<NodeStatus, "lastHeartbeatTime" | "heartbeat" | "heartbeatDelayMs"> {
  const { lastHeartbeatTime: _, heartbeat: __, heartbeatDelayMs: ___, ...report } = status;
  return report;
}

/** The text that only a heartbeat changes: no other write to its object shows that a node is alive. */
export function heartbeatOf({ metadata, status }: AzDriverNode): string {
  return `${metadata.uid} ${status?.heartbeat ?? ""}`;
}
