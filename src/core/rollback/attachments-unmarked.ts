import type { AzVolume } from "../api/az-volume.ts";
import { toTimestamp } from "../primitives/timestamp.ts";

/**
 * True while an attachment of a volume that several nodes write has not taken the mark that each gets after a
 * rollback: its place is that of the backup, or a detach may be under way. No node stages the volume.
 */
export const ATTACHMENTS_UNMARKED = "AttachmentsUnmarked";

/** Whether a volume is kept from its nodes. */
export function isUnmarked({ status }: AzVolume): boolean {
  return status?.conditions.some(({ type }) => type === ATTACHMENTS_UNMARKED) === true;
}

/** The volume that no node stages from now on; undefined: it is so already. */
export function withUnmarked(volume: AzVolume, because: string, nowMs: number): AzVolume | undefined {
  const { status } = volume;
  if (status === undefined || isUnmarked(volume)) return undefined;
  const condition = {
    type: ATTACHMENTS_UNMARKED,
    status: "True",
    reason: "StoreRolledBack",
    message: `no node stages the volume before each of its attachments is marked: ${because}`,
    lastTransitionTime: toTimestamp(nowMs),
  } as const;
  return { ...volume, status: { ...status, conditions: [...status.conditions, condition] } };
}

/** The volume once all of its attachments are marked; undefined: it was not kept from its nodes. */
export function withoutUnmarked(volume: AzVolume): AzVolume | undefined {
  const { status } = volume;
  if (status === undefined || !isUnmarked(volume)) return undefined;
  const conditions = status.conditions.filter(({ type }) => type !== ATTACHMENTS_UNMARKED);
  return { ...volume, status: { ...status, conditions } };
}
