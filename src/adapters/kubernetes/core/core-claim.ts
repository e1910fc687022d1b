import type { ApiObject } from "../api/api-object.ts";

/** core/v1 PersistentVolumeClaim, as far as the driver reads it. */
export interface PersistentVolumeClaim extends ApiObject {
  readonly metadata: ApiObject["metadata"] & { readonly namespace: string };
  readonly spec?: { readonly volumeName?: string };
}

export interface ClusterClaim {
  readonly metadata: {
    readonly name: string;
    readonly namespace: string;
    readonly uid: string;
    readonly resourceVersion: string;
  };
  /** The PersistentVolume that it is bound to, or is to be; empty: none yet. */
  readonly volumeName: string;
}

export function readClusterClaim({
  metadata: { name, namespace, uid, resourceVersion },
  spec,
}: PersistentVolumeClaim): ClusterClaim {
  return { metadata: { name, namespace, uid, resourceVersion }, volumeName: spec?.volumeName ?? "" };
}
