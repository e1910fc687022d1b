import * as z from "zod";

/** A node in a writer record, with its VM's GUID and resource id: names are reused, and locate no VM. */
export const nodeIdentitySchema = z.object({
  nodeName: z.string().min(1).describe("The node's name, or the VM's resource id if it is no node."),
  vmId: z
    .string()
    .describe("The VM's vmId GUID, lower case. Another vmId under the same name is another node."),
  instanceUri: z
    .string()
    .min(1)
    .describe("The VM's resource id, as the node plug-in or Azure reported it. Only this id locates a VM."),
  nodeUid: z
    .string()
    .min(1)
    .optional()
    .describe("The uid of the orchestrator's node. Absent: any token of the name may move the entry."),
});

/** A node in the list of a writer record, and what it may have of the disk. */
export const recordNodeSchema = nodeIdentitySchema.extend({
  access: z
    .enum(["unverified", "quarantined", "clean"])
    .optional()
    .describe(
      "unverified: it may write, so nothing is granted. quarantined: it may have a dead mount or an old " +
        "mount command, so no disk is attached to it. clean: neither. Absent: as defaultAccess.",
    ),
  unconfirmed: z
    .literal(true)
    .optional()
    .describe("Unverified only by its own checkpoint or attachment: no reclaim before Azure lists its disk."),
  wasQuarantined: z
    .literal(true)
    .optional()
    .describe(
      "Unverified, and in quarantine before: until it is clean, no disk of other volumes is attached to it.",
    ),
  barrierPending: z
    .literal(true)
    .optional()
    .describe("An update from before a record loss may still reach its VM. It gets no grant and no reclaim."),
});
