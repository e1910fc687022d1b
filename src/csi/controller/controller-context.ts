import type { Clock } from "../../ports/clock.ts";
import type { Logger } from "../../ports/logger.ts";
import type { ObjectStore } from "../../ports/object-store.ts";
import type { Random } from "../../ports/random.ts";
import type { Steps } from "../../ports/steps.ts";
import type { ObjectCache } from "../../reconcile/object-cache.ts";
import type { OperationLock } from "../operation-lock.ts";

/** All that the controller service's handlers act through. They never touch the platform: reconcilers do what they write into the store. */
export interface ControllerContext {
  readonly store: ObjectStore;
  readonly cache: ObjectCache;
  readonly clock: Clock;
  readonly random: Random;
  readonly steps: Steps;
  readonly logger: Logger;
  readonly locks: OperationLock;
  readonly settings: ControllerServiceSettings;
}

/** Patience of the controller service. */
export interface ControllerServiceSettings {
  /** How long a call waits for a reconciler where its caller sets no nearer deadline, in milliseconds. Default 300,000. */
  readonly waitMaxMs: number;
}

/** Settings where nobody chose others. */
export const defaultControllerServiceSettings: ControllerServiceSettings = { waitMaxMs: 300_000 };
