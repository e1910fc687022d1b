import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { failureExamples } from "../failure/failure-examples.ts";
import { failureNews } from "./failure-news.ts";

describe("failureNews", () => {
  it("is the same for another request id of Azure's", () => {
    for (const kind of ["CloudRejected", "CloudUnavailable", "CloudUnauthorized"] as const)
      assert.equal(
        failureNews({ ...failureExamples[kind], requestId: "r-2" }),
        failureNews(failureExamples[kind]),
      );
    const azure = (requestId: string): { azure: { code: string; requestId: string } } => ({
      azure: { code: "QuotaExceeded", requestId },
    });
    for (const kind of ["QuotaExceeded", "DiskInUse", "NoFreeLun"] as const)
      assert.equal(
        failureNews({ ...failureExamples[kind], ...azure("r-2") }),
        failureNews({ ...failureExamples[kind], ...azure("r-1") }),
      );
  });

  it("differs for another code, another fact or another kind", () => {
    const news = [
      failureNews(failureExamples.CloudRejected),
      failureNews({ ...failureExamples.CloudRejected, code: "Other" }),
      failureNews({ ...failureExamples.CloudUnavailable, code: "Other" }),
      failureNews(failureExamples.NoFreeLun),
      failureNews({ ...failureExamples.NoFreeLun, lunsMax: 16 }),
    ];
    assert.equal(new Set(news).size, news.length);
  });
});
