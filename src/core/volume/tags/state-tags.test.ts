import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import type { AzVolume } from "../../api/az-volume.ts";
import type { NodeIdentity } from "../../api/identity/node-identity.ts";
import { aDetail, aRecord, aVolume, identity } from "../../testing/objects.ts";
import { type KeptState, NOTHING_KEPT, stateFromTags, stateTagsIn, stateTagsOf } from "./state-tags.ts";

const formatted = {
  fsType: "ext4",
  nodeName: "node-a",
  time: "2026-01-01T00:00:00.000Z",
  uuid: "00000000-0000-4000-8000-000000000001",
};
const at = (nodeName: string): NodeIdentity => ({
  ...identity(nodeName),
  instanceUri: `/subscriptions/sub-1/resourceGroups/rg-1/providers/Microsoft.Compute/virtualMachines/vm-${nodeName}`,
});

/** The tags that keep the state of `pvc-1`'s disk. */
const keptIn = (tags: Readonly<Record<string, string>>): KeptState =>
  stateFromTags({ tags, diskName: "pvc-1" });

function statusOf(state: {
  readonly quarantined?: readonly NodeIdentity[];
  readonly fencing?: NodeIdentity;
  readonly isFormatted?: boolean;
}): AzVolume["status"] {
  const { quarantined = [], fencing, isFormatted = false } = state;
  const record = aRecord({ quarantined, ...(fencing === undefined ? {} : { fencing }) });
  return {
    state: "Created",
    observedGeneration: 1,
    conditions: [],
    detail: aDetail(isFormatted ? { formatted } : {}),
    record,
  };
}

describe("state tags", () => {
  it("are absent for a volume without state to keep", () => assert.deepEqual(stateTagsOf(statusOf({})), {}));

  it("keep fenced nodes, nodes being fenced, and the file system", () => {
    const kept = keptIn(
      stateTagsOf(statusOf({ quarantined: [at("node-b")], fencing: at("node-c"), isFormatted: true })),
    );
    assert.deepEqual(kept, {
      quarantined: [at("node-b"), at("node-c")],
      areAllQuarantined: false,
      formatted,
    });
  });

  it("keep a fenced node on which the disk is attached again", () => {
    const record = aRecord({ unverified: [{ ...at("node-b"), wasQuarantined: true }, at("node-c")] });
    const status = aVolume({ status: { detail: aDetail(), record } }).status;
    assert.deepEqual(keptIn(stateTagsOf(status)).quarantined, [at("node-b")]);
  });

  it("mark every node as fenced where the nodes are too many, or one is too long", () => {
    const everyone = { quarantined: [], areAllQuarantined: true, formatted: undefined };
    assert.deepEqual(
      keptIn(stateTagsOf(statusOf({ quarantined: ["a", "b", "c", "d", "e"].map(at) }))),
      everyone,
    );
    assert.deepEqual(keptIn(stateTagsOf(statusOf({ quarantined: [at("n".repeat(253))] }))), everyone);
  });

  for (const value of ["", "2|vm|node-a|s|rg||vm", "1||node-a|s|rg||vm", "1|vm", "everyone"]) {
    it(`mark every node as fenced where a value can't be read: ${JSON.stringify(value)}`, () =>
      assert.equal(keptIn({ "disk.csi.azure.com-quarantined-0": value }).areAllQuarantined, true));
  }

  it("keep that there is a file system also where its tag can't be read", () =>
    assert.notEqual(keptIn({ "disk.csi.azure.com-formatted": "yes" }).formatted, undefined));

  it("keep nothing of a disk to which they were copied, only of the named one", () => {
    const tags = stateTagsOf(statusOf({ quarantined: [at("node-b")], isFormatted: true }));
    assert.deepEqual(stateFromTags({ tags, diskName: "pvc-1-copy" }), NOTHING_KEPT);
    assert.deepEqual(stateFromTags({ tags, diskName: "PVC-1" }), {
      quarantined: [at("node-b")],
      areAllQuarantined: false,
      formatted,
    });
  });

  it("fit into Azure's limits with any names, and differ from all other tags", () => {
    const node = fc.record({
      nodeName: fc.string({ minLength: 1, maxLength: 253 }),
      vmId: fc.uuid(),
      instanceUri: fc.constant(at("x").instanceUri),
    });
    fc.assert(
      fc.property(fc.array(node, { maxLength: 12 }), fc.boolean(), (quarantined, isFormatted) => {
        const tags = stateTagsOf(statusOf({ quarantined, isFormatted }));
        assert.ok(Object.keys(tags).length <= 6);
        for (const [name, value] of Object.entries(tags))
          assert.ok(name.length <= 512 && value.length <= 256);
        assert.deepEqual(stateTagsIn({ ...tags, "k8s-azure-created-by": "x" }), tags);
        const kept = keptIn(tags);
        for (const { vmId } of quarantined)
          assert.ok(kept.areAllQuarantined || kept.quarantined.some((other) => other.vmId === vmId));
      }),
    );
  });
});
