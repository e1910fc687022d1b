import type { z } from "zod";
import type { DeepReadonly } from "./deep-readonly.ts";
import type { clusterNodeSchema } from "./schema/cluster-node.schema.ts";

/** See `clusterNodeSchema`: the one place that describes this resource. */
export type ClusterNode = DeepReadonly<z.infer<typeof clusterNodeSchema>>;
