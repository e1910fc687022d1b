import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { MountProblem } from "../api/az-volume-attachment.ts";
import { withRemedy } from "../events/event-reasons.ts";
import { toTimestamp } from "../primitives/timestamp.ts";
import { aPlacement, aPod as aPodWithRules, aSpreadView, zoneSpread } from "../schedule/testing/placement.ts";
import {
  aNode,
  aPod,
  aRecord,
  aVolume,
  aWriter,
  agoMs,
  anAttachment,
  anObservedVolume,
  identity,
  nowMs,
  settings,
} from "../testing/objects.ts";
import {
  ATTACH_REFUSED,
  ATTACHED_ELSEWHERE,
  FAILOVER_READY,
  isPlannedHere,
  MOUNT_UNHEALTHY,
  planConditions,
  WRITER_WAITING,
} from "./plan-conditions.ts";
import { planWriter } from "./plan-writer.ts";

const replicas = [
  anAttachment("node-a"),
  anAttachment("node-b", { spec: { role: "Replica" } }),
  anAttachment("node-c", { spec: { role: "Replica" } }),
];
const nodes = [aNode("node-a"), aNode("node-b"), aNode("node-c")];
const ready = {
  type: FAILOVER_READY,
  status: "True" as const,
  reason: "ReplicasAttached",
  message: "2 of 2 replicas are attached to nodes that could take over: node-b, node-c",
  lastTransitionTime: toTimestamp(nowMs),
};

