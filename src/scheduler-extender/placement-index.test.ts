import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { createVirtualClock } from "../adapters/virtual/virtual-clock.ts";
import type { NodeIdentity } from "../core/api/identity/node-identity.ts";
import { filterNodes } from "../core/schedule/filter-nodes.ts";
import type { PodVolume } from "../core/schedule/pod-volume.ts";
import {
  aDetail,
  anAttachment,
  aRecord,
  aReplica,
  aVolume,
  aWriter,
  diskUri,
  identity,
} from "../core/testing/objects.ts";
import type { AttachmentFacts, VolumeFacts } from "./facts.ts";
import { attachmentFacts, volumeFacts } from "./facts.ts";
import { createPlacementIndex } from "./placement-index.ts";
import { aClaim, aCluster, aHealthyNode, aStorageClass } from "./testing/a-cluster.ts";

const diskKey = diskUri.toLowerCase();
const claimed = [{ kind: "claim", claimKey: "default/data", isPodsOwn: false }] as const;
const meta = (name: string, namespace?: string) => ({
  name,
  resourceVersion: "1",
  ...(namespace === undefined ? {} : { namespace }),
});

function anIndex() {
  const cluster = aCluster();
  const clock = createVirtualClock();
  return {
    cluster,
    clock,
    index: createPlacementIndex({ caches: cluster, heartbeatStaleMs: 35_000, clock }),
  };
}

