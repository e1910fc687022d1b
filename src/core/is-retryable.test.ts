import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { failureExamples } from "./failure-examples.ts";
import { isRetryable } from "./is-retryable.ts";

/** What only a person, or another request, can change. */
const permanent = [
  "InvalidArgument",
  "OutOfRange",
  "VolumeNotFound",
  "VolumeExistsWithOtherRequest",
  "Unsupported",
  "InvalidToken",
  "DiskNotFound",
  "InstanceNotFound",
  "InstanceReplaced",
  "QuotaExceeded",
  "CloudRejected",
  "CloudUnauthorized",
  "ObjectInvalid",
  "WrongDevice",
  "WrongFileSystem",
  "FileSystemBroken",
  "PathNotAllowed",
  "PathNotMounted",
];

describe("isRetryable", () => {
  for (const failure of Object.values(failureExamples)) {
    const retryable = !permanent.includes(failure.kind);
    it(`says ${retryable} of ${failure.kind}`, () => assert.equal(isRetryable(failure), retryable));
  }
});
