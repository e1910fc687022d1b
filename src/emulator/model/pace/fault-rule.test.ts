import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Json } from "../api/json.ts";
import { parseFaultRule } from "./fault-rule.ts";

const effect = { kind: "StuckOperation" };

describe("a fault rule", () => {
  const wrong: readonly { readonly rule: Json; readonly because: RegExp }[] = [
    { rule: [], because: /a fault rule: this is an object/ },
    { rule: { effect, nth: "3" }, because: /'nth' is a whole number from 1/ },
    { rule: { effect, times: 0 }, because: /'times' is a whole number from 1/ },
    { rule: { effect, probability: 10 }, because: /'probability' is a number from 0 to 1/ },
    { rule: { effect, disk: 7 }, because: /'disk' is a text/ },
    { rule: { effect, disc: "*" }, because: /'disc' is not a member of a fault rule/ },
    {
      rule: {},
      because: /'effect' is missing in a fault rule; it is an object with a kind: Error, DropRequest, /,
    },
    { rule: { effect: { kind: "Explode" } }, because: /'effect.kind' is one of Error, .*; got "Explode"/ },
    { rule: { effect: {} }, because: /'effect.kind' is missing in a fault rule; it is one of Error, / },
    {
      rule: { effect: { kind: "Error", status: 429, code: "X", retryAfterS: "9" } },
      because: /'effect.retryAfterS' is a number from 0; got "9"/,
    },
    {
      rule: { effect: { kind: "FailOperation", code: "X", aplied: "all" } },
      because: /'effect.aplied' is not a member of a fault rule; it has kind, code, message, applied/,
    },
    {
      rule: { effect: { kind: "FailOperation", code: "X", applied: "some" } },
      because: /'effect.applied' is one of none, others, all/,
    },
    { rule: { effect: { kind: "FailOperation" } }, because: /'effect.code' is missing/ },
    {
      rule: { effect: { kind: "Error", status: 200, code: "X" } },
      because: /'effect.status' is a whole number from 400 to 599/,
    },
    { rule: { effect: { kind: "Error", status: 500 } }, because: /'effect.code' is missing/ },
    { rule: { effect: { kind: "DelayResponse" } }, because: /'effect.delayMs' is missing/ },
    // It would be accepted and never take effect.
    {
      rule: { disk: "*", effect: { kind: "Error", status: 409, code: "X" } },
      because: /'disk' goes with the end of an operation \(FailOperation, .*, not with effect Error/,
    },
  ];
  for (const { rule, because } of wrong) {
    it(`is refused, not reinterpreted: ${JSON.stringify(rule)}`, () => {
      const parsed = parseFaultRule(rule);
      assert.match(parsed.ok ? "" : parsed.reason, because);
    });
  }

  it("is read with all its members", () => {
    const rule = {
      ...{ id: "a", operation: "Disks_*", resource: "*", nth: 2, times: 3, probability: 0.5 },
      effect: {
        kind: "Error",
        status: 429,
        code: "X",
        message: "m",
        target: "t",
        details: [{ code: "Y" }],
        internalErrorCode: "Z",
        retryAfterS: 3,
      },
    };
    assert.deepEqual(parseFaultRule(rule), { ok: true, value: rule });
    for (const kind of [
      "DropRequest",
      "DropResponse",
      "IdleOperation",
      "StuckOperation",
      "UnreportedOperation",
      "StaleRead",
    ])
      assert.deepEqual(parseFaultRule({ effect: { kind } }), { ok: true, value: { effect: { kind } } });
    const applied = {
      disk: "*",
      effect: { kind: "FailOperation", code: "X", message: "m", applied: "others" },
    };
    assert.deepEqual(parseFaultRule(applied), { ok: true, value: applied });
    assert.deepEqual(parseFaultRule({ effect: { kind: "DelayResponse", delayMs: 5 } }), {
      ok: true,
      value: { effect: { kind: "DelayResponse", delayMs: 5 } },
    });
  });
});
