import { z } from "zod";

/** A node in a writer record: always the name together with the VM's GUID, since names are reused. */
export const nodeIdentitySchema = z.object({
  nodeName: z.string().min(1),
  vmId: z.string().describe("The VM's vmId GUID, lower case. Another vmId under the same name is another node."),
});
