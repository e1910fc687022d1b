import * as z from "zod";
import {
  FREEZE_DETAIL_MAX_CHARS,
  FREEZE_SECONDS_MAX,
  MOUNT_PROBLEM_DETAIL_MAX_CHARS,
  RESOURCE_ID_MAX_CHARS,
  TARGET_MAX_CHARS,
  TIMESTAMP_MAX_CHARS,
  TOKEN_MAX_CHARS,
  REPORTED_TARGETS_MAX,
  RESERVATION_KEY_CHARS,
  VOLUME_CONTEXT_MAX_CHARS,
} from "../attachment-bounds.ts";
import { COUNTER_MAX } from "../epoch.ts";
import { OBJECT_NAME_MAX_CHARS } from "../object-names.ts";
import { objectErrorSchema, objectMetaSchema } from "./object-meta.schema.ts";

const roleSchema = z.enum(["Primary", "Replica"]);
const timestampSchema = z.string().max(TIMESTAMP_MAX_CHARS);
const tokenSchema = z.string().max(TOKEN_MAX_CHARS);
const mountProblemReasonSchema = z.enum([
  "MountDead",
  "FileSystemErrors",
  "FileSystemRepaired",
  "WritesLost",
]);
const mountEpochSchema = z
  .int()
  .min(0)
  .max(COUNTER_MAX)
  .describe("The epoch of the grant under which it was mounted. 0: the volume has no record.");

/**
 * The AzVolumeAttachment resource: one disk on one node. Each field that a node may write is bounded: in a
 * full object the controller could write neither status nor deletion timestamp.
 */
