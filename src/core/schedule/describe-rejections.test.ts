import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { describeRejections } from "./describe-rejections.ts";

describe("describeRejections", () => {
  it("states each reason once, the most frequent first", () => {
    const rejected = [
      { nodeName: "node-d", because: "is unschedulable" },
      { nodeName: "node-b", because: "its heartbeat is stale" },
      { nodeName: "node-c", because: "is unschedulable" },
    ];
    assert.equal(
      describeRejections(rejected),
      "node-c, node-d: is unschedulable; node-b: its heartbeat is stale",
    );
    assert.equal(describeRejections([]), "");
  });

  it("stays readable, and short enough for an event, with thousands of nodes", () => {
    const nodeNames = Array.from({ length: 5_000 }, (_, index) => `node-${String(index).padStart(4, "0")}`);
    const rejected = nodeNames.map((nodeName, index) => ({
      nodeName,
      because: `has reason ${index < 4_000 ? 0 : index % 20}`,
    }));
    const told = describeRejections(rejected);
    assert.match(told, /^4050 nodes \(node-0000, node-0001, node-0002, …\): has reason 0; 50 nodes /u);
    assert.match(told, /; 700 more for other reasons$/u);
    assert.ok(told.length < 600, `${told.length} characters`);
  });
});
