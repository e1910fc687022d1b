import assert from "node:assert/strict";
import type { Failure } from "../../../src/core/failure/failure.ts";
import type { Result } from "../../../src/core/failure/result.ts";
import type { Kind, KindMap, ObjectStore, WatchEvent } from "../../../src/ports/store/object-store.ts";
import { aNewVolume } from "../worlds/object-builders.ts";

/** How a contract declares a test of a store. */
export interface StoreSuite {
  readonly on: (sentence: string, test: (under: StoreUnderTest) => Promise<void>) => void;
  /** Of the store. */
  readonly name: string;
}

/** An empty store to test against the contract. */
export interface StoreUnderTest {
  readonly store: ObjectStore;
  /** The same store with another client. */
  readonly other: ObjectStore;
  /** Kubernetes before 1.34 calls the update of a deleted object a conflict. */
  readonly missingIsConflict?: boolean;
  /** Lets time pass until a quiet watch must have received a bookmark. */
  readonly letBookmarkIntervalPass: () => Promise<void>;
  /** Compacts every change so far: a watch from an earlier version fails as too old. */
  readonly forgetHistory: () => Promise<void>;
  readonly close: () => Promise<void>;
}

export const TEST_TIMEOUT_MS = 600_000;

export const WRITERS = 8;

export const INCREMENTS = 12;

export const never = new AbortController().signal;

export const ofShares = (maxShares: number) => ({ disk: { ...aNewVolume("pvc-1").spec.disk, maxShares } });

export function failureOf(result: Result<unknown>): Failure {
  assert.ok(!result.ok, `succeeded: ${JSON.stringify(result)}`);
  return result.failure;
}

export function assertInvalid(result: Result<unknown>, field: string): void {
  const failure = failureOf(result);
  assert.ok(failure.kind === "ObjectInvalid", JSON.stringify(failure));
  assert.ok(failure.problem.includes(field), `"${failure.problem}" doesn't name ${field}`);
}

export function withLabels<T extends KindMap[Kind]>(object: T, labels: Record<string, string>): T {
  return { ...object, metadata: { ...object.metadata, labels } };
}

export function withFinalizers<T extends KindMap[Kind]>(object: T, finalizers: readonly string[]): T {
  return { ...object, metadata: { ...object.metadata, finalizers } };
}

type ObjectEvent<K extends Kind> = Exclude<WatchEvent<K>, { readonly type: "BOOKMARK" }>;

/** A watch under way. */
interface Watching<K extends Kind> {
  /** The next `count` events, past bookmarks. */
  readonly take: (count: number) => Promise<readonly ObjectEvent<K>[]>;
  readonly nextBookmark: () => Promise<string>;
  /** Aborts the watch and waits for its end. */
  readonly stop: () => Promise<void>;
}

export function watching<K extends Kind>(
  store: ObjectStore,
  kind: K,
  resourceVersion: string,
  selector: Record<string, string> = {},
): Watching<K> {
  const controller = new AbortController();
  const iterator = store.watch(kind, selector, resourceVersion, controller.signal)[Symbol.asyncIterator]();
  const next = async (): Promise<WatchEvent<K>> => {
    const result = await iterator.next();
    assert.ok(result.done !== true, "the watch ended by itself");
    return result.value;
  };
  return {
    take: async (count) => {
      const events: ObjectEvent<K>[] = [];
      while (events.length < count) {
        const event = await next();
        if (event.type !== "BOOKMARK") events.push(event);
      }
      return events;
    },
    nextBookmark: async () => {
      for (;;) {
        const event = await next();
        if (event.type === "BOOKMARK") return event.resourceVersion;
      }
    },
    stop: async () => {
      controller.abort();
      assert.equal((await iterator.next()).done, true);
    },
  };
}
