import type { AzVolume, VolumeStatus } from "../../api/az-volume.ts";
import { toTimestamp } from "../../primitives/timestamp.ts";
import { isNextStep, untilReadMs } from "../disk-progress.ts";

/** How often the progress of a conversion is read, in milliseconds: as V1 does. */
const CONVERSION_READ_MS = 60_000;

/** In how many milliseconds the progress of a conversion is read again; undefined where none is known. */
export function untilConversionReadMs({ status }: AzVolume, nowMs: number): number | undefined {
  return status?.conversion && untilReadMs(status.conversion.readTime, CONVERSION_READ_MS, nowMs);
}

/** The status with the progress that Azure shows: `percent` is undefined once no conversion runs. */
export function withConversion(
  { conversion: before, ...status }: VolumeStatus,
  percent: number | undefined,
  nowMs: number,
): VolumeStatus {
  const conditions = status.conditions.filter(({ type }) => type !== "Converting");
  if (percent === undefined) return { ...status, conditions };
  const readTime = toTimestamp(nowMs);
  const since = before?.since ?? readTime;
  const condition = {
    type: "Converting",
    status: "True",
    reason: "BackgroundCopy",
    message: `Azure has moved ${percent} % of the disk's data to its new storage`,
    lastTransitionTime: since,
  } as const;
  return { ...status, conversion: { percent, since, readTime }, conditions: [...conditions, condition] };
}

/** What an event says of a conversion that was at `before` percent and is at `after`; undefined: nothing. */
export function conversionNews(before: number | undefined, after: number | undefined): string | undefined {
  if (after === undefined) return before === undefined ? undefined : "its conversion is complete";
  return isNextStep(before, after) ? `${after} % of its conversion is done` : undefined;
}
