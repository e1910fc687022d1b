import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createTrace, prefixedTrace } from "./create-trace.ts";

function traceOf(entries: readonly (readonly [number, string, string])[]) {
  let nowMs = 0;
  const trace = createTrace({ elapsedMs: () => nowMs });
  for (const [atMs, about, what] of entries) {
    nowMs = atMs;
    trace.note(about, what);
  }
  return trace;
}

describe("a trace", () => {
  it("is read as lines of when, about what, and what", () => {
    assert.deepEqual(traceOf([[1_500, "node-a", "mounts vol-1"]]).lines(), ["1.500 node-a mounts vol-1"]);
  });

  it("marks a cluster's own part with a prefix", () => {
    const trace = traceOf([]);
    prefixedTrace(trace, "second").note("node-a", "mounts vol-1");
    assert.deepEqual(trace.lines(), ["0.000 second/node-a mounts vol-1"]);
  });

  it("has another digest as soon as anything in it differs", () => {
    const entries = [
      [1, "a", "bc"],
      [2, "ab", "c"],
    ] as const;
    const different = [
      [[1, "a", "bc"]],
      [
        [1, "a", "bc"],
        [2.001, "ab", "c"],
      ],
      [
        [1, "ab", "c"],
        [2, "ab", "c"],
      ],
      [
        [1, "a", "bc"],
        [2, "ab", "d"],
      ],
      [
        [2, "ab", "c"],
        [1, "a", "bc"],
      ],
    ] as const;
    assert.equal(traceOf(entries).digest(), traceOf(entries).digest());
    const digests = [entries, ...different].map((others) => traceOf(others).digest());
    assert.equal(new Set(digests).size, digests.length);
  });

  it("keeps the newest lines, and counts the dropped ones in the digest", () => {
    const many = (first: string) =>
      traceOf(
        Array.from({ length: 100_000 }, (_, index) => [index, "a", index === 0 ? first : "b"] as const),
      );
    const trace = many("x");
    assert.ok(trace.lines().length < 50_000);
    assert.equal(trace.lines().at(-1), "99.999 a b");
    assert.notEqual(trace.digest(), many("y").digest());
  });
});
