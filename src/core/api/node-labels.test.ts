import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { metadataProblem } from "../../adapters/object-semantics/check-metadata.ts";
import { nodeLabel, nodeLabelsIn } from "./node-labels.ts";

const LONG = `${"aks-pool-".repeat(20)}vmss000001`;

describe("nodeLabel", () => {
  for (const nodeName of ["node-a", "ip-10-0-0-1.eu.example.com", LONG])
    it(`is a label that Kubernetes takes: ${nodeName.slice(0, 30)}`, () =>
      assert.equal(
        metadataProblem({
          name: "pvc-1",
          uid: "u",
          resourceVersion: "1",
          generation: 1,
          creationTimestamp: "2026-01-01T00:00:00Z",
          labels: { [nodeLabel(nodeName)]: "" },
        }),
        undefined,
      ));

  it("is another one for each node", () =>
    assert.equal(new Set(["node-a", "node-b", LONG, `${LONG}1`].map(nodeLabel)).size, 4));
});

it("finds the labels of nodes among those of people", () =>
  assert.deepEqual(nodeLabelsIn({ team: "storage", [nodeLabel("node-a")]: "" }), [nodeLabel("node-a")]));
