import { z } from "zod";

/** Kubernetes ObjectMeta, as far as the driver uses it. */
export const objectMetaSchema = z.object({
  name: z.string(),
  uid: z.string(),
  resourceVersion: z.string(),
  generation: z.int(),
  creationTimestamp: z.string(),
  deletionTimestamp: z.string().optional(),
  finalizers: z.array(z.string()).optional(),
  labels: z.record(z.string(), z.string()).optional(),
  annotations: z.record(z.string(), z.string()).optional(),
});

/** Kubernetes Condition (meta/v1). */
const conditionSchema = z.object({
  type: z.string(),
  status: z.enum(["True", "False", "Unknown"]),
  reason: z.string(),
  message: z.string(),
  lastTransitionTime: z.string(),
});

/** An object's conditions: one of each type, since the API server keeps them as a map. */
export const conditionsSchema = z
  .array(conditionSchema)
  .refine(
    (conditions) => new Set(conditions.map(({ type }) => type)).size === conditions.length,
    "two conditions have the same type",
  );

/**
 * What went wrong last, for people and for the CSI answer. `kind` is a `Failure` kind, `failure` its fields
 * as JSON.
 */
export const objectErrorSchema = z.object({
  kind: z.string(),
  message: z.string(),
  failure: z
    .string()
    .describe("The failure as JSON, so that the CSI service answers with the code that fits it."),
  time: z.string(),
  retries: z.int().min(0),
});
