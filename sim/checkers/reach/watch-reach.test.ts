import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { AzVolumeAttachment } from "../../../src/core/api/az-volume-attachment.ts";
import { anAttachment, aReplica } from "../../../src/core/testing/objects.ts";
import { findDiskSku } from "../../../src/emulator/model/disk/disk-sku.ts";
import { aHistory, diskUri } from "../testing/a-history.ts";
import { isInReach } from "./is-in-reach.ts";
import { watchReach } from "./watch-reach.ts";

const place = { volumeId: diskUri };
const replica = aReplica("node-b", { spec: place });

/** The disk of vol-1. Without a zone it is in none. */
function aDisk(skuName: string, ...zones: string[]) {
  const sku = findDiskSku(skuName) ?? assert.fail(skuName);
  // The rule reads nothing else of a spec.
  return { name: "vol-1", zones, spec: { sku } } as unknown as Parameters<typeof isInReach>[0] & {
    name: string;
  };
}

const zonal = aDisk("Premium_LRS", "1");

/** What is reported where the attachment is created; by default node-b's VM is in no zone. */
function onCreation(
  after: AzVolumeAttachment,
  {
    by = "controller-1",
    before,
    zones = [],
  }: {
    readonly by?: string;
    readonly before?: AzVolumeAttachment;
    readonly zones?: readonly string[];
  } = {},
): readonly string[] {
  const history = aHistory();
  watchReach({
    ...history,
    azure: {
      vmOf: (nodeName) => (nodeName === "node-b" ? { zones } : undefined),
      diskAt: (uri) => (uri === diskUri ? zonal : undefined),
    },
  });
  history.commit({ kind: "AzVolumeAttachment", name: after.metadata.name, by, before, after });
  return history.violations.map(({ invariant, detail }) => `${invariant}: ${detail}`);
}

describe("where Azure attaches a disk", () => {
  const rows = [
    { disk: zonal, zones: ["1"], isReached: true },
    { disk: zonal, zones: ["2"], isReached: false },
    { disk: zonal, zones: [], isReached: false },
    { disk: aDisk("Premium_LRS"), zones: [], isReached: true },
    { disk: aDisk("Premium_LRS"), zones: ["1"], isReached: false },
    { disk: aDisk("Premium_ZRS"), zones: ["2"], isReached: true },
    { disk: aDisk("Premium_ZRS"), zones: [], isReached: true },
  ];
  for (const { disk, zones, isReached } of rows) {
    const of = (list: readonly string[]): string => (list[0] === undefined ? "no zone" : `zone ${list[0]}`);
    it(`${disk.spec.sku.name} of ${of(disk.zones)}: ${isReached ? "" : "not "}to a VM of ${of(zones)}`, () => {
      assert.equal(isInReach(disk, { zones }), isReached);
    });
  }
});

describe("replicas in reach", () => {
  it("reports a replica that is placed where Azure attaches no such disk", () => {
    assert.deepEqual(onCreation(replica), [
      "replica-out-of-reach: controller-1 places a replica of vol-1 on node-b: the disk is in zone 1, " +
        "its VM in zone none",
    ]);
  });

  it("accepts a replica in reach, other attachments, other writers and unknown places", () => {
    const primary = anAttachment("node-b", { spec: { ...place, role: "Primary" } });
    assert.deepEqual(
      [
        onCreation(replica, { zones: ["1"] }),
        onCreation(primary),
        onCreation(replica, { by: "node-b" }),
        onCreation(replica, { before: replica }),
        onCreation(aReplica("node-gone", { spec: place })),
        onCreation(aReplica("node-b", { spec: { volumeId: `${diskUri}-2` } })),
      ].flat(),
      [],
    );
  });
});
