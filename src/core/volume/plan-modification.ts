import type { AzVolume, DiskModification, DiskSpec, VolumeDetail } from "../api/az-volume.ts";
import { mergeTags } from "./merge-tags.ts";

/** The next action for a requested modification. */
export type ModificationAction =
  | { readonly kind: "ModifyDisk"; readonly diskUri: string; readonly change: DiskModification }
  /** How it ended is recorded: the request leaves the spec, and the spec's disk shows what Azure has. */
  | { readonly kind: "EndModification"; readonly isMade: boolean };

/**
 * Plans what a VolumeAttributesClass asks of a disk; undefined where nothing is asked. A request is new as
 * long as the outcome that is recorded belongs to another generation of the spec.
 */
export function planModification(
  { metadata, spec, status }: AzVolume,
  { diskUri }: VolumeDetail,
): ModificationAction | undefined {
  if (spec.modification === undefined) return undefined;
  const outcome = status?.modification;
  return outcome?.observedGeneration === metadata.generation
    ? { kind: "EndModification", isMade: outcome.error === undefined }
    : { kind: "ModifyDisk", diskUri, change: spec.modification };
}

/** The spec without the request, after Azure has made or refused it. */
export function withoutModification(
  { modification, ...spec }: AzVolume["spec"],
  isMade: boolean,
): AzVolume["spec"] {
  if (modification === undefined || !isMade) return spec;
  const { tags, ...fields } = modification;
  const stated = Object.entries(fields).filter(([, value]) => value !== undefined);
  const changes = Object.fromEntries(stated) as Partial<DiskSpec>;
  return { ...spec, disk: { ...spec.disk, ...changes, tags: mergeTags(spec.disk.tags, tags ?? {}) } };
}
