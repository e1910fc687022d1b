import assert from "node:assert/strict";
import { describe } from "node:test";
import { nodeLabel } from "../../../src/core/api/node-labels.ts";
import { valueOf } from "../../../src/core/testing/value-of.ts";
import { WatchGone } from "../../../src/ports/store/object-store.ts";
import { aNewDriverNode, aNewVolume, aVolumeStatus } from "../worlds/object-builders.ts";
import {
  INCREMENTS,
  WRITERS,
  failureOf,
  never,
  ofShares,
  watching,
  withFinalizers,
  withLabels,
} from "./store-suite.ts";
import type { StoreSuite } from "./store-suite.ts";

/** Watches, and how they resume. */
export function watchContract({ on, name }: StoreSuite): void {
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
      "sends by the label of a node only what has it, its status and its loss included",
      async ({ store }) => {
        const selector = { [nodeLabel("node-a")]: "" };
        const mine = valueOf(
          await store.create("AzVolume", aNewVolume("pvc-1", { labels: { ...selector, more: "1" } }), never),
        );
        const labels = { [nodeLabel("node-b")]: "" };
        const other = valueOf(await store.create("AzVolume", aNewVolume("pvc-2", { labels }), never));
        const { items, resourceVersion } = valueOf(await store.list("AzVolume", selector, never));
        assert.deepEqual(items, [mine]);
        const watch = watching(store, "AzVolume", resourceVersion, selector);
        const status = aVolumeStatus();
        valueOf(await store.updateStatus("AzVolume", { ...other, status }, never));
        const changed = valueOf(await store.updateStatus("AzVolume", { ...mine, status }, never));
        valueOf(await store.update("AzVolume", withLabels(changed, { more: "1" }), never));
        const events = await watch.take(2);
        assert.deepEqual(
          events.map((event) => [event.type, event.object.metadata.name]),
          [
            ["MODIFIED", "pvc-1"],
            ["DELETED", "pvc-1"],
          ],
        );
        assert.deepEqual(events[0]?.object, changed);
        assert.ok((await store.get("AzVolume", "pvc-1", never)).ok, "it is there for those who read it");
        await watch.stop();
      },
    );

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
