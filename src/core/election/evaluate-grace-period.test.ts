import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type Hearing, judgeHearing, type KnownNode } from "./evaluate-grace-period.ts";

const known = (nodeName: string, state: KnownNode["state"], hasReported = false): KnownNode => ({ nodeName, state, hasReported });

const rows: readonly { readonly because: string; readonly nodes: readonly KnownNode[]; readonly hearing: Hearing }[] = [
  { because: "there are no nodes that could have written anything", nodes: [], hearing: { kind: "trusts" } },
  { because: "all nodes have compared what they remember", nodes: [known("a", "heard"), known("b", "heard")], hearing: { kind: "trusts" } },
  {
    because: "a node may yet say that the store went back",
    nodes: [known("a", "heard"), known("b", "awaited")],
    hearing: { kind: "waits", awaited: ["b"] },
  },
  { because: "a node has said so", nodes: [known("a", "heard", true), known("b", "heard")], hearing: { kind: "waits", awaited: ["a"] } },
  { because: "a dead node is not waited for where another one was heard", nodes: [known("a", "heard"), known("b", "silent")], hearing: { kind: "trusts" } },
  { because: "nobody is left who could tell", nodes: [known("a", "silent"), known("b", "silent")], hearing: { kind: "sweeps" } },
  { because: "a new node remembers nothing", nodes: [known("a", "silent"), known("b", "born")], hearing: { kind: "sweeps" } },
  { because: "nobody was there before the new node", nodes: [known("b", "born")], hearing: { kind: "trusts" } },
];

describe("judgeHearing", () => {
  for (const { because, nodes, hearing } of rows)
    it(`${hearing.kind} where ${because}`, () => {
      assert.deepEqual(judgeHearing(nodes), hearing);
    });
});