describe("the placement index", () => {
  it("finds a bound claim's volume with its attachments, and a disk that the pod names", () => {
    const { cluster, index } = anIndex();
    cluster.claims.put(aClaim({ volumeName: "pv-1" }));
    cluster.persistentVolumes.put({ metadata: meta("pv-1"), diskKey });
    cluster.volumes.put(
      volumeFacts(
        aVolume({
          status: { record: aRecord({ writer: aWriter("node-a"), quarantined: [identity("node-c")] }) },
        }),
      ),
    );
    const replica = attachmentFacts(aReplica("node-b"));
    cluster.attachments.put(replica);
    const found = [
      {
        disk: { location: "eastus", skuName: "Premium_LRS", zones: ["1"], platform: "linux" },
        barred: [identity("node-c")],
        drawsToWriter: true,
        writer: { nodeName: "node-a", vmId: identity("node-a").vmId },
        attachments: new Map([["node-b", replica]]),
      },
    ];
    assert.deepEqual(index.podVolumes(claimed), found);
    assert.deepEqual(index.podVolumes([{ kind: "disk", diskUri: diskUri.toUpperCase() }]), found);
    const own = { ...claimed[0], isPodsOwn: true };
    assert.deepEqual(
      index.podVolumes([own]),
      found.map((volume) => ({ ...volume, drawsToWriter: false })),
    );
  });

  it("counts a disk without AzVolume only as one to be attached", () => {
    const { cluster, index } = anIndex();
    cluster.claims.put(aClaim({ volumeName: "pv-1" }));
    cluster.persistentVolumes.put({ metadata: meta("pv-1"), diskKey });
    assert.deepEqual(index.podVolumes(claimed), [
      { disk: undefined, barred: [], drawsToWriter: true, writer: undefined, attachments: new Map() },
    ]);
  });

  it("counts a claim that waits for its first pod only if its class is the driver's", () => {
    const rows = [
      { because: "our class", volumeName: "", className: "managed-csi", count: 1 },
      { because: "another driver's class", volumeName: "", className: "files", count: 0 },
      { because: "a class that is not known", volumeName: "", className: "gone", count: 0 },
      {
        because: "bound to another driver's volume",
        volumeName: "pv-of-files",
        className: "managed-csi",
        count: 0,
      },
      {
        because: "bound to a volume that is not known",
        volumeName: "pv-gone",
        className: "managed-csi",
        count: 0,
      },
    ];
    for (const { because, volumeName, className, count } of rows) {
      const { cluster, index } = anIndex();
      cluster.storageClasses.put(aStorageClass("managed-csi"));
      cluster.storageClasses.put(aStorageClass("files", { isOurs: false }));
      cluster.persistentVolumes.put({ metadata: meta("pv-of-files"), diskKey: "" });
      cluster.claims.put(aClaim({ volumeName, className }));
      assert.equal(index.podVolumes(claimed).length, count, because);
    }
    assert.deepEqual(anIndex().index.podVolumes(claimed), []);
  });

  it("keeps a claim's first pod from nodes of the other platform, and from no zone", () => {
    const { cluster, index } = anIndex();
    cluster.storageClasses.put(aStorageClass("windows", { platform: "windows" }));
    cluster.claims.put(aClaim({ className: "windows" }));
    cluster.nodes.put(aHealthyNode("linux-1"));
    for (const zone of ["", "3"])
      cluster.nodes.put({ ...aHealthyNode(`windows-${zone}`), platform: "windows", zone });
    const nodes = ["linux-1", "windows-", "windows-3"].map((name) => index.findNode(name));
    const removed = filterNodes(nodes, index.podVolumes(claimed));
    assert.deepEqual([...removed], [[0, "other-platform"]]);
    // Windows has no raw devices of pods: such a volume is for Linux, whatever its class says.
    cluster.claims.put(aClaim({ className: "windows", isBlock: true }));
    assert.deepEqual([...filterNodes(nodes, index.podVolumes(claimed)).keys()], [1, 2]);
  });

  it("keeps a new clone's pod where the clone has to be made, and from no other node", () => {
    const zonal = { location: "eastus", skuName: "Premium_LRS", zones: ["1"], platform: "linux" } as const;
    const source = aClaim({ name: "source", volumeName: "pv-1" });
    const clone = aClaim({ className: "managed-csi", sourceClaim: "default/source" });
    const from = { source, clone, disk: zonal as VolumeFacts["disk"], skuName: "Premium_LRS" };
    const inZone1 = { claim: "default/data", sourceClaim: "default/source", place: "eastus-1" };
    const rows: readonly {
      readonly because: string;
      readonly changes: Partial<typeof from>;
      readonly place?: PodVolume["clone"];
      readonly removed: readonly number[];
    }[] = [
      { because: "the source is in a zone", changes: {}, place: inZone1, removed: [1, 2, 3] },
      {
        because: "the clone is zone-redundant, and in the source's region",
        changes: { skuName: "Premium_ZRS" },
        place: { ...inZone1, place: "eastus" },
        removed: [3],
      },
      {
        because: "the source has no zone, so that the clone may be in any",
        changes: { disk: { ...zonal, zones: [] } },
        place: { ...inZone1, place: "eastus" },
        removed: [3],
      },
      {
        because: "its attributes class may state a zone-redundant SKU",
        changes: { clone: { ...clone, hasAttributesClass: true } },
        removed: [],
      },
      { because: "the source's disk has not been read", changes: { disk: undefined }, removed: [] },
      {
        because: "the source has no volume yet",
        changes: { source: { ...source, volumeName: "" } },
        removed: [],
      },
      {
        because: "the source's volume is not the driver's",
        changes: { source: { ...source, volumeName: "pv-of-files" } },
        removed: [],
      },
      {
        because: "there is no such claim",
        changes: { clone: { ...clone, sourceClaim: "default/gone" } },
        removed: [],
      },
      { because: "it is no clone", changes: { clone: { ...clone, sourceClaim: "" } }, removed: [] },
    ];
    for (const { because, changes, place, removed } of rows) {
      const given = { ...from, ...changes };
      const { cluster, index } = anIndex();
      cluster.storageClasses.put(aStorageClass("managed-csi", { skuName: given.skuName }));
      cluster.persistentVolumes.put({ metadata: meta("pv-1"), diskKey });
      cluster.persistentVolumes.put({ metadata: meta("pv-of-files"), diskKey: "" });
      cluster.volumes.put({ ...volumeFacts(aVolume()), disk: given.disk });
      cluster.claims.put(given.source);
      cluster.claims.put(given.clone);
      const nodes = ["1", "2", ""].map((zone) => ({ ...aHealthyNode(`node-${zone}`), zone }));
      for (const node of nodes) cluster.nodes.put(node);
      cluster.nodes.put({ ...aHealthyNode("node-west"), location: "westus" });
      const offered = ["node-1", "node-2", "node-", "node-west"].map((name) => index.findNode(name));
      const expected = new Map(removed.map((at) => [at, place]));
      assert.deepEqual(filterNodes(offered, index.podVolumes(claimed)), expected, because);
      // For good: also where no other node is offered.
      const others = offered.filter((_, at) => removed.includes(at));
      assert.equal(filterNodes(others, index.podVolumes(claimed)).size, removed.length, because);
    }
  });

  it("considers a node silent while its heartbeat has not moved for the limit", async () => {
    const { cluster, clock, index } = anIndex();
    const healthAfter = async (unchangedMs: number): Promise<string | undefined> => {
      cluster.nodes.setUnchangedMs(unchangedMs);
      await clock.advance(1_000);
      index.refreshHealth();
      return index.findNode("node-a")?.health;
    };
    cluster.nodes.put(aHealthyNode("node-a"));
    assert.equal(await healthAfter(34_999), "healthy");
    assert.equal(await healthAfter(35_000), "silent");
    cluster.nodes.put({ ...aHealthyNode("node-a"), heartbeatDelayMs: 50_000 });
    assert.equal(await healthAfter(84_999), "healthy");
    assert.equal(await healthAfter(85_000), "silent");
    cluster.nodes.setUnchangedMs(0);
    cluster.nodes.put(aHealthyNode("node-a"));
    assert.equal(index.findNode("node-a")?.health, "healthy");
    cluster.nodes.put({ ...aHealthyNode("node-a"), isReady: false });
    assert.equal(index.findNode("node-a")?.health, "not-ready");
    cluster.nodes.remove("node-a");
    assert.equal(index.findNode("node-a"), undefined);
  });

  it("judges all heartbeats at most once a second", async () => {
    const { cluster, clock, index } = anIndex();
    cluster.nodes.put(aHealthyNode("node-a"));
    index.refreshHealth();
    cluster.nodes.setUnchangedMs(60_000);
    await clock.advance(999);
    index.refreshHealth();
    assert.equal(index.findNode("node-a")?.health, "healthy");
    await clock.advance(1);
    index.refreshHealth();
    assert.equal(index.findNode("node-a")?.health, "silent");
  });

  it("counts what has to stay on a node, in any order and despite repeats", () => {
    const primary = (name: string, nodeName: string): AttachmentFacts => ({
      ...attachmentFacts(anAttachment(nodeName)),
      metadata: meta(name),
    });
    const replica = (name: string, nodeName: string): AttachmentFacts => ({
      ...attachmentFacts(aReplica(nodeName)),
      metadata: meta(name),
    });
    const { cluster, index } = anIndex();
    const firm = (): unknown =>
      ["node-a", "node-b"].map((nodeName) => index.findNode(nodeName)?.firmAttachments);
    cluster.attachments.put(primary("1", "node-a"));
    cluster.nodes.put(aHealthyNode("node-a"));
    cluster.nodes.put(aHealthyNode("node-b"));
    cluster.attachments.put(replica("2", "node-a"));
    assert.deepEqual(firm(), [1, 0]);
    cluster.attachments.put(primary("1", "node-a"));
    cluster.attachments.put(primary("2", "node-a"));
    assert.deepEqual(firm(), [2, 0]);
    cluster.attachments.put(replica("1", "node-a"));
    cluster.attachments.remove("2");
    cluster.attachments.remove("2");
    assert.deepEqual(firm(), [0, 0]);
  });

  it("knows the VMs that are in quarantine for any volume, until the last one is clean", () => {
    const { cluster, index } = anIndex();
    const fencedFrom = (name: string, ...vms: readonly NodeIdentity[]): void =>
      cluster.volumes.put(
        volumeFacts(aVolume({ metadata: { name }, status: { record: aRecord({ quarantined: vms }) } })),
      );
    const quarantined = (): readonly string[] =>
      ["node-a", "node-b"].filter((nodeName) => index.findNode(nodeName)?.isQuarantined);
    fencedFrom("pvc-1", identity("node-a"), { ...identity("node-b"), vmId: "an earlier VM" });
    cluster.nodes.put(aHealthyNode("node-a"));
    cluster.nodes.put(aHealthyNode("node-b"));
    assert.deepEqual(quarantined(), ["node-a"]);
    fencedFrom("pvc-2", identity("node-a"), identity("node-b"));
    fencedFrom("pvc-1");
    assert.deepEqual(quarantined(), ["node-a", "node-b"]);
    fencedFrom("pvc-2", identity("node-b"));
    assert.deepEqual(quarantined(), ["node-b"]);
    cluster.volumes.remove("pvc-2");
    assert.deepEqual(quarantined(), []);
  });

  it("has the same result in whatever order it receives its events", () => {
    const nodeName = fc.constantFrom("node-a", "node-b", "node-c");
    const attachment = fc
      .tuple(fc.constantFrom("1", "2", "3", "4"), nodeName, fc.boolean(), fc.boolean())
      .map(([name, node, isFirm, isThere]) => ({
        kind: "attachment" as const,
        key: `${name}-${node}`,
        node,
        isFirm,
        isThere,
      }));
    const node = fc
      .tuple(nodeName, fc.boolean())
      .map(([key, isThere]) => ({ kind: "node" as const, key, isThere }));
    const volume = fc
      .tuple(fc.constantFrom("pvc-1", "pvc-2"), fc.constantFrom("1", "2"), fc.subarray(["node-a", "node-b"]))
      .map(([key, zone, fenced]) => ({ kind: "volume" as const, key, zone, fenced, isThere: true }));
    fc.assert(
      fc.property(
        fc.array(fc.oneof(attachment, node, volume), { maxLength: 30 }),
        fc.infiniteStream(fc.nat(1_000)),
        (events, random) => {
          const last = new Map(events.map((event) => [`${event.kind} ${event.key}`, event]));
          const order = [...random.take(last.size)];
          const shuffled = [...last.values()]
            .map((event, at) => ({ event, place: order[at] ?? 0 }))
            .toSorted((left, right) => left.place - right.place);
          const seen = [events, shuffled.map(({ event }) => event)].map((told) => {
            const { cluster, index } = anIndex();
            for (const event of told) {
              if (event.kind === "node") {
                if (event.isThere) cluster.nodes.put(aHealthyNode(event.key));
                else cluster.nodes.remove(event.key);
              } else if (event.kind === "attachment") {
                const facts = attachmentFacts(event.isFirm ? anAttachment(event.node) : aReplica(event.node));
                if (event.isThere) cluster.attachments.put({ ...facts, metadata: meta(event.key) });
                else cluster.attachments.remove(event.key);
              } else {
                const record = aRecord({ quarantined: event.fenced.map(identity) });
                const status = { detail: aDetail({ zones: [event.zone] }), record };
                cluster.volumes.put(volumeFacts(aVolume({ metadata: { name: event.key }, status })));
              }
            }
            index.refreshHealth();
            return {
              volumes: index.podVolumes([{ kind: "disk", diskUri }]),
              nodes: ["node-a", "node-b", "node-c"].map((name) => index.findNode(name)),
            };
          });
          assert.deepEqual(seen[0], seen[1]);
        },
      ),
    );
  });
});
