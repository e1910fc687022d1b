import { z } from "zod";

/** A node in a writer record: always the name together with the VM's GUID, since names are reused. */
export const nodeIdentitySchema = z.object({
  nodeName: z.string().min(1),
  vmId: z.string().describe("The VM's vmId GUID, lower case. Another vmId under the same name is another node."),
});

/** A node that may have the disk of a volume whose record was made anew. */
export const unprovenNodeSchema = nodeIdentitySchema.extend({
  instanceUri: z.string().optional().describe("As in `quarantine`."),
  unverified: z
    .literal(true)
    .optional()
    .describe(
      "Neither Azure nor the replaced record named the node: only its own notes, or an attachment object. It may not claim the volume until Azure lists the disk on its VM.",
    ),
});

/** A node that has something to show, with where its VM was: nobody else may be left to tell, once the VM is gone. */
export const placedNodeSchema = nodeIdentitySchema.extend({
  instanceUri: z.string().optional().describe("The resource id at which Azure, or the node plug-in itself, has shown that very VM. Absent: nobody has told."),
});
