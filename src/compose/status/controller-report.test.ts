import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Lease } from "../../core/api/lease.ts";
import { agoMs, aVolume, nowMs } from "../../core/testing/objects.ts";
import { controllerReport } from "./controller-report.ts";

function aLease(renewedAgoMs: number, holderIdentity = "controller-0"): Lease {
  return {
    metadata: aVolume().metadata,
    spec: { holderIdentity, leaseDurationSeconds: 15, renewTime: agoMs(renewedAgoMs), leaseTransitions: 0 },
  };
}

describe("controllerReport", () => {
  for (const { because, lease, leads, detail } of [
    {
      because: "one that renews its Lease",
      lease: aLease(2_000),
      leads: true,
      detail: "Lease of controller-0, renewed 2 s ago",
    },
    {
      because: "one whose clock may be behind",
      lease: aLease(60_000),
      leads: true,
      detail: "Lease of controller-0, renewed 60 s ago",
    },
    {
      because: "none after a stale Lease",
      lease: aLease(61_000),
      leads: false,
      detail: "none leads: Lease of controller-0, renewed 61 s ago",
    },
    {
      because: "none after a release",
      lease: aLease(1_000, ""),
      leads: false,
      detail: "none leads: Lease released, renewed 1 s ago",
    },
    { because: "none without a Lease", lease: undefined, leads: false, detail: "none leads: no Lease" },
  ])
    it(`finds ${because}`, () => assert.deepEqual(controllerReport(lease, nowMs), { leads, detail }));
});
