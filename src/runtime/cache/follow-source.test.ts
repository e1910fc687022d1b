import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createSeededRandom } from "../../adapters/virtual/seeded-random.ts";
import { createVirtualClock } from "../../adapters/virtual/virtual-clock.ts";
import type { VirtualClock } from "../../adapters/virtual/virtual-clock.ts";
import { fail, ok } from "../../core/failure/result.ts";
import type { Logger } from "../../ports/logger.ts";
import { WatchBroken, WatchGone } from "../../ports/store/object-store.ts";
import type { Source, SourceEvent, SourceObject } from "../../ports/store/source.ts";
import { defaultFollowSettings, followSource } from "./follow-source.ts";

/** What a scripted watch does after its events: ends or breaks after a time, throws, or stays silent. */
type End = { readonly afterMs: number; readonly error?: Error } | Error | "silence";

interface Watch {
  readonly events: readonly SourceEvent<SourceObject>[];
  readonly end: End;
}

const HOUR_MS = 3_600_000;
const SETTINGS = { stallTimeoutMs: 90_000, silenceMaxMs: 180_000, backoffBaseMs: 100, backoffMaxMs: 10_000 };

function anObject(name: string, resourceVersion: string): SourceObject {
  return { metadata: { name, resourceVersion } };
}

/**
 * Lists version 1, then watches as scripted; after the script every watch is silent. Records the calls
 * and their times.
 */
function scripted(
  clock: VirtualClock,
  watches: readonly Watch[],
): { readonly source: Source<SourceObject>; readonly asked: readonly string[] } {
  const asked: string[] = [];
  const script = [...watches];
  const source: Source<SourceObject> = {
    name: "things",
    list: async () => {
      asked.push(`${clock.elapsedMs()} list`);
      return ok({ items: [], resourceVersion: "1" });
    },
    async *watch(resourceVersion, signal) {
      asked.push(`${clock.elapsedMs()} watch from ${resourceVersion}`);
      const { events, end } = script.shift() ?? { events: [], end: "silence" as const };
      yield* events;
      if (end instanceof Error) throw end;
      await clock.sleep(end === "silence" ? 1e9 : end.afterMs, signal).catch(() => undefined);
      if (end !== "silence" && end.error !== undefined && !signal.aborted) throw end.error;
    },
  };
  return { source, asked };
}

function loggerInto(lines: string[]): Logger {
  const into =
    (level: string): Logger["info"] =>
    (message, fields) =>
      lines.push(`${level} ${typeof fields?.["reason"] === "string" ? fields["reason"] : message}`);
  const logger: Logger = {
    debug: into("debug"),
    info: into("info"),
    warn: into("warn"),
    error: into("error"),
    child: () => logger,
  };
  return logger;
}

/** Follows for some time. The jitter is random: times are only compared where there was no wait. */
async function follow(
  watches: readonly Watch[],
  forMs: number,
  settings = SETTINGS,
): Promise<{ readonly asked: readonly string[]; readonly logged: readonly string[] }> {
  const clock = createVirtualClock();
  const { source, asked } = scripted(clock, watches);
  const logged: string[] = [];
  const stop = new AbortController();
  const ports = { clock, random: createSeededRandom(1), logger: loggerInto(logged), settings };
  const running = followSource(
    ports,
    source,
    { onList: () => undefined, onEvent: () => undefined },
    stop.signal,
  );
  await clock.advance(forMs);
  stop.abort();
  await running.ended;
  assert.equal(clock.sleepers(), 0);
  return { asked, logged };
}

const withoutTime = (line: string): string => line.replace(/^\d+\S* /u, "");

