import { unlessAborted } from "../../../src/runtime/unless-aborted.ts";

/** Something that is on or off, and can be waited for. */
export interface Switch {
  isOn(): boolean;
  set(isOn: boolean): void;
  /** Resolves while it is on. Rejects with the signal's reason. */
  untilOn(signal: AbortSignal): Promise<void>;
}

/** A switch that is on. */
export function createSwitch(): Switch {
  let turningOn: PromiseWithResolvers<void> | undefined;
  return {
    isOn: () => turningOn === undefined,
    set: (isOn) => {
      if (!isOn) turningOn ??= Promise.withResolvers<void>();
      else {
        turningOn?.resolve();
        turningOn = undefined;
      }
    },
    untilOn: async (signal) => {
      while (turningOn !== undefined) await unlessAborted(turningOn.promise, signal);
      signal.throwIfAborted();
    },
  };
}
