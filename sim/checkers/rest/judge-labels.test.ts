import assert from "node:assert/strict";
import { it } from "node:test";
import { nodeLabel } from "../../../src/core/api/node-labels.ts";
import { asWorld, atRest } from "../testing/a-rest-world.ts";
import { judgeLabels } from "./judge-labels.ts";

function complaints(...labelled: readonly string[]): readonly string[] {
  const made = atRest();
  const labels = Object.fromEntries(labelled.map((nodeName) => [nodeLabel(nodeName), ""]));
  const volumes = made.volumes.map((volume) => ({ ...volume, metadata: { ...volume.metadata, labels } }));
  return judgeLabels(asWorld({ ...made, volumes })).map(({ detail }) => detail);
}

it("reports each node that has an attachment and would not see its volume", () => {
  assert.deepEqual(complaints("node-a"), ["vol-1 has an attachment to node-b, and not its label"]);
  assert.deepEqual(complaints("node-a", "node-b", "node-c"), []);
});
