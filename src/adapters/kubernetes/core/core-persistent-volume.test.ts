import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { NodeSelectorTerm } from "../../../core/schedule/pod-rules.ts";
import { type PersistentVolumeSpec, readClusterPersistentVolume } from "./core-persistent-volume.ts";
import { createNodeAffinityPool, type Pool } from "./core-pools.ts";

const inZone = (...values: readonly string[]) => ({
  matchExpressions: [{ key: "zone", operator: "In", values }],
});

function affinityOf(
  nodeAffinity: PersistentVolumeSpec["nodeAffinity"],
  pooled?: Pool<readonly NodeSelectorTerm[]>,
): readonly NodeSelectorTerm[] | undefined {
  const metadata = { name: "pv-1", uid: "uid-1", resourceVersion: "1" };
  const spec = nodeAffinity === undefined ? {} : { nodeAffinity };
  return readClusterPersistentVolume({ metadata, spec }, "disk.csi.azure.com", pooled).nodeAffinity;
}

describe("readClusterPersistentVolume", () => {
  it("keeps the required node affinity in any form that JSON has", () => {
    const rows: readonly {
      readonly because: string;
      readonly given: PersistentVolumeSpec["nodeAffinity"];
      readonly kept: readonly NodeSelectorTerm[] | undefined;
    }[] = [
      { because: "none", given: undefined, kept: undefined },
      { because: "null", given: null, kept: undefined },
      { because: "nothing required", given: {}, kept: undefined },
      { because: "null required", given: { required: null }, kept: undefined },
      { because: "no terms match no node", given: { required: {} }, kept: [] },
      { because: "null terms match no node", given: { required: { nodeSelectorTerms: null } }, kept: [] },
      {
        because: "a zone",
        given: { required: { nodeSelectorTerms: [inZone("1")] } },
        kept: [{ ...inZone("1"), matchFields: [] }],
      },
      {
        because: "null values",
        given: {
          required: {
            nodeSelectorTerms: [
              { matchExpressions: [{ key: "zone", operator: "Exists", values: null }], matchFields: null },
            ],
          },
        },
        kept: [{ matchExpressions: [{ key: "zone", operator: "Exists", values: [] }], matchFields: [] }],
      },
    ];
    for (const { because, given, kept } of rows) assert.deepEqual(affinityOf(given), kept, because);
  });

  it("keeps no node affinity with more than a thousand values", () => {
    const sized = (count: number) => ({
      required: { nodeSelectorTerms: [inZone(...Array.from({ length: count }, (_, index) => `z${index}`))] },
    });
    assert.equal(affinityOf(sized(998))?.[0]?.matchExpressions[0]?.values.length, 998);
    assert.equal(affinityOf(sized(999)), undefined);
    assert.equal(
      affinityOf({ required: { nodeSelectorTerms: Array.from({ length: 1_001 }, () => ({})) } }),
      undefined,
    );
  });

  it("keeps equal affinities of many volumes once", () => {
    const pooled = createNodeAffinityPool();
    const [first, second, other] = ["1", "1", "2"].map((zone) =>
      affinityOf({ required: { nodeSelectorTerms: [inZone(zone)] } }, pooled),
    );
    assert.equal(second, first);
    assert.notEqual(other, first);
  });
});
