import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { aReplica, anAttachment, diskUri, identity, leaving } from "../testing/objects.ts";
import { isOnVm, keepsDiskOn, recordedVm } from "./attachment-state.ts";

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

describe("a VM whose node has another name by now", () => {
  /** What node-a was called before. */
  const before = { ...identity("node-a"), nodeName: "node-z" };

  for (const { because, attachment, isThere, isKept } of [
    { because: "is attached there", attachment: aReplica("node-a"), isThere: true, isKept: true },
    {
      because: "is on its way there, and may never arrive",
      attachment: aReplica("node-a", { status: { state: "Attaching" } }),
      isThere: false,
      isKept: true,
    },
    {
      because: "has no device there any more",
      attachment: aReplica("node-a", { status: { deviceMissing: true } }),
      isThere: false,
      isKept: true,
    },
    {
      because: "is being detached there by its present name, too",
      attachment: aReplica("node-a", { status: { state: "Detaching" } }),
      isThere: false,
      isKept: false,
    },
    {
      because: "is about to be detached there by its present name, too",
      attachment: leaving(aReplica("node-a")),
      isThere: true,
      isKept: false,
    },
    {
      because: "is on another VM",
      attachment: aReplica("node-b"),
      isThere: false,
      isKept: false,
    },
    {
      because: "was never attached by its present name",
      attachment: aReplica("node-a", { status: undefined }),
      isThere: false,
      isKept: false,
    },
  ])
    it(`${isThere ? "has" : "lacks"} a disk that ${because}, and ${isKept ? "keeps" : "loses"} it`, () => {
      assert.equal(isOnVm(attachment, before), isThere);
      assert.equal(keepsDiskOn(attachment, before, diskUri), isKept);
    });

  it("keeps only the disk of that attachment", () => {
    assert.equal(keepsDiskOn(aReplica("node-a"), before, diskUri.toUpperCase()), true);
    assert.equal(keepsDiskOn(aReplica("node-a"), before, `${diskUri}-2`), false);
  });

  it("does not keep a disk by the very attachment that is to be detached", () =>
    assert.equal(keepsDiskOn(aReplica("node-a"), identity("node-a"), diskUri), false));
});
