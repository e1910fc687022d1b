import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Platform } from "../../core/platform/platform.ts";
import { readStageRequest } from "./read-stage-request.ts";

interface Row {
  readonly because: string;
  readonly platform: Platform;
  readonly capability?: string;
  readonly context?: Readonly<Record<string, string>>;
  readonly fsType: string;
}

const rows: readonly Row[] = [
  { because: "none is stated on Linux", platform: "linux", fsType: "ext4" },
  { because: "none is stated on Windows, as by volumes of V1", platform: "windows", fsType: "ntfs" },
  { because: "the capability states it", platform: "windows", capability: "refs", fsType: "refs" },
  { because: "the attributes state it", platform: "linux", context: { fstype: "XFS" }, fsType: "xfs" },
  {
    because: "it is of the other platform",
    platform: "windows",
    context: { fsType: "ext4" },
    fsType: "ext4",
  },
];

describe("readStageRequest", () => {
  for (const { because, platform, capability = "", context = {}, fsType } of rows)
    it(`answers ${fsType} where ${because}`, () => {
      const read = readStageRequest(aRequest(capability, context), platform);
      assert.equal(read.ok && read.value.fsType, fsType);
    });

  it("refuses a geometry of the platform's own file system", () => {
    const read = readStageRequest(aRequest("", { blockSize: "4096" }), "windows");
    assert.ok(!read.ok && read.failure.kind === "InvalidArgument");
    assert.equal(read.failure.field, "volume_context.blockSize");
  });
});

function aRequest(
  fsType: string,
  volumeContext: Readonly<Record<string, string>>,
): Parameters<typeof readStageRequest>[0] {
  return {
    volumeId: "id",
    stagingTargetPath: "/staging",
    volumeCapability: {
      accessType: { $case: "mount", value: { fsType, mountFlags: [], volumeMountGroup: "" } },
      accessMode: { mode: "SINGLE_NODE_WRITER" },
    },
    volumeContext,
  };
}
