import * as z from "zod";

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
  type: z.string().describe("What it says something about; docs/reference/events.md explains each."),
  status: z.enum(["True", "False", "Unknown"]).describe("Whether it holds."),
  reason: z.string().describe("Why, in one word: an event's reason, or the kind of a failure."),
  message: z.string().describe("Why, in a sentence, and what to do."),
  lastTransitionTime: z.string().describe("Since when it has this status."),
});

/** An object's conditions: one of each type, since the API server keeps them as a map. */
export const conditionsSchema = z
  .array(conditionSchema)
  .refine(
    (conditions) => new Set(conditions.map(({ type }) => type)).size === conditions.length,
    "two conditions have the same type",
  )
  .describe("What holds of the object now, one of each type.");

/** What went wrong last. `kind`: of a `Failure`. `failure`: its fields as JSON. */
export const objectErrorSchema = z.object({
  kind: z.string().describe("The kind of failure; docs/reference/failures.md explains each."),
  message: z.string().describe("What was tried and why it failed, in a sentence."),
  failure: z
    .string()
    .describe("The failure as JSON, so that the CSI service answers with the code that fits it."),
  time: z.string().describe("When the last try failed."),
  retries: z.int().min(0).describe("How many tries have failed in a row, without the first."),
});
