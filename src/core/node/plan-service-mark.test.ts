import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type NodeService, planServiceMark, type ServiceStep } from "./plan-service-mark.ts";

const settings = { heartbeatStaleMs: 35_000 };
const healthy: NodeService = {
  isUnreachable: false,
  isOutOfService: false,
  isMarkedByDriver: false,
  heartbeatUnchangedMs: 0,
};

describe("planServiceMark", () => {
  const rows: readonly {
    readonly because: string;
    readonly seen: Partial<NodeService>;
    readonly step: ServiceStep;
  }[] = [
    { because: "a healthy node is left alone", seen: {}, step: { kind: "Keep" } },
    {
      because: "a plug-in that is silent alone is no reason: the kubelet runs",
      seen: { heartbeatUnchangedMs: 600_000 },
      step: { kind: "Keep" },
    },
    {
      because: "a kubelet that is silent alone is no reason: the plug-in runs",
      seen: { isUnreachable: true, heartbeatUnchangedMs: 5_000 },
      step: { kind: "LookAgain", afterMs: 30_000 },
    },
    {
      because: "the plug-in is not silent before its whole time is over",
      seen: { isUnreachable: true, heartbeatUnchangedMs: 34_999 },
      step: { kind: "LookAgain", afterMs: 1 },
    },
    {
      because: "the VM of a node is read once both are silent",
      seen: { isUnreachable: true, heartbeatUnchangedMs: 35_000 },
      step: { kind: "InspectVm", requeueAfterMs: 10_000 },
    },
    {
      because: "it is read less often the longer the node is silent",
      seen: { isUnreachable: true, heartbeatUnchangedMs: 160_000 },
      step: { kind: "InspectVm", requeueAfterMs: 40_000 },
    },
    {
      because: "it is read once a minute at least",
      seen: { isUnreachable: true, heartbeatUnchangedMs: 3_600_000 },
      step: { kind: "InspectVm", requeueAfterMs: 60_000 },
    },
    {
      because: "a marked node whose kubelet is silent stays marked",
      seen: { isUnreachable: true, isOutOfService: true, isMarkedByDriver: true },
      step: { kind: "Keep" },
    },
    {
      because: "the driver removes its mark once the kubelet reports again",
      seen: { isOutOfService: true, isMarkedByDriver: true },
      step: { kind: "Unmark" },
    },
    {
      because: "the mark of a person stays until that person removes it",
      seen: { isOutOfService: true },
      step: { kind: "Keep" },
    },
  ];
  for (const { because, seen, step } of rows)
    it(because, () => assert.deepEqual(planServiceMark({ ...healthy, ...seen }, settings), step));
});
