import { hasCode } from "../../core/primitives/error-code.ts";
import type { Clock } from "../../ports/clock.ts";
import { createSemaphore } from "./command/semaphore.ts";
import { waitWithin } from "./command/wait-within.ts";

/** How long a call to a disk may take before it counts as hanging, in milliseconds. */
export const CALL_MAX_MS = 10_000;

/**
 * Calls to disks, so many at once. A disk that hangs keeps a call in the kernel, where nothing ends it, and
 * with it one of the few threads on which Node works with files and looks up host names. So at most as many
 * threads wait for these disks: once that many calls have taken too long, no other one begins until one ends.
 */
export interface CallLane {
  /**
   * Runs `call` once there is room. `late`: it has not ended in time since it began, or has not begun, and
   * will not, since others keep all the room. What has begun continues. `isLate` says so to a call that ends
   * after all.
   */
  readonly run: <T>(
    call: (isLate: () => boolean) => Promise<T>,
  ) => Promise<{ readonly kind: "done"; readonly value: T } | { readonly kind: "late" }>;
}

const never = new AbortController().signal;
/** The code of an error that says that a disk hangs. */
const LATE = "EHANGS";

/** Creates a lane, of one call at a time; without a clock its calls may take any time. */
export function createCallLane(
  clock?: Clock,
  { limitMs = CALL_MAX_MS, atOnceMax = 1 }: { readonly limitMs?: number; readonly atOnceMax?: number } = {},
): CallLane {
  const room = createSemaphore(atOnceMax);
  let hanging = 0;
  /** Answer those who wait for room, once there may be none for any time. */
  const waiting = new Set<() => void>();

  return {
    run: async <T>(call: (isLate: () => boolean) => Promise<T>) => {
      if (hanging === atOnceMax) return { kind: "late" };
      const ticket = room.enter();
      const late = Promise.withResolvers<"late">();
      const answer = (): void => late.resolve("late");
      waiting.add(answer);
      const turn = await Promise.race([ticket.granted, late.promise]);
      waiting.delete(answer);
      if (turn === "late") {
        ticket.leave();
        return { kind: "late" };
      }
      let isLate = false;
      let isOver = false;
      // A call that throws before it returns its promise must free the room, too.
      const begun = (async () => call(() => isLate))();
      const running = begun.finally(() => {
        isOver = true;
        if (isLate) hanging -= 1;
        ticket.leave();
      });
      if (clock !== undefined) await waitWithin(running, limitMs, clock, never);
      if (clock === undefined || isOver) return { kind: "done", value: await running };
      isLate = true;
      hanging += 1;
      running.catch(() => undefined);
      if (hanging === atOnceMax) for (const answerOne of waiting) answerOne();
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
  return hasCode(error, LATE);
}
