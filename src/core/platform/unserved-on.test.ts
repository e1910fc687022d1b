import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type NodeUse, unservedOn } from "./unserved-on.ts";

const linux: NodeUse = {
  accessType: "mount",
  fsType: "ext4",
  mountFlags: ["noatime"],
  readOnly: true,
  maxShares: 3,
};
const windows: NodeUse = {
  accessType: "mount",
  fsType: "ntfs",
  mountFlags: [],
  readOnly: false,
  maxShares: 1,
};

describe("unservedOn", () => {
  it("serves on each platform what it can", () => {
    for (const use of [linux, { ...linux, accessType: "block" } as const])
      assert.equal(unservedOn("linux", use), undefined);
    for (const use of [windows, { ...windows, fsType: "refs" } as const])
      assert.equal(unservedOn("windows", use), undefined);
  });

  const rows = [
    ["windows", linux, "fsType"],
    ["linux", windows, "fsType"],
    ["windows", { ...windows, accessType: "block" }, "volume_capability"],
    ["windows", { ...windows, maxShares: 2 }, "maxShares"],
    ["windows", { ...windows, mountFlags: ["noatime"] }, "mount_flags"],
    ["windows", { ...windows, readOnly: true }, "readonly"],
  ] as const;
  for (const [platform, use, field] of rows) {
    it(`refuses ${field} ${JSON.stringify(use)} on ${platform}`.slice(0, 80), () =>
      assert.equal(unservedOn(platform, use)?.field, field),
    );
  }
});
