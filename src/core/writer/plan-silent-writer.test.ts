import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { AzVolumeAttachment } from "../api/az-volume-attachment.ts";
import type { ObservedNode, ObservedVolume } from "../attachment/observed-volume.ts";
import type { VolumePod } from "../schedule/volume-pod.ts";
import {
  anAttachment,
  aNode,
  anOrchestratorNode,
  anObservedVolume,
  aPod,
  aReplica,
  aVolumeWithRecord,
  aWriter,
  identity,
  leaving,
  settings,
} from "../testing/objects.ts";
import { planSilentWriter } from "./plan-silent-writer.ts";
import { planWriter } from "./plan-writer.ts";
import type { WriterAction } from "./writer-action.ts";

const silent = { heartbeatUnchangedMs: 36_000 };
const tainted = (key: string) => ({ taints: [{ key, value: "", effect: "NoExecute" }] });
const notReady = tainted("node.kubernetes.io/unreachable");
/** The orchestrator shows only this node as NotReady. */
const showing = (name: string): Pick<ObservedVolume, "orchestratorNode"> => ({
  orchestratorNode: (nodeName) => anOrchestratorNode(nodeName === name ? notReady : {}),
});
const command = "kubectl taint nodes node-a node.kubernetes.io/out-of-service=nodeshutdown:NoExecute";
const remedy =
  "If its VM is off or cut off from the network for good, mark it out of service. On " +
  `Kubernetes, run: ${command}`;
const volume = aVolumeWithRecord({ writer: aWriter("node-a") });
const waits = aPod({ nodeName: "node-b" });
const told = { reason: "WriterSilent", nodeName: "node-a", retryAfterMs: 5_000 } as const;

function plan(
  node: Partial<ObservedNode>,
  pods: readonly VolumePod[],
  attachments: readonly AzVolumeAttachment[] = [],
): readonly WriterAction[] {
  const nodes = [aNode("node-a", node), aNode("node-b")];
  return planSilentWriter(anObservedVolume({ volume, nodes, pods: () => pods, attachments }), "node-a");
}

