import { appendFileSync, existsSync, writeFileSync } from "node:fs";
import { type StepName, stepNames, type Steps } from "../../ports/steps.ts";

/**
 * Names the point at which a process kills itself, such as `before:acquire` or `after:attach`, and the
 * file that records that it did.
 */
export const CRASH_AT = "AZUREDISK_CRASH_AT";

/** The file that makes the crash happen only once: without it every restart would die at the same point. */
export const CRASH_MARK = "AZUREDISK_CRASH_MARK";

/**
 * For crash tests: kills the process with SIGKILL, right before or right after a named step, once.
 * Inactive unless both environment variables are set. Throws if the point has no such form.
 */
export function withCrashPoint(
  steps: Steps,
  environment: Readonly<Record<string, string | undefined>>,
): Steps {
  const point = environment[CRASH_AT];
  const mark = environment[CRASH_MARK];
  if (point === undefined || mark === undefined) return steps;
  const [when, name] = point.split(":");
  const step = stepNames.find((known) => known === name);
  if ((when !== "before" && when !== "after") || step === undefined)
    throw new Error(
      `${CRASH_AT} is ${point}: must be before:<step> or after:<step>, with a step of ` +
        `${stepNames.join(", ")}`,
    );
  return {
    run: async <T>(running: StepName, act: () => Promise<T>): Promise<T> => {
      if (running !== step || existsSync(mark)) return steps.run(running, act);
      if (when === "before") die(mark, point);
      const result = await steps.run(running, act);
      die(mark, point);
      return result;
    },
  };
}

function die(mark: string, point: string): void {
  writeFileSync(mark, point, { flag: "wx" });
  appendFileSync(2, `crash point ${point}: killing this process\n`);
  process.kill(process.pid, "SIGKILL");
}
