import * as z from "zod";
import { objectMetaSchema } from "./object-meta.schema.ts";

/**
 * What an orchestrator knows of a node where there is no Kubernetes: whether it is out of service (in
 * Kubernetes the taint `node.kubernetes.io/out-of-service`) and which workloads use which volume. Exists
 * in the embedded store only.
 */
export const clusterNodeSchema = z.object({
  metadata: objectMetaSchema,
  spec: z.object({
    outOfService: z.boolean(),
    unschedulable: z.boolean(),
    instanceUri: z
      .string()
      .optional()
      .describe("The resource id of this node's VM, as a Node's providerID has it in Kubernetes."),
    volumeUsers: z.array(z.object({ volumeId: z.string(), user: z.string() })),
  }),
  status: z.object({}).optional(),
});
