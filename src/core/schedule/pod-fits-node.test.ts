import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { canRunAmong, whyPodsDoNotFit, whyPodsDoNotMove, whyPodsStayOff } from "./pod-fits-node.ts";
import type { NeighbourPod, NodeForPods, PlacedPod } from "./pod-rules.ts";
import {
  aNeighbour,
  aNodeForPods,
  aPlacement,
  aPod,
  aSpreadView,
  aTerm,
  zoneSpread,
} from "./testing/placement.ts";

interface Row {
  readonly because: string;
  readonly pod?: Partial<PlacedPod>;
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
    const named = (operator: string, ...values: readonly string[]): PlacedPod["nodeAffinity"] => [
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

  it("keeps a replica off nodes where another volume of the pod can't be used", () => {
    const zone = (value: string) => [
      {
        matchExpressions: [{ key: "topology.kubernetes.io/zone", operator: "In", values: [value] }],
        matchFields: [],
      },
    ];
    const data = { volumeName: "pv-data", terms: zone("eastus-1") };
    check([
      { because: "it can", pod: { volumeAffinities: [data] }, why: undefined },
      {
        because: "one of two can't",
        pod: { volumeAffinities: [data, { volumeName: "pv-log", terms: zone("eastus-2") }] },
        why: "does not match the node affinity of PersistentVolume pv-log of pod default/db-0",
      },
    ]);
  });

  it("keeps a replica off nodes that a spread constraint forbids for good", () => {
    const forbidden = "would have pod default/db-0 exceed maxSkew 1 of topology.kubernetes.io/zone";
    const zones: Readonly<Record<string, string>> = {
      "node-a": "2",
      "node-b": "1",
      "node-c": "2",
      "node-d": "3",
    };
    const why = (pod: Partial<PlacedPod>, on: readonly string[], cluster = zones): unknown =>
      whyPodsDoNotFit(
        aPlacement({ pods: [aPod({ spread: [zoneSpread], ...pod })], spreadView: aSpreadView(cluster, on) }),
      )(aNodeForPods());
    assert.deepEqual(
      [why({}, ["node-b"]), why({}, []), why({ spread: [] }, ["node-b"])],
      [forbidden, undefined, undefined],
    );
    const alone = { "node-a": "2", "node-b": "1", "node-d": "3" };
    assert.equal(why({}, ["node-b", "node-d"], alone), undefined, "once the Node object of node-a is gone");
    assert.equal(
      why({ spread: [{ ...zoneSpread, topologyKey: "rack" }] }, []),
      "has no label rack, by which pod default/db-0 is spread",
    );
  });

  // Two pods with one claim, which required affinity keeps together.
  it("lets pods of one volume that must run together move together", () => {
    const [db, agent] = [aPod(), aPod({ name: "agent", labels: {}, podAffinity: [aTerm()] })];
    const ofZone = { podAffinity: [aTerm({ topologyKey: "topology.kubernetes.io/zone" })] };
    const alone = "has none of the pods that pod default/agent must run with";
    const at = (nodeName: string, zone: string) => ({
      nodeName,
      nodeLabels: aNodeForPods({ nodeName, labels: { "topology.kubernetes.io/zone": zone } }).labels,
    });
    const rows: readonly {
      readonly because: string;
      readonly pods: readonly PlacedPod[];
      readonly why: string | undefined;
    }[] = [
      { because: "both are on node-a", pods: [db, agent], why: undefined },
      { because: "one is on no node yet", pods: [{ ...db, nodeName: "" }, agent], why: undefined },
      { because: "the pod itself is no company", pods: [agent], why: alone },
      {
        because: "no term selects the other one",
        pods: [{ ...db, labels: {} }, agent],
        why: alone,
      },
      {
        because: "one of two terms does not select it",
        pods: [db, { ...agent, podAffinity: [aTerm(), aTerm({ namespaces: ["web"] })] }],
        why: alone,
      },
      {
        because: "a node without the label is no such place",
        pods: [db, { ...agent, podAffinity: [aTerm({ topologyKey: "rack" })] }],
        why: alone,
      },
      {
        because: "of a shared volume, one on another node stays there: in this zone",
        pods: [
          { ...db, ...at("node-c", "eastus-1") },
          { ...agent, ...ofZone },
        ],
        why: undefined,
      },
      {
        because: "and in another zone",
        pods: [
          { ...db, ...at("node-c", "eastus-2") },
          { ...agent, ...ofZone },
        ],
        why: alone,
      },
    ];
    for (const { because, pods, why } of rows)
      assert.equal(whyPodsDoNotFit(aPlacement({ pods }))(aNodeForPods()), why, because);
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

  it("counts the volumes of the pods, and a spread that stays uneven", () => {
    const volumeAffinities = [{ volumeName: "pv-log", terms: [] }];
    assert.equal(
      whyPodsStayOff(aPlacement({ pods: [aPod({ volumeAffinities })] }), aNodeForPods()),
      "does not match the node affinity of PersistentVolume pv-log of pod default/db-0",
    );
    const uneven = "would have pod default/db-0 exceed maxSkew 1 of topology.kubernetes.io/zone";
    const zones = { "node-a": "2", "node-b": "1", "node-c": "2", "node-d": "3" };
    const restarting = { name: "db-9", nodeName: "", namespace: "default", isTerminating: false };
    const labels = { app: "db" };
    const pods = [aPod({ spread: [zoneSpread] })];
    const even = aSpreadView(zones, ["node-b"]);
    const rows = [
      { because: "uneven", spreadView: even, stays: uneven, moves: uneven },
      {
        because: "until a pod of them has restarted",
        spreadView: { ...even, pods: [...even.pods, { ...restarting, labels }] },
        stays: undefined,
        moves: undefined,
      },
      {
        because: "until the Node object of a lost node-a is deleted",
        spreadView: aSpreadView({ "node-a": "2", "node-b": "1", "node-d": "3" }, ["node-b", "node-d"]),
        stays: undefined,
        moves: uneven,
      },
      { because: "even", spreadView: aSpreadView(zones, []), stays: undefined, moves: undefined },
    ];
    for (const { because, spreadView, stays, moves } of rows) {
      const placement = aPlacement({ pods, spreadView });
      assert.equal(whyPodsStayOff(placement, aNodeForPods()), stays, because);
      assert.equal(whyPodsDoNotMove(placement, aNodeForPods()), moves, because);
    }
  });

  it("says nothing where one of several pods could run", () => {
    const here = aPod({ name: "db-0" });
    const backup = aPod({ name: "backup", nodeSelector: { "kubernetes.io/hostname": "node-a" } });
    const why = (...pods: readonly PlacedPod[]) => whyPodsStayOff(aPlacement({ pods }), aNodeForPods());
    const pinned = "does not match the node selector of pod default/backup: kubernetes.io/hostname=node-a";
    assert.deepEqual(
      [why(), why(here, backup), why(backup, here), why(backup, { ...backup, name: "db-0" })],
      [undefined, undefined, undefined, pinned],
    );
  });
});

describe("canRunAmong", () => {
  const inZone = (zone: string, nodeName = `node-${zone}`): NodeForPods =>
    aNodeForPods({ nodeName, labels: { "topology.kubernetes.io/zone": zone } });
  const ofZone = (zone: string): PlacedPod =>
    aPod({ nodeName: "", nodeSelector: { "topology.kubernetes.io/zone": zone } });
  const local = {
    volumeName: "pv-2",
    terms: [
      {
        matchExpressions: [{ key: "topology.kubernetes.io/zone", operator: "In", values: ["1"] }],
        matchFields: [],
      },
    ],
  };
  const rows: readonly (readonly [
    because: string,
    pods: readonly PlacedPod[],
    nodes: readonly NodeForPods[],
    can: boolean,
  ])[] = [
    ["one node suits", [ofZone("1")], [inZone("2"), inZone("1")], true],
    ["no node suits", [ofZone("1")], [inZone("2")], false],
    ["one of two pods has no node", [ofZone("1"), ofZone("2")], [inZone("2")], false],
    [
      "another volume of the pod is elsewhere",
      [aPod({ nodeName: "", volumeAffinities: [local] })],
      [inZone("2")],
      false,
    ],
    ["the pod is bound to another node", [aPod({ nodeName: "node-b" })], [inZone("2")], false],
    ["the pod is bound to one of them", [aPod({ nodeName: "node-2" })], [inZone("2")], true],
  ];
  for (const [because, pods, nodes, can] of rows)
    it(`is ${can} where ${because}`, () => {
      assert.equal(canRunAmong(pods, nodes), can);
    });
});
