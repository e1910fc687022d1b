import { messageOf } from "../../../src/core/failure/message-of.ts";

/**
 * Runs `use` and then always `cleanUp`. An error of `use` comes first: cleaning up after it often fails,
 * too, and must not hide it. If both fail, throws an AggregateError of the two whose message begins with
 * the first.
 */
export async function thenCleanUp<T>(use: () => Promise<T>, cleanUp: () => Promise<void>): Promise<T> {
  const used = await outcomeOf(use);
  const cleaned = await outcomeOf(cleanUp);
  if (used.isDone && cleaned.isDone) return used.value;
  if (used.isDone) throw (cleaned as Failed).error;
  if (cleaned.isDone) throw used.error;
  throw new AggregateError(
    [used.error, cleaned.error],
    `${messageOf(used.error)}\nCleaning up after it failed, too: ${messageOf(cleaned.error)}`,
  );
}

interface Done<T> {
  readonly isDone: true;
  readonly value: T;
}

interface Failed {
  readonly isDone: false;
  readonly error: unknown;
}

async function outcomeOf<T>(work: () => Promise<T>): Promise<Done<T> | Failed> {
  try {
    return { isDone: true, value: await work() };
  } catch (error) {
    return { isDone: false, error };
  }
}
