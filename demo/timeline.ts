import type { EmulatorClient } from "./lab/emulator-client.ts";

/** One measured phase. */
export interface Phase {
  readonly name: string;
  readonly ms: number;
  /** Calls of Azure's API made while it ran, operation polls included. */
  readonly armCalls: number;
}

/** Measures phases one after another and reports each as it ends. */
export interface Timeline {
  measure<T>(name: string, act: () => Promise<T>): Promise<T>;
  readonly phases: readonly Phase[];
  /** Milliseconds and ARM calls of all phases whose name begins with `prefix`, added up. */
  sum(prefix: string): { readonly ms: number; readonly armCalls: number };
}

/** An empty timeline. */
export function createTimeline(emulator: EmulatorClient, tell: (phase: Phase) => void): Timeline {
  const phases: Phase[] = [];
  return {
    phases,
    measure: async (name, act) => {
      const callsBefore = await emulator.armCalls();
      const startedMs = performance.now();
      const result = await act();
      const ms = Math.round(performance.now() - startedMs);
      const phase = { name, ms, armCalls: (await emulator.armCalls()) - callsBefore };
      phases.push(phase);
      tell(phase);
      return result;
    },
    sum: (prefix) => {
      const chosen = phases.filter((phase) => phase.name.startsWith(prefix));
      return {
        ms: chosen.reduce((sum, phase) => sum + phase.ms, 0),
        armCalls: chosen.reduce((sum, phase) => sum + phase.armCalls, 0),
      };
    },
  };
}