describe("planSilentWriter", () => {
  it("gives a pod that waits on another node the silent node and the command", () => {
    const signs = [
      { node: silent, sign: "has sent no heartbeat for more than 35 s" },
      { node: notReady, sign: "is NotReady" },
      { node: tainted("node.kubernetes.io/not-ready"), sign: "is NotReady" },
      { node: { ...silent, ...notReady }, sign: "has sent no heartbeat for more than 35 s, and is NotReady" },
    ];
    for (const { node, sign } of signs)
      assert.deepEqual(plan(node, [waits]), [
        {
          kind: "WaitFor",
          ...told,
          message: `pod default/db-0 on node-b waits: node-a, which writes the volume, ${sign}. ${remedy}`,
          localKey: "pod default/db-0 on node-b waits for node-a",
        },
      ]);
  });

  it("names no command for a node that has no Node", () => {
    const [action] = plan({ ...silent, isGone: true }, [waits]);
    assert.ok(action?.kind === "WaitFor");
    assert.match(action.message, /It has no Node to be marked: .*, delete that VM in Azure$/u);
    assert.doesNotMatch(action.message, /kubectl/u);
  });

  // A StatefulSet creates no other pod before it is gone.
  it("reports the silent node to a pod that is still bound to it, though none waits", () => {
    const rows = [
      { pod: { isPending: false, isTerminating: true }, name: "default/db-0 (being deleted)" },
      { pod: { isPending: false }, name: "default/db-0" },
      // It waits for this node's kubelet, not for the volume to come from another node.
      { pod: { isPending: true }, name: "default/db-0" },
    ];
    for (const { pod, name } of rows)
      assert.deepEqual(plan(notReady, [aPod({ nodeName: "node-a", ...pod })]), [
        {
          kind: "Report",
          ...told,
          message: `node-a, which writes the volume, is NotReady; pod ${name} is bound to it. ${remedy}`,
          localKey: `pod ${name} is bound to node-a`,
        },
      ]);
  });

  it("reports a silent writer of a requested volume also where no pod has a node", () => {
    const requested: readonly {
      readonly because: string;
      readonly pods: readonly VolumePod[];
      readonly attachments?: readonly AzVolumeAttachment[];
    }[] = [
      {
        because: "its pod was deleted by force, the next one has no node yet",
        pods: [aPod({ nodeName: "" })],
      },
      {
        because: "its pod was deleted by force, and its request stands",
        pods: [],
        attachments: [anAttachment("node-a")],
      },
      { because: "a pod is bound to another node and has started", pods: [aPod({ isPending: false })] },
    ];
    const message = `node-a, which writes the volume, is NotReady, and the volume is requested. ${remedy}`;
    const localKey = "the volume is requested, and node-a is silent";
    for (const { because, pods, attachments } of requested)
      assert.deepEqual(
        plan(notReady, pods, attachments),
        [{ kind: "Report", ...told, message, localKey }],
        because,
      );
  });

  it("reports a NotReady writer whose AzDriverNode was lost, and no unknown one", () => {
    const lost = anObservedVolume({ volume, nodes: [aNode("node-b")], pods: () => [waits] });
    assert.deepEqual(planSilentWriter({ ...lost, ...showing("node-a") }, "node-a"), [
      {
        kind: "WaitFor",
        ...told,
        message: `pod default/db-0 on node-b waits: node-a, which writes the volume, is NotReady. ${remedy}`,
        localKey: "pod default/db-0 on node-b waits for node-a",
      },
    ]);
    assert.deepEqual(planSilentWriter({ ...lost, ...showing("node-b") }, "node-a"), []);
  });

  const again: WriterAction = { kind: "Requeue", afterMs: 5_000 };
  const others: readonly {
    readonly because: string;
    readonly node: Partial<ObservedNode>;
    readonly pods: readonly VolumePod[];
    readonly attachments?: readonly AzVolumeAttachment[];
    readonly plan: readonly WriterAction[];
  }[] = [
    { because: "the node is well", node: {}, pods: [waits], plan: [] },
    {
      because: "it is marked out of service already",
      node: { ...notReady, isOutOfService: true },
      pods: [waits],
      plan: [],
    },
    { because: "the volume is not requested", node: notReady, pods: [], plan: [again] },
    {
      because: "only a replica is there",
      node: notReady,
      pods: [],
      attachments: [aReplica("node-b")],
      plan: [again],
    },
    {
      because: "the only request is being deleted",
      node: notReady,
      pods: [],
      attachments: [leaving(anAttachment("node-a"))],
      plan: [again],
    },
    {
      because: "a pod that waits is being deleted",
      node: notReady,
      pods: [aPod({ isTerminating: true })],
      plan: [again],
    },
  ];
  for (const { because, node, pods, attachments, plan: planned } of others)
    it(`reports nothing where ${because}`, () => {
      assert.deepEqual(plan(node, pods, attachments), planned);
    });

  it("repeats under the next leader what an earlier one has found", () => {
    const marked = { isMarkedSilent: true, isReady: false, heartbeatUnchangedMs: 0 };
    assert.deepEqual(plan(marked, [waits]), plan(silent, [waits]));
    assert.deepEqual(plan({ ...marked, isMarkedSilent: false }, [waits]), []);
    const nodes = [aNode("node-a", marked), aNode("node-b", marked)];
    const allMarked = anObservedVolume({ volume, nodes, pods: () => [waits] });
    assert.deepEqual(planSilentWriter(allMarked, "node-a"), [], "it may be the store");
  });

  it("treats no node as silent without any heartbeat: it may be the store", () => {
    const nodes = [aNode("node-a", silent), aNode("node-b", silent)];
    assert.deepEqual(
      planSilentWriter(anObservedVolume({ volume, nodes, pods: () => [waits] }), "node-a"),
      [],
    );
  });
});

