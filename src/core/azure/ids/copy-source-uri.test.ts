import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { copySourceUriOf } from "./copy-source-uri.ts";

const GROUP = "/subscriptions/sub-1/resourceGroups/rg-1/providers/Microsoft.Compute/snapshots/";

describe("copySourceUriOf", () => {
  for (const { name, source } of [
    { name: "snapshot-1", source: "local_snapshot-1" },
    { name: "x".repeat(74), source: `local_${"x".repeat(74)}` },
    { name: "x".repeat(75), source: "local_81d23bf0aae040edffc4225f" },
    { name: "X".repeat(75), source: "local_81d23bf0aae040edffc4225f" },
  ])
    it(`names the source of ${name.slice(0, 10)} (${name.length} characters) as V1 does if it can`, () =>
      assert.equal(copySourceUriOf(`${GROUP}${name}`), `${GROUP}${source}`));

  it("is undefined for what is no snapshot", () =>
    assert.equal(copySourceUriOf(`${GROUP.replace("snapshots", "disks")}disk-1`), undefined));
});
