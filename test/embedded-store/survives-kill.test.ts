import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { it } from "node:test";
import { openEmbeddedStore } from "../../src/adapters/embedded/embedded-store.ts";
import { systemClock } from "../../src/adapters/system/system-clock.ts";
import { systemRandom } from "../../src/adapters/system/system-random.ts";
import { createSeededRandom } from "../../src/adapters/virtual/seeded-random.ts";
import type { ObjectStore } from "../../src/ports/store/object-store.ts";
import { startStoreProcess } from "./store-process.ts";

const ROUNDS = 6;
const ACKNOWLEDGED_BEFORE_KILL_MAX = 400;
const TEST_TIMEOUT_MS = 900_000;
const never = new AbortController().signal;

it(
  "a killed store keeps every acknowledged write, and watches resume without loss",
  { timeout: TEST_TIMEOUT_MS },
  async () => {
    const directory = await mkdtemp(join(tmpdir(), "store-kill-"));
    const file = join(directory, "store.db");
    const random = createSeededRandom("kill");
    try {
      const acknowledged = new Map<string, Acknowledged>();
      const watched = new Map<string, string | undefined>();
      let resumeFrom = await inStore(file, async (store) => {
        const listed = await store.list("AzDriverNode", {}, never);
        assert.ok(listed.ok);
        return listed.value.resourceVersion;
      });
      for (let round = 0; round < ROUNDS; round++) {
        const told = await writeAndKill(
          file,
          round,
          20 + Math.floor(random.next() * ACKNOWLEDGED_BEFORE_KILL_MAX),
        );
        for (const write of told) acknowledged.set(write.name, write);
        resumeFrom = await inStore(file, async (store) => {
          const listed = await store.list("AzDriverNode", {}, never);
          assert.ok(listed.ok);
          const stored = new Map(
            listed.value.items.map((item) => [item.metadata.name, item.metadata.labels?.["step"]]),
          );
          for (const { name, step } of acknowledged.values()) assertHasWrite(name, step, stored);
          const newest = await newestVersionAfter(store, resumeFrom, watched);
          for (const { name, version } of told)
            assert.ok(
              BigInt(version) <= BigInt(newest),
              `${name} was acknowledged with version ${version}, later than the newest, ${newest}`,
            );
          assert.deepEqual(new Map([...watched].filter(([, step]) => step !== undefined)), stored);
          return newest;
        });
      }
      assert.ok(acknowledged.size > ROUNDS);
    } finally {
      await rm(directory, { recursive: true });
    }
  },
);

interface Acknowledged {
  readonly name: string;
  /** The object's label, or `removed`. */
  readonly step: string;
  readonly version: string;
}

/**
 * The write after the last acknowledged one may have happened: its acknowledgement died with the process.
 */
function assertHasWrite(name: string, step: string, stored: ReadonlyMap<string, string | undefined>): void {
  const now = stored.get(name);
  const possible: Readonly<Record<string, readonly (string | undefined)[]>> = {
    made: ["made", "updated"],
    updated: ["updated", undefined],
    removed: [undefined],
  };
  assert.ok(possible[step]?.includes(now), `${name} was acknowledged as ${step} and is ${now ?? "absent"}`);
}

async function writeAndKill(file: string, round: number, after: number): Promise<readonly Acknowledged[]> {
  const writer = startStoreProcess(import.meta.resolve("./write-for-ever.ts"), [file, String(round)]);
  const lines: string[] = [];
  while (lines.length < after)
    lines.push((await writer.nextLine()) ?? assert.fail("the writer ended by itself"));
  await writer.kill();
  lines.push(...writer.lines);
  const versions = lines
    .filter((line) => line.startsWith("put "))
    .map((line) => BigInt(line.split(" ")[3] ?? "0"));
  assert.equal(new Set(versions).size, versions.length, "a version was assigned twice");
  return lines.slice(1).map((line) => {
    const [verb = "", name = "", step = "", version = ""] = line.split(" ");
    return { name, step: verb === "removed" ? "removed" : step, version };
  });
}

async function inStore<T>(file: string, use: (store: ObjectStore) => Promise<T>): Promise<T> {
  const store = openEmbeddedStore({ file, clock: systemClock, random: systemRandom, bookmarkIntervalMs: 1 });
  try {
    return await use(store);
  } finally {
    store.close();
  }
}

/**
 * Resumes the watch of the previous round, applies its events to `watched` up to the first bookmark, and
 * returns the version there.
 */
async function newestVersionAfter(
  store: ObjectStore,
  from: string,
  watched: Map<string, string | undefined>,
): Promise<string> {
  let last = BigInt(from);
  for await (const event of store.watch("AzDriverNode", {}, from, never)) {
    if (event.type === "BOOKMARK") return event.resourceVersion;
    const { name, resourceVersion, labels } = event.object.metadata;
    assert.ok(BigInt(resourceVersion) > last, "versions are not monotonic");
    last = BigInt(resourceVersion);
    const before = watched.get(name);
    assert.equal(
      event.type,
      { made: "ADDED", updated: before === "made" ? "MODIFIED" : "DELETED" }[labels?.["step"] ?? ""],
      `${name} was ${before ?? "absent"}`,
    );
    watched.set(name, event.type === "DELETED" ? undefined : labels?.["step"]);
  }
  return assert.fail("the watch ended by itself");
}
