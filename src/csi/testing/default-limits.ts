import type { ControllerServiceLimits } from "../controller/controller-context.ts";

/** Those of the flags. */
export const defaultControllerServiceLimits: ControllerServiceLimits = {
  waitMaxMs: 300_000,
  grantWaitMs: 2_000,
};
