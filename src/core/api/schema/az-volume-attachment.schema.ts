import { z } from "zod";
import { objectErrorSchema, objectMetaSchema } from "./object-meta.schema.ts";

const roleSchema = z.enum(["Primary", "Replica"]);

/** The AzVolumeAttachment resource: one disk on one node. */
export const azVolumeAttachmentSchema = z.object({
  metadata: objectMetaSchema,
  spec: z.object({
    volumeName: z.string().min(1).describe("Name of the AzVolume object."),
    volumeId: z.string().min(1).describe("The disk's URI: the CSI volume id."),
    nodeName: z.string().min(1),
    role: roleSchema.describe(
      "Primary: published here, the disk stays attached. Replica: a replica that may be evicted or collected.",
    ),
    writerRequest: z
      .object({ since: z.string() })
      .optional()
      .describe("This node wants to write the volume, since then. The oldest want is granted first."),
    published: z
      .literal(true)
      .optional()
      .describe(
        "A CSI client has published the volume here, and has not unpublished it since. Only controllers write it: it stands for a user.",
      ),
    readOnly: z.boolean(),
    volumeContext: z.record(z.string(), z.string()),
    recall: z
      .object({ id: z.string(), since: z.string() })
      .optional()
      .describe("The controller asks the node to unmount and give the volume back."),
  }),
  status: z
    .object({
      state: z.enum([
        "Pending",
        "Attaching",
        "Attached",
        "AttachmentFailed",
        "Detaching",
        "DetachmentFailed",
      ]),
      role: roleSchema
        .optional()
        .describe("The role last reached. Primary once the disk is attached and the node holds the grant."),
      previousRole: roleSchema.optional(),
      attempt: z.string().optional().describe("The attach under way: only who began it records its end."),
      vmId: z
        .string()
        .optional()
        .describe(
          "The VM that the disk was, or is being, attached to. Under another VM of the same name nothing of this status holds.",
        ),
      instanceUri: z
        .string()
        .min(1)
        .optional()
        .describe("The resource id of that VM. Present whenever `vmId` is."),
      provenOff: z
        .string()
        .optional()
        .describe(
          "The vmId of the VM that a proof has shown to have no entry for the disk: nothing is left to detach. Absent once an attach begins.",
        ),
      lun: z.int().min(0).max(63).optional(),
      publishContext: z.record(z.string(), z.string()).optional(),
      recall: z
        .object({
          id: z.string(),
          published: z.array(z.string()).describe("Target paths still bound."),
          unmounting: z.boolean(),
          progress: z
            .string()
            .describe("Anything that changes while the unmount makes progress: the device's write counter."),
          giveRefused: z
            .literal(true)
            .optional()
            .describe(
              "The node has unmounted the volume, and its give is refused, as where its token is older than its Node.",
            ),
          time: z.string(),
        })
        .optional(),
      deviceMissing: z
        .boolean()
        .optional()
        .describe("The node says: Attached, but no device. The controller reads the VM again."),
      error: objectErrorSchema.optional(),
    })
    .optional(),
});
