import type { z } from "zod";
import type { DeepReadonly } from "./deep-readonly.ts";
import type { azVolumeAttachmentSchema } from "./schema/az-volume-attachment.schema.ts";

/** See `azVolumeAttachmentSchema`: the one place that describes this resource. */
export type AzVolumeAttachment = DeepReadonly<z.infer<typeof azVolumeAttachmentSchema>>;

/** What an attachment says of its disk's place, and its node of mounts. */
export type AttachmentStatus = NonNullable<AzVolumeAttachment["status"]>;

/** What a node states to be wrong with a volume as it has it mounted. */
export type MountProblem = NonNullable<AttachmentStatus["mountProblems"]>[number];

export type ShownMountProblem = NonNullable<AttachmentStatus["mountProblemsShown"]>[number];
