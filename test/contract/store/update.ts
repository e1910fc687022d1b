import assert from "node:assert/strict";
import { describe } from "node:test";
import type { Failure } from "../../../src/core/failure/failure.ts";
import { valueOf } from "../../../src/core/testing/value-of.ts";
import type { ObjectStore } from "../../../src/ports/store/object-store.ts";
import { aNewVolume, aVolumeStatus } from "../worlds/object-builders.ts";
import { INCREMENTS, WRITERS, assertInvalid, failureOf, never, withLabels } from "./store-suite.ts";
import type { StoreSuite } from "./store-suite.ts";

/** Writes of spec, metadata and status, and their conflicts. */
export function updateContract({ on, name }: StoreSuite): void {
  describe(`${name}: update`, () => {
    on("refuses a write on an old version, and changes nothing", async ({ store, other }) => {
      const made = valueOf(await store.create("AzVolume", aNewVolume("pvc-1"), never));
      const first = valueOf(await store.update("AzVolume", withLabels(made, { by: "first" }), never));
      const conflict: Failure = { kind: "ObjectConflict", objectKind: "AzVolume", name: "pvc-1" };
      assert.deepEqual(
        failureOf(await other.update("AzVolume", withLabels(made, { by: "second" }), never)),
        conflict,
      );
      assert.deepEqual(
        failureOf(await other.updateStatus("AzVolume", { ...made, status: aVolumeStatus() }, never)),
        conflict,
      );
      assert.deepEqual(valueOf(await other.get("AzVolume", "pvc-1", never)), first);
    });

    on("refuses a write without a version", async ({ store }) => {
      const made = valueOf(await store.create("AzVolume", aNewVolume("pvc-1"), never));
      const withoutVersion = { ...made, metadata: { ...made.metadata, resourceVersion: "" } };
      assertInvalid(await store.update("AzVolume", withoutVersion, never), "metadata.resourceVersion");
    });

    on("reports that the object to be written is missing", async ({ store, missingIsConflict }) => {
      const made = valueOf(await store.create("AzVolume", aNewVolume("pvc-1"), never));
      valueOf(await store.delete("AzVolume", "pvc-1", {}, never));
      const kind = missingIsConflict === true ? "ObjectConflict" : "ObjectNotFound";
      const missing: Failure = { kind, objectKind: "AzVolume", name: "pvc-1" };
      assert.deepEqual(
        failureOf(await store.update("AzVolume", withLabels(made, { a: "1" }), never)),
        missing,
      );
      assert.deepEqual(
        failureOf(await store.updateStatus("AzVolume", { ...made, status: aVolumeStatus() }, never)),
        missing,
      );
    });

    on("refuses a write meant for an earlier object of the same name", async ({ store }) => {
      const earlier = valueOf(await store.create("AzVolume", aNewVolume("pvc-1"), never));
      valueOf(await store.delete("AzVolume", "pvc-1", {}, never));
      const later = valueOf(await store.create("AzVolume", aNewVolume("pvc-1"), never));
      assert.notEqual(later.metadata.uid, earlier.metadata.uid);
      const disguised = {
        ...earlier,
        metadata: { ...earlier.metadata, resourceVersion: later.metadata.resourceVersion },
      };
      for (const object of [earlier, disguised])
        assert.equal(
          failureOf(await store.update("AzVolume", withLabels(object, { a: "1" }), never)).kind,
          "ObjectConflict",
        );
    });

    on("increases the generation with each change of the spec, and only then", async ({ store }) => {
      const made = valueOf(await store.create("AzVolume", aNewVolume("pvc-1"), never));
      const labelled = valueOf(await store.update("AzVolume", withLabels(made, { a: "1" }), never));
      const spoken = valueOf(
        await store.updateStatus("AzVolume", { ...labelled, status: aVolumeStatus() }, never),
      );
      const asked = valueOf(
        await store.update("AzVolume", { ...spoken, spec: { ...spoken.spec, deleteRequested: true } }, never),
      );
      assert.deepEqual(
        [made, labelled, spoken, asked].map((object) => object.metadata.generation),
        [1, 1, 1, 2],
      );
      assert.equal(
        new Set([made, labelled, spoken, asked].map((object) => object.metadata.resourceVersion)).size,
        4,
      );
      assert.deepEqual(valueOf(await store.get("AzVolume", "pvc-1", never)), asked);
    });

    on("writes metadata and spec, and leaves the status alone", async ({ store }) => {
      const made = valueOf(
        await store.create(
          "AzVolume",
          aNewVolume("pvc-1", { labels: { a: "1" }, annotations: { b: "1" } }),
          never,
        ),
      );
      const spoken = valueOf(
        await store.updateStatus("AzVolume", { ...made, status: aVolumeStatus() }, never),
      );
      const { labels: _labels, ...withoutLabels } = spoken.metadata;
      const updated = valueOf(
        await store.update(
          "AzVolume",
          {
            metadata: { ...withoutLabels, annotations: { b: "2" } },
            spec: { ...spoken.spec, deleteRequested: true },
            status: aVolumeStatus({ state: "Deleting" }),
          },
          never,
        ),
      );
      const { resourceVersion } = updated.metadata;
      assert.deepEqual(updated, {
        metadata: { ...withoutLabels, resourceVersion, generation: 2, annotations: { b: "2" } },
        spec: { ...made.spec, deleteRequested: true },
        status: aVolumeStatus(),
      });
    });

    on("writes the status, and leaves metadata and spec alone", async ({ store }) => {
      const made = valueOf(
        await store.create("AzVolume", aNewVolume("pvc-1", { labels: { a: "1" } }), never),
      );
      const spoken = valueOf(
        await store.updateStatus(
          "AzVolume",
          {
            metadata: { ...made.metadata, labels: { a: "2" }, finalizers: ["x/y"] },
            spec: { ...made.spec, deleteRequested: true },
            status: aVolumeStatus(),
          },
          never,
        ),
      );
      const { resourceVersion } = spoken.metadata;
      assert.deepEqual(spoken, {
        metadata: { ...made.metadata, resourceVersion },
        spec: made.spec,
        status: aVolumeStatus(),
      });
      const { status: _status, ...withoutStatus } = spoken;
      assert.equal("status" in valueOf(await store.updateStatus("AzVolume", withoutStatus, never)), false);
    });

    on("keeps fields that only the store sets", async ({ store }) => {
      const made = valueOf(
        await store.create("AzVolume", aNewVolume("pvc-1", { finalizers: ["example.com/guard"] }), never),
      );
      valueOf(await store.delete("AzVolume", "pvc-1", {}, never));
      const marked = valueOf(await store.get("AzVolume", "pvc-1", never));
      const { deletionTimestamp: _unmarked, ...unmarked } = marked.metadata;
      const updated = valueOf(
        await store.update(
          "AzVolume",
          {
            ...marked,
            metadata: {
              ...unmarked,
              generation: 77,
              creationTimestamp: "2000-01-01T00:00:00Z",
              labels: { a: "1" },
            },
          },
          never,
        ),
      );
      assert.deepEqual(updated.metadata, {
        ...marked.metadata,
        labels: { a: "1" },
        resourceVersion: updated.metadata.resourceVersion,
      });
      assert.equal(updated.metadata.uid, made.metadata.uid);
    });

    on("creates no new version for a write that changes nothing", async ({ store }) => {
      const made = valueOf(
        await store.create("AzVolume", aNewVolume("pvc-1", { labels: { a: "1", b: "2" } }), never),
      );
      const spoken = valueOf(
        await store.updateStatus("AzVolume", { ...made, status: aVolumeStatus() }, never),
      );
      assert.deepEqual(
        valueOf(await store.update("AzVolume", withLabels(spoken, { b: "2", a: "1" }), never)),
        spoken,
      );
      assert.deepEqual(valueOf(await store.updateStatus("AzVolume", spoken, never)), spoken);
      assert.deepEqual(valueOf(await store.get("AzVolume", "pvc-1", never)), spoken);
    });

    on("loses no update of concurrent compare-and-swap writers of one object", async ({ store, other }) => {
      valueOf(await store.create("AzVolume", aNewVolume("pvc-1", { annotations: { count: "0" } }), never));
      const increment = async (by: ObjectStore): Promise<void> => {
        for (;;) {
          const read = valueOf(await by.get("AzVolume", "pvc-1", never));
          const count = Number(read.metadata.annotations?.["count"]) + 1;
          const written = await by.update(
            "AzVolume",
            { ...read, metadata: { ...read.metadata, annotations: { count: String(count) } } },
            never,
          );
          if (written.ok) return;
          assert.equal(written.failure.kind, "ObjectConflict");
        }
      };
      await Promise.all(
        Array.from({ length: WRITERS }, async (_, writer) => {
          for (let done = 0; done < INCREMENTS; done++) await increment(writer % 2 === 0 ? store : other);
        }),
      );
      assert.deepEqual(valueOf(await store.get("AzVolume", "pvc-1", never)).metadata.annotations, {
        count: String(WRITERS * INCREMENTS),
      });
    });

    on("lets exactly one of several creators of one name succeed", async ({ store, other }) => {
      const results = await Promise.all(
        Array.from({ length: WRITERS }, (_, writer) =>
          (writer % 2 === 0 ? store : other).create(
            "AzVolume",
            aNewVolume("pvc-1", { labels: { writer: String(writer) } }),
            never,
          ),
        ),
      );
      const made = results.filter((result) => result.ok);
      assert.equal(made.length, 1);
      assert.deepEqual(made[0]?.value, valueOf(await store.get("AzVolume", "pvc-1", never)));
    });
  });
}
