import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { VolumePod } from "../schedule/volume-pod.ts";
import type { ObservedNode } from "./observed-volume.ts";
import { planSilentWriter } from "./plan-silent-writer.ts";
import { planWriter } from "./plan-writer.ts";
import { anAttachment, aNode, anObservedVolume, aPod, aVolumeWithRecord, aWriter } from "./testing/objects.ts";
import type { WriterAction } from "./writer-action.ts";

const silent = { heartbeatUnchangedMs: 36_000 };
const tainted = (key: string) => ({ taints: [{ key, value: "", effect: "NoExecute" }] });
const notReady = tainted("node.kubernetes.io/unreachable");
const command = "kubectl taint nodes node-a node.kubernetes.io/out-of-service=nodeshutdown:NoExecute";
const remedy = `If its VM is off or cut off from the network for good, run: ${command}`;
const volume = aVolumeWithRecord({ writer: aWriter("node-a") });
const waits = aPod({ nodeName: "node-b" });
const told = { reason: "WriterSilent", nodeName: "node-a", retryAfterMs: 5_000 } as const;

function plan(node: Partial<ObservedNode>, pods: readonly VolumePod[]): readonly WriterAction[] {
  return planSilentWriter(anObservedVolume({ volume, nodes: [aNode("node-a", node), aNode("node-b")], pods: () => pods }), "node-a");
}

describe("planSilentWriter", () => {
  it("tells a pod that waits on another node which node is silent, and the command that says that it is dead", () => {
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
          message: `pod default/db-0 on node-b waits for node-a, which writes the volume, ${sign}. ${remedy}`,
          news: "pod default/db-0 on node-b waits for node-a",
        },
      ]);
  });

  it("tells a pod that is still bound to the silent node, though none waits: a StatefulSet makes no other before it is gone", () => {
    const rows = [
      { pod: { isPending: false, isTerminating: true }, name: "default/db-0 (being deleted)" },
      { pod: { isPending: false }, name: "default/db-0" },
      // It waits for this node's kubelet, not for the volume to come from another node.
      { pod: { isPending: true }, name: "default/db-0" },
    ];
    for (const { pod, name } of rows)
      assert.deepEqual(plan(notReady, [aPod({ nodeName: "node-a", ...pod })]), [
        {
          kind: "Tell",
          ...told,
          message: `node-a, which writes the volume, is NotReady; pod ${name} is bound to it. ${remedy}`,
          news: `pod ${name} is bound to node-a`,
        },
      ]);
  });

  const again: WriterAction = { kind: "PlanAgain", afterMs: 5_000 };
  const others: readonly {
    readonly because: string;
    readonly node: Partial<ObservedNode>;
    readonly pods: readonly VolumePod[];
    readonly plan: readonly WriterAction[];
  }[] = [
    { because: "the node is well", node: {}, pods: [waits], plan: [] },
    { because: "it is marked out of service already", node: { ...notReady, isOutOfService: true }, pods: [waits], plan: [] },
    { because: "the next pod is not there yet", node: notReady, pods: [], plan: [again] },
    { because: "a pod waits for a node, not for the volume", node: notReady, pods: [aPod({ nodeName: "" })], plan: [again] },
    { because: "a pod runs elsewhere", node: notReady, pods: [aPod({ isPending: false })], plan: [again] },
    { because: "a pod that waits is being deleted", node: notReady, pods: [aPod({ isTerminating: true })], plan: [again] },
  ];
  for (const { because, node, pods, plan: planned } of others)
    it(`tells nothing where ${because}`, () => {
      assert.deepEqual(plan(node, pods), planned);
    });

  it("takes no node for silent where none is heard: it may be the store", () => {
    const nodes = [aNode("node-a", silent), aNode("node-b", silent)];
    assert.deepEqual(planSilentWriter(anObservedVolume({ volume, nodes, pods: () => [waits] }), "node-a"), []);
  });
});

describe("planWriter with a silent writer", () => {
  const nodes = [aNode("node-a", notReady), aNode("node-b")];
  const pods = (): readonly VolumePod[] => [waits];
  const reasons = (actions: readonly WriterAction[]): readonly string[] => actions.map((action) => (action.kind === "WaitFor" ? action.reason : action.kind));

  it("reports it where Kubernetes holds the attach back, so that no want says that a pod waits", () => {
    assert.deepEqual(reasons(planWriter(anObservedVolume({ volume, nodes, pods, attachments: [anAttachment("node-a")] }))), ["WriterSilent"]);
  });

  it("looks again where no pod needs the volume yet: no change of an object brings the next plan", () => {
    const observed = anObservedVolume({ volume, nodes, attachments: [anAttachment("node-a")] });
    assert.deepEqual(planWriter(observed), [{ kind: "PlanAgain", afterMs: 5_000 }]);
  });

  it("still asks the platform whether the VM of a silent writer exists", () => {
    const unwanted = aVolumeWithRecord({ writer: aWriter("node-a", { wanted: false }) });
    const recalled = anAttachment("node-a", { spec: { role: "Replica", recall: { id: "r", since: "2026-01-01T11:59:00.000Z" } } });
    const observed = anObservedVolume({ volume: unwanted, nodes: [aNode("node-a", silent), aNode("node-b")], pods, attachments: [recalled] });
    assert.deepEqual(reasons(planWriter(observed)), ["ConfirmVanished", "WriterSilent"]);
  });

  it("reports it once where a want waits, too, and where the writer is recalled", () => {
    const attachments = [anAttachment("node-a"), anAttachment("node-b")];
    assert.deepEqual(reasons(planWriter(anObservedVolume({ volume, nodes, pods, attachments }))), ["WriterSilent"]);
    const unwanted = aVolumeWithRecord({ writer: aWriter("node-a", { wanted: false }) });
    const recalled = anAttachment("node-a", { spec: { role: "Replica", recall: { id: "r", since: "2026-01-01T11:59:00.000Z" } } });
    assert.deepEqual(reasons(planWriter(anObservedVolume({ volume: unwanted, nodes, pods, attachments: [recalled] }))), ["WriterSilent"]);
  });
});
