import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  agoMs,
  anAttachment,
  anObservedVolume,
  aNode,
  aReplica,
  attachmentName,
  aVolume,
  aVolumeWithRecord,
  aWriter,
  identity,
  leaving,
  unchangedFor,
} from "../testing/objects.ts";
import {
  requestedSince,
  withoutRequest,
  type WriterPlan,
  grants,
  endsRequest,
} from "../testing/writer-plans.ts";
import { planWriter, releaseWaitText } from "./plan-writer.ts";
import type { WriterAction } from "./writer-action.ts";

const a = identity("node-a");
const b = identity("node-b");

function checkPlans(rows: readonly WriterPlan[]): void {
  for (const { because, observed, plan } of rows) assert.deepEqual(planWriter(observed), plan, because);
}

describe("planWriter", () => {
  it("grants the oldest request that can be granted", () => {
    const { status: _, ...pending } = aVolume();
    const both = [requestedSince("node-a", 1_000), requestedSince("node-b", 2_000)];
    checkPlans([
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
    };
    checkPlans([
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
    checkPlans([
      {
        because: "no node waits",
        observed: anObservedVolume({ volume, attachments: [anAttachment("node-a")] }),
        plan: [],
      },
      {
        because: "no node waits, and no pod is there: it is still published",
        observed: anObservedVolume({
          volume,
          attachments: [anAttachment("node-a")],
          writerUse: { kind: "unused" },
        }),
        plan: [],
      },
      {
        because: "used",
        observed: anObservedVolume({
          volume,
          attachments: waiting,
          writerUse: { kind: "used", users: ["default/pod-1"] },
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
          writerUse: { kind: "unknown", because: "pods are still being listed" },
        }),
        plan: [
          waitsFor("; it is not known now whether a workload uses it there: pods are still being listed"),
        ],
      },
      {
        because: "unused by the cache",
        observed: anObservedVolume({ volume, attachments: waiting, writerUse: { kind: "unused" } }),
        plan: [{ kind: "ReleaseCheck", node: a }],
      },
      {
        because: "its request has ended in the attachment only",
        observed: anObservedVolume({
          volume,
          attachments: [withoutRequest("node-a")],
          writerUse: { kind: "unused" },
        }),
        plan: [{ kind: "ReleaseCheck", node: a }],
      },
      {
        because: "the same, in use",
        observed: anObservedVolume({
          volume,
          attachments: [withoutRequest("node-a")],
          writerUse: { kind: "used", users: [] },
        }),
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
    checkPlans([
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
      [{ kind: "Requeue", afterMs: 1_000, tooEarlyFor: "WaitingForUser" }],
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
      { kind: "Requeue", afterMs: 1_000, tooEarlyFor: "WaitingForUser" },
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

  it("asks whether an earlier VM is gone that writes, until it is being fenced", () => {
    const earlier = { ...identity("node-a"), vmId: "vm-of-an-earlier-node-a" };
    const record = { writer: { ...aWriter("node-a", { requested: false }), ...earlier } };
    const [first] = planWriter(anObservedVolume({ volume: aVolumeWithRecord(record) }));
    assert.deepEqual(first, { kind: "AskAzure", node: earlier, mayBeGone: true });
    const fenced = aVolumeWithRecord({ ...record, fencing: earlier });
    assert.deepEqual(planWriter(anObservedVolume({ volume: fenced })), []);
  });

  it("grants nothing while the disk is not known", () => {
    const { detail: _, ...status } = aVolume().status ?? { state: "Pending" as const };
    const volume = { ...aVolume(), status } as ReturnType<typeof aVolume>;
    assert.deepEqual(planWriter(anObservedVolume({ volume, attachments: [anAttachment("node-a")] })), []);
  });

  it("says that a workload is in the way where its name is not known", () => {
    const sentence = "node-b waits for the volume to be released by node-a, where a workload still uses it";
    assert.equal(releaseWaitText(["node-b"], "node-a", { kind: "used", users: [] }), sentence);
  });
});
