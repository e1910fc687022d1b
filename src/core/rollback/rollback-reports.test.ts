import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { aLease } from "../testing/a-lease.ts";
import { withAnnotations } from "./rebuild-mark.ts";
import { LONE_REPORTS_ANNOTATION, loneReportsOf } from "./rollback-reports.ts";

describe("loneReportsOf", () => {
  const rows: readonly (readonly [because: string, text: string, reports: object])[] = [
    ["each is a time", '{"node-a":5,"node-b":7}', { "node-a": 5, "node-b": 7 }],
    ["one is no time", '{"node-a":5,"node-b":"7"}', { "node-a": 5 }],
    ["there is nothing", "null", {}],
    ["it is a text", '"node-a"', {}],
    ["it is no JSON", "{", {}],
  ];
  for (const [because, text, reports] of rows)
    it(`reads ${JSON.stringify(reports)} from a Lease where ${because}`, () => {
      const lease = withAnnotations(aLease({}), { [LONE_REPORTS_ANNOTATION]: text });
      assert.deepEqual(loneReportsOf(lease, LONE_REPORTS_ANNOTATION), reports);
    });

  it("reads none from a Lease without any", () =>
    assert.deepEqual(loneReportsOf(aLease({}), LONE_REPORTS_ANNOTATION), {}));
});
