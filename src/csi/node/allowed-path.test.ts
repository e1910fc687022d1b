import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { describeFailure } from "../../core/failure/describe-failure.ts";
import { pathObstacle } from "./allowed-path.ts";

const settings = {
  linux: { platform: "linux", allowedRoots: ["/var/lib/kubelet"] },
  windows: { platform: "windows", allowedRoots: ["C:\\var\\lib\\kubelet\\"] },
} as const;

describe("pathObstacle", () => {
  const rows = [
    ["linux", "/var/lib/kubelet/pods/1", true],
    ["linux", "/var/lib/kubelet/../kubelet/pods/1", false],
    ["linux", "/var/lib/Kubelet/pods/1", false],
    ["linux", "/var/lib/kubelet2/pods/1", false],
    ["windows", "C:\\var\\lib\\kubelet\\pods\\1", true],
    ["windows", "c:\\var\\lib\\Kubelet\\pods\\1", true],
    ["windows", "C:\\var\\lib\\kubelet\\..\\..\\Windows", false],
    ["windows", "D:\\var\\lib\\kubelet\\pods\\1", false],
    ["windows", "C:var\\lib\\kubelet\\pods\\1", false],
  ] as const;
  for (const [platform, path, isAllowed] of rows)
    it(`${isAllowed ? "accepts" : "refuses"} ${path} on ${platform}`, () =>
      assert.equal(pathObstacle("target_path", path, settings[platform]) === undefined, isAllowed));

  it("says which flag allows other directories", () => {
    const path = "/var/snap/microk8s/common/var/lib/kubelet/pods/1";
    const failure = pathObstacle("target_path", path, settings.linux);
    assert.match(
      failure === undefined ? "" : describeFailure(failure),
      /may mount in \(--kubelet-dir\): \/var\/lib\/kubelet$/u,
    );
  });
});
