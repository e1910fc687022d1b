import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { WriterRecord } from "../src/core/api/az-volume.ts";
import { aRecord, identity } from "../src/core/testing/objects.ts";
import { type Cleanliness, cleanlinessIn } from "./until-clean.ts";

describe("what a record says of a node that was fenced", () => {
  const node = identity("node-a");
  const rows: readonly (readonly [because: string, Partial<WriterRecord>, Cleanliness | undefined])[] = [
    ["the record lists it no more", {}, "clean"],
    ["the record says so", { nodes: [{ ...node, access: "clean" }], defaultAccess: "quarantined" }, "clean"],
    ["a rebuilt record does not list it", { defaultAccess: "quarantined" }, "unlisted"],
    ["it is in quarantine", { nodes: [{ ...node, access: "quarantined" }] }, undefined],
    ["a rebuilt record has not asked it", { nodes: [{ ...node, access: "unverified" }] }, undefined],
    ["it is being fenced", { fencing: node }, undefined],
  ];
  for (const [because, record, expected] of rows)
    it(`${expected ?? "not clean"}, as ${because}`, () => {
      assert.equal(cleanlinessIn(aRecord(record), "node-a"), expected);
    });
});
