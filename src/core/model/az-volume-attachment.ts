import type { z } from "zod";
import type { azVolumeAttachmentSchema } from "./az-volume-attachment.schema.ts";
import type { DeepReadonly } from "./deep-readonly.ts";

/** See `azVolumeAttachmentSchema`: the one place that describes this resource. */
export type AzVolumeAttachment = DeepReadonly<z.infer<typeof azVolumeAttachmentSchema>>;