export const azVolumeAttachmentSchema = z.object({
  metadata: objectMetaSchema,
  spec: z.object({
    volumeName: z.string().min(1).max(OBJECT_NAME_MAX_CHARS).describe("Name of the AzVolume object."),
    volumeId: z.string().min(1).max(RESOURCE_ID_MAX_CHARS).describe("The disk's URI: the CSI volume id."),
    nodeName: z.string().min(1).max(OBJECT_NAME_MAX_CHARS).describe("The node that is to have the disk."),
    role: roleSchema.describe(
      "Primary: published here, the disk stays attached. Replica: may be evicted or pruned.",
    ),
    writerRequest: z
      .object({ since: timestampSchema.describe("When the node asked first.") })
      .optional()
      .describe("Since when this node requests to write the volume. The oldest request is granted first."),
    published: z
      .literal(true)
      .optional()
      .describe("A CSI client has the volume published here: its user. Only controllers write it."),
    staged: z
      .literal(true)
      .optional()
      .describe(
        "The node may have staged a volume that several nodes may write, and no request shows it: the " +
          "disk stays until the node takes the mark back, or is lost. A single writer has its record for " +
          "that.",
      ),
    readOnly: z.boolean().describe("The volume is published read-only here."),
    volumeContext: z
      .record(z.string(), z.string().max(VOLUME_CONTEXT_MAX_CHARS))
      .meta({ maxProperties: VOLUME_CONTEXT_MAX_CHARS / 4 })
      .describe("What CSI's node calls are given for this volume."),
    recall: z
      .object({
        id: tokenSchema.describe("Distinguishes this recall from earlier ones."),
        since: timestampSchema.describe("When the controller asked first."),
      })
      .optional()
      .describe("The controller asks the node to unmount and release the volume."),
    freeze: z
      .object({
        id: tokenSchema.describe("Distinguishes this request from earlier ones."),
        seconds: z.int().min(1).max(FREEZE_SECONDS_MAX).describe("The node thaws after that long."),
        isTaken: z
          .literal(true)
          .optional()
          .describe(
            "The snapshot's content is fixed: the node thaws, and answers Held if it was frozen until now.",
          ),
        isCancelled: z.literal(true).optional().describe("The snapshot does not count on it any more."),
        snapshotUri: z.string().optional().describe("The snapshot that it is for."),
      })
      .optional()
      .describe("The controller asks the node to freeze the file system while it takes a snapshot."),
  }),
  status: z
    .object({
      state: z
        .enum(["Pending", "Attaching", "Attached", "AttachmentFailed", "Detaching", "DetachmentFailed"])
        .describe("How far the attach or detach is, as the controller last saw it."),
      role: roleSchema
        .optional()
        .describe(
          "The role reached by this attach. Primary once the disk is attached and the node holds the grant.",
        ),
      attempt: z
        .string()
        .optional()
        .describe("The attach or detach under way. Only the process that began it records its end."),
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
      lun: z.int().min(0).max(63).optional().describe("At which LUN that VM has the disk."),
      listed: z
        .object({
          lun: z.int().min(0).max(63).describe("The LUN at which the VM lists the disk."),
          storeIncarnation: z.int().min(0).describe("Of the object store when it was read."),
          time: timestampSchema.describe("When it was read. The node does not use it for long."),
        })
        .optional()
        .describe(
          "The VM lists the disk at this LUN, and the disk does not name the VM: an attach has failed. " +
            "Read for a record of that store incarnation. Absent once an attach begins.",
        ),
      recall: z
        .object({
          id: tokenSchema.describe("The recall that it answers."),
          published: z
            .array(z.string().max(TARGET_MAX_CHARS))
            .max(REPORTED_TARGETS_MAX)
            .describe("Target paths still bound. If there are more, the last entry is their number."),
          unmounting: z.boolean().describe("The node is unmounting the volume."),
          progress: tokenSchema.describe(
            "Anything that changes while the unmount makes progress: the device's write counter.",
          ),
          releaseRefused: z
            .literal(true)
            .optional()
            .describe(
              "The node has unmounted the volume, but its release is refused: its token may be too old.",
            ),
          time: timestampSchema.describe("When the node answered."),
        })
        .optional()
        .describe("The node's answer to a recall."),
      preempted: z
        .string()
        .max(RESERVATION_KEY_CHARS)
        .optional()
        .describe("The key of a node being fenced, whose reservation of the disk this node has preempted."),
      freeze: z
        .object({
          id: tokenSchema.describe("The request that it answers."),
          state: z
            .enum(["Frozen", "Held", "Lost", "Refused"])
            .describe("Held: frozen without a break until isTaken. Lost: thawed before."),
          detail: z.string().max(FREEZE_DETAIL_MAX_CHARS).optional().describe("Why, if not Frozen or Held."),
        })
        .optional()
        .describe("The node's answer to a request to freeze the file system."),
      deviceMissing: z
        .boolean()
        .optional()
        .describe("The node finds no device of an attached disk. The controller reads the VM again."),
      mountProblems: z
        .array(
          z.object({
            reason: mountProblemReasonSchema.describe("That of the event."),
            epoch: mountEpochSchema,
            since: timestampSchema.describe("When the node found it first."),
            detail: z.string().max(MOUNT_PROBLEM_DETAIL_MAX_CHARS).describe("What it found, in its words."),
          }),
        )
        .max(mountProblemReasonSchema.options.length)
        .optional()
        .describe(
          "What is wrong with the volume as the node has it mounted, and the writes that it has lost last. " +
            "The leader shows it on claim and pods; it decides nothing else.",
        ),
      mountProblemsShown: z
        .array(
          z.object({
            reason: mountProblemReasonSchema.describe("Of the event."),
            epoch: mountEpochSchema,
            since: timestampSchema.describe(
              "When the node found it first: it tells the mounts under one epoch apart.",
            ),
            time: timestampSchema.describe("When the event was emitted last."),
          }),
        )
        .max(mountProblemReasonSchema.options.length)
        .optional()
        .describe("Which of them the leader has shown, so that the next leader does not repeat it at once."),
      error: objectErrorSchema.optional().describe("Why the last try failed. Absent: it did not."),
    })
    .optional(),
});
