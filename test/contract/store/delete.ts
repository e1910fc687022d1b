import assert from "node:assert/strict";
import { describe } from "node:test";
import { valueOf } from "../../../src/core/testing/value-of.ts";
import { aNewVolume, aVolumeStatus } from "../worlds/object-builders.ts";
import { assertInvalid, failureOf, never, withFinalizers, withLabels } from "./store-suite.ts";
import type { StoreSuite } from "./store-suite.ts";

/** Deletions, with finalizers and preconditions. */
export function deleteContract({ on, name }: StoreSuite): void {
  describe(`${name}: delete`, () => {
    on("removes an object without finalizers at once", async ({ store }) => {
      valueOf(await store.create("AzVolume", aNewVolume("pvc-1"), never));
      assert.equal(valueOf(await store.delete("AzVolume", "pvc-1", {}, never)), undefined);
      assert.equal(failureOf(await store.get("AzVolume", "pvc-1", never)).kind, "ObjectNotFound");
      assert.deepEqual(failureOf(await store.delete("AzVolume", "pvc-1", {}, never)), {
        kind: "ObjectNotFound",
        objectKind: "AzVolume",
        name: "pvc-1",
      });
    });

    on("marks an object with finalizers for deletion, once", async ({ store }) => {
      const made = valueOf(
        await store.create("AzVolume", aNewVolume("pvc-1", { finalizers: ["example.com/guard"] }), never),
      );
      valueOf(await store.delete("AzVolume", "pvc-1", {}, never));
      const marked = valueOf(await store.get("AzVolume", "pvc-1", never));
      const { deletionTimestamp, resourceVersion } = marked.metadata;
      assert.match(deletionTimestamp ?? "", /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
      assert.notEqual(resourceVersion, made.metadata.resourceVersion);
      assert.deepEqual(marked, {
        ...made,
        metadata: { ...made.metadata, deletionTimestamp, resourceVersion, generation: 2 },
      });
      valueOf(await store.delete("AzVolume", "pvc-1", {}, never));
      assert.deepEqual(valueOf(await store.get("AzVolume", "pvc-1", never)), marked);
    });

    on("removes a marked object with its last finalizer, not before", async ({ store }) => {
      valueOf(
        await store.create(
          "AzVolume",
          aNewVolume("pvc-1", { finalizers: ["example.com/a", "example.com/b"] }),
          never,
        ),
      );
      valueOf(await store.delete("AzVolume", "pvc-1", {}, never));
      const one = valueOf(
        await store.update(
          "AzVolume",
          withFinalizers(valueOf(await store.get("AzVolume", "pvc-1", never)), ["example.com/b"]),
          never,
        ),
      );
      assert.deepEqual(one.metadata.finalizers, ["example.com/b"]);
      const none = valueOf(await store.update("AzVolume", withFinalizers(one, []), never));
      assert.equal(none.metadata.finalizers, undefined);
      assert.equal(failureOf(await store.get("AzVolume", "pvc-1", never)).kind, "ObjectNotFound");
      valueOf(await store.create("AzVolume", aNewVolume("pvc-1"), never));
    });

    on("keeps an unmarked object after its last finalizer is removed", async ({ store }) => {
      const made = valueOf(
        await store.create("AzVolume", aNewVolume("pvc-1", { finalizers: ["example.com/a"] }), never),
      );
      const freed = valueOf(await store.update("AzVolume", withFinalizers(made, []), never));
      assert.deepEqual(valueOf(await store.get("AzVolume", "pvc-1", never)), freed);
    });

    on("accepts no new finalizer on a marked object, but other writes", async ({ store }) => {
      valueOf(await store.create("AzVolume", aNewVolume("pvc-1", { finalizers: ["example.com/a"] }), never));
      valueOf(await store.delete("AzVolume", "pvc-1", {}, never));
      const marked = valueOf(await store.get("AzVolume", "pvc-1", never));
      assertInvalid(
        await store.update("AzVolume", withFinalizers(marked, ["example.com/a", "example.com/b"]), never),
        "metadata.finalizers",
      );
      const spoken = valueOf(
        await store.updateStatus(
          "AzVolume",
          { ...marked, status: aVolumeStatus({ state: "Deleting" }) },
          never,
        ),
      );
      valueOf(
        await store.update("AzVolume", { ...spoken, spec: { ...spoken.spec, deleteRequested: true } }, never),
      );
    });

    on("refuses to create over a marked object", async ({ store }) => {
      valueOf(await store.create("AzVolume", aNewVolume("pvc-1", { finalizers: ["example.com/a"] }), never));
      valueOf(await store.delete("AzVolume", "pvc-1", {}, never));
      assert.equal(
        failureOf(await store.create("AzVolume", aNewVolume("pvc-1"), never)).kind,
        "ObjectAlreadyExists",
      );
    });

    on("deletes only the object and the version that the caller names", async ({ store }) => {
      const made = valueOf(await store.create("AzVolume", aNewVolume("pvc-1"), never));
      const updated = valueOf(await store.update("AzVolume", withLabels(made, { a: "1" }), never));
      const { uid, resourceVersion } = updated.metadata;
      const other = [
        { uid: "00000000-0000-4000-8000-000000000000" },
        { resourceVersion: made.metadata.resourceVersion },
        { uid, resourceVersion: made.metadata.resourceVersion },
      ];
      for (const preconditions of other)
        assert.deepEqual(failureOf(await store.delete("AzVolume", "pvc-1", preconditions, never)), {
          kind: "ObjectConflict",
          objectKind: "AzVolume",
          name: "pvc-1",
        });
      assert.deepEqual(valueOf(await store.get("AzVolume", "pvc-1", never)), updated);
      valueOf(await store.delete("AzVolume", "pvc-1", { uid, resourceVersion }, never));
    });
  });
}
