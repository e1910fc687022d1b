import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  BEYOND_32_BITS,
  type UngrownFileSystem,
  WHILE_READ_ONLY,
  whyNotGrown,
  WITH_ERRORS,
  WITH_UNKNOWN_FEATURE,
  WITHOUT_CAPABILITY,
} from "./why-not-grown.ts";

const denied: UngrownFileSystem = {
  isReadOnly: false,
  errorCount: 0,
  mayGrowMountedExt: true,
  stderr: "resize2fs: Permission denied to resize filesystem",
};

const rows = [
  { because: "a read-only mount", given: { isReadOnly: true, errorCount: 1 }, why: WHILE_READ_ONLY },
  { because: "errors, with the capability", given: { errorCount: 1 }, why: WITH_ERRORS },
  {
    because: "errors, also without it",
    given: { errorCount: 1, mayGrowMountedExt: false },
    why: WITH_ERRORS,
  },
  { because: "no capability", given: { mayGrowMountedExt: false }, why: WITHOUT_CAPABILITY },
  {
    because: "a feature that the tools lack",
    given: { stderr: "resize2fs: Filesystem has unsupported feature(s) (/dev/sdc)" },
    why: WITH_UNKNOWN_FEATURE,
  },
  {
    because: "block numbers of 32 bits",
    given: { stderr: "resize2fs: New size too large to be expressed in 32 bits" },
    why: BEYOND_32_BITS,
  },
  { because: "the capability and no errors", given: {}, why: undefined },
  { because: "another problem", given: { errorCount: 1, stderr: "No space left" }, why: undefined },
  { because: "another file system", given: { errorCount: undefined }, why: undefined },
] as const;

describe("whyNotGrown", () => {
  for (const { because, given, why } of rows)
    it(`${why === undefined ? "knows none" : "states the reason"}: ${because}`, () =>
      assert.equal(whyNotGrown({ ...denied, ...given }), why));
});
