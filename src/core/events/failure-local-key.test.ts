import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { failureExamples } from "../failure/testing/failure-examples.ts";
import { failureLocalKey } from "./failure-local-key.ts";

describe("failureLocalKey", () => {
  it("is the same for another request id of Azure's", () => {
    for (const kind of ["CloudRejected", "CloudUnavailable", "CloudUnauthorized"] as const)
      assert.equal(
        failureLocalKey({ ...failureExamples[kind], requestId: "r-2" }),
        failureLocalKey(failureExamples[kind]),
      );
    const azure = (requestId: string): { azure: { code: string; requestId: string } } => ({
      azure: { code: "QuotaExceeded", requestId },
    });
    for (const kind of ["QuotaExceeded", "DiskInUse", "NoFreeLun"] as const)
      assert.equal(
        failureLocalKey({ ...failureExamples[kind], ...azure("r-2") }),
        failureLocalKey({ ...failureExamples[kind], ...azure("r-1") }),
      );
  });

  it("is the same while Azure copies on: each percent would be an event of its own", () => {
    for (const kind of ["DiskBeingCopied", "SourceBeingCopied"] as const)
      assert.equal(
        failureLocalKey({ ...failureExamples[kind], percent: 41 }),
        failureLocalKey(failureExamples[kind]),
      );
  });

  it("differs for another code, another fact or another kind", () => {
    const localKeys = [
      failureLocalKey(failureExamples.CloudRejected),
      failureLocalKey({ ...failureExamples.CloudRejected, code: "Other" }),
      failureLocalKey({ ...failureExamples.CloudUnavailable, code: "Other" }),
      failureLocalKey(failureExamples.NoFreeLun),
      failureLocalKey({ ...failureExamples.NoFreeLun, lunsMax: 16 }),
    ];
    assert.equal(new Set(localKeys).size, localKeys.length);
  });
});
