import type { AzVolume } from "../../core/api/az-volume.ts";
import type { Kind, KindMap } from "../../ports/store/object-store.ts";

/** Metadata that every kind shares. */
export type ObjectMeta = AzVolume["metadata"];

/** An object of any kind as a store keeps it: checked when it was written, so its kind's type holds. */
export interface StoredObject {
  readonly metadata: ObjectMeta;
  readonly spec: unknown;
  readonly status?: unknown;
}

/** Every kind, in the order of their names. */
export const kinds: readonly Kind[] = [
  "AzDriverNode",
  "AzVolume",
  "AzVolumeAttachment",
  "ClusterNode",
  "Lease",
];

/** Gives a stored object its kind's type again; what is stored was checked against that kind's schema. */
export function asKind<K extends Kind>(object: StoredObject): KindMap[K] {
  // The schema check at write time is what makes this true; TypeScript can't follow it through a table
  // keyed by kind.
  return object as KindMap[K];
}