describe("planWriter with a silent writer", () => {
  const nodes = [aNode("node-a", notReady), aNode("node-b")];
  const pods = (): readonly VolumePod[] => [waits];
  const reasons = (actions: readonly WriterAction[]): readonly string[] =>
    actions.map((action) => (action.kind === "WaitFor" ? action.reason : action.kind));

  it("reports it where Kubernetes holds the attach back, so that no request is seen", () => {
    assert.deepEqual(
      reasons(planWriter(anObservedVolume({ volume, nodes, pods, attachments: [anAttachment("node-a")] }))),
      ["WriterSilent"],
    );
  });

  // No change of an object triggers the next plan.
  it("plans again later where nothing requests the volume", () => {
    const observed = anObservedVolume({
      volume,
      nodes,
      attachments: [anAttachment("node-a", { spec: { role: "Primary", writerRequest: undefined } })],
    });
    assert.deepEqual(planWriter(observed), [{ kind: "Requeue", afterMs: 5_000 }]);
  });

  it("still asks Azure whether the VM of a silent writer exists", () => {
    const unrequested = aVolumeWithRecord({ writer: aWriter("node-a", { requested: false }) });
    const recalled = anAttachment("node-a", {
      spec: { role: "Replica", recall: { id: "r", since: "2026-01-01T11:59:00.000Z" } },
    });
    const observed = anObservedVolume({
      volume: unrequested,
      nodes: [aNode("node-a", silent), aNode("node-b")],
      pods,
      attachments: [recalled],
    });
    assert.deepEqual(reasons(planWriter(observed)), ["AskAzure", "WriterSilent"]);
  });

  it("reports no silence once the driver fences the node by itself", () => {
    const unrequested = aVolumeWithRecord({ writer: aWriter("node-a", { requested: false }) });
    const answer = {
      id: "r",
      published: [],
      unmounting: true,
      progress: "1",
      time: "2026-01-01T11:59:00.000Z",
    };
    const stalled = anAttachment("node-a", {
      spec: { role: "Replica", recall: { id: "r", since: "2026-01-01T11:59:00.000Z" } },
      status: { recall: answer },
    });
    const unchangedMs = settings.unmountStallMs;
    const observed = anObservedVolume({
      volume: unrequested,
      nodes: [aNode("node-a", notReady), aNode("node-b")],
      pods,
      attachments: [{ attachment: stalled, unchangedMs, watchedUnchangedMs: unchangedMs }],
    });
    assert.deepEqual(reasons(planWriter(observed)), ["BeginFence"]);
  });

  it("reports it once where a request waits, too, and where the writer is recalled", () => {
    const attachments = [anAttachment("node-a"), anAttachment("node-b")];
    assert.deepEqual(reasons(planWriter(anObservedVolume({ volume, nodes, pods, attachments }))), [
      "WriterSilent",
    ]);
    const unrequested = aVolumeWithRecord({ writer: aWriter("node-a", { requested: false }) });
    const recalled = anAttachment("node-a", {
      spec: { role: "Replica", recall: { id: "r", since: "2026-01-01T11:59:00.000Z" } },
    });
    assert.deepEqual(
      reasons(planWriter(anObservedVolume({ volume: unrequested, nodes, pods, attachments: [recalled] }))),
      ["WriterSilent"],
    );
  });
});

describe("planWriter with a silent node that is unverified", () => {
  const unverified = aVolumeWithRecord({ defaultAccess: "quarantined", unverified: [identity("node-a")] });
  const attachments = [aReplica("node-a"), aReplica("node-b")];
  const asksIfGone: WriterAction = { kind: "AskAzure", node: identity("node-a"), mayBeGone: true };
  const unreported =
    "node-a, which had the disk when the record was made and has not shown whether it is clean, " +
    "has sent no heartbeat for more than 35 s";
  const plannedFor = (
    pods: readonly VolumePod[],
    nodes = [aNode("node-a", silent), aNode("node-b")],
  ): readonly WriterAction[] =>
    planWriter(anObservedVolume({ volume: unverified, nodes, attachments, pods: () => pods }));

  it("gives a pod that waits elsewhere the remedy, on the Node as well", () => {
    const message = `pod default/db-0 on node-b waits: ${unreported}. ${remedy}`;
    assert.deepEqual(plannedFor([waits]), [
      asksIfGone,
      { kind: "WaitFor", ...told, message, localKey: "pod default/db-0 on node-b waits for node-a" },
    ]);
  });

  it("gives the remedy to a pod that is still bound there, though none waits", () => {
    assert.deepEqual(plannedFor([aPod({ nodeName: "node-a", isPending: false, isTerminating: true })]), [
      asksIfGone,
      { kind: "Requeue", afterMs: 10_000 },
      {
        kind: "Report",
        ...told,
        message: `${unreported}; pod default/db-0 (being deleted) is bound to it. ${remedy}`,
        localKey: "pod default/db-0 (being deleted) is bound to node-a",
      },
    ]);
  });

  it("reports NotReady where its AzDriverNode was lost, too", () => {
    const observed = anObservedVolume({
      volume: unverified,
      nodes: [aNode("node-b")],
      attachments,
      pods: () => [waits],
    });
    const planned = planWriter({ ...observed, ...showing("node-a") });
    assert.deepEqual(
      planned.map((action) => (action.kind === "WaitFor" ? action.reason : action.kind)),
      ["AskAzure", "WriterSilent"],
    );
  });

  it("reports no silence without a request, nor that of another VM of its name", () => {
    assert.deepEqual(plannedFor([]), [asksIfGone, { kind: "Requeue", afterMs: 10_000 }]);
    const [checks, ...rest] = plannedFor(
      [waits],
      [aNode("node-a", { ...silent, vmId: "of-another-vm" }), aNode("node-b")],
    );
    assert.deepEqual(checks, asksIfGone);
    assert.deepEqual(
      rest.map((action) => (action.kind === "WaitFor" ? action.reason : action.kind)),
      ["Distrust"],
    );
  });
});
