import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { REPORTED_TARGETS_MAX, reportedTargets, VOLUME_CONTEXT_MAX_CHARS } from "./attachment-bounds.ts";
import { specRules } from "./spec-rules.ts";

describe("the bounds of an AzVolumeAttachment", () => {
  const paths = (count: number): readonly string[] =>
    Array.from({ length: count }, (_, index) => `/target-${index}`);

  it("report all targets where they fit", () =>
    assert.deepEqual(reportedTargets(paths(REPORTED_TARGETS_MAX)), paths(REPORTED_TARGETS_MAX)));

  it("count the other targets, so that each that is unmounted is progress", () => {
    assert.deepEqual(reportedTargets(paths(REPORTED_TARGETS_MAX + 1)), [
      ...paths(REPORTED_TARGETS_MAX - 1),
      "2 more",
    ]);
    assert.notDeepEqual(reportedTargets(paths(100)), reportedTargets(paths(99)));
  });

  it("count the keys and the values of a volume context", () => {
    const [rule] = specRules.AzVolumeAttachment.filter(({ field }) => field === "spec.volumeContext");
    const holds = (volumeContext: Readonly<Record<string, string>>): boolean | undefined =>
      rule?.holds(
        { volumeName: "v", volumeId: "d", nodeName: "n", role: "Primary", readOnly: false, volumeContext },
        undefined,
      );
    assert.deepEqual(
      [
        {},
        { ab: "c".repeat(VOLUME_CONTEXT_MAX_CHARS - 2) },
        { ab: "c".repeat(VOLUME_CONTEXT_MAX_CHARS - 1) },
      ].map(holds),
      [true, true, false],
    );
  });
});
