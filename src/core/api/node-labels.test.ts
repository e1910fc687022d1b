import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { nodeLabel, nodeLabelsIn } from "./node-labels.ts";

const LONG = `${"aks-pool-".repeat(20)}vmss000001`;
/** Kubernetes' qualified names: a DNS prefix, and a name of at most 63 characters. */
const QUALIFIED_NAME = /^[a-z0-9.-]{1,253}\/[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/u;

describe("nodeLabel", () => {
  for (const nodeName of ["node-a", "ip-10-0-0-1.eu.example.com", LONG])
    it(`is a label that Kubernetes takes: ${nodeName.slice(0, 30)}`, () =>
      assert.match(nodeLabel(nodeName), QUALIFIED_NAME));

  it("is another one for each node", () =>
    assert.equal(new Set(["node-a", "node-b", LONG, `${LONG}1`].map(nodeLabel)).size, 4));
});

it("finds the labels of nodes among those of people", () =>
  assert.deepEqual(nodeLabelsIn({ team: "storage", [nodeLabel("node-a")]: "" }), [nodeLabel("node-a")]));
