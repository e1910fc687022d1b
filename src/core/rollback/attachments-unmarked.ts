import type { AzVolume } from "../api/az-volume.ts";
import { sameJson } from "../primitives/same-json.ts";
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

/** Why a volume is kept from its nodes. */
interface Unmarked {
  readonly because: string;
  /** The store incarnation of the rebuild, or of the pass after one, in which an attachment took no mark. */
  readonly incarnation: number;
  readonly nowMs: number;
}

/** The volume that no node stages from now on; undefined: it says all of that already. */
export function withUnmarked(
  volume: AzVolume,
  { because, incarnation, nowMs }: Unmarked,
): AzVolume | undefined {
  const { status } = volume;
  if (status === undefined) return undefined;
  const present = conditionOf(volume);
  const condition = {
    type: ATTACHMENTS_UNMARKED,
    status: "True",
    reason: "StoreRolledBack",
    message:
      `no node stages the volume before each of its attachments is marked, in store incarnation ` +
      `${incarnation}: ${because}`,
    lastTransitionTime: present?.lastTransitionTime ?? toTimestamp(nowMs),
  } as const;
  if (sameJson(present, condition)) return undefined;
  const others = status.conditions.filter(({ type }) => type !== ATTACHMENTS_UNMARKED);
  return { ...volume, status: { ...status, conditions: [...others, condition] } };
}

/**
 * The volume once all of its attachments are marked. Undefined: it is kept from its nodes for another reason
 * than `seen`, the volume before they were: a later rebuild has left one unmarked, or none did.
 */
export function withoutUnmarked(volume: AzVolume, seen: AzVolume): AzVolume | undefined {
  const { status } = volume;
  const present = conditionOf(volume);
  if (status === undefined || present === undefined || !sameJson(present, conditionOf(seen)))
    return undefined;
  const conditions = status.conditions.filter(({ type }) => type !== ATTACHMENTS_UNMARKED);
  return { ...volume, status: { ...status, conditions } };
}

function conditionOf({ status }: AzVolume): (object & { readonly lastTransitionTime: string }) | undefined {
  return status?.conditions.find(({ type }) => type === ATTACHMENTS_UNMARKED);
}
