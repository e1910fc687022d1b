import type { AzVolume, VolumeStatus } from "../../api/az-volume.ts";
import { mayArrive } from "../../azure/late-request.ts";
import { sameJson } from "../../primitives/same-json.ts";
import { toTimestamp } from "../../primitives/timestamp.ts";

/** The size that Azure was asked for, and the time. */
export type SentGrowth = NonNullable<VolumeStatus["sentGrowth"]>;

/**
 * The size to which a request that is on its way to Azure may grow a volume's disk, also where another
 * request for it was refused since; undefined: none is.
 */
export function sizeOnItsWay({ status }: AzVolume, nowMs: number): number | undefined {
  const { sentGrowth, detail } = status ?? {};
  if (sentGrowth === undefined || detail === undefined) return undefined;
  const { sizeGiB, time } = sentGrowth;
  return sizeGiB > detail.sizeGiB && mayArrive(time, nowMs) ? sizeGiB : undefined;
}

/** What to note before Azure is asked to grow a disk. An earlier request on its way may be for more. */
export function growthToNote(volume: AzVolume, sizeGiB: number, nowMs: number): SentGrowth {
  const largest = Math.max(sizeGiB, sizeOnItsWay(volume, nowMs) ?? 0);
  return { sizeGiB: largest, time: toTimestamp(nowMs) };
}

/**
 * The status once Azure has refused the request that was noted as `refused`: what was noted `before` may
 * still be on its way. Undefined: Azure was asked again since.
 */
export function withoutRefusedGrowth(
  status: VolumeStatus,
  refused: SentGrowth,
  before: SentGrowth | undefined,
): VolumeStatus | undefined {
  const { sentGrowth, ...rest } = status;
  if (!sameJson(sentGrowth, refused)) return undefined;
  return before === undefined ? rest : { ...rest, sentGrowth: before };
}
