import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { readRemainingCalls, readRetryAfterMs } from "./read-headers.ts";

const NOW_MS = Date.UTC(2026, 0, 1, 12, 0, 0);

describe("Retry-After", () => {
  for (const [header, delayMs, because] of [
    [undefined, undefined, "there is none"],
    ["", undefined, "it is empty"],
    ["soon", undefined, "it is neither"],
    ["7", 7_000, "seconds"],
    ["1.5", 1_500, "parts of seconds"],
    ["-3", 0, "the past"],
    ["Thu, 01 Jan 2026 12:01:00 GMT", 60_000, "a date"],
    ["Thu, 01 Jan 2026 11:59:00 GMT", 0, "a date in the past"],
    ["86400", 3_600_000, "a day, as of a proxy"],
    ["Fri, 02 Jan 2026 12:00:00 GMT", 3_600_000, "a date by a clock that is a day ahead"],
    ["1e300", 3_600_000, "a number beyond all times"],
    ["Infinity", undefined, "no number of HTTP"],
  ] as const)
    it(`is ${delayMs ?? "not read"}: ${because}`, () =>
      assert.equal(readRetryAfterMs(header, NOW_MS), delayMs));
});

describe("x-ms-ratelimit-remaining-resource", () => {
  it("is read by policy", () => {
    assert.deepEqual(
      readRemainingCalls("Microsoft.Compute/PutVMResource;9, Microsoft.Compute/GetOperation3Min;7,x"),
      [
        { policy: "PutVMResource", remaining: 9 },
        { policy: "GetOperation3Min", remaining: 7 },
      ],
    );
    assert.deepEqual(readRemainingCalls(undefined), []);
  });

  // Azure/azure-cli, recording test_vmss_update_instance_disks.yaml (2024), which attaches to an instance.
  it("counts no calls in the queue of a uniform scale set, of which Azure says 0", () => {
    const header =
      "Microsoft.Compute/VMScaleSetVMActionsSubscriptionMaximum;1999," +
      "Microsoft.Compute/VMScaleSetVMActionsResource;11," +
      "Microsoft.Compute/VMScaleSetBatchedVMRequestsSubscriptionMaximum;5998," +
      "Microsoft.Compute/VmssQueuedVMOperations;0";
    assert.deepEqual(readRemainingCalls(header), [
      { policy: "VMScaleSetVMActionsSubscriptionMaximum", remaining: 1999 },
      { policy: "VMScaleSetVMActionsResource", remaining: 11 },
      { policy: "VMScaleSetBatchedVMRequestsSubscriptionMaximum", remaining: 5998 },
    ]);
  });
});
