import type { Move } from "./move-pod.ts";
import { type Phase, PHASES } from "./phases.ts";

/** Moves of one kind, in milliseconds. */
export interface Summary {
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly driverShareP50Ms: number;
  readonly driverShareP99Ms: number;
  /** The average of a move. */
  readonly armCalls: number;
  /** p50 of each. */
  readonly phases: Readonly<Record<Phase, number>>;
  /** p50 of each of the driver's calls. */
  readonly calls: Readonly<Record<string, number>>;
}

/** Sums up moves of one kind, of which there is at least one. */
export function summarise(moves: readonly Move[]): Summary {
  const of = (percent: number, figure: (move: Move) => number): number =>
    Math.round(percentile(moves.map(figure), percent));
  const methods = [...new Set(moves.flatMap((move) => Object.keys(move.callsMs)))];
  return {
    p50Ms: of(50, ({ totalMs }) => totalMs),
    p99Ms: of(99, ({ totalMs }) => totalMs),
    driverShareP50Ms: of(50, ({ driverShareMs }) => driverShareMs),
    driverShareP99Ms: of(99, ({ driverShareMs }) => driverShareMs),
    armCalls: Math.round((10 * moves.reduce((sum, { armCalls }) => sum + armCalls, 0)) / moves.length) / 10,
    phases: Object.fromEntries(
      PHASES.map((phase) => [phase, of(50, ({ phases }) => phases[phase])]),
    ) as Record<Phase, number>,
    calls: Object.fromEntries(
      methods.map((method) => [method, of(50, ({ callsMs }) => callsMs[method] ?? 0)]),
    ),
  };
}

/** By nearest rank. */
function percentile(values: readonly number[], percent: number): number {
  const sorted = values.toSorted((left, right) => left - right);
  return sorted[Math.max(0, Math.ceil((percent / 100) * sorted.length) - 1)] ?? Number.NaN;
}
