import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { AzVolumeAttachment } from "../api/az-volume-attachment.ts";
import type { ObservedVolume } from "../attachment/observed-volume.ts";
import {
  agoMs,
  anAttachment,
  anObservedVolume,
  aNode,
  aPod,
  aReplica,
  attachmentName,
  aVolume,
  aVolumeWithRecord,
  aWriter,
  identity,
  leaving,
  unchangedFor,
} from "../testing/objects.ts";
import type { RecordChanges } from "../testing/record-lists.ts";
import { planWriter, waitsForRelease } from "./plan-writer.ts";
import type { WriterAction } from "./writer-action.ts";

const a = identity("node-a");
const b = identity("node-b");
const requestedSince = (nodeName: string, ms: number): AzVolumeAttachment =>
  anAttachment(nodeName, { spec: { writerRequest: { since: agoMs(ms) } } });
const withoutRequest = (nodeName: string): AzVolumeAttachment => {
  const { writerRequest: _, ...spec } = anAttachment(nodeName).spec;
  return { ...anAttachment(nodeName), spec };
};

interface Row {
  readonly because: string;
  readonly observed: ObservedVolume;
  readonly plan: readonly WriterAction[];
}

function check(rows: readonly Row[]): void {
  for (const { because, observed, plan } of rows) assert.deepEqual(planWriter(observed), plan, because);
}

const grants = (nodeName: string): WriterAction => ({
  kind: "Grant",
  node: identity(nodeName),
  isUserSeen: true,
});
const endsRequest = (nodeName: string): WriterAction => ({ kind: "Withdraw", from: "attachment", nodeName });
const confirms: WriterAction = { kind: "AskAzure", question: "gone", node: a };
const reportsSilence = (role: string): WriterAction => ({
  kind: "Report",
  reason: "WriterSilent",
  nodeName: "node-a",
  retryAfterMs: 5_000,
  message:
    `node-a, ${role}, has sent no heartbeat for more than 35 s, and the volume is requested. ` +
    `If its VM is off or cut off from the network for good, mark it out of service. On Kubernetes, run: ` +
    `kubectl taint nodes node-a node.kubernetes.io/out-of-service=nodeshutdown:NoExecute`,
  localKey: "the volume is requested, and node-a is silent",
});

