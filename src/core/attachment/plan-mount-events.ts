import type { AzVolumeAttachment, MountProblem, ShownMountProblem } from "../api/az-volume-attachment.ts";
import type { AzVolume, WriterRecord } from "../api/az-volume.ts";
import { isSameNode, type NodeKey } from "../api/identity/node-identity.ts";
import { meaningOf } from "../events/event-reasons.ts";
import { parseTimestamp, toTimestamp } from "../primitives/timestamp.ts";
import { isSingleWriter } from "../volume/access-modes.ts";
import { isNamed } from "../writer/record/record-nodes.ts";
import { isUnused } from "./attachment-state.ts";

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
  if (!isSingleWriter(spec.capabilities)) {
    const mayHaveIt = !isUnused(attachment);
    const hadIt = attachment.status?.role === "Primary";
    return statedBy(
      attachment,
      ({ reason, epoch }) => epoch === 0 && (mayHaveIt || (reason === "WritesLost" && hadIt)),
    );
  }
  const { nodeName } = attachment.spec;
  const vmId = attachment.status?.vmId;
  const { record } = status ?? {};
  if (vmId === undefined || record === undefined) return [];
  const holds = isNamed(record, { nodeName, vmId }, "holder");
  const ended = endedEpochs(record, attachment.status?.role, { nodeName, vmId });
  return statedBy(
    attachment,
    ({ reason, epoch }) =>
      (holds && epoch === record.writer?.epoch) || (reason === "WritesLost" && ended.includes(epoch)),
  );
}

function statedBy(
  { status }: AzVolumeAttachment,
  isBelieved: (problem: MountProblem) => boolean,
): readonly MountProblem[] {
  const believed = (status?.mountProblems ?? []).filter(isBelieved);
  return believed.filter(
    ({ reason }, index) => believed.findIndex((other) => other.reason === reason) === index,
  );
}

/**
 * The epochs under which a node that was the writer may have lost writes: it releases the volume right after
 * it has stated that. Controllers alone record its role, which stays for a moment after its grant. Until they
 * change it, its grant was the last one, or the one before that of the present writer.
 */
function endedEpochs(
  { writer, epoch }: WriterRecord,
  role: "Primary" | "Replica" | undefined,
  node: NodeKey,
): readonly number[] {
  if (role !== "Primary") return [];
  if (writer === undefined) return [epoch];
  return isSameNode(writer, node) ? [epoch, epoch - 1] : [epoch - 1];
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
  // That of a lower epoch than was shown is no later one: a token may state either in turn.
  if (last === undefined || last.epoch < epoch) return 0;
  const lastingMs = meaningOf(reason).shownEveryMs ?? Infinity;
  // A node that was rebooted, or whose dead mount is staged again, mounts the volume again under its grant.
  const isSame = last.epoch === epoch && last.since === since;
  const everyMs = isSame ? lastingMs : Math.min(lastingMs, LATER_MOUNT_AFTER_MS);
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
