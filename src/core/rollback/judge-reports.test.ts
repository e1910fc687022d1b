import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  hasRepeated,
  isRepeat,
  judgeReports,
  LONE_REPORT_EVERY_MS,
  withLoneReport,
} from "./judge-reports.ts";

const nowMs = 1_700_000_000_000;
const rebuild = { kind: "rebuild", alone: undefined };

describe("judgeReports", () => {
  const many = Object.fromEntries(
    Array.from({ length: 64 }, (_, index) => [`node-${index}`, nowMs - 1_000 * (index + 1)]),
  );
  const rows = [
    { because: "no node reports", reporters: [], lone: {}, verdict: { kind: "none" } },
    {
      because: "two nodes report, whatever they reported before",
      reporters: ["node-a", "node-b"],
      lone: { "node-a": nowMs, "node-b": nowMs },
      verdict: rebuild,
    },
    {
      because: "one node reports for the first time",
      reporters: ["node-a"],
      lone: { "node-b": nowMs },
      verdict: { kind: "rebuild", alone: "node-a" },
    },
    {
      because: "it reported long ago",
      reporters: ["node-a"],
      lone: { "node-a": nowMs - LONE_REPORT_EVERY_MS },
      verdict: { kind: "rebuild", alone: "node-a" },
    },
    {
      because: "another clock was ahead",
      reporters: ["node-a"],
      lone: { "node-a": nowMs + 1 },
      verdict: { kind: "rebuild", alone: "node-a" },
    },
    {
      because: "it reported a minute ago",
      reporters: ["node-a"],
      lone: { "node-a": nowMs - 60_000 },
      verdict: { kind: "limited", nodeName: "node-a", leftMs: LONE_REPORT_EVERY_MS - 60_000 },
    },
    {
      because: "it reported in this very millisecond",
      reporters: ["node-a"],
      lone: { "node-a": nowMs },
      verdict: { kind: "limited", nodeName: "node-a", leftMs: LONE_REPORT_EVERY_MS },
    },
    {
      because: "64 others did, the first one 64 s ago",
      reporters: ["node-x"],
      lone: many,
      verdict: { kind: "limited", nodeName: "node-x", leftMs: LONE_REPORT_EVERY_MS - 64_000 },
    },
  ];
  for (const { because, reporters, lone, verdict } of rows)
    it(`answers ${verdict.kind}: ${because}`, () =>
      assert.deepEqual(judgeReports(reporters, lone, nowMs), verdict));
});

describe("withLoneReport", () => {
  it("drops what counts no more and would not make the next report a repeat", () => {
    const lone = { "node-a": nowMs - 2 * LONE_REPORT_EVERY_MS, "node-b": nowMs - 1 };
    assert.deepEqual(withLoneReport(lone, "node-c", nowMs), { "node-b": nowMs - 1, "node-c": nowMs });
  });
});

describe("a repeated report", () => {
  it("comes within a limit of when the node was believed again", () => {
    const ages = [0, LONE_REPORT_EVERY_MS, 2 * LONE_REPORT_EVERY_MS - 1, 2 * LONE_REPORT_EVERY_MS];
    assert.deepEqual(
      ages.map((ageMs) => isRepeat({ "node-a": nowMs - ageMs }, "node-a", nowMs)),
      [true, true, true, false],
    );
    assert.equal(isRepeat({ "node-b": nowMs }, "node-a", nowMs), false);
  });

  it("keeps the node from holding up volumes for one limit", () => {
    const ages = [0, LONE_REPORT_EVERY_MS - 1, LONE_REPORT_EVERY_MS];
    assert.deepEqual(
      ages.map((ageMs) => hasRepeated({ "node-a": nowMs - ageMs }, "node-a", nowMs)),
      [true, true, false],
    );
  });
});
