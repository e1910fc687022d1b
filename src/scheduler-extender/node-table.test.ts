import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import type { CandidateNode } from "../core/schedule/pod-volume.ts";
import { aCandidate } from "../core/schedule/testing/pod-volumes.ts";
import { scanNodeNames } from "./node-names.ts";
import { NodeTable } from "./node-table.ts";

/** Short names of few characters, so that they collide in the table. */
const nodeName = fc.string({ unit: fc.constantFrom("a", "b"), minLength: 1, maxLength: 9 });

function find(table: NodeTable, nodeNames: readonly string[]): readonly (CandidateNode | undefined)[] {
  const names = scanNodeNames(Buffer.from(JSON.stringify(nodeNames).slice(1, -1)));
  assert.ok(names !== undefined);
  return table.find(names);
}

describe("NodeTable", () => {
  it("finds the nodes that a map would, whatever was added, changed and removed", () => {
    const change = fc.record({ nodeName, firmAttachments: fc.nat(3), isThere: fc.boolean() });
    fc.assert(
      fc.property(fc.array(fc.array(change), { maxLength: 5 }), fc.array(nodeName), (rounds, asked) => {
        const table = new NodeTable();
        const expected = new Map<string, CandidateNode>();
        for (const round of rounds) {
          for (const { nodeName: name, firmAttachments, isThere } of round) {
            const node = aCandidate(name, { firmAttachments });
            if (isThere) {
              table.put(node);
              expected.set(name, node);
            } else {
              table.remove(name);
              expected.delete(name);
            }
          }
          const all = [...asked, ...expected.keys()];
          assert.deepEqual(
            find(table, all),
            all.map((name) => expected.get(name)),
          );
          assert.deepEqual(
            all.map((name) => table.get(name)),
            all.map((name) => expected.get(name)),
          );
          assert.deepEqual(new Set(table.list()), new Set(expected.values()));
        }
      }),
    );
  });

  it("finds none in an empty table, and each of thousands", () => {
    const table = new NodeTable();
    assert.deepEqual(find(table, ["node-a"]), [undefined]);
    const nodes = Array.from({ length: 5_000 }, (_, at) =>
      aCandidate(`aks-nodepool1-38471562-vmss${at.toString(36).padStart(6, "0")}`),
    );
    for (const node of nodes) table.put(node);
    assert.deepEqual(
      find(table, [...nodes.map((node) => node.nodeName), "aks-nodepool1-38471562-vmss00zzzz"]),
      [...nodes, undefined],
    );
  });
});
