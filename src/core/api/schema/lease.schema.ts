import * as z from "zod";
import { objectMetaSchema } from "./object-meta.schema.ts";

/** Kubernetes' Lease, as far as the driver uses it. The leader keeps its own data in annotations. */
export const leaseSchema = z.object({
  metadata: objectMetaSchema,
  spec: z.object({
    holderIdentity: z.string(),
    leaseDurationSeconds: z.int().min(1),
    renewTime: z.string(),
    leaseTransitions: z.int().min(0),
  }),
  status: z.object({}).optional(),
});
