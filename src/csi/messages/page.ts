import type { FailureOf } from "../../core/failure/failure.ts";
import { refuseArgument } from "../../core/failure/frequent-failures.ts";
import { fail, ok, type Result } from "../../core/failure/result.ts";

/** A page fits a message many times over. */
const ENTRIES_MAX = 1000;
const TOKEN_PREFIX = "after:";

/** A page of a list, and the token of the next one; empty: it is the last. */
export interface Page<T> {
  readonly items: readonly T[];
  readonly nextToken: string;
}

/**
 * The page that a list call asks for, in the order of `positionOf`: a time of creation, a space and an id.
 * Items created between two pages come last; a token outlives the item that it was made of.
 */
export function pageOf<T>(
  items: readonly T[],
  positionOf: (item: T) => string,
  { maxEntries, startingToken }: { readonly maxEntries: number; readonly startingToken: string },
): Result<Page<T>, FailureOf<"InvalidArgument" | "InvalidToken">> {
  if (maxEntries < 0)
    return refuseArgument("max_entries", maxEntries, "must not be negative; 0 means any number");
  const after = readToken(startingToken);
  if (!after.ok) return after;
  const rest = items
    .map((item) => ({ item, position: positionOf(item) }))
    .filter(({ position }) => position > after.value)
    .toSorted((left, right) => (left.position < right.position ? -1 : 1));
  const page = rest.slice(0, maxEntries === 0 ? ENTRIES_MAX : Math.min(maxEntries, ENTRIES_MAX));
  const last = page.at(-1);
  const isLastPage = page.length === rest.length || last === undefined;
  return ok({ items: page.map(({ item }) => item), nextToken: isLastPage ? "" : writeToken(last.position) });
}

function writeToken(position: string): string {
  return `${TOKEN_PREFIX}${Buffer.from(position).toString("base64url")}`;
}

function readToken(token: string): Result<string, FailureOf<"InvalidToken">> {
  if (token === "") return ok("");
  const position = Buffer.from(token.slice(TOKEN_PREFIX.length), "base64url").toString();
  const isOurs = token.startsWith(TOKEN_PREFIX) && /^\d{4}-\S+ \S+$/u.test(position);
  return isOurs ? ok(position) : fail({ kind: "InvalidToken", token });
}
