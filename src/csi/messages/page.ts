import type { FailureOf } from "../../core/failure/failure.ts";
import { refuseArgument } from "../../core/failure/frequent-failures.ts";
import { fail, ok, type Result } from "../../core/failure/result.ts";

const ENTRIES_MAX = 1000;
/** gRPC's clients in Go refuse a message of more than 4 MiB, and csi-lib-utils leaves that so. In bytes. */
const PAGE_BYTES_MAX = 3 * 1024 * 1024;
/** What a message adds to an encoded entry: the field's tag, and its length in four bytes at most. */
const ENTRY_FRAME_BYTES = 5;
const TOKEN_PREFIX = "after:";

/** A page of a list, and the token of the next one; empty: it is the last. */
interface Page<Entry> {
  readonly entries: readonly Entry[];
  readonly nextToken: string;
}

interface Listing<Item, Entry> {
  /** A time of creation, a space and an id. */
  readonly positionOf: (item: Item) => string;
  readonly entryOf: (item: Item) => Entry;
  /** The encoded size of an entry, in bytes. */
  readonly bytesOf: (entry: Entry) => number;
}

/**
 * The page that a list call asks for, in the order of `positionOf`. Items created between two pages come
 * last; a token outlives the item that it was made of. A page ends before it grows beyond 1,000 entries or 3
 * MiB, but has one entry at least. Fails with `InvalidArgument` or `InvalidToken`.
 */
export function pageOf<Item, Entry>(
  items: readonly Item[],
  { positionOf, entryOf, bytesOf }: Listing<Item, Entry>,
  { maxEntries, startingToken }: { readonly maxEntries: number; readonly startingToken: string },
): Result<Page<Entry>, FailureOf<"InvalidArgument" | "InvalidToken">> {
  if (maxEntries < 0)
    return refuseArgument("max_entries", maxEntries, "must not be negative; 0 means any number");
  const after = readToken(startingToken);
  if (!after.ok) return after;
  const rest = items
    .map((item) => ({ item, position: positionOf(item) }))
    .filter(({ position }) => position > after.value)
    .toSorted((left, right) => (left.position < right.position ? -1 : 1));
  const entriesMax = maxEntries === 0 ? ENTRIES_MAX : Math.min(maxEntries, ENTRIES_MAX);
  const entries: Entry[] = [];
  let bytes = 0;
  let last = "";
  for (const { item, position } of rest) {
    const entry = entryOf(item);
    bytes += bytesOf(entry) + ENTRY_FRAME_BYTES;
    const isFull = entries.length === entriesMax || bytes > PAGE_BYTES_MAX;
    if (isFull && entries.length > 0) return ok({ entries, nextToken: writeToken(last) });
    entries.push(entry);
    last = position;
  }
  return ok({ entries, nextToken: "" });
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
