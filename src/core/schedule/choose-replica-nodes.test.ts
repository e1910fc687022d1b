import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import type { ObservedNode } from "../attachment/observed-volume.ts";
import {
  aDetail,
  anAttachment,
  aNode,
  anObservedVolume,
  aReplica,
  aVolume,
  aVolumeWithRecord,
  identity,
} from "../testing/objects.ts";
import { chooseReplicaNodes, couldTakeReplica } from "./choose-replica-nodes.ts";
import type { PlacedPod } from "./pod-rules.ts";
import { aPlacement, aPod, aSpreadView, zoneSpread } from "./testing/placement.ts";

const namesOf = (nodes: readonly ObservedNode[]): readonly string[] => nodes.map((node) => node.nodeName);

describe("chooseReplicaNodes", () => {
  it("rejects a node with the reason that people need to know", () => {
    const zrs = aVolume({ status: { detail: aDetail({ skuName: "Premium_ZRS", zones: [] }) } });
    const regional = aVolume({ status: { detail: aDetail({ zones: [] }) } });
    const b = "node-b";
    const rows = [
      { because: "fit", node: aNode(b), volume: aVolume(), reason: undefined },
      {
        because: "not ready",
        node: aNode(b, { isReady: false }),
        volume: aVolume(),
        reason: "its node plug-in is not ready",
      },
      {
        because: "silent for as long as counts as stale",
        node: aNode(b, { heartbeatUnchangedMs: 35_000 }),
        volume: aVolume(),
        reason: "its heartbeat is stale",
      },
      {
        because: "silent for less",
        node: aNode(b, { heartbeatUnchangedMs: 34_999 }),
        volume: aVolume(),
        reason: undefined,
      },
      {
        because: "out of service",
        node: aNode(b, { isOutOfService: true }),
        volume: aVolume(),
        reason: "is out of service",
      },
      {
        because: "cordoned",
        node: aNode(b, { isUnschedulable: true }),
        volume: aVolume(),
        reason: "is unschedulable",
      },
      {
        because: "deleted from the cluster",
        node: aNode(b, { isGone: true }),
        volume: aVolume(),
        reason: "is no node of the cluster any more",
      },
      {
        because: "without a slot for a requested volume: the evicted replica would take it again",
        node: aNode(b, { isShortOfSlots: true }),
        volume: aVolume(),
        reason: "has no slot left for a volume that is requested there",
      },
      {
        because: "full",
        node: aNode(b, { attachments: 8 }),
        volume: aVolume(),
        reason: "has no free slot among 8",
      },
      { because: "one slot left", node: aNode(b, { attachments: 7 }), volume: aVolume(), reason: undefined },
      {
        because: "Windows, which would write to a replica",
        node: aNode(b, { platform: "windows" }),
        volume: aVolume(),
        reason: "runs Windows, the volume is for Linux",
      },
      {
        because: "another region",
        node: aNode(b, { location: "westus" }),
        volume: aVolume(),
        reason: "is in westus, the disk in eastus",
      },
      {
        because: "Azure's case of a region",
        node: aNode(b, { location: "EastUS" }),
        volume: aVolume(),
        reason: undefined,
      },
      {
        because: "another zone",
        node: aNode(b, { zone: "2" }),
        volume: aVolume(),
        reason: "is in zone 2, the disk in 1",
      },
      {
        because: "no zone",
        node: aNode(b, { zone: "" }),
        volume: aVolume(),
        reason: "is in zone none, the disk in 1",
      },
      {
        because: "a zone, where the disk has none",
        node: aNode(b, { zone: "1" }),
        volume: regional,
        reason: "is in zone 1, the disk in none",
      },
      { because: "no zone, as the disk", node: aNode(b, { zone: "" }), volume: regional, reason: undefined },
      {
        because: "a zone-redundant disk attaches everywhere",
        node: aNode(b, { zone: "2" }),
        volume: zrs,
        reason: undefined,
      },
      {
        because: "fenced before",
        node: aNode(b),
        volume: aVolumeWithRecord({ quarantined: [identity(b)] }),
        reason: "is in quarantine for this volume",
      },
      {
        because: "being fenced",
        node: aNode(b),
        volume: aVolumeWithRecord({ fencing: identity(b) }),
        reason: "is in quarantine for this volume",
      },
      {
        because: "fenced from another volume: nothing is attached to it",
        node: aNode(b, { isQuarantined: true }),
        volume: aVolume(),
        reason: "is in quarantine for another volume",
      },
      {
        because: "another VM of that name was",
        node: aNode(b),
        volume: aVolumeWithRecord({ quarantined: [{ ...identity(b), vmId: "older" }] }),
        reason: undefined,
      },
      {
        because: "an adopted disk: the node reports clean once it is placed there",
        node: aNode(b),
        volume: aVolumeWithRecord({ defaultAccess: "quarantined" }),
        reason: undefined,
      },
    ];
    for (const { because, node, volume, reason } of rows) {
      const observed = anObservedVolume({ volume, nodes: [node] });
      const { chosen, rejected } = chooseReplicaNodes(observed, 1);
      assert.equal(couldTakeReplica(observed, [node]), reason === undefined, because);
      assert.deepEqual(
        { chosen: namesOf(chosen), rejected },
        reason === undefined
          ? { chosen: [b], rejected: [] }
          : { chosen: [], rejected: [{ nodeName: b, because: reason }] },
        because,
      );
    }
  });

  it("never takes a node that has an attachment, also one being deleted", () => {
    const leaving = aReplica("node-b", { metadata: { deletionTimestamp: "2026-01-01T00:00:00.000Z" } });
    assert.deepEqual(
      namesOf(
        chooseReplicaNodes(anObservedVolume({ attachments: [anAttachment("node-a"), leaving] }), 4).chosen,
      ),
      ["node-c", "node-d"],
    );
  });

  it("prefers a zone without the volume, then free slots, then the name", () => {
    const volume = aVolume({ status: { detail: aDetail({ skuName: "Premium_ZRS", zones: [] }) } });
    const nodes = [
      aNode("node-a"),
      aNode("node-b", { attachments: 4 }),
      aNode("node-c"),
      aNode("node-d"),
      aNode("node-e", { zone: "2", attachments: 7 }),
    ];
    const { chosen } = chooseReplicaNodes(
      anObservedVolume({ volume, attachments: [anAttachment("node-a")], nodes }),
      4,
    );
    assert.deepEqual(namesOf(chosen), ["node-e", "node-c", "node-d", "node-b"]);
  });

  it("spreads the replicas of one plan over zones", () => {
    const volume = aVolume({ status: { detail: aDetail({ skuName: "Premium_ZRS", zones: [] }) } });
    const nodes = [
      aNode("node-a"),
      aNode("node-b", { zone: "2" }),
      aNode("node-c", { zone: "2" }),
      aNode("node-d", { zone: "3", attachments: 7 }),
    ];
    const observed = anObservedVolume({ volume, attachments: [anAttachment("node-a")], nodes });
    assert.deepEqual(namesOf(chooseReplicaNodes(observed, 2).chosen), ["node-b", "node-d"]);
    assert.deepEqual(namesOf(chooseReplicaNodes(observed, 9).chosen), ["node-b", "node-d", "node-c"]);
  });

  describe("for a pod with a spread constraint", () => {
    const volume = aVolume({ status: { detail: aDetail({ skuName: "Premium_ZRS", zones: [] }) } });
    const chosenOf = (
      zones: Readonly<Record<string, string>>,
      on: readonly string[],
      pod: Partial<PlacedPod> = {},
    ): readonly string[] => {
      const spreadView = aSpreadView(zones, on);
      const [present] = spreadView.nodes;
      const pods = [aPod({ spread: [zoneSpread], nodeLabels: present?.labels ?? {}, ...pod })];
      const observed = anObservedVolume({
        volume,
        attachments: [anAttachment("node-a")],
        nodes: spreadView.nodes.map(({ nodeName, labels }) =>
          aNode(nodeName, { labels, zone: zones[nodeName] ?? "" }),
        ),
        placement: () => aPlacement({ pods, spreadView }),
        companionCounts: () => new Map([["node-c", 1]]),
      });
      return namesOf(chooseReplicaNodes(observed, 1).chosen);
    };
    const zones = { "node-a": "1", "node-b": "1", "node-c": "2", "node-d": "3" };

    it("takes no node of a zone that would be ahead", () =>
      assert.deepEqual(chosenOf(zones, ["node-c", "node-d"]), ["node-b"]));

    // The first pod of a StatefulSet: the next ones come to the other zones.
    it("prefers the pod's own zone to one that the next pod fills", () =>
      assert.deepEqual(chosenOf(zones, []), ["node-b"]));

    it("prefers what it always did where the constraint leaves room", () =>
      assert.deepEqual(chosenOf(zones, [], { spread: [{ ...zoneSpread, maxSkew: 2 }] }), ["node-c"]));

    it("prefers a node that admits the pod while the Node object of its lost node exists", () => {
      const racks = { "node-a": "1", "node-c": "2", "node-d": "3" };
      const nodeSpread = { ...zoneSpread, topologyKey: "kubernetes.io/hostname" };
      const on = (...names: readonly string[]) => chosenOf(racks, names, { spread: [nodeSpread] });
      assert.deepEqual([on("node-c"), on("node-c", "node-d")], [["node-d"], ["node-c"]]);
    });
  });

  it("takes only nodes on which the volume's pods could run, with reasons", () => {
    const nodes = [
      aNode("node-b"),
      aNode("node-c", { taints: [{ key: "dedicated", value: "gpu", effect: "NoSchedule" }] }),
    ];
    const { chosen, rejected } = chooseReplicaNodes(
      anObservedVolume({ nodes, placement: () => aPlacement() }),
      2,
    );
    assert.deepEqual(
      { chosen: namesOf(chosen), rejected },
      {
        chosen: ["node-b"],
        rejected: [
          {
            nodeName: "node-c",
            because: "has a taint that pod default/db-0 does not tolerate: dedicated=gpu:NoSchedule",
          },
        ],
      },
    );
  });

  // A pod moves with all of its volumes.
  it("prefers the node that has the most other volumes of the same pods", () => {
    const volume = aVolume({ status: { detail: aDetail({ skuName: "Premium_ZRS", zones: [] }) } });
    const nodes = [
      aNode("node-a"),
      aNode("node-b"),
      aNode("node-c", { zone: "2" }),
      aNode("node-d", { attachments: 6 }),
      aNode("node-e", { attachments: 7 }),
    ];
    const companionCounts = new Map([
      ["node-e", 2],
      ["node-d", 1],
    ]);
    const observed = anObservedVolume({
      volume,
      attachments: [anAttachment("node-a")],
      nodes,
      companionCounts: () => companionCounts,
    });
    assert.deepEqual(namesOf(chooseReplicaNodes(observed, 4).chosen), [
      "node-e",
      "node-d",
      "node-c",
      "node-b",
    ]);
  });

  it("chooses at most the requested number, regardless of the order of the nodes", () => {
    const node = fc.record({
      name: fc.integer({ min: 0, max: 30 }),
      zone: fc.constantFrom("1", "2", ""),
      attachments: fc.nat(8),
      isReady: fc.boolean(),
    });
    fc.assert(
      fc.property(
        fc.uniqueArray(node, { selector: ({ name }) => name, maxLength: 12 }),
        fc.integer({ min: -2, max: 5 }),
        (drawn, count) => {
          const nodes = drawn.map(({ name, ...overrides }) => aNode(`node-${name}`, overrides));
          const answered = namesOf(chooseReplicaNodes(anObservedVolume({ nodes }), count).chosen);
          assert.ok(answered.length <= Math.max(0, count));
          assert.deepEqual(
            answered,
            namesOf(chooseReplicaNodes(anObservedVolume({ nodes: nodes.toReversed() }), count).chosen),
          );
        },
      ),
    );
  });
});
