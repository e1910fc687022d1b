import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { failureTable } from "../../src/core/failure/failure-table.ts";
import { failureExamples } from "../../src/core/failure/testing/failure-examples.ts";
import { toGrpcStatus } from "../../src/csi/server/to-grpc-status.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const page = await readFile(join(ROOT, "docs/reference/failures.md"), "utf8");

describe("docs/reference/failures.md", () => {
  it("has one row for each kind, with the message that a CSI call answers", () => {
    const kinds = [...page.matchAll(/^\| `(\w+)` \|/gmu)].map(([, kind = ""]) => kind);
    assert.deepEqual(kinds.toSorted(), Object.keys(failureTable).toSorted());
    for (const failure of Object.values(failureExamples))
      assert.ok(page.includes(`| ${toGrpcStatus(failure).details} |`), failure.kind);
  });
});
