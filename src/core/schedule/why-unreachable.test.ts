import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { whyUnreachable } from "./why-unreachable.ts";

const disk = { location: "eastus", skuName: "Premium_LRS", zones: [], platform: "windows" } as const;
const node = { location: "eastus", zone: "" };

describe("whyUnreachable", () => {
  it("keeps a volume for Windows from Linux nodes, also of an older plug-in", () => {
    assert.equal(whyUnreachable(disk, { ...node, platform: "windows" }), undefined);
    for (const linux of [node, { ...node, platform: "linux" } as const])
      assert.equal(whyUnreachable(disk, linux), "runs Linux, the volume is for Windows");
  });
});
