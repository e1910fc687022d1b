import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { aRecord, aWriter, identity } from "../testing/objects.ts";
import { changedRecord } from "../testing/record-lists.ts";
import { disownsMount, type PodMount } from "./disowned-mount.ts";

const a = identity("node-a");
const uid = "of-the-backup";
const mount: PodMount = { checkpointedUid: "of-the-mount", isLive: true, isPublished: true };
const ofOther = aRecord({ writer: aWriter("node-b") });

describe("disownsMount", () => {
  it("shows a backup that knows nothing of a pod's mount of a later object", () => {
    assert.equal(disownsMount({ uid, record: ofOther }, a, mount), true);
  });

  const others: readonly (readonly [string, PodMount])[] = [
    ["was mounted by this object", { ...mount, checkpointedUid: uid }],
    ["is dead", { ...mount, isLive: false }],
    ["is in no pod", { ...mount, isPublished: false }],
  ];
  for (const [which, other] of others)
    it(`lets a node clean up what ${which}`, () => {
      assert.equal(disownsMount({ uid, record: ofOther }, a, other), false);
    });

  const rebuilt = [
    ["unverified", changedRecord(ofOther, { unverified: [a] })],
    ["quarantined", changedRecord(ofOther, { quarantined: [a] })],
    ["unlisted after a loss", changedRecord(ofOther, { defaultAccess: "quarantined" })],
    ["the writer", aRecord({ writer: aWriter("node-a") })],
  ] as const;
  for (const [role, record] of rebuilt)
    it(`accepts a record that replaces a lost one, with the node as ${role}`, () => {
      assert.equal(disownsMount({ uid, record }, a, mount), false);
    });
});
