import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import type { CountedPod, Labels, NodeForPods, PlacedPod, SpreadConstraint } from "./pod-rules.ts";
import { aNodeForPods, aPod, aSpreadView, zoneSpread } from "./testing/placement.ts";
import { spreadRoomsOf } from "./topology-spread.ts";

const ZONES = { "node-a": "1", "node-b": "1", "node-c": "2", "node-d": "3" };
const hostSpread: SpreadConstraint = { ...zoneSpread, topologyKey: "kubernetes.io/hostname" };

interface Row {
  readonly because: string;
  readonly spread?: readonly SpreadConstraint[];
  readonly pod?: Partial<PlacedPod>;
  readonly zones?: Readonly<Record<string, string>>;
  /** Nodes of the other pods. */
  readonly on?: readonly string[];
  readonly others?: Partial<CountedPod>;
  readonly nodes?: Readonly<Record<string, Partial<NodeForPods>>>;
  /** By node. */
  readonly rooms: Readonly<Record<string, number>>;
  readonly onceGone?: Readonly<Record<string, number>>;
}

const rows: readonly Row[] = [
  {
    because: "a domain may be ahead of the emptiest one by maxSkew",
    on: ["node-c"],
    rooms: { "node-a": 0, "node-b": 0, "node-c": -1, "node-d": 0 },
  },
  { because: "equal domains", on: ["node-b", "node-c", "node-d"], rooms: { "node-b": 0, "node-c": 0 } },
  {
    because: "a larger maxSkew",
    spread: [{ ...zoneSpread, maxSkew: 3 }],
    on: ["node-c"],
    rooms: { "node-b": 2, "node-c": 1, "node-d": 2 },
  },
  {
    because: "pods on the present node leave it, too",
    on: ["node-a", "node-c"],
    rooms: { "node-b": 0, "node-c": -1 },
  },
  {
    because: "a pod on no node yet has none",
    pod: { nodeName: "" },
    on: ["node-a"],
    rooms: { "node-b": -1 },
  },
  {
    because: "pods that end are not counted",
    on: ["node-c"],
    others: { isTerminating: true },
    rooms: { "node-c": 0 },
  },
  { because: "nor pods on no node", on: [""], rooms: { "node-c": 0 } },
  {
    because: "nor pods of another namespace",
    on: ["node-c"],
    others: { namespace: "x" },
    rooms: { "node-c": 0 },
  },
  {
    because: "nor pods that the selector leaves out",
    on: ["node-c"],
    others: { labels: { app: "web" } },
    rooms: { "node-c": 0 },
  },
  {
    because: "a pod that its own selector leaves out adds none",
    pod: { labels: { app: "web" } },
    on: ["node-c"],
    rooms: { "node-c": 0, "node-d": 1 },
  },
  {
    because: "no selector counts no pod",
    spread: [{ ...zoneSpread, selector: undefined }],
    on: ["node-c"],
    rooms: { "node-c": 1 },
  },
  {
    because: "too few domains count as an empty one",
    spread: [{ ...zoneSpread, minDomains: 4 }],
    on: ["node-b", "node-c", "node-d"],
    rooms: { "node-c": -1 },
  },
  {
    because: "enough domains do not",
    spread: [{ ...zoneSpread, minDomains: 3 }],
    on: ["node-b", "node-c", "node-d"],
    rooms: { "node-c": 0 },
  },
  {
    because: "a node without the label is in no domain",
    on: [],
    nodes: { "node-c": { labels: {} } },
    rooms: { "node-c": -Infinity },
  },
  {
    because: "a node without one of two labels is in no domain of the other",
    spread: [zoneSpread, { ...zoneSpread, topologyKey: "rack", maxSkew: 9 }],
    on: ["node-b", "node-c"],
    nodes: {
      "node-a": { labels: { "topology.kubernetes.io/zone": "eastus-1", rack: "1" } },
      "node-b": { labels: { "topology.kubernetes.io/zone": "eastus-1", rack: "1" } },
      "node-c": { labels: { "topology.kubernetes.io/zone": "eastus-2", rack: "1" } },
    },
    rooms: { "node-b": 0, "node-c": 0, "node-d": -Infinity },
  },
  {
    because: "nodes that the pod's selector excludes are no domain",
    pod: { nodeSelector: { pool: "db" } },
    on: ["node-b", "node-c"],
    nodes: {
      "node-b": { labels: { "topology.kubernetes.io/zone": "eastus-1", pool: "db" } },
      "node-c": { labels: { "topology.kubernetes.io/zone": "eastus-2", pool: "db" } },
    },
    rooms: { "node-c": 0 },
  },
  {
    because: "unless its policy ignores that",
    spread: [{ ...zoneSpread, honorsAffinity: false }],
    pod: { nodeSelector: { pool: "db" } },
    on: ["node-b", "node-c"],
    rooms: { "node-c": -1 },
  },
  {
    because: "tainted nodes are domains",
    on: ["node-b", "node-c"],
    nodes: { "node-d": { taints: [{ key: "gpu", value: "", effect: "NoSchedule" }] } },
    rooms: { "node-c": -1 },
  },
  {
    because: "unless its policy honors taints",
    spread: [{ ...zoneSpread, honorsTaints: true }],
    on: ["node-b", "node-c"],
    nodes: { "node-d": { taints: [{ key: "gpu", value: "", effect: "NoSchedule" }] } },
    rooms: { "node-c": 0 },
  },
  {
    because: "a lost node is an empty domain until its Node object is gone",
    spread: [hostSpread],
    zones: { "node-a": "1", "node-b": "1", "node-c": "2" },
    on: ["node-b", "node-c"],
    rooms: { "node-b": -1, "node-c": -1 },
    onceGone: { "node-b": 0, "node-c": 0 },
  },
  {
    because: "or none, where the policy honors its taints",
    spread: [{ ...hostSpread, honorsTaints: true }],
    zones: { "node-a": "1", "node-b": "1", "node-c": "2" },
    on: ["node-b", "node-c"],
    rooms: { "node-b": 0, "node-c": 0 },
    onceGone: { "node-b": 0, "node-c": 0 },
  },
  {
    because: "other nodes of its zone remain",
    on: ["node-c"],
    rooms: { "node-c": -1 },
    onceGone: { "node-c": -1 },
  },
  {
    because: "a zone that pods have left on one node has the fewest",
    on: ["node-a", "node-b", "node-c", "node-c", "node-d", "node-d"],
    rooms: { "node-b": 0, "node-c": -1 },
    onceGone: { "node-b": 0, "node-c": -1 },
  },
  {
    because: "a zone that had the fewest is gone with its node",
    zones: { "node-a": "1", "node-b": "2", "node-c": "3" },
    on: ["node-a", "node-b", "node-b", "node-c", "node-c"],
    rooms: { "node-b": -2, "node-c": -2 },
    onceGone: { "node-b": 0, "node-c": 0 },
  },
  {
    because: "the tightest of several constraints decides",
    spread: [{ ...zoneSpread, maxSkew: 5 }, hostSpread],
    on: ["node-c"],
    rooms: { "node-c": -1, "node-d": 0 },
  },
  { because: "no constraint", spread: [], on: ["node-c"], rooms: { "node-c": Infinity } },
];

