import { z } from "zod";
import { objectMetaSchema } from "./object-meta.schema.ts";

/**
 * What an orchestrator knows of a node, where there is no Kubernetes to ask: whether it is out of service
 * (Kubernetes says so by the taint `node.kubernetes.io/out-of-service`) and which of its workloads use
 * which volume. Lives in the embedded store only.
 */
export const clusterNodeSchema = z.object({
  metadata: objectMetaSchema,
  spec: z.object({
    outOfService: z.boolean(),
    unschedulable: z.boolean(),
    instanceUri: z
      .string()
      .optional()
      .describe("The resource id of the VM that this node is, as a Node's providerID says it in Kubernetes."),
    volumeUsers: z.array(z.object({ volumeId: z.string(), user: z.string() })),
  }),
  status: z.object({}).optional(),
});
