import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { WriterRecord } from "../src/core/api/az-volume.ts";
import { aRecord, identity } from "../src/core/testing/objects.ts";
import { isKnownClean } from "./until-clean.ts";

describe("a node is known to be clean", () => {
  const node = identity("node-a");
  const rows: readonly (readonly [because: string, record: Partial<WriterRecord>, isClean: boolean])[] = [
    ["the record lists it no more", {}, true],
    ["the record says so", { nodes: [{ ...node, access: "clean" }], defaultAccess: "quarantined" }, true],
    ["it is in quarantine", { nodes: [{ ...node, access: "quarantined" }] }, false],
    ["a rebuilt record has not asked it", { nodes: [{ ...node, access: "unverified" }] }, false],
    ["a rebuilt record calls those it does not list quarantined", { defaultAccess: "quarantined" }, false],
    ["it is being fenced", { fencing: node }, false],
  ];
  for (const [because, record, isClean] of rows)
    it(`${isClean ? "if" : "but not if"} ${because}`, () => {
      assert.equal(isKnownClean(aRecord(record), "node-a"), isClean);
    });
});
