import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type GracePeriodVerdict, evaluateGracePeriod, type KnownNode } from "./evaluate-grace-period.ts";

const known = (nodeName: string, state: KnownNode["state"], reportsRollback = false): KnownNode => ({
  nodeName,
  state,
  reportsRollback,
});

const rows: readonly {
  readonly because: string;
  readonly nodes: readonly KnownNode[];
  readonly gracePeriod: GracePeriodVerdict;
}[] = [
  {
    because: "there are no nodes that could have written anything",
    nodes: [],
    gracePeriod: { kind: "trusts" },
  },
  {
    because: "all nodes have compared what they remember",
    nodes: [known("a", "reported"), known("b", "reported")],
    gracePeriod: { kind: "trusts" },
  },
  {
    because: "a node may still report a rollback",
    nodes: [known("a", "reported"), known("b", "awaited")],
    gracePeriod: { kind: "waits", awaited: ["b"] },
  },
  {
    because: "a node has said so",
    nodes: [known("a", "reported", true), known("b", "reported")],
    gracePeriod: { kind: "waits", awaited: ["a"] },
  },
  {
    because: "a dead node is not waited for where another one has reported",
    nodes: [known("a", "reported"), known("b", "silent")],
    gracePeriod: { kind: "trusts" },
  },
  {
    because: "no node is left that could detect a rollback",
    nodes: [known("a", "silent"), known("b", "silent")],
    gracePeriod: { kind: "rebuilds" },
  },
  {
    because: "a new node remembers nothing",
    nodes: [known("a", "silent"), known("b", "new")],
    gracePeriod: { kind: "rebuilds" },
  },
  {
    because: "no node existed before the new one",
    nodes: [known("b", "new")],
    gracePeriod: { kind: "trusts" },
  },
];

describe("evaluateGracePeriod", () => {
  for (const { because, nodes, gracePeriod } of rows)
    it(`${gracePeriod.kind} where ${because}`, () => {
      assert.deepEqual(evaluateGracePeriod(nodes), gracePeriod);
    });
});
