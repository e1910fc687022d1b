import type { z } from "zod";
import type { DeepReadonly } from "./deep-readonly.ts";
import type { azVolumeSchema } from "./schema/az-volume.schema.ts";

/** See `azVolumeSchema`: the one place that describes this resource. */
export type AzVolume = DeepReadonly<z.infer<typeof azVolumeSchema>>;

/** What a volume says of its disk, its writer and its conditions. */
export type VolumeStatus = NonNullable<AzVolume["status"]>;

export type WriterRecord = NonNullable<VolumeStatus["record"]>;

export type Writer = NonNullable<WriterRecord["writer"]>;

export type RecordNode = WriterRecord["nodes"][number];

/** What a record says of a node that is not its writer. */
export type Access = NonNullable<RecordNode["access"]>;

export type DiskSpec = AzVolume["spec"]["disk"];

/** The changes that a VolumeAttributesClass asks of a disk. */
export type DiskModification = NonNullable<AzVolume["spec"]["modification"]>;

/** What is known of the managed disk behind a volume. */
export type VolumeDetail = NonNullable<VolumeStatus["detail"]>;

export type VolumeCapability = AzVolume["spec"]["capabilities"][number];
