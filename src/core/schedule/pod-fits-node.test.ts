import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type NodeForPods, whyPodsDoNotFit, whyPodsStayOff } from "./pod-fits-node.ts";
import type { NeighbourPod, PodRules } from "./pod-rules.ts";
import { aNeighbour, aNodeForPods, aPlacement, aPod, aTerm } from "./testing/placement.ts";

interface Row {
  readonly because: string;
  readonly pod?: Partial<PodRules>;
  readonly node?: Partial<NodeForPods>;
  readonly neighbours?: readonly NeighbourPod[];
  readonly why: string | undefined;
}

function check(rows: readonly Row[]): void {
  for (const { because, pod, node, neighbours = [], why } of rows)
    assert.equal(
      whyPodsDoNotFit(aPlacement({ pods: [aPod(pod)], neighbours }))(aNodeForPods(node)),
      why,
      because,
    );
}

describe("whyPodsDoNotFit", () => {
  it("keeps a replica off nodes whose taints the pod does not tolerate", () => {
    const taints = [{ key: "dedicated", value: "gpu", effect: "NoSchedule" }];
    check([
      { because: "no taints", why: undefined },
      {
        because: "a taint",
        node: { taints },
        why: "has a taint that pod default/db-0 does not tolerate: dedicated=gpu:NoSchedule",
      },
      {
        because: "a taint without a value",
        node: { taints: [{ key: "node.kubernetes.io/not-ready", value: "", effect: "NoExecute" }] },
        why: "has a taint that pod default/db-0 does not tolerate: node.kubernetes.io/not-ready:NoExecute",
      },
      {
        because: "tolerated",
        node: { taints },
        pod: { tolerations: [{ key: "dedicated", operator: "Equal", value: "gpu", effect: "" }] },
        why: undefined,
      },
    ]);
  });

  it("obeys node selector and required node affinity, both where both are given", () => {
    const ssd = { matchExpressions: [{ key: "disk", operator: "In", values: ["ssd"] }], matchFields: [] };
    const named = (operator: string, ...values: readonly string[]): PodRules["nodeAffinity"] => [
      { matchExpressions: [], matchFields: [{ key: "metadata.name", operator, values }] },
    ];
    const because = "does not match the node affinity of pod default/db-0";
    check([
      {
        because: "selected",
        pod: { nodeSelector: { disk: "ssd" } },
        node: { labels: { disk: "ssd" } },
        why: undefined,
      },
      {
        because: "not selected",
        pod: { nodeSelector: { disk: "ssd" } },
        why: "does not match the node selector of pod default/db-0: disk=ssd",
      },
      {
        because: "affinity holds",
        pod: { nodeAffinity: [ssd] },
        node: { labels: { disk: "ssd" } },
        why: undefined,
      },
      { because: "affinity does not hold", pod: { nodeAffinity: [ssd] }, why: because },
      {
        because: "one of the alternatives holds",
        pod: {
          nodeAffinity: [
            ssd,
            { matchExpressions: [{ key: "cores", operator: "Gt", values: ["4"] }], matchFields: [] },
          ],
        },
        node: { labels: { cores: "8" } },
        why: undefined,
      },
      {
        because: "a selector does not make up for an affinity",
        pod: { nodeSelector: { cores: "8" }, nodeAffinity: [ssd] },
        node: { labels: { cores: "8" } },
        why: because,
      },
      {
        because: "an alternative without conditions matches no node",
        pod: { nodeAffinity: [{ matchExpressions: [], matchFields: [] }] },
        why: because,
      },
      {
        because: "an affinity without alternatives matches no node",
        pod: { nodeAffinity: [] },
        why: because,
      },
      { because: "by name", pod: { nodeAffinity: named("In", "node-b") }, why: undefined },
      { because: "by another name", pod: { nodeAffinity: named("In", "node-c") }, why: because },
      { because: "any but this name", pod: { nodeAffinity: named("NotIn", "node-b") }, why: because },
      { because: "any but another name", pod: { nodeAffinity: named("NotIn", "node-c") }, why: undefined },
      {
        because: "Kubernetes compares a field with one value only",
        pod: { nodeAffinity: named("In", "node-b", "node-c") },
        why: because,
      },
      {
        because: "fields and labels must hold together",
        pod: {
          nodeAffinity: [
            {
              matchExpressions: ssd.matchExpressions,
              matchFields: [{ key: "metadata.name", operator: "In", values: ["node-b"] }],
            },
          ],
        },
        why: because,
      },
    ]);
  });

  it("separates pods by anti-affinity of either pod, by node and by zone", () => {
    const zone = "topology.kubernetes.io/zone";
    const apart = "is kept apart from pod default/db-0 by anti-affinity to pod default/db-1";
    check([
      {
        because: "the other one runs here",
        pod: { podAntiAffinity: [aTerm()] },
        neighbours: [aNeighbour("node-b")],
        why: apart,
      },
      {
        because: "it runs on another node",
        pod: { podAntiAffinity: [aTerm()] },
        neighbours: [aNeighbour("node-c")],
        why: undefined,
      },
      {
        because: "on another node of this zone",
        pod: { podAntiAffinity: [aTerm({ topologyKey: zone })] },
        neighbours: [aNeighbour("node-c")],
        why: apart,
      },
      {
        because: "in another zone",
        pod: { podAntiAffinity: [aTerm({ topologyKey: zone })] },
        neighbours: [
          aNeighbour("node-c", {
            nodeLabels: aNodeForPods({ nodeName: "node-c", labels: { [zone]: "eastus-2" } }).labels,
          }),
        ],
        why: undefined,
      },
      {
        because: "the rule is about others",
        pod: { podAntiAffinity: [aTerm({ selector: [{ key: "app", operator: "In", values: ["web"] }] })] },
        neighbours: [aNeighbour("node-b")],
        why: undefined,
      },
      {
        because: "a rule without a selector is about no pod",
        pod: { podAntiAffinity: [aTerm({ selector: undefined })] },
        neighbours: [aNeighbour("node-b")],
        why: undefined,
      },
      {
        because: "an empty selector is about every pod",
        pod: { podAntiAffinity: [aTerm({ selector: [] })] },
        neighbours: [aNeighbour("node-b")],
        why: apart,
      },
      {
        because: "another namespace",
        pod: { podAntiAffinity: [aTerm({ namespaces: ["test"] })] },
        neighbours: [aNeighbour("node-b")],
        why: undefined,
      },
      {
        because: "every namespace",
        pod: { podAntiAffinity: [aTerm({ namespaces: undefined })] },
        neighbours: [aNeighbour("node-b")],
        why: apart,
      },
      {
        because: "a node without the label is no such place",
        pod: { podAntiAffinity: [aTerm({ topologyKey: "rack" })] },
        neighbours: [aNeighbour("node-b")],
        why: undefined,
      },
      {
        because: "nor is a node without the label one where it is empty",
        pod: { podAntiAffinity: [aTerm({ topologyKey: "rack" })] },
        neighbours: [aNeighbour("node-c", { nodeLabels: { rack: "" } })],
        why: undefined,
      },
      {
        because: "an empty label is a place",
        pod: { podAntiAffinity: [aTerm({ topologyKey: "rack" })] },
        node: { labels: { rack: "" } },
        neighbours: [aNeighbour("node-c", { nodeLabels: { rack: "" } })],
        why: apart,
      },
      {
        because: "the other one keeps it away",
        neighbours: [aNeighbour("node-b", { podAntiAffinity: [aTerm()] })],
        why: apart,
      },
      {
        because: "by the one rule of several that is about this place",
        pod: { podAntiAffinity: [aTerm({ topologyKey: "rack" }), aTerm()] },
        neighbours: [aNeighbour("node-c", { nodeLabels: { rack: "1" } }), aNeighbour("node-b")],
        why: apart,
      },
      {
        because: "the other one keeps others away",
        neighbours: [aNeighbour("node-b", { podAntiAffinity: [aTerm({ namespaces: ["test"] })] })],
        why: undefined,
      },
    ]);
  });

  it("puts a replica where the pods are that its pod must run with", () => {
    const web = aTerm({ selector: [{ key: "app", operator: "In", values: ["web"] }] });
    const cache = aTerm({ selector: [{ key: "tier", operator: "In", values: ["cache"] }] });
    const alone = "has none of the pods that pod default/db-0 must run with";
    const aWeb = (nodeName: string, labels: NeighbourPod["labels"] = {}): NeighbourPod =>
      aNeighbour(nodeName, { name: "web-0", labels: { app: "web", ...labels } });
    check([
      { because: "it runs here", pod: { podAffinity: [web] }, neighbours: [aWeb("node-b")], why: undefined },
      { because: "it runs elsewhere", pod: { podAffinity: [web] }, neighbours: [aWeb("node-c")], why: alone },
      { because: "it runs nowhere", pod: { podAffinity: [web] }, why: alone },
      {
        because: "the first of a series that are to run together",
        pod: { podAffinity: [aTerm()] },
        why: undefined,
      },
      {
        because: "a series that runs elsewhere",
        pod: { podAffinity: [aTerm()] },
        neighbours: [aNeighbour("node-c")],
        why: alone,
      },
      {
        because: "no such place here",
        pod: { podAffinity: [{ ...web, topologyKey: "rack" }] },
        neighbours: [aWeb("node-b")],
        why: alone,
      },
      {
        because: "only a pod that all terms select counts",
        pod: { podAffinity: [web, cache] },
        neighbours: [aWeb("node-b")],
        why: alone,
      },
      {
        because: "all terms select it",
        pod: { podAffinity: [web, cache] },
        neighbours: [aWeb("node-b", { tier: "cache" })],
        why: undefined,
      },
    ]);
  });

  it("looks at each neighbour once, however many nodes there are", () => {
    let looked = 0;
    const counted = (nodeName: string): NeighbourPod => ({
      ...aNeighbour(nodeName),
      get nodeLabels() {
        looked += 1;
        return aNodeForPods({ nodeName }).labels;
      },
    });
    const neighbours = Array.from({ length: 20 }, (_, at) => counted(`node-${at}`));
    const pod = aPod({ podAntiAffinity: [aTerm()], podAffinity: [aTerm({ topologyKey: "rack" })] });
    const whyNot = whyPodsDoNotFit(aPlacement({ pods: [pod], neighbours }));
    const judged = Array.from({ length: 100 }, (_, at) => whyNot(aNodeForPods({ nodeName: `node-${at}` })));
    assert.equal(judged.filter((because) => because?.startsWith("is kept apart") === true).length, 20);
    assert.equal(judged.filter((because) => because?.startsWith("has none of") === true).length, 80);
    assert.equal(looked, 2 * neighbours.length, "once for each of the two rules");
  });

  it("checks each pod that uses the volume, and accepts any node without pods", () => {
    const gpu = aPod({ name: "gpu", nodeSelector: { gpu: "a100" } });
    assert.equal(
      whyPodsDoNotFit(aPlacement({ pods: [aPod(), gpu] }))(aNodeForPods()),
      "does not match the node selector of pod default/gpu: gpu=a100",
    );
    assert.equal(
      whyPodsDoNotFit(aPlacement({ pods: [] }))(
        aNodeForPods({ taints: [{ key: "x", value: "", effect: "NoSchedule" }] }),
      ),
      undefined,
    );
  });
});

