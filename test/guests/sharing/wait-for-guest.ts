import { waitWithin } from "../../../src/adapters/linux/command/wait-within.ts";
import { systemClock } from "../../../src/adapters/system/system-clock.ts";
import type { Guest } from "../../../testbed/guests/start-guest.ts";

/** A machine that does ten other things at once takes minutes to boot three guests, in milliseconds. */
export const BOOT_LIMIT_MS = 600_000;
/** Each command of the driver has a shorter one, in milliseconds. */
export const ANSWER_LIMIT_MS = 180_000;
const never = new AbortController().signal;

/**
 * Waits for what a guest is to do. One that takes too long is ended, and with it each other wait for it: what
 * it was to do is known then, with what it has printed until then.
 */
export async function waitForGuest<T>(
  guest: Pick<Guest, "kill" | "ended">,
  { work, what, limitMs }: { readonly work: Promise<T>; readonly what: string; readonly limitMs: number },
): Promise<T> {
  const waited = await waitWithin(work, limitMs, systemClock, never);
  if (waited.kind === "done") return waited.value;
  await guest.kill();
  const { output, console: messages } = await guest.ended();
  throw new Error(`${what}: not within ${limitMs / 1000} s\n${output}\n${messages}`);
}
