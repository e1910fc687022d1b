import { z } from "zod";

/**
 * A node in a writer record: always its name together with its VM's GUID and resource id, since names are
 * reused and say nothing of where a VM is.
 */
export const nodeIdentitySchema = z.object({
  nodeName: z.string().min(1),
  vmId: z
    .string()
    .describe("The VM's vmId GUID, lower case. Another vmId under the same name is another node."),
  instanceUri: z
    .string()
    .min(1)
    .describe(
      "The VM's resource id, as the node plug-in or Azure reported it. A VM is looked up by this id alone, never by the node's name.",
    ),
  nodeUid: z
    .string()
    .min(1)
    .optional()
    .describe(
      "The uid of the orchestrator's node, which the tokens of its pods bear. No other token moves the entry. Absent: any token of the name may.",
    ),
});

/** A node that may have the disk of a volume whose record was made anew. */
export const unverifiedNodeSchema = nodeIdentitySchema.extend({
  unconfirmed: z
    .literal(true)
    .optional()
    .describe(
      "Neither Azure nor the replaced record named the node: only its own notes, or an attachment object. It may not claim the volume until Azure lists the disk on its VM.",
    ),
});