describe("whyPodsStayOff", () => {
  it("counts labels and anti-affinity, and neither taints nor affinity between pods", () => {
    const apart = { podAntiAffinity: [aTerm()] };
    const neighbours = [aNeighbour("node-b")];
    const rows: readonly Row[] = [
      { because: "no rules", why: undefined },
      {
        because: "another label is selected",
        pod: { nodeSelector: { pool: "new" } },
        why: "does not match the node selector of pod default/db-0: pool=new",
      },
      {
        because: "another node is required",
        pod: {
          nodeAffinity: [
            {
              matchExpressions: [],
              matchFields: [{ key: "metadata.name", operator: "In", values: ["node-c"] }],
            },
          ],
        },
        why: "does not match the node affinity of pod default/db-0",
      },
      {
        because: "a pod runs there that it must not be with",
        pod: apart,
        neighbours,
        why: "is kept apart from pod default/db-0 by anti-affinity to pod default/db-1",
      },
      { because: "that pod runs elsewhere", pod: apart, neighbours: [aNeighbour("node-c")], why: undefined },
      {
        because: "an agent that restarts taints its node for seconds",
        node: { taints: [{ key: "node.cilium.io/agent-not-ready", value: "", effect: "NoExecute" }] },
        why: undefined,
      },
      { because: "a pod that it must be with restarts", pod: { podAffinity: [aTerm()] }, why: undefined },
    ];
    for (const { because, pod, node, neighbours: others = [], why } of rows)
      assert.equal(
        whyPodsStayOff(aPlacement({ pods: [aPod(pod)], neighbours: others }), aNodeForPods(node)),
        why,
        because,
      );
  });

  it("says nothing where one of several pods could run", () => {
    const here = aPod({ name: "db-0" });
    const backup = aPod({ name: "backup", nodeSelector: { "kubernetes.io/hostname": "node-a" } });
    const why = (...pods: readonly PodRules[]) => whyPodsStayOff(aPlacement({ pods }), aNodeForPods());
    const pinned = "does not match the node selector of pod default/backup: kubernetes.io/hostname=node-a";
    assert.deepEqual(
      [why(), why(here, backup), why(backup, here), why(backup, { ...backup, name: "db-0" })],
      [undefined, undefined, undefined, pinned],
    );
  });
});
