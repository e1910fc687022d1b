import { cpus } from "node:os";
import { seconds } from "./show-suite.ts";
import type { Lane } from "./suites.ts";

/** How long a lane took and the processor time of its suites, in milliseconds. */
export interface LaneTime {
  readonly lane: Lane;
  readonly durationMs: number;
  readonly processorMs: number;
}

/** What a machine's processors have done since it was started, in milliseconds, all processors together. */
export interface ProcessorTimes {
  readonly busyMs: number;
  readonly idleMs: number;
}

/** Reads what the processors of this machine have done so far. */
export function processorTimes(): ProcessorTimes {
  const sum = (of: (times: ReturnType<typeof cpus>[number]["times"]) => number): number =>
    cpus().reduce((total, { times }) => total + of(times), 0);
  return {
    busyMs: sum(({ user, nice, sys, irq }) => user + nice + sys + irq),
    idleMs: sum(({ idle }) => idle),
  };
}

const LANE_WIDTH = 20;
const TIME_WIDTH = 10;

/**
 * Which lane took longest, and whether the processors had time left. A lane without suites is left out. A
 * lab's programs are no children of its suite, so their processor time is in the last line: what the
 * processors did for no suite.
 */
export function describeLanes(
  lanes: readonly LaneTime[],
  before: ProcessorTimes,
  after: ProcessorTimes,
): string {
  const busyMs = after.busyMs - before.busyMs;
  const ofSuitesMs = lanes.reduce((sum, { processorMs }) => sum + processorMs, 0);
  const allMs = busyMs + after.idleMs - before.idleMs;
  const line = (name: string, first: string, second: string): string =>
    name.padEnd(LANE_WIDTH) + first.padStart(TIME_WIDTH) + second.padStart(TIME_WIDTH);
  return [
    line("lane", "time", "processor"),
    ...lanes
      .filter(({ durationMs }) => durationMs > 0)
      .map(({ lane, durationMs, processorMs }) => line(lane, seconds(durationMs), seconds(processorMs))),
    `processors busy for ${seconds(busyMs)} of ${seconds(allMs)}, ` +
      `${seconds(Math.max(0, busyMs - ofSuitesMs))} of it for labs and other programs`,
  ].join("\n");
}
