import assert from "node:assert/strict";
import { it } from "node:test";
import { qualifiedPath } from "./qualified-path.ts";

const rows = [
  ["linux", "/var/lib/kubelet/pods/1", "/var/lib/kubelet/pods/1"],
  ["linux", "/var/lib/kubelet/a\\b", "/var/lib/kubelet/a\\b"],
  ["windows", "\\var\\lib\\kubelet\\plugins\\1", "C:\\var\\lib\\kubelet\\plugins\\1"],
  ["windows", "/var/lib/kubelet", "C:\\var\\lib\\kubelet"],
  ["windows", "c:\\var\\lib\\Kubelet", "C:\\var\\lib\\Kubelet"],
  ["windows", "D:/kubelet\\pods/1", "D:\\kubelet\\pods\\1"],
  ["windows", "\\\\server\\share", "\\\\server\\share"],
  ["windows", "//server/share", "\\\\server\\share"],
  ["windows", "C:var", "C:var"],
  ["windows", "var\\lib", "var\\lib"],
  ["windows", "", ""],
] as const;

for (const [platform, path, qualified] of rows)
  it(`makes ${qualified} of ${path} on ${platform}`, () =>
    assert.equal(qualifiedPath(path, platform), qualified));