describe("spreadRoomsOf", () => {
  for (const { because, spread = [zoneSpread], rooms, onceGone = {}, ...row } of rows)
    it(`counts as kube-scheduler: ${because}`, () => {
      const view = aSpreadView(row.zones ?? ZONES, row.on ?? [], row.others);
      const nodes = view.nodes.map((node) => ({ ...node, ...row.nodes?.[node.nodeName] }));
      const found = spreadRoomsOf(aPod({ spread, ...row.pod }), { ...view, nodes });
      const at = (nodeName: string): NodeForPods =>
        nodes.find((node) => node.nodeName === nodeName) ?? assert.fail(nodeName);
      const roomsOn = (
        names: object,
        roomOf: (node: NodeForPods) => { readonly room: number },
      ): Readonly<Record<string, number>> =>
        Object.fromEntries(Object.keys(names).map((nodeName) => [nodeName, roomOf(at(nodeName)).room]));
      assert.deepEqual(roomsOn(rooms, found.whileNodeStays), rooms);
      assert.deepEqual(roomsOn(onceGone, found.onceNodeIsGone), onceGone);
    });

  it("names the constraint that keeps a pod off", () => {
    const pod = aPod({ spread: [{ ...zoneSpread, maxSkew: 5 }, hostSpread] });
    const { whileNodeStays } = spreadRoomsOf(pod, aSpreadView(ZONES, ["node-c"]));
    assert.deepEqual(whileNodeStays(aNodeForPods({ nodeName: "node-c" })).tightest, hostSpread);
  });

  it("counts as unsettled each other pod that ends, or waits for a node", () => {
    const pod = aPod({ spread: [zoneSpread] });
    const unsettledOf = (on: readonly string[], others: Partial<CountedPod> = {}): number =>
      spreadRoomsOf(pod, aSpreadView(ZONES, on, others)).unsettled();
    assert.deepEqual(
      [
        unsettledOf(["node-b", "node-c"]),
        unsettledOf(["node-b", "node-c"], { isTerminating: true }),
        unsettledOf(["", "node-c"]),
        unsettledOf([""], { namespace: "x" }),
        unsettledOf([""], { labels: {} }),
        unsettledOf([""], { name: "db-0" }),
      ],
      [0, 2, 1, 0, 0, 0],
    );
  });

  it("says which constraints would admit one more pod, or are about the present domain", () => {
    const nodeLabels = aNodeForPods({ nodeName: "node-a" }).labels;
    const firmOn = (spread: readonly SpreadConstraint[], on: readonly string[], nodeName: string): number => {
      const view = aSpreadView(ZONES, on);
      const node = view.nodes.find((known) => known.nodeName === nodeName) ?? assert.fail(nodeName);
      return spreadRoomsOf(aPod({ spread, nodeLabels }), view).whileNodeStays(node).firm;
    };
    assert.deepEqual(
      [
        firmOn([zoneSpread], [], "node-b"),
        firmOn([zoneSpread], [], "node-c"),
        firmOn([{ ...zoneSpread, maxSkew: 2 }], [], "node-c"),
        firmOn([zoneSpread, { ...hostSpread, maxSkew: 2 }], [], "node-b"),
        firmOn([zoneSpread, hostSpread], [], "node-b"),
      ],
      [1, 0, 1, 2, 1],
    );
  });

  // The scheduler's own steps, node by node, for a cluster that the pods of the lost node have left.
  it("admits a pod where kube-scheduler's filter does, whatever the cluster", () => {
    const names = ["node-a", "node-b", "node-c", "node-d"];
    const constraint = fc.record({
      topologyKey: fc.constantFrom("zone", "rack"),
      maxSkew: fc.integer({ min: 1, max: 3 }),
      minDomains: fc.integer({ min: 1, max: 4 }),
      selector: fc.constantFrom(zoneSpread.selector, undefined, []),
      honorsAffinity: fc.boolean(),
      honorsTaints: fc.boolean(),
    });
    const value = fc.constantFrom(
      {},
      { zone: "1" },
      { zone: "2" },
      { zone: "1", rack: "1" },
      { zone: "2", rack: "2" },
    );
    const node = fc.record({ labels: value, isTainted: fc.boolean(), isInPool: fc.boolean() });
    const other = fc.record({
      namespace: fc.constantFrom("default", "default", "default", "test"),
      labels: fc.constantFrom({ app: "db" }, { app: "db" }, { app: "db" }, { app: "web" }),
      nodeName: fc.constantFrom(...names, ""),
      isTerminating: fc.constantFrom(false, false, false, true),
    });
    const cluster = fc.record({
      spread: fc.array(constraint, { minLength: 1, maxLength: 2 }),
      nodes: fc.array(node, { minLength: names.length, maxLength: names.length }),
      others: fc.array(other, { maxLength: 12 }),
      isSelective: fc.boolean(),
      labels: fc.constantFrom({ app: "db" }, { app: "web" }),
      lost: fc.uniqueArray(fc.constantFrom(...names, ""), { minLength: 1 }),
      isNodeGone: fc.boolean(),
    });
    const taint = { key: "gpu", value: "", effect: "NoSchedule" };
    fc.assert(
      fc.property(cluster, ({ spread, nodes: drawn, others, isSelective, labels, lost, isNodeGone }) => {
        const nodes = drawn.map((made, index) => ({
          nodeName: names[index] ?? "",
          labels: { ...made.labels, ...(made.isInPool ? { pool: "db" } : {}) } as Labels,
          taints: made.isTainted ? [taint] : [],
        }));
        const nodeSelector = isSelective ? { pool: "db" } : {};
        const pods = others.map((made, index) => ({ ...made, name: `other-${index}` }));
        const isAdmitted = (
          { labels: at }: NodeForPods,
          left: readonly NodeForPods[],
          lostNode: string,
        ): boolean =>
          spread.every(({ topologyKey, maxSkew, minDomains, selector, honorsAffinity, honorsTaints }) => {
            const matches = (of: Labels): boolean =>
              selector !== undefined && (selector.length === 0 || of["app"] === "db");
            const counts = new Map<string, number>();
            for (const each of left) {
              const domain = each.labels[topologyKey];
              if (spread.some((known) => each.labels[known.topologyKey] === undefined)) continue;
              if (honorsAffinity && isSelective && each.labels["pool"] !== "db") continue;
              if (honorsTaints && (each.taints.length > 0 || each.nodeName === lostNode)) continue;
              const count = pods.filter(
                (known) =>
                  known.nodeName === each.nodeName &&
                  known.nodeName !== lostNode &&
                  known.namespace === "default" &&
                  !known.isTerminating &&
                  matches(known.labels),
              ).length;
              if (domain !== undefined) counts.set(domain, (counts.get(domain) ?? 0) + count);
            }
            const domain = at[topologyKey];
            if (domain === undefined) return false;
            const minimum = counts.size < minDomains ? 0 : Math.min(...counts.values());
            return (counts.get(domain) ?? 0) + (matches(labels) ? 1 : 0) - minimum <= maxSkew;
          });
        // One view for pods of several nodes: each leaves its own node in it.
        const view = { nodes, pods };
        for (const nodeName of lost) {
          const rooms = spreadRoomsOf(aPod({ spread, labels, nodeName, nodeSelector }), view);
          const left = nodes.filter((node) => !isNodeGone || node.nodeName !== nodeName);
          const roomOf = isNodeGone ? rooms.onceNodeIsGone : rooms.whileNodeStays;
          for (const each of left)
            assert.equal(roomOf(each).room >= 0, isAdmitted(each, left, nodeName), each.nodeName);
        }
      }),
      { numRuns: 2_000 },
    );
  });

  it("counts the pods of a view once for all pods with equal constraints", () => {
    const { nodes, pods: others } = aSpreadView(ZONES, ["node-b", "node-c", "node-d", ""]);
    let reads = 0;
    const pods = others.map((other) => ({
      ...other,
      get labels() {
        reads++;
        return other.labels;
      },
    }));
    const view = { nodes, pods };
    for (const nodeName of ["node-a", "node-b", "node-c", "node-d"]) {
      const found = spreadRoomsOf(aPod({ spread: [zoneSpread], nodeName }), view);
      for (const node of nodes) assert.ok(Number.isFinite(found.whileNodeStays(node).room));
      for (const node of nodes) assert.ok(Number.isFinite(found.onceNodeIsGone(node).room));
    }
    assert.equal(reads, others.length, "each pod once");
    const rooms = spreadRoomsOf(aPod({ spread: [zoneSpread] }), view);
    assert.deepEqual([rooms.unsettled(), rooms.unsettled(), reads - others.length], [1, 1, 1]);
  });

  it("keeps apart the domains of different rules", () => {
    const taint = { key: "gpu", value: "", effect: "NoSchedule" };
    const nodes = aSpreadView(ZONES, []).nodes.map((node) => ({
      ...node,
      labels: node.nodeName === "node-d" ? node.labels : { ...node.labels, pool: "db" },
      taints: node.nodeName === "node-d" ? [taint] : [],
    }));
    const { pods } = aSpreadView(ZONES, ["node-b", "node-c"]);
    const tolerations = [{ key: "gpu", operator: "Exists", value: "", effect: "" }];
    const nodeSelector = { pool: "db" };
    const honoring = { ...zoneSpread, honorsTaints: true };
    const rows: readonly (readonly [Partial<PlacedPod>, number])[] = [
      [{ spread: [zoneSpread] }, -1],
      [{ spread: [zoneSpread], nodeSelector }, 0],
      [{ spread: [{ ...zoneSpread, honorsAffinity: false }], nodeSelector }, -1],
      [{ spread: [honoring] }, 0],
      [{ spread: [honoring], tolerations }, -1],
      [{ spread: [zoneSpread, { ...zoneSpread, topologyKey: "pool", maxSkew: 9 }] }, 0],
      [{ spread: [hostSpread] }, -1],
    ];
    const [, , onC] = nodes;
    for (const [pod, room] of [...rows, ...rows.toReversed()]) {
      const { whileNodeStays } = spreadRoomsOf(aPod(pod), { nodes, pods });
      assert.equal(whileNodeStays(onC ?? assert.fail()).room, room, JSON.stringify(pod));
    }
  });

  it("answers for each pod and each view by itself", () => {
    const view = aSpreadView(ZONES, ["node-c"]);
    const node = aNodeForPods({ nodeName: "node-c", labels: { "topology.kubernetes.io/zone": "eastus-2" } });
    const roomFor = (maxSkew: number, seen = view): number =>
      spreadRoomsOf(aPod({ spread: [{ ...zoneSpread, maxSkew }] }), seen).whileNodeStays(node).room;
    const skews = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 1];
    assert.deepEqual(
      skews.map((maxSkew) => roomFor(maxSkew)),
      skews.map((maxSkew) => maxSkew - 2),
    );
    assert.equal(roomFor(1, aSpreadView(ZONES, [])), 0);
    const roomIn = (namespace: string): number =>
      spreadRoomsOf(aPod({ namespace, spread: [zoneSpread] }), view).whileNodeStays(node).room;
    assert.deepEqual([roomIn("default"), roomIn("test"), roomIn("default")], [-1, 0, -1]);
  });
});
