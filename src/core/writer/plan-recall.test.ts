import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { AzVolumeAttachment } from "../api/az-volume-attachment.ts";
import { withRemedy } from "../events/event-reasons.ts";
import {
  agoMs,
  anAttachment,
  anObservedVolume,
  aNode,
  anOrchestratorNode,
  attachmentName,
  aVolumeWithRecord,
  aWriter,
  diskUri,
  identity,
  settings,
  unchangedFor,
} from "../testing/objects.ts";
import {
  withoutRequest,
  type WriterPlan,
  endsRequest,
  asksIfGone,
  ifDead,
  reportsSilence,
} from "../testing/writer-plans.ts";
import { planWriter } from "./plan-writer.ts";
import type { WriterAction } from "./writer-action.ts";

const a = identity("node-a");

function checkPlans(rows: readonly WriterPlan[]): void {
  for (const { because, observed, plan } of rows) assert.deepEqual(planWriter(observed), plan, because);
}

describe("planWriter for a writer that no longer requests the volume", () => {
  it("leaves an orderly unstage alone for a moment before it recalls", () => {
    const volume = aVolumeWithRecord({ writer: aWriter("node-a", { requested: false }) });
    const attachments = [anAttachment("node-a")];
    assert.deepEqual(planWriter(anObservedVolume({ volume, attachments, unchangedMs: 400 })), [
      { kind: "Requeue", afterMs: 600 },
    ]);
    assert.deepEqual(planWriter(anObservedVolume({ volume, attachments, unchangedMs: 999 })), [
      { kind: "Requeue", afterMs: 1 },
    ]);
    const recall = { id: "recall-1", since: agoMs(100) };
    const recalled = planWriter(
      anObservedVolume({
        volume,
        attachments: [anAttachment("node-a", { spec: { recall } })],
        unchangedMs: 400,
      }),
    );
    assert.deepEqual(
      recalled.map(({ kind }) => kind),
      ["Requeue"],
      "a recall that was written is followed at once, and not reported yet",
    );
    assert.deepEqual(planWriter(anObservedVolume({ volume, attachments, unchangedMs: 1_000 })), [
      { kind: "Recall", attachmentName: attachmentName("node-a"), isDue: true },
    ]);
    const dead = [aNode("node-a", { isOutOfService: true }), aNode("node-b")];
    const planned = planWriter(anObservedVolume({ volume, attachments, nodes: dead, unchangedMs: 0 }));
    assert.deepEqual(planned.at(-1), {
      kind: "Recall",
      attachmentName: attachmentName("node-a"),
      isDue: true,
    });
  });

  it("reports a recall once the node has had time to answer and unmount", () => {
    const volume = aVolumeWithRecord({ writer: aWriter("node-a", { requested: false }) });
    const alive = [aNode("node-a"), aNode("node-b")];
    const silent = [aNode("node-a", { heartbeatUnchangedMs: 35_000 }), aNode("node-b")];
    const unmounting = { published: [], unmounting: true };
    const mounted = { published: ["/pods/1"], unmounting: false };
    const rows = [
      { because: "it has had no time to answer", ageMs: 4_999, nodes: alive, reports: false },
      { because: "it has not answered in time", ageMs: 5_000, nodes: alive, reports: true },
      { because: "it has no heartbeat", ageMs: 0, nodes: silent, reports: true },
      { because: "it unmounts", ageMs: 4_999, nodes: alive, answer: unmounting, reports: false },
      { because: "it unmounts slowly", ageMs: 5_000, nodes: alive, answer: unmounting, reports: true },
      { because: "a pod there has it mounted", ageMs: 0, nodes: alive, answer: mounted, reports: true },
    ];
    for (const { because, ageMs, nodes, answer, reports } of rows) {
      const recall = { id: "recall-1", since: agoMs(ageMs) };
      const status =
        answer === undefined ? {} : { recall: { id: "recall-1", progress: "1", time: agoMs(0), ...answer } };
      const attachments = [anAttachment("node-a", { spec: { recall }, status })];
      const planned = planWriter(anObservedVolume({ volume, attachments, nodes }));
      const reasons = planned.flatMap((action) => (action.kind === "WaitFor" ? [action.reason] : []));
      assert.deepEqual(reasons, reports ? ["WaitingForUnmount"] : [], because);
      assert.equal(
        planned.some(({ kind }) => kind === "Requeue"),
        !reports,
        because,
      );
    }
  });

  // A release check may have marked it and been interrupted.
  it("asks for users of an unrequested holder whose own request stands", () => {
    const volume = aVolumeWithRecord({ writer: aWriter("node-a", { requested: false }) });
    const recall = { id: "recall-1", since: agoMs(600_000) };
    const answer = {
      id: "recall-1",
      published: ["/target"],
      unmounting: false,
      progress: "1",
      time: agoMs(1_000),
    };
    const recalled = anAttachment("node-a", { spec: { recall }, status: { recall: answer } });
    const asks: WriterAction = { kind: "ReleaseCheck", node: a };
    const recalls: WriterAction = { kind: "Recall", attachmentName: attachmentName("node-a"), isDue: true };
    const used = { volume, writerUse: { kind: "used", users: ["default/pod-1"] } } as const;
    checkPlans([
      {
        because: "before it is recalled",
        observed: anObservedVolume({ ...used, attachments: [anAttachment("node-a")] }),
        plan: [asks],
      },
      {
        because: "once it is",
        observed: anObservedVolume({ ...used, attachments: [recalled] }),
        plan: [asks],
      },
      {
        because: "also where its unmount makes no progress",
        observed: anObservedVolume({ ...used, attachments: [unchangedFor(600_000, recalled)] }),
        plan: [asks],
      },
      {
        because: "an orderly unstage may be under way whose withdrawal is not seen yet",
        observed: anObservedVolume({ ...used, attachments: [anAttachment("node-a")], unchangedMs: 400 }),
        plan: [{ kind: "Requeue", afterMs: 600 }],
      },
      {
        because: "its request has ended: the pod that is seen is ending",
        observed: anObservedVolume({ ...used, attachments: [withoutRequest("node-a")] }),
        plan: [recalls],
      },
      {
        because: "no user",
        observed: anObservedVolume({
          ...used,
          writerUse: { kind: "unused" },
          attachments: [anAttachment("node-a")],
        }),
        plan: [recalls],
      },
      {
        because: "its users are unknown",
        observed: anObservedVolume({
          ...used,
          writerUse: { kind: "unknown" },
          attachments: [anAttachment("node-a")],
        }),
        plan: [recalls],
      },
      {
        because: "out of service: its pods are dead",
        observed: anObservedVolume({
          ...used,
          attachments: [anAttachment("node-a")],
          nodes: [aNode("node-a", { isOutOfService: true }), aNode("node-b")],
        }),
        plan: [endsRequest("node-a"), recalls],
      },
    ]);
  });

  it("fences a recalled holder only for a reason that the rules name", () => {
    const volume = aVolumeWithRecord({ writer: aWriter("node-a", { requested: false }) });
    const recall = { id: "recall-1", since: agoMs(600_000) };
    const answer = { id: "recall-1", published: [], unmounting: true, progress: "1", time: agoMs(600_000) };
    const asked = anAttachment("node-a", { spec: { recall } });
    const unmounting = anAttachment("node-a", { spec: { recall }, status: { recall: answer } });
    const refused = anAttachment("node-a", {
      spec: { recall },
      status: { recall: { ...answer, releaseRefused: true } },
    });
    const bound = { ...answer, published: ["/pods/1"], unmounting: false };
    const inUse = anAttachment("node-a", { spec: { recall }, status: { recall: bound } });
    const inUseSince = (ms: number): AzVolumeAttachment =>
      anAttachment("node-a", {
        spec: { recall: { ...recall, since: agoMs(ms) } },
        status: { recall: bound },
      });
    const stale = { heartbeatUnchangedMs: 35_000 };
    const others = [aNode("node-b")];
    const waitsFor = (
      because: string,
      reason: "WaitingForUnmount" | "WaitingForFence" = "WaitingForUnmount",
    ): WriterAction => ({
      kind: "WaitFor",
      reason,
      message: `node-a ${because} (writer epoch 1)${reason === "WaitingForUnmount" ? `. ${ifDead}` : ""}`,
      retryAfterMs: 1_000,
    });
    const silent = waitsFor("has not answered the recall");
    // A silent node is not dead by that, but its VM may be gone, and then no node will ever answer for
    // it.
    const askingThePlatform = (wait: WriterAction): readonly WriterAction[] => [
      { kind: "AskAzure", node: a, mayBeGone: true },
      { ...wait, ...(wait.kind === "WaitFor" ? { retryAfterMs: 10_000 } : {}) },
    ];
    const fences = (ground: "outOfService" | "stalled", because: string): WriterAction => ({
      kind: "BeginFence",
      node: a,
      ground,
      because,
    });
    const endsRecall = { kind: "Recall", attachmentName: attachmentName("node-a"), isDue: false } as const;
    const hour = 3_600_000;
    checkPlans([
      {
        because: "it has not answered, for an hour",
        observed: anObservedVolume({ volume, attachments: [unchangedFor(hour, asked)] }),
        plan: [silent],
      },
      {
        because: "its heartbeat is stale besides",
        observed: anObservedVolume({
          volume,
          attachments: [unchangedFor(hour, asked)],
          nodes: [aNode("node-a", stale), ...others],
        }),
        plan: [...askingThePlatform(silent), reportsSilence("which writes the volume")],
      },
      {
        because: "its heartbeat is not stale yet",
        observed: anObservedVolume({
          volume,
          attachments: [unchangedFor(hour, asked)],
          nodes: [aNode("node-a", { heartbeatUnchangedMs: 34_999 }), ...others],
        }),
        plan: [silent],
      },
      {
        because: "no other node sends heartbeats either: it may be the store",
        observed: anObservedVolume({
          volume,
          attachments: [unchangedFor(hour, asked)],
          nodes: [aNode("node-a", stale), aNode("node-b", stale)],
        }),
        plan: askingThePlatform(silent),
      },
      {
        because: "out of service, and it may still answer",
        observed: anObservedVolume({
          volume,
          attachments: [unchangedFor(4_999, asked)],
          nodes: [aNode("node-a", { isOutOfService: true })],
        }),
        plan: [
          endsRequest("node-a"),
          waitsFor("is out of service and has not answered the recall yet", "WaitingForFence"),
        ],
      },
      {
        because: "out of service, and it has not",
        observed: anObservedVolume({
          volume,
          attachments: [unchangedFor(5_000, asked)],
          nodes: [aNode("node-a", { isOutOfService: true })],
        }),
        plan: [
          endsRequest("node-a"),
          fences("outOfService", "it is out of service and does not answer the recall"),
        ],
      },
      {
        because: "out of service, and long without a heartbeat: nothing is there to answer",
        observed: anObservedVolume({
          volume,
          attachments: [unchangedFor(1, asked)],
          nodes: [aNode("node-a", { isOutOfService: true, heartbeatUnchangedMs: 35_000 }), ...others],
        }),
        plan: [
          endsRequest("node-a"),
          fences("outOfService", "it is out of service, and its heartbeat is stale"),
        ],
      },
      {
        because:
          "out of service, and no node sends heartbeats: it may be the store, and the node may still answer",
        observed: anObservedVolume({
          volume,
          attachments: [unchangedFor(4_999, asked)],
          nodes: [
            aNode("node-a", { isOutOfService: true, heartbeatUnchangedMs: 35_000 }),
            aNode("node-b", stale),
          ],
        }),
        plan: [
          endsRequest("node-a"),
          ...askingThePlatform(
            waitsFor("is out of service and has not answered the recall yet", "WaitingForFence"),
          ),
        ],
      },
      {
        because:
          "out of service, and a workload that Kubernetes no longer knows writes: its kubelet may be dead, " +
          "and only that would unmount",
        observed: anObservedVolume({
          volume,
          attachments: [unchangedFor(1, inUseSince(5_000))],
          nodes: [aNode("node-a", { isOutOfService: true })],
          writerUse: { kind: "unused" },
        }),
        plan: [
          endsRequest("node-a"),
          fences(
            "outOfService",
            "it is out of service, and still has /pods/1 mounted for a workload that is no more",
          ),
        ],
      },
      {
        because: "the same, recalled by a controller whose clock is an hour ahead",
        observed: anObservedVolume({
          volume,
          unchangedMs: 5_000,
          attachments: [unchangedFor(1, inUseSince(-hour))],
          nodes: [aNode("node-a", { isOutOfService: true })],
          writerUse: { kind: "unused" },
        }),
        plan: [
          endsRequest("node-a"),
          fences(
            "outOfService",
            "it is out of service, and still has /pods/1 mounted for a workload that is no more",
          ),
        ],
      },
      {
        because: "the same, recalled just now: its kubelet gets the time to unmount",
        observed: anObservedVolume({
          volume,
          unchangedMs: 4_999,
          attachments: [unchangedFor(1, inUseSince(-hour))],
          nodes: [aNode("node-a", { isOutOfService: true })],
          writerUse: { kind: "unused" },
        }),
        plan: [
          endsRequest("node-a"),
          waitsFor("still has /pods/1 mounted for a workload", "WaitingForFence"),
        ],
      },
      {
        because:
          "a workload has it that the caches do not show, on a healthy node: " +
          "it is never fenced for not unmounting within seconds",
        observed: anObservedVolume({
          volume,
          attachments: [unchangedFor(1, inUseSince(hour))],
          writerUse: { kind: "unused" },
        }),
        plan: [waitsFor("still has /pods/1 mounted for a workload")],
      },
      {
        because: "out of service, and its unmount has made no progress for long",
        observed: anObservedVolume({
          volume,
          attachments: [unchangedFor(120_000, unmounting)],
          nodes: [aNode("node-a", { isOutOfService: true })],
        }),
        plan: [endsRequest("node-a"), fences("outOfService", "its unmount has made no progress for 120 s")],
      },
      {
        because:
          "it has unmounted the volume, and its token is too old for the release: nothing there writes",
        observed: anObservedVolume({ volume, attachments: [unchangedFor(hour, refused)] }),
        plan: [
          waitsFor(
            "has unmounted the volume, and the API server refuses its release; " +
              "where its Node was made again, " +
              "delete the pod of its node plug-in, so that it gets a new token",
          ),
        ],
      },
      {
        because: "the same, out of service: its plug-in may never retry",
        observed: anObservedVolume({
          volume,
          attachments: [unchangedFor(120_000, refused)],
          nodes: [aNode("node-a", { isOutOfService: true })],
        }),
        plan: [endsRequest("node-a"), fences("outOfService", "its unmount has made no progress for 120 s")],
      },
      {
        because: "out of service, and its kubelet may just be unmounting",
        observed: anObservedVolume({
          volume,
          attachments: [unchangedFor(1, inUseSince(4_999))],
          nodes: [aNode("node-a", { isOutOfService: true })],
          writerUse: { kind: "unused" },
        }),
        plan: [
          endsRequest("node-a"),
          waitsFor("still has /pods/1 mounted for a workload", "WaitingForFence"),
        ],
      },
      {
        because: "out of service, and its workload is still known: it may be ending",
        observed: anObservedVolume({
          volume,
          attachments: [unchangedFor(5_000, inUse)],
          nodes: [aNode("node-a", { isOutOfService: true })],
          writerUse: { kind: "used", users: [] },
        }),
        plan: [
          endsRequest("node-a"),
          waitsFor("still has /pods/1 mounted for a workload", "WaitingForFence"),
        ],
      },
      {
        because: "out of service, and it flushes",
        observed: anObservedVolume({
          volume,
          attachments: [unchangedFor(5_000, unmounting)],
          nodes: [aNode("node-a", { isOutOfService: true })],
          writerUse: { kind: "unused" },
        }),
        plan: [endsRequest("node-a"), waitsFor("is unmounting", "WaitingForFence")],
      },
      {
        because: "it unmounts",
        observed: anObservedVolume({ volume, attachments: [unchangedFor(119_999, unmounting)] }),
        plan: [waitsFor("is unmounting")],
      },
      {
        because: "it has made no progress for long",
        observed: anObservedVolume({ volume, attachments: [unchangedFor(120_000, unmounting)] }),
        plan: [fences("stalled", "its unmount has made no progress for 120 s")],
      },
      {
        because: "silent since its answer, it can't report progress: it is recalled again",
        observed: anObservedVolume({
          volume,
          attachments: [unchangedFor(120_000, unmounting)],
          nodes: [aNode("node-a", stale), ...others],
        }),
        plan: [endsRecall, reportsSilence("which writes the volume")],
      },
      {
        because: "its plug-in answers while its heartbeats fail: recalling it again would never end",
        observed: anObservedVolume({
          volume,
          attachments: [unchangedFor(34_999, unmounting)],
          nodes: [aNode("node-a", stale), ...others],
        }),
        plan: [...askingThePlatform(waitsFor("is unmounting")), reportsSilence("which writes the volume")],
      },
      {
        because: "the same, where an unmount stalls sooner than a node is silent",
        observed: anObservedVolume({
          volume,
          attachments: [unchangedFor(10_000, unmounting)],
          nodes: [aNode("node-a", stale), ...others],
          settings: { ...settings, unmountStallMs: 10_000 },
        }),
        plan: [endsRecall, reportsSilence("which writes the volume")],
      },
      {
        because: "the same, out of service",
        observed: anObservedVolume({
          volume,
          attachments: [unchangedFor(36_000, unmounting)],
          nodes: [aNode("node-a", { isOutOfService: true, ...stale }), ...others],
        }),
        plan: [endsRequest("node-a"), endsRecall],
      },
      {
        because: "it is no node any more since its answer",
        observed: anObservedVolume({
          volume,
          attachments: [unchangedFor(120_000, unmounting)],
          nodes: others,
        }),
        plan: [endsRecall],
      },
      {
        because: "not watched in between",
        observed: anObservedVolume({
          volume,
          attachments: [{ attachment: unmounting, unchangedMs: hour, watchedUnchangedMs: 10 }],
        }),
        plan: [waitsFor("is unmounting")],
      },
      {
        because: "a workload has it: the fence asks whether it is still there",
        observed: anObservedVolume({ volume, attachments: [unchangedFor(120_000, inUse)] }),
        plan: [fences("stalled", "its unmount has made no progress for 120 s")],
      },
      {
        because: "a workload has it",
        observed: anObservedVolume({ volume, attachments: [unchangedFor(1, inUse)] }),
        plan: [waitsFor("still has /pods/1 mounted for a workload")],
      },
      {
        because: "it answers an older recall",
        observed: anObservedVolume({
          volume,
          attachments: [
            unchangedFor(
              hour,
              anAttachment("node-a", {
                spec: { recall: { ...recall, id: "recall-2" } },
                status: { recall: answer },
              }),
            ),
          ],
        }),
        plan: [silent],
      },
    ]);
  });

  it("recalls a node without heartbeats whose plug-in answers only once more", () => {
    const volume = aVolumeWithRecord({ writer: aWriter("node-a", { requested: false }) });
    const stateOf = (recallId: string | undefined, answerId: string): AzVolumeAttachment =>
      anAttachment("node-a", {
        spec: recallId === undefined ? {} : { recall: { id: recallId, since: agoMs(600_000) } },
        status: {
          recall: { id: answerId, published: [], unmounting: true, progress: "1", time: agoMs(600_000) },
        },
      });
    const states: readonly (readonly [ReturnType<typeof unchangedFor>, string])[] = [
      [unchangedFor(300_000, stateOf("recall-1", "recall-1")), "Recall"],
      [unchangedFor(0, stateOf(undefined, "recall-1")), "Recall"],
      [unchangedFor(0, stateOf("recall-2", "recall-1")), "AskAzure"],
      [unchangedFor(0, stateOf("recall-2", "recall-2")), "AskAzure"],
    ];
    const nodes = [aNode("node-a", { heartbeatUnchangedMs: 300_000 }), aNode("node-b")];
    for (const [own, kind] of states) {
      const attachments = [own, unchangedFor(300_000, anAttachment("node-b"))];
      const observed = anObservedVolume({ volume, attachments, nodes, unchangedMs: 300_000 });
      assert.equal(planWriter(observed)[0]?.kind, kind, JSON.stringify(own.attachment.spec.recall));
    }
  });

  it("asks for no mark of a holder that has no Node", () => {
    const volume = aVolumeWithRecord({
      writer: { ...aWriter("node-a", { requested: false }), nodeUid: "uid-of-its-node" },
    });
    const recall = { id: "recall-1", since: agoMs(5_000) };
    for (const [reason, attachments] of [
      ["WaitingForUnmount", [anAttachment("node-a", { spec: { recall } })]],
      ["NoAttachment", []],
    ] as const) {
      const gone = { isGone: true };
      const planned = planWriter(
        anObservedVolume({
          volume,
          attachments,
          nodes: [aNode("node-a", gone), aNode("node-b")],
          orchestratorNode: (name) => anOrchestratorNode(name === "node-a" ? gone : {}),
        }),
      );
      const waits = planned.filter((action) => action.kind === "WaitFor");
      assert.deepEqual(
        waits.map((wait) => wait.reason),
        [reason],
      );
      assert.match(waits[0]?.message ?? "", /It has no Node to be marked: .*, delete that VM in Azure$/u);
      assert.doesNotMatch(withRemedy(reason, waits[0]?.message ?? ""), /kubectl|mark it out of service/u);
    }
  });

  it("always resolves a holder that can't be recalled, or whose VM may not exist", () => {
    const volume = aVolumeWithRecord({ writer: aWriter("node-a", { requested: false }) });
    const noAttachment =
      "node-a holds the volume but has no AzVolumeAttachment to be recalled through. " + ifDead;
    const because = "it has no AzVolumeAttachment to be recalled through";
    const recalled = unchangedFor(
      3_600_000,
      anAttachment("node-a", { spec: { recall: { id: "recall-1", since: agoMs(1) } } }),
    );
    const silent = aNode("node-a", { heartbeatUnchangedMs: 60_000 });
    const unanswered: WriterAction = {
      kind: "WaitFor",
      reason: "WaitingForUnmount",
      message: `node-a has not answered the recall (writer epoch 1). ${ifDead}`,
      retryAfterMs: 10_000,
    };
    const waitsForAnswer: readonly WriterAction[] = [
      { kind: "AskAzure", node: a, mayBeGone: false },
      { kind: "WaitFor", reason: "NoAttachment", message: noAttachment, retryAfterMs: 1_000 },
    ];
    checkPlans([
      {
        because: "no attachment",
        observed: anObservedVolume({ volume, unchangedMs: 9_999 }),
        plan: [{ kind: "WaitFor", reason: "NoAttachment", message: noAttachment, retryAfterMs: 1_000 }],
      },
      {
        because: "no attachment, for a while: it may have nothing to show by that it is clean",
        observed: anObservedVolume({ volume, unchangedMs: 10_000 }),
        plan: waitsForAnswer,
      },
      {
        because: "no attachment, and Azure shows its VM without the disk",
        observed: anObservedVolume({ volume, vm: { ...a, powerState: "running", dataDisks: [] } }),
        plan: [
          {
            kind: "BeginFence",
            node: a,
            ground: "stalled",
            because: `${because}, and its VM does not have the disk`,
          },
        ],
      },
      {
        because: "no attachment, and Azure lists the disk on its VM",
        observed: anObservedVolume({
          volume,
          vm: { ...a, powerState: "running", dataDisks: [{ diskUri: diskUri.toUpperCase() }] },
        }),
        plan: waitsForAnswer,
      },
      {
        because: "no attachment, and Azure shows another VM at its resource id",
        observed: anObservedVolume({
          volume,
          vm: { ...a, vmId: "another", powerState: "deallocated", dataDisks: [] },
        }),
        plan: waitsForAnswer,
      },
      {
        because: "no attachment, out of service",
        observed: anObservedVolume({ volume, nodes: [aNode("node-a", { isOutOfService: true })] }),
        plan: [
          {
            kind: "BeginFence",
            node: a,
            ground: "outOfService",
            because: `${because}, and is out of service`,
          },
        ],
      },
      {
        because: "no attachment, no node",
        observed: anObservedVolume({ volume, nodes: [] }),
        plan: [
          asksIfGone,
          { kind: "WaitFor", reason: "NoAttachment", message: noAttachment, retryAfterMs: 10_000 },
        ],
      },
      {
        because: "no attachment, and its AzDriverNode is all that is left of the node",
        observed: anObservedVolume({ volume, nodes: [silent, aNode("node-b")] }),
        plan: [
          asksIfGone,
          { kind: "AskAzure", node: a, mayBeGone: false },
          { kind: "WaitFor", reason: "NoAttachment", message: noAttachment, retryAfterMs: 10_000 },
        ],
      },
      {
        because: "recalled, and its AzDriverNode is all that is left of the node",
        observed: anObservedVolume({ volume, attachments: [recalled], nodes: [silent, aNode("node-b")] }),
        plan: [asksIfGone, unanswered, reportsSilence("which writes the volume")],
      },
      {
        because: "recalled, no node",
        observed: anObservedVolume({ volume, attachments: [recalled], nodes: [] }),
        plan: [asksIfGone, unanswered],
      },
    ]);
  });

  // The node of an undisturbed writer reclaims the volume.
});
