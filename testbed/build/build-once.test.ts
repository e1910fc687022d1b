import assert from "node:assert/strict";
import { mkdir, mkdtemp, readFile, readdir, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { buildOnce } from "./build-once.ts";
import type { Part } from "./part.ts";

describe("a part of the testbed", () => {
  let cache: string;
  before(async () => {
    cache = await mkdtemp(join(tmpdir(), "build-once-"));
  });
  after(async () => rm(cache, { recursive: true }));

  const noProgress = (): void => undefined;
  const unaborted = new AbortController().signal;

  /** A part that writes `content` into one file and counts its builds. */
  function aPart(
    overrides: Partial<Part> & { readonly name: string },
  ): Part & { readonly builds: () => number } {
    let builds = 0;
    return {
      key: "key-1",
      async build(folder) {
        builds += 1;
        await writeFile(join(folder, "program"), `build ${builds}`);
      },
      ...overrides,
      builds: () => builds,
    };
  }

  it("is built the first time, and found silently afterwards", async () => {
    const part = aPart({ name: "found" });
    const lines: string[] = [];
    const first = await buildOnce(part, (line) => lines.push(line), unaborted, cache);
    const second = await buildOnce(part, (line) => lines.push(line), unaborted, cache);
    const told = lines.map((line) => line.replace(/\d+ s$/u, "so many s"));
    assert.deepEqual(
      { first, second, builds: part.builds(), told },
      { first: join(cache, "found/key-1"), second: first, builds: 1, told: ["found: done, so many s"] },
    );
    assert.equal(await readFile(join(first, "program"), "utf8"), "build 1");
  });

  it("is built by one of several callers while the others wait", async () => {
    const { promise: mayEnd, resolve: end } = Promise.withResolvers<void>();
    const { promise: begun, resolve: begin } = Promise.withResolvers<void>();
    const part = aPart({
      name: "shared",
      async build(folder) {
        begin();
        await mayEnd;
        await mkdir(join(folder, "whole"));
      },
    });
    const other = aPart({ name: "shared" });
    const first = buildOnce(part, noProgress, unaborted, cache);
    await begun;
    const others = [
      buildOnce(other, noProgress, unaborted, cache),
      buildOnce(other, noProgress, unaborted, cache),
    ];
    end();
    assert.deepEqual(await Promise.all([first, ...others]), Array(3).fill(join(cache, "shared/key-1")));
    assert.equal(other.builds(), 0);
  });

  it("fails with its name and the reason, leaves nothing, and is tried again", async () => {
    const failing = aPart({
      name: "failing",
      async build(folder) {
        await writeFile(join(folder, "half"), "");
        throw new Error("no compiler");
      },
    });
    await assert.rejects(buildOnce(failing, noProgress, unaborted, cache), {
      message: "failing can't be built: no compiler",
    });
    assert.deepEqual(await readdir(join(cache, "failing")), []);
    const fixed = aPart({ name: "failing" });
    await buildOnce(fixed, noProgress, unaborted, cache);
    assert.equal(fixed.builds(), 1);
  });

  it("leaves nothing unfinished when it is interrupted", async () => {
    const interruption = new AbortController();
    const part = aPart({
      name: "interrupted",
      async build(folder, _tell, signal) {
        await writeFile(join(folder, "half"), "");
        interruption.abort(new Error("stopped by the user"));
        signal.throwIfAborted();
      },
    });
    await assert.rejects(buildOnce(part, noProgress, interruption.signal, cache), {
      message: "stopped by the user",
    });
    assert.deepEqual(await readdir(join(cache, "interrupted")), []);
  });

  it("stops waiting for another process's build when it is interrupted", async () => {
    const { promise: mayEnd, resolve: end } = Promise.withResolvers<void>();
    const { promise: begun, resolve: begin } = Promise.withResolvers<void>();
    const slow = aPart({
      name: "slow",
      async build() {
        begin();
        await mayEnd;
      },
    });
    const building = buildOnce(slow, noProgress, unaborted, cache);
    await begun;
    const interruption = new AbortController();
    const waiting = buildOnce(slow, noProgress, interruption.signal, cache);
    interruption.abort(new Error("stopped by the user"));
    await assert.rejects(waiting, { message: "stopped by the user" });
    end();
    await building;
  });

  // Results and builds that may still be in use stay.
  it("removes what killed builds left, and results that were unused for a day", async () => {
    const shelf = join(cache, "cleared");
    for (const left of ["key-old", "key-other", "key-1.4711.unfinished"])
      await mkdir(join(shelf, left, "folder"), { recursive: true });
    const twoDaysAgo = new Date(Date.now() - 48 * 3_600_000);
    await utimes(join(shelf, "key-old"), twoDaysAgo, twoDaysAgo);
    await buildOnce(aPart({ name: "cleared" }), noProgress, unaborted, cache);
    assert.deepEqual(await readdir(shelf), ["key-1", "key-other"]);
  });
});
