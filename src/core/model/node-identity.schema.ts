import { z } from "zod";

/** A node in a writer record: always the name together with the VM's GUID, since names are reused. */
export const nodeIdentitySchema = z.object({
  nodeName: z.string().min(1),
  vmId: z.string().describe("The VM's vmId GUID, lower case. Another vmId under the same name is another node."),
});

/** A node that has something to show, with where its VM was: nobody else may be left to tell, once the VM is gone. */
export const placedNodeSchema = nodeIdentitySchema.extend({
  instanceUri: z.string().optional().describe("The resource id at which Azure, or the node plug-in itself, has shown that very VM. Absent: nobody has told."),
});
