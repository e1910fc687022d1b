import type { MoveTimes } from "./phases.ts";

/**
 * Lists a move's events in order, one a line, in milliseconds after the deletion. Includes when the old
 * container ended according to the API, and each of the driver's calls with its node, code and duration.
 */
export function describeCourse(
  { calls, deletedMs, scheduledMs, runningMs, from, to }: MoveTimes,
  oldEndedMs: number | undefined,
): readonly string[] {
  const moments = [
    ...(oldEndedMs === undefined
      ? []
      : [{ atMs: oldEndedMs, what: `the old container on ${from} is known to have ended` }]),
    { atMs: scheduledMs, what: `the new pod is on ${to}` },
    { atMs: runningMs, what: "the new container is known to run" },
    ...calls.map(({ method, code, nodeName, startMs, endMs }) => ({
      atMs: startMs,
      what: `${method} on ${nodeName}: ${code} after ${Math.round(endMs - startMs)} ms`,
    })),
  ];
  return moments
    .toSorted((left, right) => left.atMs - right.atMs)
    .map(({ atMs, what }) => `  ${String(Math.round(atMs - deletedMs)).padStart(6)}  ${what}`);
}
