import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { AzVolume } from "../../src/core/api/az-volume.ts";
import type { Failure } from "../../src/core/failure/failure.ts";
import type { Result } from "../../src/core/failure/result.ts";
import { valueOf } from "../../src/core/testing/value-of.ts";
import { WatchGone } from "../../src/ports/store/object-store.ts";
import type { Kind, KindMap, ObjectStore, WatchEvent } from "../../src/ports/store/object-store.ts";
import { aNewAttachment, aNewDriverNode, aNewVolume, aVolumeStatus } from "./worlds/object-builders.ts";

/** An empty store to test against the contract. */
export interface StoreUnderTest {
  readonly store: ObjectStore;
  /** The same store with another client. */
  readonly other: ObjectStore;
  /** Lets time pass until a quiet watch must have received a bookmark. */
  readonly letBookmarkIntervalPass: () => Promise<void>;
  /** Compacts every change so far: a watch from an earlier version fails as too old. */
  readonly forgetHistory: () => Promise<void>;
  readonly close: () => Promise<void>;
}

const TEST_TIMEOUT_MS = 600_000;
const WRITERS = 8;
const INCREMENTS = 12;
const never = new AbortController().signal;
const ofShares = (maxShares: number) => ({ disk: { ...aNewVolume("pvc-1").spec.disk, maxShares } });

