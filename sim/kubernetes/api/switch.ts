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
      while (turningOn !== undefined) await orAborted(turningOn.promise, signal);
      signal.throwIfAborted();
    },
  };
}

/** The promise's result, or a rejection with the signal's reason as soon as it is aborted. */
export async function orAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  const aborted = Promise.withResolvers<never>();
  const abort = (): void => aborted.reject(signal.reason);
  signal.addEventListener("abort", abort, { once: true });
  try {
    return await Promise.race([promise, aborted.promise]);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}
