import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { anAttachment, identity } from "../testing/objects.ts";
import { recordedVm } from "./attachment-state.ts";

describe("recordedVm", () => {
  it("names the VM under the node's name", () =>
    assert.deepEqual(recordedVm(anAttachment("node-a")), identity("node-a")));

  const rows = [
    { because: "no attach was begun", status: undefined },
    { because: "only its GUID is known", status: { instanceUri: undefined } },
    { because: "only its resource id is known", status: { vmId: undefined } },
  ] as const;
  for (const { because, status } of rows)
    it(`names none where ${because}`, () =>
      assert.equal(recordedVm(anAttachment("node-a", { status })), undefined));
});
