import assert from "node:assert/strict";
import { describe } from "node:test";
import { valueOf } from "../../../src/core/testing/value-of.ts";
import type { KindMap } from "../../../src/ports/store/object-store.ts";
import { aNewDriverNode, aNewVolume, aVolumeStatus } from "../worlds/object-builders.ts";
import { assertInvalid, failureOf, never, withLabels } from "./store-suite.ts";
import type { StoreSuite } from "./store-suite.ts";

/** Objects that are made, read and listed. */
export function createAndReadContract({ on, name }: StoreSuite): void {
  describe(`${name}: create and read`, () => {
    on(
      "sets the server's fields of an object, and answers it to every reader at once",
      async ({ store, other }) => {
        const made = valueOf(
          await store.create(
            "AzVolume",
            aNewVolume("pvc-1", {
              labels: { a: "1" },
              annotations: { note: "x" },
              finalizers: ["example.com/guard"],
            }),
            never,
          ),
        );
        const { uid, resourceVersion, creationTimestamp, ...chosen } = made.metadata;
        assert.deepEqual(chosen, {
          name: "pvc-1",
          generation: 1,
          labels: { a: "1" },
          annotations: { note: "x" },
          finalizers: ["example.com/guard"],
        });
        assert.match(uid, /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
        assert.match(creationTimestamp, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
        assert.notEqual(resourceVersion, "");
        assert.deepEqual(made.spec, aNewVolume("pvc-1").spec);
        assert.deepEqual(valueOf(await other.get("AzVolume", "pvc-1", never)), made);
        assert.deepEqual(valueOf(await other.list("AzVolume", {}, never)).items, [made]);
      },
    );

    on("drops a status on creation, and fields that the resource doesn't have", async ({ store }) => {
      const object = { ...aNewVolume("pvc-1"), status: aVolumeStatus(), extra: 1 };
      const made = valueOf(
        await store.create(
          "AzVolume",
          { ...object, spec: { ...object.spec, extra: { deep: 1 } } as KindMap["AzVolume"]["spec"] },
          never,
        ),
      );
      assert.deepEqual(Object.keys(made).toSorted(), ["metadata", "spec"]);
      assert.deepEqual(made.spec, aNewVolume("pvc-1").spec);
    });

    on("stores nothing for a key whose value is undefined", async ({ store, other }) => {
      const withUndefined = {
        ...aNewVolume("pvc-1").spec,
        diskUri: undefined,
      } as unknown as KindMap["AzVolume"]["spec"];
      const made = valueOf(
        await store.create("AzVolume", { ...aNewVolume("pvc-1"), spec: withUndefined }, never),
      );
      const status = { ...aVolumeStatus(), detail: undefined, record: undefined } as unknown as NonNullable<
        KindMap["AzVolume"]["status"]
      >;
      valueOf(await store.updateStatus("AzVolume", { ...made, status }, never));
      const read = valueOf(await other.get("AzVolume", "pvc-1", never));
      assert.equal("diskUri" in read.spec, false);
      assert.deepEqual(read.status, aVolumeStatus());
      assert.equal(Object.hasOwn(read.status ?? {}, "detail"), false);
    });

    on("keeps objects of one name but different kinds apart", async ({ store }) => {
      valueOf(await store.create("AzVolume", aNewVolume("same"), never));
      assert.deepEqual(failureOf(await store.get("AzDriverNode", "same", never)), {
        kind: "ObjectNotFound",
        objectKind: "AzDriverNode",
        name: "same",
      });
      valueOf(await store.create("AzDriverNode", aNewDriverNode("same"), never));
    });

    on("refuses to create over an existing object, and leaves it unchanged", async ({ store, other }) => {
      const made = valueOf(await store.create("AzVolume", aNewVolume("pvc-1"), never));
      assert.deepEqual(
        failureOf(await other.create("AzVolume", aNewVolume("pvc-1", { labels: { a: "2" } }), never)),
        {
          kind: "ObjectAlreadyExists",
          objectKind: "AzVolume",
          name: "pvc-1",
        },
      );
      // Validation precedes the conflict.
      const spec = { ...made.spec, disk: { ...made.spec.disk, maxShares: 0 } };
      assertInvalid(
        await other.create("AzVolume", { ...aNewVolume("pvc-1"), spec }, never),
        "spec.disk.maxShares",
      );
      assert.deepEqual(valueOf(await store.get("AzVolume", "pvc-1", never)), made);
    });

    on("reports a missing object", async ({ store }) => {
      assert.deepEqual(failureOf(await store.get("AzVolume", "pvc-1", never)), {
        kind: "ObjectNotFound",
        objectKind: "AzVolume",
        name: "pvc-1",
      });
    });

    on("lists by name and by labels", async ({ store }) => {
      for (const [volume, labels] of [
        ["b", { x: "1", y: "1" }],
        ["a.b", { x: "1" }],
        ["a", { x: "2" }],
        ["a-b", undefined],
      ] as const) {
        valueOf(
          await store.create("AzVolume", aNewVolume(volume, labels === undefined ? {} : { labels }), never),
        );
      }
      const namesOf = async (selector: Record<string, string>): Promise<readonly string[]> =>
        valueOf(await store.list("AzVolume", selector, never)).items.map((item) => item.metadata.name);
      assert.deepEqual(await namesOf({}), ["a", "a-b", "a.b", "b"]);
      assert.deepEqual(await namesOf({ x: "1" }), ["a.b", "b"]);
      assert.deepEqual(await namesOf({ x: "1", y: "1" }), ["b"]);
      assert.deepEqual(await namesOf({ x: "3" }), []);
      assert.deepEqual(valueOf(await store.list("AzVolumeAttachment", {}, never)).items, []);
    });

    on("does nothing for an aborted signal", async ({ store }) => {
      const made = valueOf(await store.create("AzVolume", aNewVolume("pvc-1"), never));
      const aborted = AbortSignal.abort();
      const results = [
        await store.get("AzVolume", "pvc-1", aborted),
        await store.list("AzVolume", {}, aborted),
        await store.create("AzVolume", aNewVolume("pvc-2"), aborted),
        await store.update("AzVolume", withLabels(made, { a: "1" }), aborted),
        await store.updateStatus("AzVolume", { ...made, status: aVolumeStatus() }, aborted),
        await store.delete("AzVolume", "pvc-1", {}, aborted),
      ];
      for (const result of results) assert.deepEqual(failureOf(result), { kind: "Cancelled" });
      assert.deepEqual(valueOf(await store.list("AzVolume", {}, never)).items, [made]);
    });
  });
}
