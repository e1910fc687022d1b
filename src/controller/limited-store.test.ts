import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { AzVolume } from "../core/api/az-volume.ts";
import { fail, ok, type Result } from "../core/failure/result.ts";
import { aVolume } from "../core/testing/objects.ts";
import type { ObjectStore } from "../ports/store/object-store.ts";
import { limitedStore } from "./limited-store.ts";
import { withControllerPorts } from "./testing/a-controller.ts";

const never = new AbortController().signal;

/** Reads that are answered by the test, by the name of their object, in the order in which they begin. */
async function withReads(
  act: (store: ObjectStore, begun: Map<string, PromiseWithResolvers<Result<AzVolume>>>) => Promise<void>,
): Promise<void> {
  await withControllerPorts(async ({ store }) => {
    const begun = new Map<string, PromiseWithResolvers<Result<AzVolume>>>();
    const get = (_kind: string, name: string): Promise<Result<never>> => {
      const answer = Promise.withResolvers<Result<AzVolume>>();
      begun.set(name, answer);
      return answer.promise as Promise<Result<never>>;
    };
    await act(limitedStore({ ...store, get }, 2), begun);
  });
}

describe("limitedStore", () => {
  it("has so many calls under way at once, and begins the others in their order", () =>
    withReads(async (store, begun) => {
      const reads = ["a", "b", "c", "d"].map((name) => store.get("AzVolume", name, never));
      assert.deepEqual([...begun.keys()], ["a", "b"]);
      begun.get("b")?.resolve(ok(aVolume()));
      assert.deepEqual(await reads[1], ok(aVolume()));
      assert.deepEqual([...begun.keys()], ["a", "b", "c"]);
      begun.get("a")?.reject(new Error("a bug"));
      await assert.rejects(reads[0] ?? assert.fail("no read"), /a bug/u);
      assert.deepEqual([...begun.keys()], ["a", "b", "c", "d"], "a call that throws has ended, too");
      for (const name of ["c", "d"]) begun.get(name)?.resolve(ok(aVolume()));
      assert.deepEqual(await Promise.all(reads.slice(2)), [ok(aVolume()), ok(aVolume())]);
      const next = store.get("AzVolume", "e", never);
      assert.ok(begun.has("e"), "there is room again");
      begun.get("e")?.resolve(ok(aVolume()));
      await next;
    }));

  it("cancels a call that waits, and never begins it", () =>
    withReads(async (store, begun) => {
      const first = ["a", "b"].map((name) => store.get("AzVolume", name, never));
      const caller = new AbortController();
      const given = store.get("AzVolume", "c", caller.signal);
      const later = store.get("AzVolume", "d", never);
      caller.abort(new Error("the leader's term has ended"));
      assert.deepEqual(await given, fail({ kind: "Cancelled" }));
      assert.deepEqual(
        await store.get("AzVolume", "e", caller.signal),
        fail({ kind: "Cancelled" }),
        "nor one that comes too late",
      );
      begun.get("a")?.resolve(ok(aVolume()));
      await first[0];
      begun.get("d")?.resolve(ok(aVolume()));
      assert.deepEqual(await later, ok(aVolume()));
      assert.deepEqual([...begun.keys()], ["a", "b", "d"]);
      begun.get("b")?.resolve(ok(aVolume()));
      await first[1];
    }));
});
