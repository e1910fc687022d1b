import type { ApiObject } from "../api/api-object.ts";
import { clusterVolumeOf, type PersistentVolumeSpec } from "./core-persistent-volume.ts";

/** storage/v1 VolumeAttachment, as far as the driver reads it. */
export interface VolumeAttachment extends ApiObject {
  readonly spec: {
    readonly attacher: string;
    readonly nodeName: string;
    readonly source: {
      readonly persistentVolumeName?: string;
      readonly inlineVolumeSpec?: PersistentVolumeSpec;
    };
  };
  readonly status?: { readonly attached?: boolean };
}

export interface ClusterVolumeAttachment {
  readonly metadata: { readonly name: string; readonly uid: string; readonly resourceVersion: string };
  readonly isOurs: boolean;
  readonly nodeName: string;
  /** Undefined where the volume is inline in a pod: then `inlineVolumeId` says which. */
  readonly persistentVolumeName: string | undefined;
  readonly inlineVolumeId: string | undefined;
  readonly isAttached: boolean;
  readonly isTerminating: boolean;
}

export function readClusterVolumeAttachment(
  { metadata, spec, status }: VolumeAttachment,
  driverName: string,
): ClusterVolumeAttachment {
  const { name, uid, resourceVersion, deletionTimestamp } = metadata;
  const { persistentVolumeName, inlineVolumeSpec } = spec.source;
  return {
    metadata: { name, uid, resourceVersion },
    isOurs: spec.attacher === driverName,
    nodeName: spec.nodeName,
    persistentVolumeName,
    inlineVolumeId:
      inlineVolumeSpec === undefined
        ? undefined
        : clusterVolumeOf(name, inlineVolumeSpec, driverName)?.volumeId,
    isAttached: status?.attached ?? false,
    isTerminating: deletionTimestamp !== undefined,
  };
}
