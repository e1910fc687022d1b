import assert from "node:assert/strict";
import { copyFileSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { describe, it } from "node:test";
import { ok } from "../../core/failure/result.ts";
import { WatchBroken, WatchGone } from "../../ports/store/object-store.ts";
import type { KindMap, ObjectStore } from "../../ports/store/object-store.ts";
import { systemClock } from "../system/system-clock.ts";
import { systemRandom } from "../system/system-random.ts";
import { createVirtualClock } from "../virtual/virtual-clock.ts";
import { openEmbeddedStore } from "./embedded-store.ts";
import type { EmbeddedStore, EmbeddedStoreOptions } from "./embedded-store.ts";
import { StoreFileRefused } from "./store-file.ts";

const never = new AbortController().signal;

interface Place {
  readonly file: string;
  readonly open: (options?: Partial<EmbeddedStoreOptions>) => EmbeddedStore;
}

/** Runs a test in a folder of its own; closes whatever it opened. */
function inFolder(test: (place: Place) => Promise<void>): () => Promise<void> {
  return async () => {
    const directory = mkdtempSync(join(tmpdir(), "embedded-store-"));
    const file = join(directory, "store.db");
    const opened: EmbeddedStore[] = [];
    try {
      await test({
        file,
        open: (options) => {
          const store = openEmbeddedStore({ file, clock: systemClock, random: systemRandom, ...options });
          opened.push(store);
          return store;
        },
      });
    } finally {
      for (const store of opened) store.close();
      rmSync(directory, { recursive: true });
    }
  };
}

describe("openEmbeddedStore", () => {
  it(
    "keeps objects, versions and history from one opening to the next",
    inFolder(async ({ open }) => {
      const first = open();
      const made = await createNode(first, "node-a");
      const next = await createNode(first, "node-b");
      first.close();
      const second = open();
      assert.deepEqual(await second.get("AzDriverNode", "node-a", never), ok(made));
      assert.deepEqual(await firstEvent(second, made.metadata.resourceVersion), {
        type: "ADDED",
        object: next,
      });
      const later = await createNode(second, "node-c");
      assert.deepEqual(await firstEvent(second, next.metadata.resourceVersion), {
        type: "ADDED",
        object: later,
      });
    }),
  );

  it(
    "lets only its owner read the file",
    inFolder(async ({ file, open }) => {
      await createNode(open(), "node-a");
      for (const path of [file, `${file}-wal`]) assert.equal(statSync(path).mode & 0o777, 0o600);
    }),
  );

  it(
    "refuses a file that another store has open, with the remedy",
    inFolder(async ({ file, open }) => {
      open();
      assert.throws(
        () => open(),
        (error) =>
          error instanceof StoreFileRefused &&
          error.message.includes(`${file} can't be opened: another process or another store has it open`),
      );
    }),
  );

  it(
    "refuses a folder, and a file in a folder that is missing, with the remedy",
    inFolder(async ({ file, open }) => {
      for (const wrong of [dirname(file), join(dirname(file), "missing", "store.db")])
        assert.throws(
          () => open({ file: wrong }),
          (error) =>
            error instanceof StoreFileRefused &&
            error.message.startsWith(`store file ${wrong} can't be opened: E`) &&
            error.message.includes("Name a file in a folder that exists"),
        );
    }),
  );

  it(
    "refuses a file that is no store",
    inFolder(async ({ file, open }) => {
      writeFileSync(file, "this is not a database, and long enough to be one".repeat(100));
      assert.throws(
        () => open(),
        (error) => error instanceof StoreFileRefused && /not a store or is damaged/.test(error.message),
      );
    }),
  );

  it(
    "refuses a file of a later format",
    inFolder(async ({ file, open }) => {
      open().close();
      const db = new DatabaseSync(file);
      db.exec("PRAGMA user_version = 99");
      db.close();
      assert.throws(
        () => open(),
        (error) => error instanceof StoreFileRefused && /has format 99/.test(error.message),
      );
    }),
  );

  it(
    "accepts no version of a lost time after the file was restored from a backup",
    inFolder(async ({ file, open }) => {
      const first = open();
      const made = await createNode(first, "node-a");
      first.close();
      copyFileSync(file, `${file}.backup`);
      const second = open();
      const lost = await label(second, made, "lost");
      second.close();
      copyFileSync(`${file}.backup`, file);
      const third = open();
      assert.deepEqual(await third.get("AzDriverNode", "node-a", never), ok(made));
      await assert.rejects(firstEvent(third, lost.metadata.resourceVersion), WatchGone);
      const again = await label(third, made, "again");
      await assert.rejects(firstEvent(third, lost.metadata.resourceVersion), WatchGone);
      assert.equal((await third.update("AzDriverNode", { ...lost, spec: made.spec }, never)).ok, false);
      assert.deepEqual(await firstEvent(third, made.metadata.resourceVersion), {
        type: "MODIFIED",
        object: again,
      });
    }),
  );

  it(
    "knows no version of the file that was there before it",
    inFolder(async ({ file, open }) => {
      const first = open();
      const old = await createNode(first, "node-a");
      first.close();
      rmSync(file);
      const second = open();
      await createNode(second, "node-a");
      await assert.rejects(firstEvent(second, old.metadata.resourceVersion), WatchGone);
    }),
  );

  it(
    "never issues a version twice, even if the clock was set back",
    inFolder(async ({ open }) => {
      const first = open({ clock: createVirtualClock({ startMs: 1_000_000 }) });
      const made = await createNode(first, "node-a");
      first.close();
      const second = open({ clock: createVirtualClock({ startMs: 1_000 }) });
      const next = await createNode(second, "node-b");
      assert.ok(BigInt(next.metadata.resourceVersion) > BigInt(made.metadata.resourceVersion));
    }),
  );

  for (const { version, because } of [
    { version: "9007199254740991", because: "of the future" },
    { version: "", because: "missing" },
    { version: "abc", because: "no number" },
    { version: "1", because: "before the store's birth" },
  ]) {
    it(
      `reports a version gone that is ${because}`,
      inFolder(async ({ open }) => {
        await assert.rejects(firstEvent(open(), version), WatchGone);
      }),
    );
  }

  it(
    "keeps the history of a kind that is quiet while another is busy",
    inFolder(async ({ open }) => {
      const store = open({ historyMax: 10 });
      const listed = await store.list("AzVolumeAttachment", {}, never);
      assert.ok(listed.ok);
      for (let index = 0; index < 30; index++) await createNode(store, `node-${index}`);
      const attachment = await store.create(
        "AzVolumeAttachment",
        {
          metadata: { name: "x" },
          spec: {
            volumeName: "v",
            volumeId: "/v",
            nodeName: "n",
            role: "Replica",
            readOnly: false,
            volumeContext: {},
          },
        },
        never,
      );
      assert.ok(attachment.ok);
      for await (const event of store.watch("AzVolumeAttachment", {}, listed.value.resourceVersion, never)) {
        assert.deepEqual(event, { type: "ADDED", object: attachment.value });
        break;
      }
    }),
  );

  it(
    "ends watches and answers calls when it is closed",
    inFolder(async ({ open }) => {
      const store = open();
      const made = await createNode(store, "node-a");
      const waiting = assert.rejects(firstEvent(store, made.metadata.resourceVersion), WatchBroken);
      const begun = store.delete("AzDriverNode", "node-a", {}, never);
      store.close();
      await waiting;
      const closed = { ok: false, failure: { kind: "StoreUnavailable", detail: "the store is closed" } };
      assert.deepEqual(await begun, closed);
      assert.deepEqual(await store.get("AzDriverNode", "node-a", never), closed);
      assert.deepEqual(await store.delete("AzDriverNode", "node-a", {}, never), closed);
    }),
  );

  it(
    "drops a write whose caller has gone before it began",
    inFolder(async ({ open }) => {
      const store = open();
      const caller = new AbortController();
      const creating = store.create(
        "AzDriverNode",
        { metadata: { name: "node-a" }, spec: { nodeName: "node-a" } },
        caller.signal,
      );
      caller.abort();
      assert.deepEqual(await creating, { ok: false, failure: { kind: "Cancelled" } });
      const listed = await store.list("AzDriverNode", {}, never);
      assert.deepEqual(listed.ok && listed.value.items, []);
    }),
  );
});

async function createNode(store: ObjectStore, name: string): Promise<KindMap["AzDriverNode"]> {
  const made = await store.create("AzDriverNode", { metadata: { name }, spec: { nodeName: name } }, never);
  assert.ok(made.ok, JSON.stringify(made));
  return made.value;
}

async function label(
  store: ObjectStore,
  node: KindMap["AzDriverNode"],
  value: string,
): Promise<KindMap["AzDriverNode"]> {
  const updated = await store.update(
    "AzDriverNode",
    { ...node, metadata: { ...node.metadata, labels: { a: value } } },
    never,
  );
  assert.ok(updated.ok, JSON.stringify(updated));
  return updated.value;
}

async function firstEvent(store: ObjectStore, resourceVersion: string): Promise<unknown> {
  for await (const event of store.watch("AzDriverNode", {}, resourceVersion, never)) return event;
  return undefined;
}
