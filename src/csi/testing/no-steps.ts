import type { Steps } from "../../ports/steps.ts";

/** Steps that are only taken, for tests that are not about them. */
export const noSteps: Steps = { run: (_step, act) => act() };
