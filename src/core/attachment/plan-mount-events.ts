import type { AzVolumeAttachment, MountProblem, ShownMountProblem } from "../api/az-volume-attachment.ts";
import type { AzVolume } from "../api/az-volume.ts";
import { meaningOf } from "../events/event-reasons.ts";
import { parseTimestamp, toTimestamp } from "../primitives/timestamp.ts";
import { isSingleWriter } from "../volume/access-modes.ts";
import { isNamed } from "../writer/record/record-nodes.ts";
import { isPrimaryOrRequested } from "./attachment-state.ts";

/**
 * How long after an event that of a later mount under the same grant is shown at the earliest, in
 * milliseconds. Only the time that its node states is of that mount alone, and a token may state any.
 */
const LATER_MOUNT_AFTER_MS = 300_000;

/**
 * The mount problems that a leader believes of a node, each reason once. Only that node can know of its
 * mount, but it has none where it does not hold the volume. They have the epoch of the present grant, which
 * no token can raise: what is left of an earlier mount is no news of this one, and a lie is shown no more
 * often than the volume is granted. A volume without a record has no grant, and its mounts epoch 0.
 * `attachment`: as far as it is backed.
 */
export function believedMountProblems(
  { spec, status }: AzVolume,
  attachment: AzVolumeAttachment,
): readonly MountProblem[] {
  const stated = attachment.status?.mountProblems ?? [];
  const ofEpoch = (granted: number | undefined): readonly MountProblem[] => {
    const present = stated.filter(({ epoch }) => epoch === granted);
    return present.filter(
      ({ reason }, index) => present.findIndex((other) => other.reason === reason) === index,
    );
  };
  if (!isSingleWriter(spec.capabilities))
    return isPrimaryOrRequested(attachment) || attachment.spec.staged === true ? ofEpoch(0) : [];
  const { nodeName } = attachment.spec;
  const vmId = attachment.status?.vmId;
  const holds = vmId !== undefined && isNamed(status?.record, { nodeName, vmId }, "holder");
  return holds ? ofEpoch(status?.record?.writer?.epoch) : [];
}

/** Which mount problems of an attachment to show now. */
export interface MountEvents {
  /** In the order in which the node states them. */
  readonly show: readonly MountProblem[];
  /** When the next one is due, in milliseconds; undefined: only after a change. */
  readonly dueAfterMs: number | undefined;
}

/**
 * Shows each mount problem once, and a lasting one again as often as its event says, while the node states
 * it. By what is recorded of the last time, so that a new leader repeats nothing before it is due. A time
 * that is no time, or as far ahead of the clock, counts as due.
 */
export function planMountEvents(
  volume: AzVolume,
  attachment: AzVolumeAttachment,
  nowMs: number,
): MountEvents {
  const due = believedMountProblems(volume, attachment).map((problem) => ({
    problem,
    afterMs: dueAfterMs(problem, attachment.status?.mountProblemsShown, nowMs),
  }));
  const later = due.map(({ problem, afterMs }) =>
    afterMs === 0 ? (meaningOf(problem.reason).shownEveryMs ?? Infinity) : afterMs,
  );
  const nextMs = Math.min(...later, Infinity);
  return {
    show: due.flatMap(({ problem, afterMs }) => (afterMs === 0 ? problem : [])),
    dueAfterMs: nextMs === Infinity ? undefined : nextMs,
  };
}

function dueAfterMs(
  { reason, epoch, since }: MountProblem,
  shown: readonly ShownMountProblem[] = [],
  nowMs: number,
): number {
  const last = shown.find((other) => other.reason === reason);
  if (last?.epoch !== epoch) return 0;
  const lastingMs = meaningOf(reason).shownEveryMs ?? Infinity;
  // A node that was rebooted, or whose dead mount is staged again, mounts the volume again under its grant.
  const everyMs = last.since === since ? lastingMs : Math.min(lastingMs, LATER_MOUNT_AFTER_MS);
  if (everyMs === Infinity) return Infinity;
  const elapsedMs = Math.abs(nowMs - (parseTimestamp(last.time) ?? -Infinity));
  return Math.max(0, everyMs - elapsedMs);
}

/** What is recorded once these were shown: the last one of each reason, so that it never grows. */
export function withShown(
  shown: readonly ShownMountProblem[] | undefined,
  problems: readonly MountProblem[],
  nowMs: number,
): readonly ShownMountProblem[] {
  const time = toTimestamp(nowMs);
  const kept = (shown ?? []).filter(({ reason }) => problems.every((problem) => problem.reason !== reason));
  return [...kept, ...problems.map(({ reason, epoch, since }) => ({ reason, epoch, since, time }))];
}
