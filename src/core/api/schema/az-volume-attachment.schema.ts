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
      "Primary: published here, the disk stays attached. Replica: may be evicted or pruned.",
    ),
    writerRequest: z
      .object({ since: z.string() })
      .optional()
      .describe("Since when this node requests to write the volume. The oldest request is granted first."),
    published: z
      .literal(true)
      .optional()
      .describe("A CSI client has the volume published here: its user. Only controllers write it."),
    readOnly: z.boolean(),
    volumeContext: z.record(z.string(), z.string()),
    recall: z
      .object({ id: z.string(), since: z.string() })
      .optional()
      .describe("The controller asks the node to unmount and release the volume."),
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
      attempt: z
        .string()
        .optional()
        .describe("The attach under way. Only the process that began it records its end."),
      vmId: z
        .string()
        .optional()
        .describe(
          "The VM that the disk was, or is being, attached to. This status says nothing of another VM.",
        ),
      instanceUri: z
        .string()
        .min(1)
        .optional()
        .describe("The resource id of that VM. Present whenever `vmId` is."),
      provenOff: z
        .string()
        .optional()
        .describe("The vmId of the VM with a proof that the disk is detached. Absent once an attach begins."),
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
              "The node has unmounted the volume, but its release is refused: its token may be too old.",
            ),
          time: z.string(),
        })
        .optional(),
      deviceMissing: z
        .boolean()
        .optional()
        .describe("The node finds no device of an attached disk. The controller reads the VM again."),
      error: objectErrorSchema.optional(),
    })
    .optional(),
});
