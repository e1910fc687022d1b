import type { Clock } from "../../ports/clock.ts";
import { waitWithin } from "./command/wait-within.ts";

/** How long a call to a disk may take before it counts as hanging, in milliseconds. */
export const CALL_MAX_MS = 10_000;

/**
 * Calls to one disk, one after the other. A disk that hangs keeps a call in the kernel, where nothing ends
 * it, and with it one of the four threads on which Node works with files and looks up host names. So at most
 * one thread waits for the disk: once a call has taken too long, no other one begins until it ends.
 */
export interface CallLane {
  /**
   * Runs `call` after those before it. `late`: it, or one before it, has not ended in time since it began.
   * What has begun continues, and what has not will not begin. `isLate` says so to a call that ends after
   * all.
   */
  readonly run: <T>(
    call: (isLate: () => boolean) => Promise<T>,
  ) => Promise<{ readonly kind: "done"; readonly value: T } | { readonly kind: "late" }>;
}

const never = new AbortController().signal;
/** The code of an error that says that a disk hangs. */
const LATE = "EHANGS";

/** Creates a lane; without a clock its calls may take any time. */
export function createCallLane(clock?: Clock, limitMs = CALL_MAX_MS): CallLane {
  let last: Promise<unknown> = Promise.resolve();
  let isHanging = false;
  /** Answer those who wait, once the call that runs has taken too long. */
  const waiting = new Set<() => void>();

  const untilEnd = async <T>(running: Promise<T>): Promise<T> => {
    if (clock === undefined) return await running;
    const waited = await waitWithin(running, limitMs, clock, never);
    if (waited.kind === "done") return waited.value;
    isHanging = true;
    for (const answer of waiting) answer();
    try {
      return await running;
    } finally {
      isHanging = false;
    }
  };

  return {
    run: async <T>(call: (isLate: () => boolean) => Promise<T>) => {
      if (isHanging) return { kind: "late" };
      let isLate = false;
      let isOver = false;
      const ended = last.then(async () => {
        if (isLate) return { kind: "late" } as const;
        return { kind: "done", value: await untilEnd(call(() => isLate)) } as const;
      });
      last = Promise.allSettled([ended]).then(() => {
        isOver = true;
      });
      const late = Promise.withResolvers<undefined>();
      const answer = (): void => late.resolve(undefined);
      waiting.add(answer);
      try {
        const first = await Promise.race([ended, late.promise]);
        if (first !== undefined) return first;
      } finally {
        waiting.delete(answer);
      }
      if (isOver) return await ended;
      isLate = true;
      return { kind: "late" };
    },
  };
}

/** Runs a call of the file system in a lane. Throws what it throws, and an error of its own if it is late. */
export async function callIn<T>(
  lane: CallLane,
  what: string,
  call: (isLate: () => boolean) => Promise<T>,
): Promise<T> {
  const ended = await lane.run(call);
  if (ended.kind === "done") return ended.value;
  const message = `${LATE}: ${what}: its disk does not answer this or a call before it: repair or replace it`;
  throw Object.assign(new Error(message), { code: LATE, syscall: what });
}

/** Whether an error of `callIn` says that the disk hangs. */
export function hangs(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === LATE;
}
