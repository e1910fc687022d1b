import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { isPermanentKind, isRetryable } from "./is-retryable.ts";
import { failureExamples } from "./testing/failure-examples.ts";

/** Kinds that only a person, or another request, can change. */
const permanent = [
  "InvalidArgument",
  "OutOfRange",
  "VolumeNotFound",
  "VolumeExistsWithOtherRequest",
  "SnapshotNotFound",
  "SnapshotExistsWithOtherRequest",
  "SnapshotOfOther",
  "SnapshotCopyFailed",
  "CopyUnreachable",
  "Unsupported",
  "InvalidToken",
  "DiskNotFound",
  "DiskAccessGranted",
  "DiskReplaced",
  "DiskCopyFailed",
  "CopySourceFailed",
  "InstanceNotFound",
  "InstanceReplaced",
  "QuotaExceeded",
  "NotOfferedInZone",
  "NoCapacityInZone",
  "ChangeOverQuota",
  "TooManySnapshots",
  "ChangedTooOften",
  "CloudRejected",
  "CloudUnauthorized",
  "ObjectInvalid",
  "WrongDevice",
  "MountedOtherwise",
  "WrongFileSystem",
  "FileSystemBroken",
  "DeviceSettingRefused",
  "PathNotAllowed",
  "PathNotMounted",
];

describe("isRetryable", () => {
  for (const failure of Object.values(failureExamples)) {
    const retryable = !permanent.includes(failure.kind);
    it(`says ${retryable} of ${failure.kind}`, () =>
      assert.deepEqual([isRetryable(failure), isPermanentKind(failure.kind)], [retryable, !retryable]));
  }

  it("does not treat a later version's kinds as permanent", () =>
    assert.equal(isPermanentKind("NewTrouble"), false));
});
