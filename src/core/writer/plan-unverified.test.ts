import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { ObservedVolume } from "../attachment/observed-volume.ts";
import {
  anAttachment,
  anObservedVolume,
  aNode,
  anOrchestratorNode,
  aPod,
  aReplica,
  aVolumeWithRecord,
  aWriter,
  identity,
} from "../testing/objects.ts";
import type { RecordChanges } from "../testing/record-lists.ts";
import { type WriterPlan, asksIfGone, ifDead, reportsSilence } from "../testing/writer-plans.ts";
import { planWriter } from "./plan-writer.ts";
import type { WriterAction } from "./writer-action.ts";

const a = identity("node-a");
const b = identity("node-b");

function checkPlans(rows: readonly WriterPlan[]): void {
  for (const { because, observed, plan } of rows) assert.deepEqual(planWriter(observed), plan, because);
}

describe("planWriter for unverified nodes", () => {
  it("names what can be done about a VM without a plug-in: only a Node can be marked", () => {
    const uid = { nodeUid: "uid-of-its-node" };
    const { instanceUri } = a;
    for (const [node, isGone, end] of [
      [a, false, /mark it out of service\. .*out-of-service=nodeshutdown:NoExecute$/u],
      [{ ...a, ...uid }, true, /It has no Node to be marked: .*, delete that VM in Azure$/u],
      [{ ...a, nodeName: instanceUri }, false, /no node plug-in has registered by that name$/u],
    ] as const) {
      const planned = planWriter(
        anObservedVolume({
          volume: aVolumeWithRecord({ unverified: [node] }),
          nodes: [aNode("node-b")],
          orchestratorNode: () => anOrchestratorNode({ isGone }),
        }),
      );
      const wait = planned.find((action) => action.kind === "WaitFor");
      assert.deepEqual(wait?.reason, "AttachedToForeignVM");
      assert.match(wait?.message ?? "", end);
    }
  });

  it("reports no VM as foreign before its plug-in has had time to register", () => {
    const planned = (unregisteredMs: number): readonly string[] =>
      planWriter(
        anObservedVolume({
          volume: aVolumeWithRecord({ defaultAccess: "quarantined", unverified: [a] }),
          nodes: [aNode("node-b")],
          pods: () => [aPod({ nodeName: "node-b" })],
          unregisteredMs: () => unregisteredMs,
        }),
      ).map((action) => (action.kind === "WaitFor" ? action.reason : action.kind));
    assert.deepEqual(planned(29_000), ["AskAzure", "Requeue"]);
    assert.deepEqual(planned(30_000), ["AskAzure", "AttachedToForeignVM"]);
  });

  it("reports no proofs for which no pod waits", () => {
    const volume = aVolumeWithRecord({ defaultAccess: "quarantined", unverified: [a, b] });
    const again: WriterAction = { kind: "Requeue", afterMs: 10_000 };
    const attachments = [anAttachment("node-a"), aReplica("node-b")];
    const running = [aPod({ nodeName: "node-a", isPending: false })];
    checkPlans([
      {
        because: "its pod runs",
        observed: anObservedVolume({ volume, attachments, pods: () => running }),
        plan: [again, again],
      },
      {
        because: "no request at all",
        observed: anObservedVolume({ volume, attachments: [aReplica("node-b")] }),
        plan: [again, again],
      },
      {
        because: "a pod that has not started is being deleted",
        observed: anObservedVolume({ volume, attachments, pods: () => [aPod({ isTerminating: true })] }),
        plan: [again, again],
      },
      {
        because: "a pod has no node yet",
        observed: anObservedVolume({ volume, attachments, pods: () => [aPod({ nodeName: "" })] }),
        plan: [again, again],
      },
    ]);
    const foreign = planWriter(
      anObservedVolume({
        volume: aVolumeWithRecord({ defaultAccess: "quarantined", unverified: [a] }),
        nodes: [aNode("node-b")],
      }),
    );
    assert.deepEqual(
      foreign.map((action) => (action.kind === "WaitFor" ? action.reason : action.kind)),
      ["AskAzure", "AttachedToForeignVM"],
      "a VM without a node is reported all the same: it will never prove anything",
    );
    const [, wait] = foreign;
    assert.ok(wait?.kind === "WaitFor" && wait.message.endsWith(ifDead), JSON.stringify(wait));
    for (const observed of [
      anObservedVolume({ volume, attachments, pods: () => [aPod({ nodeName: "node-a" })] }),
      anObservedVolume({ volume, attachments: [...attachments, anAttachment("node-c")] }),
    ])
      assert.deepEqual(
        planWriter(observed).map(({ kind }) => kind),
        ["WaitFor", "WaitFor"],
      );
  });

  // It is fenced if it is dead, and never if it is no node of this cluster.
  it("grants nothing while a node is unverified: each is asked about", () => {
    const volume = aVolumeWithRecord({
      defaultAccess: "quarantined",
      unverified: [a, b],
      clean: [identity("node-c")],
    });
    const attachments = [anAttachment("node-c")];
    const waitsFor = (nodeName: string) =>
      ({
        kind: "WaitFor",
        reason: "WaitingForProof",
        message:
          `${nodeName} had the disk when the record was made ` + "and has not shown yet whether it is clean",
        retryAfterMs: 1_000,
      }) as const;
    const foreign = planWriter(
      anObservedVolume({ volume, attachments, nodes: [aNode("node-b"), aNode("node-c")] }),
    );
    checkPlans([
      {
        because: "there is one alone",
        observed: anObservedVolume({
          volume: aVolumeWithRecord({
            defaultAccess: "quarantined",
            unverified: [a],
            clean: [identity("node-c")],
          }),
          attachments,
        }),
        plan: [waitsFor("node-a")],
      },
      {
        because: "both alive",
        observed: anObservedVolume({ volume, attachments }),
        plan: [waitsFor("node-a"), waitsFor("node-b")],
      },
      {
        because: "one is out of service",
        observed: anObservedVolume({
          volume,
          attachments,
          nodes: [aNode("node-a", { isOutOfService: true }), aNode("node-b")],
        }),
        plan: [
          {
            kind: "BeginFence",
            node: a,
            ground: "outOfService",
            because: "it had the disk when the record was made, and is out of service",
          },
          waitsFor("node-b"),
        ],
      },
      {
        because: "one has been silent for a while, and its VM may be no more",
        observed: anObservedVolume({
          volume,
          attachments,
          nodes: [aNode("node-a", { heartbeatUnchangedMs: 60_000 }), aNode("node-b")],
        }),
        plan: [
          asksIfGone,
          { ...waitsFor("node-a"), retryAfterMs: 10_000 },
          reportsSilence("which had the disk when the record was made and has not shown whether it is clean"),
          waitsFor("node-b"),
        ],
      },
    ]);
    assert.deepEqual(
      foreign.map((action) => (action.kind === "WaitFor" ? action.reason : action.kind)),
      ["AskAzure", "AttachedToForeignVM", "WaitingForProof"],
    );
  });

  it("asks about unverified nodes also while another node writes, and reports no wait", () => {
    const record: RecordChanges = {
      defaultAccess: "quarantined",
      unverified: [a],
      writer: aWriter("node-b"),
    };
    const observed = (node: Parameters<typeof aNode>[1] | "unregistered", fencing = {}): ObservedVolume =>
      anObservedVolume({
        volume: aVolumeWithRecord({ ...record, ...fencing }),
        attachments: [anAttachment("node-b")],
        nodes: [aNode("node-b"), ...(node === "unregistered" ? [] : [aNode("node-a", node)])],
      });
    const asks: readonly WriterAction[] = [asksIfGone];
    const earlyFor = (afterMs: number): WriterAction => ({
      kind: "Requeue",
      afterMs,
      tooEarlyFor: "ReclaimDisputed",
    });
    const early = earlyFor(120_000 - anObservedVolume().unchangedMs);
    checkPlans([
      { because: "it is alive, and shows it by itself", observed: observed({}), plan: [early] },
      {
        because: "its VM may be no more",
        observed: observed({ heartbeatUnchangedMs: 60_000 }),
        plan: [asksIfGone, early],
      },
      {
        because: "a controller before this one has found it silent",
        observed: observed({ isMarkedSilent: true, heartbeatUnchangedMs: 5_000 }),
        plan: [earlyFor(30_000)],
      },
      { because: "no node stands for its VM", observed: observed("unregistered"), plan: asks },
      {
        because: "its VM has had no node for long",
        observed: { ...observed("unregistered"), unchangedMs: 600_000 },
        plan: asks,
      },
      {
        because: "it is out of service",
        observed: observed({ isOutOfService: true }),
        plan: [
          {
            kind: "BeginFence",
            node: a,
            ground: "outOfService",
            because: "it had the disk when the record was made, and is out of service",
          },
        ],
      },
      { because: "it is being fenced", observed: observed("unregistered", { fencing: a }), plan: [] },
    ]);
  });

  // A pod may use the disk there as well.
  it("reports a node that stays unverified beside a writer", () => {
    const volume = aVolumeWithRecord({
      defaultAccess: "quarantined",
      unverified: [a],
      writer: aWriter("node-b"),
    });
    const attachments = [anAttachment("node-b")];
    assert.deepEqual(planWriter(anObservedVolume({ volume, attachments, unchangedMs: 30_000 })), [
      { kind: "Requeue", afterMs: 90_000, tooEarlyFor: "ReclaimDisputed" },
    ]);
    assert.deepEqual(planWriter(anObservedVolume({ volume, attachments, unchangedMs: 119_999 })), [
      { kind: "Requeue", afterMs: 1_000, tooEarlyFor: "ReclaimDisputed" },
    ]);
    const message =
      "node-b has reclaimed the volume, and another node does not release it: " +
      "node-a had the disk when the record was made and has not shown yet whether it is clean";
    assert.deepEqual(planWriter(anObservedVolume({ volume, attachments, unchangedMs: 120_000 })), [
      { kind: "WaitFor", reason: "ReclaimDisputed", message, retryAfterMs: 60_000 },
    ]);
  });

  it("asks Azure first about names that now mean another VM", () => {
    const older = { ...identity("node-a"), vmId: "older" };
    const record = {
      writer: { ...aWriter("node-a", { requested: false }), ...older },
      fencing: older,
      quarantined: [older, b],
      unverified: [{ ...identity("node-b"), vmId: "older-b" }],
    };
    checkPlans([
      {
        because: "not about one in quarantine, or one that is being fenced",
        observed: anObservedVolume({
          volume: aVolumeWithRecord(record),
          attachments: [anAttachment("node-a"), anAttachment("node-b")],
        }),
        plan: [{ kind: "AskAzure", node: { ...identity("node-b"), vmId: "older-b" }, mayBeGone: true }],
      },
      {
        because: "Azure's case of a GUID is no difference",
        observed: anObservedVolume({
          volume: aVolumeWithRecord({ quarantined: [{ ...a, vmId: a.vmId.toUpperCase() }] }),
        }),
        plan: [],
      },
    ]);
  });
});
