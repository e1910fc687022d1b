import type { z } from "zod";
import type { clusterNodeSchema } from "./cluster-node.schema.ts";
import type { DeepReadonly } from "./deep-readonly.ts";

/** See `clusterNodeSchema`: the one place that describes this resource. */
export type ClusterNode = DeepReadonly<z.infer<typeof clusterNodeSchema>>;
