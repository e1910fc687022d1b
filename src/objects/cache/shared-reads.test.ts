import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Lease } from "../../core/api/lease.ts";
import type { Failure } from "../../core/failure/failure.ts";
import { ok, type Result } from "../../core/failure/result.ts";
import type { Kind, KindMap, ObjectStore } from "../../ports/store/object-store.ts";
import { sharedReads } from "./shared-reads.ts";

const never = new AbortController().signal;

/** A store whose reads end when the test says so, each with the version that the store has by then. */
function aSlowStore(): {
  readonly get: ObjectStore["get"];
  readonly signals: readonly AbortSignal[];
  readonly answer: (version: string) => Promise<void>;
} {
  const signals: AbortSignal[] = [];
  const waiting: ((version: string) => void)[] = [];
  return {
    signals,
    get: <K extends Kind>(_kind: K, name: string, signal: AbortSignal) => {
      signals.push(signal);
      return new Promise<Result<KindMap[K], Failure>>((resolve) => {
        waiting.push((resourceVersion) =>
          resolve(ok({ metadata: { name, resourceVersion } } as unknown as KindMap[K])),
        );
      });
    },
    answer: async (version) => {
      waiting.shift()?.(version);
      // Until the callers that waited continue.
      await new Promise<void>((resolve) => void setImmediate(resolve));
    },
  };
}

function leaseOf(store: Pick<ObjectStore, "get">) {
  return (name: string, signal: AbortSignal): ReturnType<typeof store.get<"Lease">> =>
    store.get("Lease", name, signal);
}

function versionIn(read: { readonly ok: boolean; readonly value?: Lease }): string | undefined {
  return read.value?.metadata.resourceVersion;
}

describe("shared reads", () => {
  it("answer callers during a read by one that starts after their calls", async () => {
    const store = aSlowStore();
    const get = sharedReads(leaseOf(store), (name) => name);
    const first = get("lease", never);
    const others = [get("lease", never), get("lease", never), get("lease", never)];
    await store.answer("1");
    assert.equal(versionIn(await first), "1");
    assert.equal(store.signals.length, 2);
    await store.answer("2");
    assert.deepEqual((await Promise.all(others)).map(versionIn), ["2", "2", "2"]);
    const later = get("lease", never);
    await store.answer("3");
    assert.equal(versionIn(await later), "3");
    assert.equal(store.signals.length, 3);
  });

  it("do not let a caller join a read of its kind that has started already", async () => {
    const store = aSlowStore();
    const get = sharedReads(leaseOf(store), (name) => name);
    const first = get("lease", never);
    const second = get("lease", never);
    await store.answer("1");
    await first;
    // The second caller's read is under way now.
    const third = get("lease", never);
    await store.answer("2");
    await store.answer("3");
    assert.deepEqual([versionIn(await second), versionIn(await third)], ["2", "3"]);
  });

  it("let an aborted caller leave, and abort the read with the last one", async () => {
    const store = aSlowStore();
    const get = sharedReads(leaseOf(store), (name) => name);
    const first = get("lease", never);
    const leaving = new AbortController();
    const alsoLeaving = new AbortController();
    const left = get("lease", leaving.signal);
    const alsoLeft = get("lease", alsoLeaving.signal);
    leaving.abort();
    assert.deepEqual(await left, { ok: false, failure: { kind: "Cancelled" } });
    await store.answer("1");
    await first;
    assert.equal(store.signals[1]?.aborted, false);
    alsoLeaving.abort();
    assert.deepEqual(await alsoLeft, { ok: false, failure: { kind: "Cancelled" } });
    assert.equal(store.signals[1]?.aborted, true);
  });

  it("read names apart", async () => {
    const store = aSlowStore();
    const get = sharedReads(leaseOf(store), (name) => name);
    const reads = [get("a", never), get("b", never)];
    assert.equal(store.signals.length, 2);
    await store.answer("1");
    await store.answer("2");
    assert.deepEqual((await Promise.all(reads)).map(versionIn), ["1", "2"]);
  });
});