describe("planWriter", () => {
  it("grants the oldest request that can be granted", () => {
    const { status: _, ...pending } = aVolume();
    const both = [requestedSince("node-a", 1_000), requestedSince("node-b", 2_000)];
    check([
      {
        because: "one request",
        observed: anObservedVolume({ attachments: [anAttachment("node-a")] }),
        plan: [grants("node-a")],
      },
      {
        because: "the older one",
        observed: anObservedVolume({ attachments: both }),
        plan: [grants("node-b")],
      },
      {
        because: "of one age: by name, so that two controllers agree",
        observed: anObservedVolume({
          attachments: [requestedSince("node-b", 5), requestedSince("node-a", 5)],
        }),
        plan: [grants("node-a")],
      },
      {
        because: "the older is in quarantine: no request waits for it",
        observed: anObservedVolume({ volume: aVolumeWithRecord({ quarantined: [b] }), attachments: both }),
        plan: [grants("node-a")],
      },
      {
        because: "the older's node is out of service",
        observed: anObservedVolume({
          attachments: both,
          nodes: [aNode("node-a"), aNode("node-b", { isOutOfService: true })],
        }),
        plan: [endsRequest("node-b"), grants("node-a")],
      },
      {
        because: "no node requests it",
        observed: anObservedVolume({ attachments: [aReplica("node-a"), withoutRequest("node-b")] }),
        plan: [],
      },
      {
        because: "an attachment that is being deleted requests nothing",
        observed: anObservedVolume({ attachments: [leaving(anAttachment("node-a"))] }),
        plan: [],
      },
      {
        because: "no such node",
        observed: anObservedVolume({ attachments: [anAttachment("node-z")] }),
        plan: [],
      },
      {
        because: "being deleted",
        observed: anObservedVolume({
          volume: aVolume({ spec: { deleteRequested: true } }),
          attachments: both,
        }),
        plan: [],
      },
      {
        because: "its AzVolume deleted by hand: that waits for Azure, and the volume serves",
        observed: anObservedVolume({
          volume: aVolume({ metadata: { deletionTimestamp: agoMs(0) } }),
          attachments: both,
        }),
        plan: [grants("node-b")],
      },
      {
        because: "growing offline",
        observed: anObservedVolume({ volume: aVolume({ status: { state: "Updating" } }), attachments: both }),
        plan: [],
      },
      {
        because: "no record: several may write, or there is no disk",
        observed: anObservedVolume({ volume: pending, attachments: both }),
        plan: [],
      },
    ]);
  });

  it("withdraws the publication of a node that is out of service, requested or not", () => {
    const out = {
      nodes: [aNode("node-a", { isOutOfService: true }), aNode("node-b")],
      outOfService: ["node-a"],
    };
    check([
      {
        because: "requested",
        observed: anObservedVolume({ ...out, attachments: [anAttachment("node-a")] }),
        plan: [endsRequest("node-a")],
      },
      {
        because: "released before",
        observed: anObservedVolume({ ...out, attachments: [withoutRequest("node-a")] }),
        plan: [endsRequest("node-a")],
      },
      {
        because: "requested, and not Primary yet",
        observed: anObservedVolume({
          ...out,
          attachments: [aReplica("node-a", { spec: { writerRequest: { since: agoMs(1) } } })],
        }),
        plan: [endsRequest("node-a")],
      },
      {
        because: "a replica",
        observed: anObservedVolume({ ...out, attachments: [aReplica("node-a")] }),
        plan: [],
      },
    ]);
  });

  it("leaves a requested writer as long as it may be used, even if other nodes wait", () => {
    const volume = aVolumeWithRecord({ writer: aWriter("node-a") });
    const waiting = [anAttachment("node-a"), anAttachment("node-b")];
    const waitsFor = (why: string): WriterAction => ({
      kind: "WaitFor",
      reason: "WaitingForWriter",
      message: `node-b waits for the volume to be released by node-a${why}`,
      retryAfterMs: 1_000,
    });
    check([
      {
        because: "no node waits",
        observed: anObservedVolume({ volume, attachments: [anAttachment("node-a")] }),
        plan: [],
      },
      {
        because: "no node waits, and no pod is there: it is still published",
        observed: anObservedVolume({ volume, attachments: [anAttachment("node-a")], writerUse: "unused" }),
        plan: [],
      },
      {
        because: "used",
        observed: anObservedVolume({
          volume,
          attachments: waiting,
          writerUse: "used",
          writerUsers: ["default/pod-1"],
        }),
        plan: [waitsFor(", where default/pod-1 still uses it")],
      },
      {
        because: "its users are unknown",
        observed: anObservedVolume({ volume, attachments: waiting }),
        plan: [waitsFor("; it is not known now whether a workload uses it there")],
      },
      {
        because: "the users are unknown, with a known cause",
        observed: anObservedVolume({
          volume,
          attachments: waiting,
          whyUseUnknown: "pods are still being listed",
        }),
        plan: [
          waitsFor("; it is not known now whether a workload uses it there: pods are still being listed"),
        ],
      },
      {
        because: "unused by the cache",
        observed: anObservedVolume({ volume, attachments: waiting, writerUse: "unused" }),
        plan: [{ kind: "ReleaseCheck", node: a }],
      },
      {
        because: "its request has ended in the attachment only",
        observed: anObservedVolume({ volume, attachments: [withoutRequest("node-a")], writerUse: "unused" }),
        plan: [{ kind: "ReleaseCheck", node: a }],
      },
      {
        because: "the same, in use",
        observed: anObservedVolume({ volume, attachments: [withoutRequest("node-a")], writerUse: "used" }),
        plan: [],
      },
      {
        because: "out of service",
        observed: anObservedVolume({
          volume,
          attachments: waiting,
          nodes: [aNode("node-a", { isOutOfService: true })],
        }),
        plan: [endsRequest("node-a"), { kind: "Withdraw", from: "record", node: a }],
      },
      {
        because: "silent, but that alone proves nothing",
        observed: anObservedVolume({
          volume,
          attachments: [anAttachment("node-a")],
          nodes: [aNode("node-a", { heartbeatUnchangedMs: 3_600_000 })],
        }),
        plan: [],
      },
    ]);
  });

  it("revokes an unrequested writer that holds nothing, and recalls a holder", () => {
    const recall = { id: "recall-1", since: agoMs(1_000) };
    const recalled = anAttachment("node-a", { spec: { recall } });
    const holder = aVolumeWithRecord({ writer: aWriter("node-a", { requested: false }) });
    check([
      {
        because: "not held",
        observed: anObservedVolume({
          volume: aVolumeWithRecord({ writer: aWriter("node-a", { held: false, requested: false }) }),
          attachments: [anAttachment("node-a")],
        }),
        plan: [{ kind: "Revoke" }],
      },
      {
        because: "held",
        observed: anObservedVolume({ volume: holder, attachments: [anAttachment("node-a")] }),
        plan: [{ kind: "Recall", attachmentName: attachmentName("node-a"), isDue: true }],
      },
      {
        because: "requested again",
        observed: anObservedVolume({
          volume: aVolumeWithRecord({ writer: aWriter("node-a") }),
          attachments: [recalled],
        }),
        plan: [{ kind: "Recall", attachmentName: attachmentName("node-a"), isDue: false }],
      },
      {
        because: "released: the recall ends with the revoke",
        observed: anObservedVolume({
          volume: aVolumeWithRecord({ writer: aWriter("node-a", { held: false, requested: false }) }),
          attachments: [recalled],
        }),
        plan: [
          { kind: "Recall", attachmentName: attachmentName("node-a"), isDue: false },
          { kind: "Revoke" },
        ],
      },
      {
        because: "a fence runs: only that continues",
        observed: anObservedVolume({
          volume: aVolumeWithRecord({ writer: aWriter("node-a", { requested: false }), fencing: a }),
          attachments: [recalled],
        }),
        plan: [],
      },
      {
        because: "released while a fence runs: no node has to wait for its proof",
        observed: anObservedVolume({
          volume: aVolumeWithRecord({
            writer: aWriter("node-a", { held: false, requested: false }),
            fencing: a,
          }),
          attachments: [recalled],
        }),
        plan: [
          { kind: "Recall", attachmentName: attachmentName("node-a"), isDue: false },
          { kind: "Revoke" },
        ],
      },
      {
        because: "revoked while its fence runs: another node is granted, the fenced one is not",
        observed: anObservedVolume({
          volume: aVolumeWithRecord({ fencing: a }),
          attachments: [anAttachment("node-a"), anAttachment("node-b")],
        }),
        plan: [grants("node-b")],
      },
    ]);
  });

  it("grants only where a user is seen, and never to a node that is gone", () => {
    const attachments = [
      anAttachment("node-a", { spec: { writerRequest: { since: agoMs(9_000) } } }),
      anAttachment("node-b", { spec: { writerRequest: { since: agoMs(1_000) } } }),
    ];
    const hasUser = (nodeName: string): boolean => nodeName === "node-b";
    assert.deepEqual(planWriter(anObservedVolume({ attachments, hasUser })), [grants("node-b")]);
    const nodes = [aNode("node-a", { isGone: true }), aNode("node-b")];
    assert.deepEqual(planWriter(anObservedVolume({ attachments, nodes })), [grants("node-b")]);
  });

  it("plans again soon without a user, then reports it and reads users uncached", () => {
    const hasUser = (): boolean => false;
    const attachment = anAttachment("node-a");
    assert.deepEqual(
      planWriter(anObservedVolume({ attachments: [unchangedFor(14_999, attachment)], hasUser })),
      [{ kind: "Requeue", afterMs: 1_000 }],
    );
    const both = [unchangedFor(14_999, attachment), unchangedFor(15_000, anAttachment("node-b"))];
    const asked = planWriter(anObservedVolume({ attachments: both, hasUser }));
    assert.deepEqual(
      asked.map(({ kind }) => kind),
      ["Grant", "Grant", "WaitFor"],
      "the oldest request decides",
    );
    const replica = [unchangedFor(14_999, attachment), unchangedFor(15_000, aReplica("node-b"))];
    assert.deepEqual(planWriter(anObservedVolume({ attachments: replica, hasUser })), [
      { kind: "Requeue", afterMs: 1_000 },
    ]);
    const message = "node-a requests the volume, and no user of it is seen there";
    assert.deepEqual(
      planWriter(anObservedVolume({ attachments: [unchangedFor(15_000, attachment)], hasUser })),
      [
        { kind: "Grant", node: a, isUserSeen: false },
        { kind: "WaitFor", reason: "WaitingForUser", message, retryAfterMs: 10_000 },
      ],
    );
  });

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
      ["WaitFor"],
      "a recall that was written is followed at once",
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
    const used = { volume, writerUse: "used", writerUsers: ["default/pod-1"] } as const;
    check([
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
        observed: anObservedVolume({ ...used, writerUse: "unused", attachments: [anAttachment("node-a")] }),
        plan: [recalls],
      },
      {
        because: "its users are unknown",
        observed: anObservedVolume({ ...used, writerUse: "unknown", attachments: [anAttachment("node-a")] }),
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
      message: `node-a ${because} (writer epoch 1)`,
      retryAfterMs: 1_000,
    });
    const silent = waitsFor("has not answered the recall");
    // A silent node is not dead by that, but its VM may be gone, and then no node will ever answer for
    // it.
    const askingThePlatform = (wait: WriterAction): readonly WriterAction[] => [
      { kind: "AskAzure", question: "gone", node: a },
      { ...wait, ...(wait.kind === "WaitFor" ? { retryAfterMs: 10_000 } : {}) },
    ];
    const fences = (ground: "outOfService" | "stalled", because: string): WriterAction => ({
      kind: "BeginFence",
      node: a,
      ground,
      because,
    });
    const hour = 3_600_000;
    check([
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
          writerUse: "unused",
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
        because:
          "a workload has it that the caches do not show, on a healthy node: " +
          "it is never fenced for not unmounting within seconds",
        observed: anObservedVolume({
          volume,
          attachments: [unchangedFor(1, inUseSince(hour))],
          writerUse: "unused",
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
          writerUse: "unused",
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
          writerUse: "used",
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
          writerUse: "unused",
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

  it("always resolves a holder that can't be recalled, or whose VM may not exist", () => {
    const volume = aVolumeWithRecord({ writer: aWriter("node-a", { requested: false }) });
    const noAttachment = "node-a holds the volume but has no AzVolumeAttachment to be recalled through";
    const because = "it has no AzVolumeAttachment to be recalled through";
    const recalled = unchangedFor(
      3_600_000,
      anAttachment("node-a", { spec: { recall: { id: "recall-1", since: agoMs(1) } } }),
    );
    const silent = aNode("node-a", { heartbeatUnchangedMs: 60_000 });
    const unanswered: WriterAction = {
      kind: "WaitFor",
      reason: "WaitingForUnmount",
      message: "node-a has not answered the recall (writer epoch 1)",
      retryAfterMs: 10_000,
    };
    check([
      {
        because: "no attachment",
        observed: anObservedVolume({ volume, unchangedMs: 9_999 }),
        plan: [{ kind: "WaitFor", reason: "NoAttachment", message: noAttachment, retryAfterMs: 1_000 }],
      },
      {
        because: "no attachment, for a while: it may have nothing to show by that it is clean",
        observed: anObservedVolume({ volume, unchangedMs: 10_000 }),
        plan: [
          { kind: "AskAzure", question: "detached", node: a },
          { kind: "WaitFor", reason: "NoAttachment", message: noAttachment, retryAfterMs: 1_000 },
        ],
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
          confirms,
          { kind: "WaitFor", reason: "NoAttachment", message: noAttachment, retryAfterMs: 10_000 },
        ],
      },
      {
        because: "no attachment, and its AzDriverNode is all that is left of the node",
        observed: anObservedVolume({ volume, nodes: [silent, aNode("node-b")] }),
        plan: [
          confirms,
          { kind: "AskAzure", question: "detached", node: a },
          { kind: "WaitFor", reason: "NoAttachment", message: noAttachment, retryAfterMs: 10_000 },
        ],
      },
      {
        because: "recalled, and its AzDriverNode is all that is left of the node",
        observed: anObservedVolume({ volume, attachments: [recalled], nodes: [silent, aNode("node-b")] }),
        plan: [confirms, unanswered, reportsSilence("which writes the volume")],
      },
      {
        because: "recalled, no node",
        observed: anObservedVolume({ volume, attachments: [recalled], nodes: [] }),
        plan: [confirms, unanswered],
      },
    ]);
  });

  // The node of an undisturbed writer reclaims the volume.
  it("reports no proofs for which no pod waits", () => {
    const volume = aVolumeWithRecord({ defaultAccess: "quarantined", unverified: [a, b] });
    const again: WriterAction = { kind: "Requeue", afterMs: 1_000 };
    const attachments = [anAttachment("node-a"), aReplica("node-b")];
    const running = [aPod({ nodeName: "node-a", isPending: false })];
    check([
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
    check([
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
          confirms,
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
    const asks: readonly WriterAction[] = [confirms, { kind: "Requeue", afterMs: 10_000 }];
    check([
      { because: "it is alive, and shows it by itself", observed: observed({}), plan: [] },
      { because: "its VM may be no more", observed: observed({ heartbeatUnchangedMs: 60_000 }), plan: asks },
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
    assert.deepEqual(planWriter(anObservedVolume({ volume, attachments, unchangedMs: 119_999 })), []);
    const message =
      "node-b has reclaimed the volume, and another node does not release it: " +
      "node-a had the disk when the record was made and has not shown yet whether it is clean";
    assert.deepEqual(planWriter(anObservedVolume({ volume, attachments, unchangedMs: 120_000 })), [
      { kind: "WaitFor", reason: "ReclaimDisputed", message, retryAfterMs: 10_000 },
    ]);
  });

  it("asks the platform first about names that now mean another VM", () => {
    const older = { ...identity("node-a"), vmId: "older" };
    const record = {
      writer: { ...aWriter("node-a", { requested: false }), ...older },
      fencing: older,
      quarantined: [older, b],
      unverified: [{ ...identity("node-b"), vmId: "older-b" }],
    };
    check([
      {
        because: "each once",
        observed: anObservedVolume({
          volume: aVolumeWithRecord(record),
          attachments: [anAttachment("node-a"), anAttachment("node-b")],
        }),
        plan: [
          { kind: "AskAzure", question: "gone", node: older },
          { kind: "AskAzure", question: "gone", node: { ...identity("node-b"), vmId: "older-b" } },
        ],
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

describe("planWriter in special cases", () => {
  it("grants the first of two simultaneous requests by name, in whatever order", () => {
    const observed = anObservedVolume({ attachments: [anAttachment("node-a"), anAttachment("node-b")] });
    const reversed = { ...observed, attachments: observed.attachments.toReversed() };
    for (const one of [observed, reversed]) {
      const [action] = planWriter(one);
      assert.deepEqual(action, { kind: "Grant", node: identity("node-a"), isUserSeen: true });
    }
  });

  it("asks whether a VM is gone that is only the writer, or only being fenced", () => {
    const earlier = { ...identity("node-a"), vmId: "vm-of-an-earlier-node-a" };
    for (const record of [{ writer: { ...aWriter("node-a"), ...earlier } }, { fencing: earlier }]) {
      const [first] = planWriter(anObservedVolume({ volume: aVolumeWithRecord(record) }));
      assert.deepEqual(first, { kind: "AskAzure", question: "gone", node: earlier });
    }
  });

  it("grants nothing while the disk is not known", () => {
    const { detail: _, ...status } = aVolume().status ?? { state: "Pending" as const };
    const volume = { ...aVolume(), status } as ReturnType<typeof aVolume>;
    assert.deepEqual(planWriter(anObservedVolume({ volume, attachments: [anAttachment("node-a")] })), []);
  });

  it("says that a workload is in the way where its name is not known", () => {
    const sentence = "node-b waits for the volume to be released by node-a, where a workload still uses it";
    assert.equal(waitsForRelease(["node-b"], "node-a", { kind: "used" }), sentence);
  });
});