describe("followSource", () => {
  it("resumes at once, without a warning, where a server ends its watches regularly", async () => {
    const event = { type: "ADDED", object: anObject("a", "7") } as const;
    const { asked, logged } = await follow([{ events: [event], end: { afterMs: 60_000 } }], 60_001);
    assert.deepEqual(asked, ["0 list", "0 watch from 1", "60000 watch from 7"]);
    assert.deepEqual(logged, ["debug watch ended"]);
  });

  it("does not overload a server that ends each watch as soon as it has begun", async () => {
    const { asked, logged } = await follow(
      Array.from({ length: 1_000 }, () => ({ events: [], end: { afterMs: 0 } })),
      60_000,
    );
    assert.ok(asked.length < 30, `${asked.length} watches in a minute`);
    assert.ok(logged.every((line) => line === "warn ended"));
  });

  it("lists again where a server only states errors of its own of a version", async () => {
    const stated = { events: [], end: new WatchBroken("can't decode", { isStated: true }) };
    const { asked } = await follow([stated, stated, stated], 60_000);
    assert.deepEqual(asked.map(withoutTime), [
      "list",
      "watch from 1",
      "watch from 1",
      "watch from 1",
      "list",
      "watch from 1",
    ]);
  });

  it("resumes after stated errors that are apart, and after lost connections", async () => {
    const event = { type: "ADDED", object: anObject("a", "7") } as const;
    const stated = { events: [], end: new WatchBroken("no leader", { isStated: true }) };
    const lost = { events: [], end: new WatchBroken("cut off") };
    const late = { events: [event], end: new WatchBroken("no leader", { isStated: true }) };
    const { asked } = await follow([stated, stated, late, stated, lost, lost, lost, lost], 60_000);
    assert.equal(asked.filter((line) => line.endsWith("list")).length, 1);
  });

  it("resumes from a bookmark, after a break and after silence", async () => {
    const bookmark = { type: "BOOKMARK", resourceVersion: "9" } as const;
    const { asked, logged } = await follow(
      [
        { events: [bookmark], end: new WatchBroken("cut") },
        { events: [], end: "silence" },
      ],
      95_000,
    );
    assert.deepEqual(asked.map(withoutTime), ["list", "watch from 1", "watch from 9", "watch from 9"]);
    assert.deepEqual(logged, ["warn broken", "info stalled"]);
  });

  for (const { because, watch } of [
    { because: "stays open", watch: { events: [], end: "silence" } },
    { because: "the server ends after 35 s", watch: { events: [], end: { afterMs: 35_000 } } },
    {
      because: "a proxy cuts off after 60 s",
      watch: { events: [], end: { afterMs: 60_000, error: new WatchBroken("cut", { wasOpen: true }) } },
    },
  ] satisfies readonly { readonly because: string; readonly watch: Watch }[])
    it(`lists a silent source every 180 s whose watch ${because}`, async () => {
      const { asked } = await follow(Array<Watch>(1_000).fill(watch), HOUR_MS);
      const listedAtMs = asked
        .filter((line) => line.endsWith(" list"))
        .map((line) => Number.parseFloat(line));
      const gapsMs = listedAtMs.slice(1).map((atMs, at) => atMs - (listedAtMs[at] ?? 0));
      assert.ok(gapsMs.length > 14, `${gapsMs.length} lists in an hour`);
      assert.ok(
        gapsMs.every((gapMs) => gapMs >= 180_000 && gapMs < 240_000),
        gapsMs.join(", "),
      );
      const watches = asked.filter((line) => line.includes("watch")).length;
      assert.ok(watches < HOUR_MS / 30_000, `${watches} watches in an hour`);
    });

  it("lists no silent source whose watch is refused for good, or sends bookmarks", async () => {
    const refused: Watch = { events: [], end: new WatchBroken("403") };
    const bookmarked: Watch = {
      events: [{ type: "BOOKMARK", resourceVersion: "9" }],
      end: { afterMs: 60_000 },
    };
    for (const watch of [refused, bookmarked]) {
      const { asked } = await follow(Array<Watch>(1_000).fill(watch), HOUR_MS);
      assert.equal(asked.filter((line) => line.endsWith(" list")).length, 1);
    }
  });

  it("lists no silent source by default, so that many node plug-ins do not at once", async () => {
    const silent: Watch = { events: [], end: "silence" };
    const { asked } = await follow(Array<Watch>(1_000).fill(silent), HOUR_MS, defaultFollowSettings);
    assert.equal(asked.filter((line) => line.endsWith(" list")).length, 1);
  });

  it("watches again at once after a watch that was open for long", async () => {
    const cut: Watch = {
      events: [],
      end: { afterMs: 35_000, error: new WatchBroken("cut", { wasOpen: true }) },
    };
    const { asked } = await follow(Array<Watch>(4).fill(cut), 140_400);
    assert.deepEqual(asked.map(withoutTime), ["list", ...Array<string>(5).fill("watch from 1")]);
  });

  it("lists again where the version is gone", async () => {
    const { asked, logged } = await follow([{ events: [], end: new WatchGone("too old") }], 1_000);
    assert.deepEqual(asked.map(withoutTime), ["list", "watch from 1", "list", "watch from 1"]);
    assert.deepEqual(logged, ["warn gone"]);
  });

  it("lists again at once when it is asked to, while it watches and while it waits", async () => {
    const clock = createVirtualClock();
    const { source, asked } = scripted(clock, [
      { events: [{ type: "BOOKMARK", resourceVersion: "9" }], end: "silence" },
    ]);
    const stop = new AbortController();
    const ports = { clock, random: createSeededRandom(1), logger: loggerInto([]), settings: SETTINGS };
    const following = followSource(
      ports,
      source,
      { onList: () => undefined, onEvent: () => undefined },
      stop.signal,
    );
    await clock.advance(1_000);
    following.listAgain();
    await clock.advance(1);
    assert.deepEqual(asked, ["0 list", "0 watch from 1", "1000 list", "1000 watch from 1"]);
    stop.abort();
    await following.ended;
    assert.equal(clock.sleepers(), 0);
  });

  it("continues after an unexpected exception of a follower or a source", async () => {
    const { asked, logged } = await follow([{ events: [], end: new TypeError("a bug") }], 1_000);
    assert.equal(asked.length, 3);
    assert.deepEqual(logged, ["warn failed"]);
  });

  it("retries a list that fails for ever, at bounded intervals", async () => {
    const clock = createVirtualClock();
    const logged: string[] = [];
    const stop = new AbortController();
    const source: Source<SourceObject> = {
      name: "things",
      list: async () => fail({ kind: "StoreUnavailable", detail: "no" }),
      watch: () => assert.fail("there is nothing to watch from"),
    };
    const ports = { clock, random: createSeededRandom(1), logger: loggerInto(logged), settings: SETTINGS };
    const running = followSource(
      ports,
      source,
      { onList: () => assert.fail("nothing was listed"), onEvent: () => undefined },
      stop.signal,
    );
    await clock.advance(600_000);
    stop.abort();
    await running.ended;
    assert.ok(logged.length > 60 && logged.length < 150, `${logged.length} attempts in ten minutes`);
  });
});
