import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { identity } from "../plan/testing/objects.ts";
import { filterNodes, mayPreemptionHelp, type RemovalReason } from "./filter-nodes.ts";
import { arbitraryPlacement } from "./testing/arbitrary-placement.ts";
import { aCandidate, among, aPodVolume, aStandby, attachedTo } from "./testing/pod-volumes.ts";

const other = aCandidate("node-other");

describe("filterNodes", () => {
  it("removes a node for the reason that people need to know, and no node that can take the pod", () => {
    const node = (overrides = {}) => aCandidate("node-a", overrides);
    const firm = (nodeName: string) => new Map([[nodeName, aStandby(nodeName, { isFirm: true })]]);
    const rows: readonly {
      readonly because: string;
      readonly node?: ReturnType<typeof aCandidate>;
      readonly volumes?: readonly ReturnType<typeof aPodVolume>[];
      readonly reason?: RemovalReason;
    }[] = [
      { because: "all is well", node: node() },
      { because: "nothing has registered under that name", reason: "no-plug-in" },
      { because: "the plug-in says that it can't", node: node({ health: "not-ready" }), reason: "not-ready" },
      { because: "the plug-in has fallen silent", node: node({ health: "silent" }), reason: "silent" },
      { because: "the node was fenced", node: node(), volumes: [aPodVolume({ barred: [identity("node-a")] })], reason: "quarantine" },
      {
        because: "what was fenced was an older VM of that name",
        node: node(),
        volumes: [aPodVolume({ barred: [{ nodeName: "node-a", vmId: "older" }] })],
      },
      { because: "a disk attaches in its zone only", node: node({ zone: "2" }), volumes: [attachedTo()], reason: "unreachable" },
      {
        because: "a zone-redundant disk attaches in every zone",
        node: node({ zone: "2" }),
        volumes: [aPodVolume({ disk: { location: "eastus", skuName: "Premium_ZRS", zones: [] } })],
      },
      { because: "a disk attaches in its region only", node: node({ location: "westus" }), reason: "unreachable" },
      { because: "a disk that is still to be made can be made anywhere", node: node({ zone: "2" }), volumes: [aPodVolume({ disk: undefined })] },
      {
        because: "the second volume counts as well",
        node: node(),
        volumes: [aPodVolume(), aPodVolume({ barred: [identity("node-a")] })],
        reason: "quarantine",
      },
      { because: "primaries take all slots", node: node({ firmAttachments: 8 }), reason: "no-slot" },
      { because: "one slot is left, standbys or not", node: node({ firmAttachments: 7 }) },
      {
        because: "two volumes need two slots",
        node: node({ firmAttachments: 7 }),
        volumes: [aPodVolume(), aPodVolume({ disk: undefined })],
        reason: "no-slot",
      },
      { because: "what is attached there needs no slot", node: node({ firmAttachments: 8 }), volumes: [attachedTo("node-a")] },
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
        because: "a standby whose attach failed holds no slot",
        node: node({ firmAttachments: 8 }),
        volumes: [aPodVolume({ attachments: new Map([["node-a", aStandby("node-a", { isAttached: false, holdsSlot: false })]]) })],
        reason: "no-slot",
      },
    ];
    for (const { because, node: candidate, volumes = [aPodVolume()], reason } of rows) {
      const findNode = among(...(candidate === undefined ? [] : [candidate]), other);
      const nodeNames = ["node-a", "node-other"];
      // A disk of zone 1 leaves the other node; one that bars nobody too.
      assert.deepEqual(
        filterNodes({ nodeNames, volumes, findNode }),
        reason === undefined ? { passed: nodeNames, removed: [] } : { passed: ["node-other"], removed: [{ nodeName: "node-a", because: reason }] },
        because,
      );
    }
  });

  it("leaves all nodes to the scheduler where none can take the pod: it would wait without a word", () => {
    const findNode = among(aCandidate("node-a", { health: "silent" }), aCandidate("node-b", { firmAttachments: 8 }));
    const nodeNames = ["node-b", "node-a", "node-unknown"];
    assert.deepEqual(filterNodes({ nodeNames, volumes: [aPodVolume()], findNode }), { passed: nodeNames, removed: [] });
  });

  it("has nothing to say about a pod without volumes of the driver, and asks nobody", () => {
    const nodeNames = ["node-a", "node-b"];
    const findNode = (): never => assert.fail("a node was looked up");
    assert.deepEqual(filterNodes({ nodeNames, volumes: [], findNode }), { passed: nodeNames, removed: [] });
  });

  it("says of no reason but missing slots that evicting pods would help", () => {
    const reasons: readonly RemovalReason[] = ["no-plug-in", "not-ready", "silent", "quarantine", "unreachable", "no-slot"];
    assert.deepEqual(
      reasons.filter((because) => mayPreemptionHelp(because)),
      ["no-slot"],
    );
  });

  it("parts the names it was given into passed and removed, in their order, and never passes none", () => {
    fc.assert(
      fc.property(arbitraryPlacement(), ({ nodeNames, volumes, findNode }) => {
        const { passed, removed } = filterNodes({ nodeNames, volumes, findNode });
        const removedNames = removed.map(({ nodeName }) => nodeName);
        assert.deepEqual(
          passed,
          nodeNames.filter((nodeName) => !removedNames.includes(nodeName)),
        );
        assert.deepEqual([...passed, ...removedNames].toSorted(), [...nodeNames].toSorted());
        assert.equal(passed.length === 0, nodeNames.length === 0);
      }),
    );
  });
});
