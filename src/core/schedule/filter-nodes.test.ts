import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { identity } from "../testing/objects.ts";
import {
  filterNodes,
  filterNodesForPreemption,
  mayPreemptionHelp,
  reasonOf,
  type Removal,
  removalReasons,
} from "./filter-nodes.ts";
import { arbitraryPlacement } from "./testing/arbitrary-placement.ts";
import { aCandidate, aPodVolume, aReplicaNode, attachedTo } from "./testing/pod-volumes.ts";

const clone = { claim: "default/clone", sourceClaim: "default/data", place: "eastus-1" };
const inZone2 = { location: "eastus", skuName: "Premium_LRS", zones: ["2"], platform: "linux" } as const;

const forGood = new Set(["unreachable", "other-platform", "away-from-source"]);

describe("filterNodes", () => {
  it("removes the nodes in zones for a disk without a zone, and only those", () => {
    const disk = { location: "eastus", skuName: "Premium_LRS", zones: [], platform: "linux" } as const;
    const nodes = [aCandidate("node-a", { zone: "1" }), aCandidate("node-b", { zone: "" })];
    assert.deepEqual(filterNodes(nodes, [aPodVolume({ disk })]), new Map([[0, "unreachable"]]));
  });

  it("removes a node with a reason for people, and no node that can take the pod", () => {
    const node = (overrides = {}) => aCandidate("node-a", overrides);
    const firm = (nodeName: string) => new Map([[nodeName, aReplicaNode(nodeName, { isFirm: true })]]);
    const rows: readonly {
      readonly because: string;
      readonly node?: ReturnType<typeof aCandidate>;
      readonly volumes?: readonly ReturnType<typeof aPodVolume>[];
      readonly reason?: Removal;
    }[] = [
      { because: "all is well", node: node() },
      { because: "nothing has registered under that name", reason: "no-plug-in" },
      {
        because: "the plug-in reports that it can't",
        node: node({ health: "not-ready" }),
        reason: "not-ready",
      },
      { because: "the plug-in has fallen silent", node: node({ health: "silent" }), reason: "silent" },
      {
        because: "the node was fenced",
        node: node(),
        volumes: [aPodVolume({ barred: [identity("node-a")] })],
        reason: "quarantine",
      },
      {
        because: "what was fenced was an older VM of that name",
        node: node(),
        volumes: [aPodVolume({ barred: [{ nodeName: "node-a", vmId: "older" }] })],
      },
      {
        because: "a disk attaches in its zone only",
        node: node({ zone: "2" }),
        volumes: [attachedTo()],
        reason: "unreachable",
      },
      {
        because: "a zone-redundant disk attaches in every zone",
        node: node({ zone: "2" }),
        volumes: [
          aPodVolume({ disk: { location: "eastus", skuName: "Premium_ZRS", zones: [], platform: "linux" } }),
        ],
      },
      {
        because: "a disk attaches in its region only",
        node: node({ location: "westus" }),
        reason: "unreachable",
      },
      {
        because: "a region may have its display name",
        node: node(),
        volumes: [
          aPodVolume({
            disk: { location: "East US", skuName: "Premium_LRS", zones: ["1"], platform: "linux" },
          }),
        ],
      },
      {
        because: "a Windows node mounts no file system of Linux",
        node: node({ platform: "windows" }),
        reason: "other-platform",
      },
      {
        because: "a volume of unknown file system goes to either",
        node: node({ platform: "windows" }),
        volumes: [
          aPodVolume({
            disk: { location: "eastus", skuName: "Premium_LRS", zones: ["1"], platform: undefined },
          }),
        ],
      },
      {
        because: "a clone is made where its source is",
        node: node({ zone: "2" }),
        volumes: [aPodVolume({ clone })],
        reason: clone,
      },
      { because: "which this node is", node: node(), volumes: [aPodVolume({ clone })] },
      {
        because: "a clone for Linux is mounted on no Windows node, wherever that is",
        node: node({ platform: "windows" }),
        volumes: [aPodVolume({ clone })],
        reason: "other-platform",
      },
      {
        because: "a disk that does not exist yet can be made anywhere",
        node: node({ zone: "2" }),
        volumes: [aPodVolume({ disk: undefined })],
      },
      {
        because: "the second volume counts as well",
        node: node(),
        volumes: [aPodVolume(), aPodVolume({ barred: [identity("node-a")] })],
        reason: "quarantine",
      },
      {
        because: "nothing is attached to a node that was fenced from another volume",
        node: node({ isQuarantined: true }),
        reason: "quarantine",
      },
      {
        because: "nor is a disk that does not exist yet",
        node: node({ isQuarantined: true }),
        volumes: [attachedTo("node-a"), aPodVolume({ disk: undefined })],
        reason: "quarantine",
      },
      {
        because: "what is attached there already can be used",
        node: node({ isQuarantined: true }),
        volumes: [attachedTo("node-a", "node-b")],
      },
      {
        because: "attached to an earlier VM of that name",
        node: node({ isQuarantined: true, vmId: "new" }),
        volumes: [attachedTo("node-a")],
        reason: "quarantine",
      },
      { because: "primaries take all slots", node: node({ firmAttachments: 8 }), reason: "no-slot" },
      { because: "one slot is left, replicas or not", node: node({ firmAttachments: 7 }) },
      {
        because: "two volumes need two slots",
        node: node({ firmAttachments: 7 }),
        volumes: [aPodVolume(), aPodVolume({ disk: undefined })],
        reason: "no-slot",
      },
      {
        because: "what is attached there needs no slot",
        node: node({ firmAttachments: 8 }),
        volumes: [attachedTo("node-a")],
      },
      {
        because: "what is attached to an earlier VM of that name needs one",
        node: node({ firmAttachments: 8, vmId: "new" }),
        volumes: [attachedTo("node-a")],
        reason: "no-slot",
      },
      {
        because: "the first attach to a node has its slot",
        node: node({ firmAttachments: 8 }),
        volumes: [
          aPodVolume({
            attachments: new Map([
              ["node-a", aReplicaNode("node-a", { isAttached: false, vmId: undefined })],
            ]),
          }),
        ],
      },
      {
        because: "what is attached there can't be evicted for the volume that is not",
        node: node({ firmAttachments: 7 }),
        volumes: [attachedTo("node-a"), aPodVolume()],
        reason: "no-slot",
      },
      {
        because: "the pod's own primary is not counted twice",
        node: node({ firmAttachments: 7 }),
        volumes: [aPodVolume({ attachments: firm("node-a") }), aPodVolume()],
      },
      {
        because: "a replica whose attach failed holds no slot",
        node: node({ firmAttachments: 8 }),
        volumes: [
          aPodVolume({
            attachments: new Map([
              ["node-a", aReplicaNode("node-a", { isAttached: false, holdsSlot: false })],
            ]),
          }),
        ],
        reason: "no-slot",
      },
    ];
    for (const { because, node: candidate, volumes = [aPodVolume()], reason } of rows) {
      // There is always another node that can take the pod, before and after the one in question.
      const nodes = [aCandidate("node-0"), candidate, aCandidate("node-z")];
      assert.deepEqual(
        filterNodes(nodes, volumes),
        new Map(reason === undefined ? [] : [[1, reason]]),
        because,
      );
    }
  });

  it("leaves all nodes to the scheduler where none can take the pod yet", () => {
    const nodes = [
      aCandidate("node-a", { health: "silent" }),
      aCandidate("node-b", { firmAttachments: 8 }),
      undefined,
    ];
    assert.deepEqual(filterNodes(nodes, [aPodVolume()]), new Map());
  });

  it("keeps nodes removed that never get the disk, if no other can take the pod", () => {
    const regional = { location: "eastus", skuName: "Premium_LRS", zones: [], platform: "linux" } as const;
    const zonal = aCandidate("node-a", { zone: "1" });
    const silent = aCandidate("node-b", { zone: "", health: "silent" });
    const both = aCandidate("node-c", { zone: "1", health: "silent" });
    const unknown = aCandidate("node-d", { zone: "1", location: "", health: "not-ready" });
    const volumes = [aPodVolume({ disk: undefined }), aPodVolume({ disk: regional })];
    const rows = [
      { because: "one may report again", nodes: [zonal, silent], removed: [0] },
      { because: "one registers later", nodes: [zonal, undefined], removed: [0] },
      { because: "one has not reported where it is", nodes: [both, unknown], removed: [0] },
      { because: "none ever can", nodes: [zonal, both], removed: [0, 1] },
    ];
    for (const { because, nodes, removed } of rows)
      assert.deepEqual(
        filterNodes(nodes, volumes),
        new Map(removed.map((at) => [at, "unreachable"])),
        because,
      );
  });

  it("keeps nodes removed whose plug-in is missing for good, if there is no other", () => {
    const bare = [undefined, undefined];
    const lacksPlugIn = (at: number): boolean => at === 0;
    const silent = aCandidate("node-a", { health: "silent" });
    for (const nodes of [bare, [...bare, silent]])
      assert.deepEqual(filterNodes(nodes, [aPodVolume()], lacksPlugIn), new Map([[0, "no-plug-in"]]));
    assert.deepEqual(filterNodes([undefined], [aPodVolume()], lacksPlugIn), new Map([[0, "no-plug-in"]]));
  });

  it("names the clone that can't be used on a node, for each and also for all", () => {
    const inOtherZone = { ...clone, claim: "default/other", place: "eastus-2" };
    const volumes = [aPodVolume({ disk: inZone2, clone: inOtherZone }), aPodVolume({ clone })];
    const nodes = [aCandidate("node-a", { zone: "1" }), aCandidate("node-b", { zone: "2" })];
    const each = new Map([inOtherZone, clone].entries());
    assert.deepEqual(filterNodes(nodes, volumes), each);
    assert.deepEqual(filterNodesForPreemption(nodes, volumes), each);
  });

  it("ignores a pod without volumes of the driver", () => {
    assert.deepEqual(filterNodes([undefined, aCandidate("node-a", { health: "silent" })], []), new Map());
  });

  it("states that evicting pods would help only for missing slots", () => {
    assert.deepEqual(
      removalReasons.filter((because) => because !== "away-from-source" && mayPreemptionHelp(because)),
      ["no-slot"],
    );
    assert.equal(mayPreemptionHelp(clone), false);
  });

  it("removes all nodes only if the disks attach to none, and judges each by itself", () => {
    fc.assert(
      fc.property(arbitraryPlacement(), ({ nodes, volumes }) => {
        const removed = filterNodes(nodes, volumes);
        const isForGood = [...removed.values()].every((removal) => forGood.has(reasonOf(removal)));
        assert.ok(removed.size < nodes.length || isForGood);
        if (removed.size === 0) return;
        const well = aCandidate("node-well", { volumesMax: 1_000, zone: "" });
        const anywhere = volumes.map((volume) => ({ ...volume, disk: undefined }));
        const removedAnywhere = filterNodes([...nodes, well], anywhere);
        for (const [place, node] of nodes.entries()) {
          const alone = filterNodes([node, well], anywhere).get(0);
          assert.equal(removedAnywhere.get(place), alone);
        }
      }),
    );
  });
});

describe("filterNodesForPreemption", () => {
  it("removes each node that no eviction helps, also if that is all of them", () => {
    const nodes = [
      undefined,
      aCandidate("node-a", { health: "silent" }),
      aCandidate("node-b", { isQuarantined: true }),
      aCandidate("node-c", { location: "westus" }),
    ];
    const reasons: readonly Removal[] = ["no-plug-in", "silent", "quarantine", "unreachable"];
    const full = aCandidate("node-d", { firmAttachments: 8 });
    for (const others of [[], [full], [aCandidate("node-e")]])
      assert.deepEqual(
        filterNodesForPreemption([...nodes, ...others], [aPodVolume()]),
        new Map(reasons.entries()),
      );
  });

  it("ignores a pod without volumes of the driver", () => {
    assert.deepEqual(filterNodesForPreemption([undefined], []), new Map());
  });
});