/** Declares the tests of Kubernetes' object semantics that every object store passes. */
export function objectStoreContract(
  name: string,
  makeStore: () => Promise<StoreUnderTest>,
  { timeoutMs = TEST_TIMEOUT_MS } = {},
): void {
  function on(sentence: string, test: (under: StoreUnderTest) => Promise<void>): void {
    it(sentence, { timeout: timeoutMs }, async () => {
      const under = await makeStore();
      try {
        await test(under);
      } finally {
        await under.close();
      }
    });
  }

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

  describe(`${name}: validation`, () => {
    const names = [
      { volume: "", because: "empty" },
      { volume: "Upper", because: "upper case" },
      { volume: "under_score", because: "an underscore" },
      { volume: "-front", because: "begins with a dash" },
      { volume: "back-", because: "ends with a dash" },
      { volume: "a..b", because: "an empty label" },
      { volume: "a.-b", because: "a label that begins with a dash" },
      { volume: "with space", because: "a space" },
      { volume: "a/b", because: "a slash" },
      { volume: "x".repeat(254), because: "254 characters" },
    ];
    for (const { volume, because } of names) {
      on(`refuses a name that is not an RFC 1123 subdomain: ${because}`, async ({ store }) => {
        assertInvalid(
          await store.create("AzVolume", aNewVolume(volume, {}, { volumeName: "pvc" }), never),
          "metadata.name",
        );
      });
    }

    on("accepts the longest valid name", async ({ store }) => {
      const longest = `${"x".repeat(251)}.y`;
      valueOf(await store.create("AzVolume", aNewVolume(longest), never));
      assert.equal(valueOf(await store.get("AzVolume", longest, never)).metadata.name, longest);
      valueOf(await store.delete("AzVolume", longest, {}, never));
    });

    const metadata = [
      { given: { labels: { a: "not a label value" } }, field: "metadata.labels" },
      { given: { labels: { a: "x".repeat(64) } }, field: "metadata.labels" },
      { given: { labels: { "a/b/c": "1" } }, field: "metadata.labels" },
      { given: { annotations: { "": "1" } }, field: "metadata.annotations" },
      { given: { finalizers: ["not a name"] }, field: "metadata.finalizers" },
    ];
    for (const { given, field } of metadata) {
      on(`refuses ${field} ${JSON.stringify(Object.values(given)[0]).slice(0, 40)}`, async ({ store }) => {
        assertInvalid(
          await store.create(
            "AzVolume",
            aNewVolume("pvc-1", given as Parameters<typeof aNewVolume>[1]),
            never,
          ),
          field,
        );
      });
    }

    const specs = [
      { given: ofShares(0), field: "spec.disk.maxShares", because: "below its least value" },
      { given: ofShares(16), field: "spec.disk.maxShares", because: "above its greatest value" },
      { given: ofShares(1.5), field: "spec.disk.maxShares", because: "not whole" },
      {
        given: { ...ofShares(2), maxMountReplicaCount: 2 },
        field: "spec.maxMountReplicaCount",
        because: "not less than maxShares",
      },
      { given: { capabilities: [] }, field: "spec.capabilities", because: "too few" },
      { given: { deleteRequested: "yes" }, field: "spec.deleteRequested", because: "of another type" },
      { given: { volumeName: undefined }, field: "spec.volumeName", because: "missing" },
      {
        given: { volumeContext: { a: 1 } },
        field: "spec.volumeContext.a",
        because: "of another type, deep inside",
      },
    ];
    for (const { given, field, because } of specs) {
      on(`names ${field} when it is ${because}`, async ({ store }) => {
        assertInvalid(
          await store.create(
            "AzVolume",
            aNewVolume("pvc-1", {}, given as Parameters<typeof aNewVolume>[2]),
            never,
          ),
          field,
        );
        assert.deepEqual(valueOf(await store.list("AzVolume", {}, never)).items, []);
      });
    }

    on("validates updates of spec and of status as it validates new objects", async ({ store }) => {
      const made = valueOf(await store.create("AzVolume", aNewVolume("pvc-1"), never));
      assertInvalid(
        await store.update("AzVolume", { ...made, spec: { ...made.spec, maxMountReplicaCount: 3 } }, never),
        "spec.maxMountReplicaCount",
      );
      assertInvalid(
        await store.update("AzVolume", withLabels(made, { a: "no label" }), never),
        "metadata.labels",
      );
      assertInvalid(
        await store.updateStatus(
          "AzVolume",
          { ...made, status: { ...aVolumeStatus(), state: "Lost" as "Pending" } },
          never,
        ),
        "status.state",
      );
      assert.deepEqual(valueOf(await store.get("AzVolume", "pvc-1", never)), made);
    });

    on("keeps immutable fields of an AzVolume", async ({ store }) => {
      const made = valueOf(await store.create("AzVolume", aNewVolume("pvc-1"), never));
      assertInvalid(
        await store.update("AzVolume", { ...made, spec: { ...made.spec, volumeName: "pvc-2" } }, never),
        "spec.volumeName",
      );
      const { disk } = made.spec;
      const others = {
        skuName: "Premium_ZRS",
        maxShares: 4,
        location: "westus",
        zone: "1",
        resourceGroup: "rg",
        sourceUri: "/subscriptions/s/resourceGroups/rg/providers/Microsoft.Compute/snapshots/s",
      };
      for (const [field, value] of Object.entries(others)) {
        const spec = { ...made.spec, disk: { ...disk, [field]: value } };
        assertInvalid(await store.update("AzVolume", { ...made, spec }, never), `spec.disk.${field}`);
      }
      const modification = { skuName: "Premium_ZRS", networkAccessPolicy: "DenyAll" } as const;
      const asked = valueOf(
        await store.update("AzVolume", { ...made, spec: { ...made.spec, modification } }, never),
      );
      // As Azure shows it at the end: another request may have been made before this one replaced it.
      const shown = { ...disk, skuName: "Standard_LRS", networkAccessPolicy: "DenyAll" } as const;
      const early: AzVolume = { ...asked, spec: { ...asked.spec, disk: shown } };
      assertInvalid(await store.update("AzVolume", early, never), "spec.disk.skuName");
      const ended: AzVolume = { ...asked, spec: { ...made.spec, disk: shown } };
      const modified = valueOf(await store.update("AzVolume", ended, never));
      assertInvalid(
        await store.update("AzVolume", { ...modified, spec: made.spec }, never),
        "spec.disk.skuName",
      );
      const grown = { ...modified.spec, disk: { ...modified.spec.disk, sizeGiB: disk.sizeGiB + 1 } };
      valueOf(await store.update("AzVolume", { ...modified, spec: grown }, never));
    });

    for (const field of ["volumeName", "volumeId", "nodeName"] as const) {
      on(`keeps ${field} of an AzVolumeAttachment`, async ({ store }) => {
        const made = valueOf(await store.create("AzVolumeAttachment", aNewAttachment("pvc-1-node-a"), never));
        assertInvalid(
          await store.update(
            "AzVolumeAttachment",
            { ...made, spec: { ...made.spec, [field]: "other" } },
            never,
          ),
          `spec.${field}`,
        );
        valueOf(
          await store.update(
            "AzVolumeAttachment",
            { ...made, spec: { ...made.spec, role: "Primary" } },
            never,
          ),
        );
      });
    }

    on("keeps nodeName of an AzDriverNode", async ({ store }) => {
      const made = valueOf(await store.create("AzDriverNode", aNewDriverNode("node-a"), never));
      assertInvalid(
        await store.update("AzDriverNode", { ...made, spec: { nodeName: "node-b" } }, never),
        "spec.nodeName",
      );
    });
  });

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

    on("reports that the object to be written is missing", async ({ store }) => {
      const made = valueOf(await store.create("AzVolume", aNewVolume("pvc-1"), never));
      valueOf(await store.delete("AzVolume", "pvc-1", {}, never));
      const missing: Failure = { kind: "ObjectNotFound", objectKind: "AzVolume", name: "pvc-1" };
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
      for (const preconditions of other) {
        assert.deepEqual(failureOf(await store.delete("AzVolume", "pvc-1", preconditions, never)), {
          kind: "ObjectConflict",
          objectKind: "AzVolume",
          name: "pvc-1",
        });
      }
      assert.deepEqual(valueOf(await store.get("AzVolume", "pvc-1", never)), updated);
      valueOf(await store.delete("AzVolume", "pvc-1", { uid, resourceVersion }, never));
    });
  });

  describe(`${name}: leases`, () => {
    const spec = {
      holderIdentity: "first",
      leaseDurationSeconds: 15,
      renewTime: "2026-01-02T03:04:05.678Z",
      leaseTransitions: 0,
    };

    on(
      "keeps a Lease to the millisecond, and reports changes to other candidates",
      async ({ store, other }) => {
        const made = valueOf(
          await store.create(
            "Lease",
            { metadata: { name: "leader", annotations: { counter: "1" } }, spec },
            never,
          ),
        );
        assert.deepEqual([made.spec, made.metadata.annotations], [spec, { counter: "1" }]);
        const { items, resourceVersion } = valueOf(await other.list("Lease", {}, never));
        assert.deepEqual(items, [made]);
        const watch = watching(other, "Lease", resourceVersion);
        const renewed = valueOf(
          await store.update(
            "Lease",
            { ...made, spec: { ...spec, renewTime: "2026-01-02T03:04:10.001Z" } },
            never,
          ),
        );
        assert.equal(renewed.spec.renewTime, "2026-01-02T03:04:10.001Z");
        assert.deepEqual(await watch.take(1), [{ type: "MODIFIED", object: renewed }]);
        await watch.stop();
      },
    );

    on("lets one of two candidates win, and a holder release it", async ({ store, other }) => {
      const made = valueOf(await store.create("Lease", { metadata: { name: "leader" }, spec }, never));
      const released = valueOf(
        await store.update(
          "Lease",
          { ...made, spec: { ...spec, holderIdentity: "", leaseDurationSeconds: 1 } },
          never,
        ),
      );
      assert.deepEqual([released.spec.holderIdentity, released.spec.leaseDurationSeconds], ["", 1]);
      const results = await Promise.all(
        [store, other].map((by, index) =>
          by.update(
            "Lease",
            { ...released, spec: { ...spec, holderIdentity: `candidate-${index}`, leaseTransitions: 1 } },
            never,
          ),
        ),
      );
      assert.deepEqual(results.map((result) => (result.ok ? "won" : result.failure.kind)).toSorted(), [
        "ObjectConflict",
        "won",
      ]);
    });

    on("refuses a Lease without a duration", async ({ store }) => {
      assertInvalid(
        await store.create(
          "Lease",
          { metadata: { name: "leader" }, spec: { ...spec, leaseDurationSeconds: 0 } },
          never,
        ),
        "spec.leaseDurationSeconds",
      );
    });
  });

  describe(`${name}: watch`, () => {
    on("reports every change of its kind after its version, in order", async ({ store, other }) => {
      const made = valueOf(
        await store.create("AzVolume", aNewVolume("pvc-1", { finalizers: ["example.com/a"] }), never),
      );
      const { resourceVersion } = valueOf(await store.list("AzVolume", {}, never));
      const labelled = valueOf(await store.update("AzVolume", withLabels(made, { a: "1" }), never));
      valueOf(await store.create("AzDriverNode", aNewDriverNode("node-a"), never));
      const watch = watching(other, "AzVolume", resourceVersion);
      const spoken = valueOf(
        await store.updateStatus("AzVolume", { ...labelled, status: aVolumeStatus() }, never),
      );
      const second = valueOf(await store.create("AzVolume", aNewVolume("pvc-2"), never));
      valueOf(await store.delete("AzVolume", "pvc-1", {}, never));
      const marked = valueOf(await store.get("AzVolume", "pvc-1", never));
      valueOf(await store.update("AzVolume", withFinalizers(marked, []), never));
      const events = await watch.take(5);
      assert.deepEqual(events.slice(0, 4), [
        { type: "MODIFIED", object: labelled },
        { type: "MODIFIED", object: spoken },
        { type: "ADDED", object: second },
        { type: "MODIFIED", object: marked },
      ]);
      const last = events[4];
      assert.deepEqual([last?.type, last?.object.metadata.uid], ["DELETED", made.metadata.uid]);
      assert.notEqual(last?.object.metadata.resourceVersion, marked.metadata.resourceVersion);
      await watch.stop();
    });

    on("reports nothing for writes that failed or changed nothing", async ({ store }) => {
      const made = valueOf(await store.create("AzVolume", aNewVolume("pvc-1"), never));
      const watch = watching(store, "AzVolume", made.metadata.resourceVersion);
      failureOf(await store.create("AzVolume", aNewVolume("pvc-1"), never));
      failureOf(await store.update("AzVolume", { ...made, spec: { ...made.spec, ...ofShares(99) } }, never));
      valueOf(await store.update("AzVolume", made, never));
      const next = valueOf(await store.create("AzVolume", aNewVolume("pvc-2"), never));
      assert.deepEqual(await watch.take(1), [{ type: "ADDED", object: next }]);
      await watch.stop();
    });

    on("resumes after any event with neither a gap nor a repetition", async ({ store, other }) => {
      const { resourceVersion } = valueOf(await store.list("AzVolume", {}, never));
      for (let index = 0; index < 5; index++) {
        const made = valueOf(await store.create("AzVolume", aNewVolume(`pvc-${index}`), never));
        valueOf(await store.updateStatus("AzVolume", { ...made, status: aVolumeStatus() }, never));
      }
      valueOf(await store.delete("AzVolume", "pvc-0", {}, never));
      const whole = watching(store, "AzVolume", resourceVersion);
      const events = await whole.take(11);
      await whole.stop();
      for (const [index, event] of events.entries()) {
        const rest = watching(other, "AzVolume", event.object.metadata.resourceVersion);
        assert.deepEqual(await rest.take(events.length - index - 1), events.slice(index + 1));
        await rest.stop();
      }
    });

    on("neither loses nor repeats events under concurrent writes", async ({ store, other }) => {
      const { resourceVersion } = valueOf(await store.list("AzVolume", {}, never));
      const total = WRITERS * INCREMENTS;
      const writing = Promise.all(
        Array.from({ length: WRITERS }, async (_, writer) => {
          for (let index = 0; index < INCREMENTS; index++)
            valueOf(
              await (writer % 2 === 0 ? store : other).create(
                "AzVolume",
                aNewVolume(`pvc-${writer}-${index}`),
                never,
              ),
            );
        }),
      );
      const seen: string[] = [];
      for (let version = resourceVersion; seen.length < total;) {
        const watch = watching(other, "AzVolume", version);
        const part = await watch.take(Math.min(7, total - seen.length));
        await watch.stop();
        seen.push(...part.map((event) => event.object.metadata.name));
        version = part.at(-1)?.object.metadata.resourceVersion ?? version;
      }
      await writing;
      assert.equal(new Set(seen).size, total);
      const whole = watching(store, "AzVolume", resourceVersion);
      assert.deepEqual(
        (await whole.take(total)).map((event) => event.object.metadata.name),
        seen,
      );
      await whole.stop();
    });

    on("joins a list without a gap", async ({ store, other }) => {
      const writing = (async () => {
        for (let index = 0; index < 40; index++)
          valueOf(await store.create("AzVolume", aNewVolume(`pvc-${index}`), never));
      })();
      const { items, resourceVersion } = valueOf(await other.list("AzVolume", {}, never));
      const watch = watching(other, "AzVolume", resourceVersion);
      const rest = await watch.take(40 - items.length);
      await watch.stop();
      await writing;
      const names = [
        ...items.map((item) => item.metadata.name),
        ...rest.map((event) => event.object.metadata.name),
      ];
      assert.deepEqual(names.toSorted(), Array.from({ length: 40 }, (_, index) => `pvc-${index}`).toSorted());
    });

    on("reports ADDED when an object begins to match, and DELETED when it stops", async ({ store }) => {
      const { resourceVersion } = valueOf(await store.list("AzVolume", {}, never));
      const watch = watching(store, "AzVolume", resourceVersion, { node: "a" });
      const made = valueOf(await store.create("AzVolume", aNewVolume("pvc-1"), never));
      const begins = valueOf(await store.update("AzVolume", withLabels(made, { node: "a" }), never));
      const stays = valueOf(
        await store.update("AzVolume", withLabels(begins, { node: "a", more: "1" }), never),
      );
      const stops = valueOf(await store.update("AzVolume", withLabels(stays, { node: "b" }), never));
      valueOf(await store.update("AzVolume", withLabels(stops, { node: "c" }), never));
      valueOf(await store.delete("AzVolume", "pvc-1", {}, never));
      const other = valueOf(
        await store.create("AzVolume", aNewVolume("pvc-2", { labels: { node: "a" } }), never),
      );
      valueOf(await store.delete("AzVolume", "pvc-2", {}, never));
      const events = await watch.take(5);
      assert.deepEqual(
        events.map((event) => [event.type, event.object.metadata.name]),
        [
          ["ADDED", "pvc-1"],
          ["MODIFIED", "pvc-1"],
          ["DELETED", "pvc-1"],
          ["ADDED", "pvc-2"],
          ["DELETED", "pvc-2"],
        ],
      );
      assert.deepEqual([events[0]?.object, events[1]?.object, events[3]?.object], [begins, stays, other]);
      assert.equal(events[2]?.object.metadata.resourceVersion, stops.metadata.resourceVersion);
      await watch.stop();
    });

    on(
      "sends bookmarks to a quiet watch, which resumes from them without loss",
      async ({ store, other, letBookmarkIntervalPass }) => {
        const { resourceVersion } = valueOf(await store.list("AzVolume", {}, never));
        const watch = watching(other, "AzVolume", resourceVersion);
        valueOf(await store.create("AzDriverNode", aNewDriverNode("node-a"), never));
        const bookmark = watch.nextBookmark();
        await letBookmarkIntervalPass();
        const version = await bookmark;
        assert.notEqual(version, resourceVersion);
        await watch.stop();
        const made = valueOf(await store.create("AzVolume", aNewVolume("pvc-1"), never));
        const resumed = watching(other, "AzVolume", version);
        assert.deepEqual(await resumed.take(1), [{ type: "ADDED", object: made }]);
        await resumed.stop();
      },
    );

    on(
      "reports that a version is too old, and continues from a new list",
      async ({ store, other, forgetHistory }) => {
        const old = valueOf(await store.list("AzVolume", {}, never));
        valueOf(await store.create("AzVolume", aNewVolume("pvc-1"), never));
        await forgetHistory();
        await assert.rejects(watching(other, "AzVolume", old.resourceVersion).take(1), WatchGone);
        const { resourceVersion } = valueOf(await other.list("AzVolume", {}, never));
        const watch = watching(other, "AzVolume", resourceVersion);
        const next = valueOf(await store.create("AzVolume", aNewVolume("pvc-2"), never));
        assert.deepEqual(await watch.take(1), [{ type: "ADDED", object: next }]);
        await watch.stop();
      },
    );

    on("ends at once when its signal is aborted, waiting or not yet begun", async ({ store }) => {
      const { resourceVersion } = valueOf(await store.list("AzVolume", {}, never));
      const controller = new AbortController();
      const iterator = store
        .watch("AzVolume", {}, resourceVersion, controller.signal)
        [Symbol.asyncIterator]();
      valueOf(await store.create("AzVolume", aNewVolume("pvc-1"), never));
      assert.equal((await iterator.next()).done, false);
      const waiting = iterator.next();
      controller.abort();
      assert.deepEqual(await waiting, { done: true, value: undefined });
      assert.deepEqual(await iterator.next(), { done: true, value: undefined });
      const unbegun = store.watch("AzVolume", {}, resourceVersion, controller.signal)[Symbol.asyncIterator]();
      assert.deepEqual(await unbegun.next(), { done: true, value: undefined });
    });

    on("ends at once with events left to deliver", async ({ store }) => {
      const { resourceVersion } = valueOf(await store.list("AzVolume", {}, never));
      for (let index = 0; index < 10; index++)
        valueOf(await store.create("AzVolume", aNewVolume(`pvc-${index}`), never));
      const controller = new AbortController();
      let told = 0;
      for await (const _event of store.watch("AzVolume", {}, resourceVersion, controller.signal))
        if (++told === 3) controller.abort();
      assert.equal(told, 3);
    });

    on("delays neither writers nor other watchers behind a slow watcher", async ({ store, other }) => {
      const { resourceVersion } = valueOf(await store.list("AzVolume", {}, never));
      const slow = watching(other, "AzVolume", resourceVersion);
      const quick = watching(other, "AzVolume", resourceVersion);
      const names: string[] = [];
      for (let index = 0; index < 30; index++) {
        names.push(valueOf(await store.create("AzVolume", aNewVolume(`pvc-${index}`), never)).metadata.name);
        assert.equal((await quick.take(1))[0]?.object.metadata.name, names.at(-1));
      }
      assert.deepEqual(
        (await slow.take(30)).map((event) => event.object.metadata.name),
        names,
      );
      await Promise.all([slow.stop(), quick.stop()]);
    });
  });
}

function failureOf(result: Result<unknown, Failure>): Failure {
  assert.ok(!result.ok, `succeeded: ${JSON.stringify(result)}`);
  return result.failure;
}

function assertInvalid(result: Result<unknown, Failure>, field: string): void {
  const failure = failureOf(result);
  assert.ok(failure.kind === "ObjectInvalid", JSON.stringify(failure));
  assert.ok(failure.problem.includes(field), `"${failure.problem}" doesn't name ${field}`);
}

function withLabels<T extends KindMap[Kind]>(object: T, labels: Record<string, string>): T {
  return { ...object, metadata: { ...object.metadata, labels } };
}

function withFinalizers<T extends KindMap[Kind]>(object: T, finalizers: readonly string[]): T {
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

function watching<K extends Kind>(
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