describe("planConditions", () => {
  it("reports a failover as ready once every replica is on a node that could take over", () => {
    assert.deepEqual(planConditions(anObservedVolume({ attachments: replicas, nodes }), []), [ready]);
  });

  it("plans nothing once its own plan has been carried out", () => {
    assert.equal(
      planConditions(
        anObservedVolume({
          volume: aVolume({ status: { conditions: [ready] } }),
          attachments: replicas,
          nodes,
        }),
        [],
      ),
      undefined,
    );
  });

  for (const { because, early, isKept } of [
    { because: "it is too early to report it again", early: "AttachedToForeignVM", isKept: true },
    { because: "it is too early for another one alone", early: "WaitingForUser", isKept: false },
    { because: "nothing waits any more", early: undefined, isKept: false },
  ] as const)
    it(`${isKept ? "keeps" : "removes"} what a node waits for: ${because}`, () => {
      const waiting = {
        type: WRITER_WAITING,
        status: "True" as const,
        reason: "AttachedToForeignVM",
        message: "a VM has it",
        lastTransitionTime: agoMs(60_000),
      };
      const seen = anObservedVolume({
        volume: aVolume({ status: { conditions: [ready, waiting] } }),
        attachments: replicas,
        nodes,
      });
      const requeue = { kind: "Requeue", afterMs: 1_000, ...(early && { tooEarlyFor: early }) } as const;
      assert.deepEqual(planConditions(seen, [requeue]), isKept ? undefined : [ready]);
    });

  it("keeps what a node waits for where another controller has just started to look", () => {
    const volume = aVolume({
      status: { record: aRecord({ unverified: [identity("node-x")] }), conditions: [] },
    });
    const looksFor = (ms: number, conditions = volume.status?.conditions ?? []): typeof conditions => {
      const status = { ...(volume.status ?? assert.fail()), conditions };
      const seen = anObservedVolume({ volume: { ...volume, status }, unregisteredMs: () => ms });
      return planConditions(seen, planWriter(seen)) ?? conditions;
    };
    const reported = looksFor(30_000);
    assert.deepEqual(
      reported.map(({ type, reason }) => [type, reason]),
      [[WRITER_WAITING, "AttachedToForeignVM"]],
    );
    assert.deepEqual(looksFor(0, reported), reported);
    assert.deepEqual(looksFor(0), []);
  });

  it("plans nothing where all of several conditions are written", () => {
    const error = { kind: "CloudRejected", message: "no", failure: "{}", time: agoMs(0), retries: 1 };
    const attachments = [
      anAttachment("node-a", { status: { state: "AttachmentFailed", error } }),
      ...replicas.slice(1),
    ];
    const said = planConditions(anObservedVolume({ attachments, nodes }), []) ?? [];
    assert.deepEqual(
      said.map(({ type }) => type),
      [FAILOVER_READY, ATTACH_REFUSED],
    );
    assert.equal(
      planConditions(
        anObservedVolume({ volume: aVolume({ status: { conditions: said } }), attachments, nodes }),
        [],
      ),
      undefined,
    );
  });

  for (const { because, node } of [
    { because: "its heartbeat is stale", node: aNode("node-c", { heartbeatUnchangedMs: 60_000 }) },
    { because: "its plug-in is not ready", node: aNode("node-c", { isReady: false }) },
    { because: "it is cordoned", node: aNode("node-c", { isUnschedulable: true }) },
    {
      because: "it is NotReady",
      node: aNode("node-c", {
        taints: [{ key: "node.kubernetes.io/unreachable", value: "", effect: "NoExecute" }],
      }),
    },
    { because: "it was deleted from the cluster", node: aNode("node-c", { isGone: true }) },
    { because: "it is out of service", node: aNode("node-c", { isOutOfService: true }) },
  ]) {
    it(`counts no replica on a node that could not take over: ${because}`, () => {
      const planned = planConditions(
        anObservedVolume({ attachments: replicas, nodes: [aNode("node-a"), aNode("node-b"), node] }),
        [],
      );
      assert.deepEqual(planned, [
        {
          ...ready,
          status: "False",
          reason: "ReplicasMissing",
          message: "1 of 2 replicas are attached to nodes that could take over: node-b",
        },
      ]);
    });
  }

  it("counts no replica where the volume's pods stay off, by anti-affinity or labels", () => {
    const pods = [aPodWithRules({ nodeSelector: { pool: "new" } })];
    const [planned] =
      planConditions(
        anObservedVolume({
          attachments: replicas,
          nodes: [aNode("node-a"), aNode("node-b", { labels: { pool: "new" } }), aNode("node-c")],
          placementOn: () => aPlacement({ pods }),
        }),
        [],
      ) ?? [];
    assert.equal(planned?.message, "1 of 2 replicas are attached to nodes that could take over: node-b");
  });

  describe("of a pod with a spread constraint", () => {
    const messageFor = (
      zones: Readonly<Record<string, string>>,
      on: readonly string[],
    ): string | undefined => {
      const spreadView = aSpreadView(zones, on);
      const pods = [aPodWithRules({ spread: [zoneSpread] })];
      const [planned] =
        planConditions(
          anObservedVolume({
            attachments: replicas,
            nodes: spreadView.nodes.map(({ nodeName, labels }) => aNode(nodeName, { labels })),
            placementOn: () => aPlacement({ pods, spreadView }),
          }),
          [],
        ) ?? [];
      return planned?.message;
    };

    // The third zone has no pod: the second one would be ahead by two.
    it("counts no replica in a zone that would be ahead", () =>
      assert.equal(
        messageFor({ "node-a": "1", "node-b": "1", "node-c": "2", "node-d": "3" }, ["node-c"]),
        "1 of 2 replicas are attached to nodes that could take over: node-b",
      ));

    it("counts no replica that is of use only once the lost node's Node object is gone", () =>
      assert.equal(
        messageFor({ "node-a": "1", "node-b": "2", "node-c": "3" }, ["node-b", "node-c"]),
        "0 of 2 replicas are attached to nodes that could take over",
      ));
  });

  it("counts no replica where another volume of the pod can't be used", () => {
    const terms = [{ matchExpressions: [{ key: "zone", operator: "In", values: ["1"] }], matchFields: [] }];
    const pods = [aPodWithRules({ volumeAffinities: [{ volumeName: "pv-log", terms }] })];
    const [planned] =
      planConditions(
        anObservedVolume({
          attachments: replicas,
          nodes: [
            aNode("node-a"),
            aNode("node-b", { labels: { zone: "1" } }),
            aNode("node-c", { labels: { zone: "2" } }),
          ],
          placementOn: () => aPlacement({ pods }),
        }),
        [],
      ) ?? [];
    assert.equal(planned?.message, "1 of 2 replicas are attached to nodes that could take over: node-b");
  });

  it("counts no replica whose node does not find the device", () => {
    const missing = anAttachment("node-c", { spec: { role: "Replica" }, status: { deviceMissing: true } });
    const [planned] =
      planConditions(anObservedVolume({ attachments: [...replicas.slice(0, 2), missing] }), []) ?? [];
    assert.equal(planned?.message, "1 of 2 replicas are attached to nodes that could take over: node-b");
  });

  it("keeps the time of the last change of status, not of message", () => {
    const since = agoMs(60_000);
    const earlier = {
      ...ready,
      status: "False" as const,
      reason: "ReplicasMissing",
      message: "0 of 2 replicas are attached to nodes that could take over",
      lastTransitionTime: since,
    };
    const volume = aVolume({ status: { conditions: [earlier] } });
    const planned = planConditions(
      anObservedVolume({ volume, attachments: replicas.slice(0, 2), nodes }),
      [],
    );
    assert.equal(planned?.[0]?.lastTransitionTime, since);
    assert.equal(planned?.[0]?.message, "1 of 2 replicas are attached to nodes that could take over: node-b");
  });

  for (const { because, pods } of [
    { because: "its pod waits for a node", pods: () => [aPod()] },
    { because: "its pods are still being listed", pods: () => undefined },
  ])
    it(`keeps the failover condition while the volume is published nowhere and ${because}`, () => {
      const volume = aVolume({ status: { conditions: [ready] } });
      const attachments = replicas.slice(1, 2);
      assert.equal(planConditions(anObservedVolume({ volume, attachments, nodes, pods }), []), undefined);
    });

  it("drops the failover condition once the volume's pods have ended", () => {
    const missing = { ...ready, status: "False" as const, reason: "ReplicasMissing" };
    const volume = aVolume({ status: { conditions: [missing] } });
    assert.deepEqual(
      planConditions(anObservedVolume({ volume, attachments: replicas.slice(1, 2), nodes }), []),
      [],
    );
  });

  it("sets no failover condition where no replicas are requested", () => {
    const volume = aVolume({ spec: { maxMountReplicaCount: 0 }, status: { conditions: [ready] } });
    assert.deepEqual(
      planConditions(anObservedVolume({ volume, attachments: replicas.slice(0, 1), nodes }), []),
      [],
    );
  });

  it("states what a node waits for and the remedy, and clears it after the wait", () => {
    const wait = {
      kind: "WaitFor",
      reason: "WaitingForWriter",
      message: "node-b waits for the volume to be released by node-a",
      retryAfterMs: 1_000,
    } as const;
    const message =
      "node-b waits for the volume to be released by node-a. It moves once it is not used there any more; " +
      "if that node is dead, mark it out of service (on Kubernetes: " +
      "kubectl taint nodes <node> node.kubernetes.io/out-of-service=nodeshutdown:NoExecute), " +
      "or delete its VM where it has no Node.";
    const waiting = {
      type: WRITER_WAITING,
      status: "True" as const,
      reason: wait.reason,
      message,
      lastTransitionTime: toTimestamp(nowMs),
    };
    assert.deepEqual(planConditions(anObservedVolume({ attachments: replicas, nodes }), [wait]), [
      ready,
      waiting,
    ]);
    const volume = aVolume({ status: { conditions: [ready, waiting] } });
    assert.deepEqual(planConditions(anObservedVolume({ volume, attachments: replicas, nodes }), []), [ready]);
  });

  it("stays short, however many pods wait for the volume", () => {
    const elsewhere = Array.from({ length: 5_000 }, (_, index) => `aks-pool-12345678-vmss${index}`);
    const silent = aNode("node-a", { heartbeatUnchangedMs: settings.heartbeatStaleMs * 2 });
    const pods = elsewhere.map((nodeName, index) => aPod({ name: `default/web-${index}`, nodeName }));
    const requests = elsewhere.map((nodeName) => anAttachment(nodeName, { status: undefined }));
    const volume = aVolume({ status: { record: aRecord({ writer: aWriter("node-a") }) } });
    for (const observed of [
      anObservedVolume({ volume, attachments: requests }),
      anObservedVolume({ volume, nodes: [silent, aNode("node-b")], pods: () => pods }),
    ]) {
      const conditions = planConditions(observed, planWriter(observed)) ?? assert.fail("no condition");
      const waiting = conditions.find(({ type }) => type === WRITER_WAITING) ?? assert.fail("nothing waits");
      assert.match(waiting.message, /and 4990 more/u);
      assert.ok(waiting.message.length < 2_000, `${waiting.message.length} characters`);
    }
  });

  it("reports a refused attach and its node until a change remedies it, no other one", () => {
    const error = { message: "may not write node-a", failure: "{}", time: agoMs(1_000), retries: 3 };
    const refused = anAttachment("node-a", {
      status: { state: "AttachmentFailed", error: { ...error, kind: "CloudUnauthorized" } },
    });
    const volume = aVolume({ spec: { maxMountReplicaCount: 0 } });
    const message =
      "attach to node-a failed: may not write node-a. Change what is named there: " +
      "the driver retries every few minutes, and at once for a new pod.";
    const told = {
      type: ATTACH_REFUSED,
      status: "True" as const,
      reason: "CloudUnauthorized",
      message,
      lastTransitionTime: toTimestamp(nowMs),
    };
    assert.deepEqual(planConditions(anObservedVolume({ volume, attachments: [refused], nodes }), []), [told]);
    const condition = aVolume({ spec: { maxMountReplicaCount: 0 }, status: { conditions: [told] } });
    assert.equal(
      planConditions(anObservedVolume({ volume: condition, attachments: [refused], nodes }), []),
      undefined,
    );
    const replica = anAttachment("node-b", { spec: { role: "Replica" }, status: refused.status });
    const passing = anAttachment("node-a", {
      status: { state: "AttachmentFailed", error: { ...error, kind: "CloudUnavailable" } },
    });
    for (const attachments of [[replica], [passing], [anAttachment("node-a")]])
      assert.deepEqual(planConditions(anObservedVolume({ volume: condition, attachments, nodes }), []), []);
  });

  it("names the VMs that are no nodes and have the disk, as long as they do", () => {
    const spec = { maxMountReplicaCount: 0 };
    const uris = ["/subscriptions/s/vm-2", "/subscriptions/s/vm-1"];
    const foreign = uris.map((uri) => ({ nodeName: uri, vmId: uri, instanceUri: uri }));
    const held = aVolume({
      spec,
      status: { record: aRecord({ unverified: [...foreign, identity("node-c")] }) },
    });
    const message =
      "the disk is attached to /subscriptions/s/vm-1, /subscriptions/s/vm-2. The driver does not detach it " +
      "from a VM that is no node of this cluster: detach it there. Until then no other node is granted the " +
      "volume. A node reports by itself once it no longer uses it.";
    const told = {
      type: ATTACHED_ELSEWHERE,
      status: "True" as const,
      reason: "FoundAttached",
      message,
      lastTransitionTime: toTimestamp(nowMs),
    };
    assert.deepEqual(planConditions(anObservedVolume({ volume: held, nodes }), []), [told]);
    const stillHeld = aVolume({ spec, status: { ...held.status, conditions: [told] } });
    assert.equal(planConditions(anObservedVolume({ volume: stillHeld, nodes }), []), undefined);
    const free = aVolume({
      spec,
      status: { conditions: [told], record: aRecord({ unverified: [identity("node-c")] }) },
    });
    assert.deepEqual(planConditions(anObservedVolume({ volume: free, nodes }), []), []);
  });

  it("reports what the holder states of its mount, the worse first, without its words", () => {
    const spec = { maxMountReplicaCount: 0 };
    const record = aRecord({ writer: aWriter("node-a") });
    const volume = aVolume({ spec, status: { record } });
    const problem = { epoch: 1, since: "", detail: "a lie" };
    const observed = (
      node: string,
      reasons: readonly MountProblem["reason"][],
      of = volume,
    ): ReturnType<typeof anObservedVolume> => {
      const mountProblems = reasons.map((reason) => ({ ...problem, reason }));
      return anObservedVolume({
        volume: of,
        attachments: [anAttachment(node, { status: { mountProblems } })],
      });
    };
    const all = observed("node-a", ["FileSystemRepaired", "FileSystemErrors", "MountDead"]);
    const [dead] = planConditions(all, []) ?? [];
    assert.deepEqual(dead, {
      type: MOUNT_UNHEALTHY,
      status: "True",
      reason: "MountDead",
      message: withRemedy("MountDead", "node-a has lost the use of the volume"),
      lastTransitionTime: toTimestamp(nowMs),
    });
    const errors = planConditions(observed("node-a", ["FileSystemErrors", "FileSystemRepaired"]), []);
    assert.deepEqual(
      errors?.map(({ reason }) => reason),
      ["FileSystemErrors"],
    );
    assert.equal(planConditions(observed("node-a", ["FileSystemRepaired"]), []), undefined, "no state");
    assert.equal(planConditions(observed("node-b", ["MountDead"]), []), undefined, "it holds nothing");
    const told = aVolume({ spec, status: { record, conditions: dead === undefined ? [] : [dead] } });
    assert.equal(planConditions(observed("node-a", ["MountDead"], told), []), undefined);
    assert.deepEqual(planConditions(observed("node-a", [], told), []), []);
  });

  it("names the nodes of a shared volume whose mounts are the worst, up to five", () => {
    const capabilities = [{ accessMode: "MULTI_NODE_MULTI_WRITER", accessType: "block" }] as const;
    const volume = aVolume({ spec: { capabilities, maxMountReplicaCount: 0 } });
    const messageOf = (dead: readonly string[], damaged: readonly string[] = []): string | undefined => {
      const stating = (reason: MountProblem["reason"]) => (node: string) =>
        anAttachment(node, { status: { mountProblems: [{ reason, epoch: 0, since: "", detail: "" }] } });
      const attachments = [...damaged.map(stating("FileSystemErrors")), ...dead.map(stating("MountDead"))];
      return planConditions(anObservedVolume({ volume, attachments }), [])?.[0]?.message;
    };
    const told = (what: string): string => withRemedy("MountDead", what);
    assert.equal(
      messageOf(["node-b", "node-a"], ["node-c"]),
      told("node-a has lost the use of the volume (also node-b)"),
    );
    assert.equal(
      messageOf(["1", "2", "3", "4", "5", "6", "7"]),
      told("1 has lost the use of the volume (also 2, 3, 4, 5 and 2 more)"),
    );
  });

  it("counts no pending replica, nor one whose node's heartbeat is stale by now", () => {
    const none = "0 of 2 replicas are attached to nodes that could take over";
    const messageOf = (observed: Parameters<typeof anObservedVolume>[0]): string | undefined =>
      planConditions(anObservedVolume(observed), [])?.[0]?.message;
    const attaching = replicas.map((one) => ({
      ...one,
      status: { ...one.status, state: "Attaching" as const },
    }));
    assert.equal(messageOf({ attachments: attaching, nodes }), none);
    const stale = nodes.map((node) => ({ ...node, heartbeatUnchangedMs: 35_000 }));
    assert.equal(messageOf({ attachments: replicas, nodes: stale }), none);
  });

  it("detects that one of two conditions has changed", () => {
    const other = { ...ready, type: "Other" };
    const missing = { ...ready, status: "False" as const, reason: "ReplicasMissing" };
    for (const conditions of [
      [other, missing],
      [missing, other],
    ]) {
      const volume = aVolume({ status: { conditions } });
      assert.deepEqual(planConditions(anObservedVolume({ volume, attachments: replicas, nodes }), []), [
        other,
        ready,
      ]);
    }
  });

  it("has the names that users and dashboards know", () => {
    const names = ["FailoverReady", "WriterWaiting", "AttachRefused", "AttachedElsewhere", "MountUnhealthy"];
    assert.deepEqual(
      [FAILOVER_READY, WRITER_WAITING, ATTACH_REFUSED, ATTACHED_ELSEWHERE, MOUNT_UNHEALTHY],
      names,
    );
    assert.ok(names.every(isPlannedHere));
    assert.equal(isPlannedHere("OfflineResize"), false);
  });
});
