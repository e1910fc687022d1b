import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { AzVolume } from "../../../src/core/api/az-volume.ts";
import { aVolume, aWriter } from "../testing/a-history.ts";
import { anAttachment, asWorld, atRest, desired, type MadeUpRest } from "../testing/a-rest-world.ts";
import { judgeDesired } from "./judge-desired.ts";

function complaints(
  change: (made: MadeUpRest) => void = () => undefined,
  asked: Partial<typeof desired> = {},
): readonly string[] {
  const made = atRest();
  change(made);
  return judgeDesired(asWorld(made), [{ ...desired, ...asked }]).map(
    ({ invariant, detail }) => `${invariant}: ${detail}`,
  );
}

/** The volume whose disk is zone-redundant, as its object says. */
function asZoneRedundant(volume: AzVolume): AzVolume {
  return { ...volume, spec: { ...volume.spec, disk: { ...volume.spec.disk, skuName: "Premium_ZRS" } } };
}

describe("what users desired", () => {
  it("is reached by a volume whose pod writes, with its replica and its size", () => {
    assert.deepEqual(complaints(), []);
  });

  it("is not reached while a modification has not ended", () => {
    const found = complaints((made) => {
      made.volumes = made.volumes.map((volume) => ({
        ...volume,
        spec: { ...volume.spec, modification: { networkAccessPolicy: "AllowAll" } },
      }));
    });
    assert.deepEqual(found, ["not-converged: vol-1: its object still requests a modification"]);
  });

  it("is reached with an object as old as its backup, also where several nodes write", () => {
    const stale = (storeIncarnation: number): readonly string[] =>
      complaints((made) => {
        made.storeIncarnation = storeIncarnation;
        made.volumes = made.volumes.map(({ spec, status, ...volume }) => {
          const { record: _, ...kept } = status ?? assert.fail("no status");
          const capabilities = [{ accessMode: "MULTI_NODE_MULTI_WRITER", accessType: "block" }] as const;
          const disk = { ...spec.disk, networkAccessPolicy: "AllowAll" as const };
          return { ...volume, spec: { ...spec, capabilities: [...capabilities], disk }, status: kept };
        });
      }).filter((complaint) => complaint.includes("its object says"));
    const policy = "not-converged: vol-1: its object says network access policy AllowAll instead of DenyAll";
    assert.deepEqual([stale(0), stale(1)], [[policy], []]);
  });

  it("is not reached while an object says of its disk what a modification has changed", () => {
    const says = (disk: Partial<AzVolume["spec"]["disk"]>, diskUri?: string): readonly string[] =>
      complaints((made) => {
        made.volumes = made.volumes.map((volume) => ({
          ...volume,
          spec: {
            ...volume.spec,
            ...(diskUri === undefined ? {} : { diskUri }),
            disk: { ...volume.spec.disk, ...disk },
          },
        }));
      });
    assert.deepEqual(says({ skuName: "StandardSSD_LRS", publicNetworkAccess: "Disabled" }), [
      "not-converged: vol-1: its object says SKU StandardSSD_LRS instead of Premium_LRS",
      "not-converged: vol-1: its object says public network access Disabled instead of Enabled",
    ]);
    const policy = "not-converged: vol-1: its object says network access policy AllowAll instead of DenyAll";
    assert.deepEqual(says({ networkAccessPolicy: undefined }), [policy]);
    assert.deepEqual(says({ networkAccessPolicy: undefined }, "adopted"), []);
    assert.deepEqual(says({ networkAccessPolicy: "AllowAll" }, "adopted"), [policy]);
    assert.deepEqual(says({ tags: { class: "open" } }), [
      "not-converged: vol-1: its object says tag class open instead of undefined",
    ]);
  });

  it("expects no object from a backup to show what was made since", () => {
    const found = complaints((made) => {
      made.volumes = [aVolume({ writer: aWriter("node-a", 3), epoch: 3, storeIncarnation: 1 })].map(
        (volume) => ({
          ...volume,
          spec: { ...volume.spec, disk: { ...volume.spec.disk, networkAccessPolicy: "AllowAll" } },
        }),
      );
    });
    assert.deepEqual(found, []);
  });

  it("is not reached where the status says that something else was made", () => {
    const found = complaints((made) => {
      const modification = {
        requested: { networkAccessPolicy: "AllowAll" as const, tags: { class: "open" } },
        observedGeneration: 2,
      };
      made.volumes = made.volumes.map((volume) => ({
        ...volume,
        ...(volume.status === undefined ? {} : { status: { ...volume.status, modification } }),
      }));
    });
    assert.deepEqual(found, [
      "not-converged: vol-1: its status says that AllowAll was made, and its disk has DenyAll",
      "not-converged: vol-1: its status says that class=open was made, and its disk has undefined",
    ]);
  });

  it("is not reached while the pod waits, or its container does not run", () => {
    const waiting = complaints((made) => {
      made.pods = made.pods.map((pod) => ({ ...pod, phase: "Pending" }));
    });
    assert.deepEqual(waiting, ["not-converged: vol-1: its pod does not run: vol-1-0 Pending on node-a"]);
    const dead = complaints((made) => {
      made.containers = [];
    });
    assert.deepEqual(dead, ["not-converged: vol-1: no container of vol-1-0 runs on node-a"]);
  });

  it("is not reached while the record names another writer, or another VM of that name", () => {
    for (const writer of [
      aWriter("node-b", 4),
      { ...aWriter("node-a", 4), vmId: "guid-new" },
      { ...aWriter("node-a", 4), requested: false },
    ]) {
      const told = complaints((made) => {
        made.volumes = [aVolume({ writer, epoch: 4 })];
      });
      assert.deepEqual(told, [
        `not-converged: vol-1: its pod runs on node-a, and the record says ${JSON.stringify(writer)}`,
      ]);
    }
  });

  it("requires as many replicas as there are places for", () => {
    const missing = (made: MadeUpRest): void => {
      made.attachments = [anAttachment("node-a", "Primary")];
    };
    assert.deepEqual(complaints(missing), ["not-converged: vol-1: 0 replicas instead of 1"]);
    const nowhere = complaints((made) => {
      missing(made);
      made.nodes = made.nodes.map((node) => ({ ...node, isUnschedulable: node.name !== "node-a" }));
    });
    assert.deepEqual(nowhere, []);
    const full = (names: readonly string[]): readonly string[] =>
      complaints((made) => {
        missing(made);
        made.attachedTo = ["node-a"];
        made.fullOfOthers = [...names];
      });
    assert.deepEqual(full(["node-b"]), ["not-converged: vol-1: 0 replicas instead of 1"]);
    assert.deepEqual(full(["node-b", "node-c"]), []);
    const tooMany = complaints((made) => {
      made.attachments = [...made.attachments, anAttachment("node-c", "Replica")];
    });
    assert.deepEqual(tooMany, ["not-converged: vol-1: 2 replicas instead of 1"]);
  });

  it("requires no replica where Azure attaches no such disk", () => {
    const replicas = (changes: Partial<MadeUpRest>): readonly string[] =>
      complaints((made) => {
        made.attachments = [anAttachment("node-a", "Primary")];
        Object.assign(made, { nodes: made.nodes.filter(({ name }) => name !== "node-c"), ...changes });
      });
    const missing = ["not-converged: vol-1: 0 replicas instead of 1"];
    for (const [zone, ofA, ofB, found] of [
      ["1", "1", "2", []],
      ["1", "1", "", []],
      ["1", "1", "1", missing],
      ["", "", "1", []],
      ["", "", "", missing],
    ] as const)
      assert.deepEqual(replicas({ zone, otherZones: { "node-a": ofA, "node-b": ofB } }), found);
    const zoneRedundant = { skuName: "Premium_ZRS", volumes: atRest().volumes.map(asZoneRedundant) } as const;
    for (const ofB of ["2", ""])
      assert.deepEqual(replicas({ ...zoneRedundant, otherZones: { "node-b": ofB } }), missing);
  });

  it("is not reached with a writer or a replica where Azure attaches no such disk", () => {
    const replica = complaints((made) => {
      made.otherZones = { "node-b": "" };
      made.attachments = [...made.attachments, anAttachment("node-c", "Replica")];
    });
    const as = (what: string): string =>
      `not-converged: vol-1: Azure attaches its disk to no such VM as that of its ${what}`;
    assert.deepEqual(replica, [as("Replica on node-b"), "not-converged: vol-1: 2 replicas instead of 1"]);
    const writer = complaints((made) => {
      made.zone = "";
      made.otherZones = { "node-b": "", "node-c": "" };
    });
    assert.deepEqual(writer, [as("Primary on node-a"), as("writer node-a")]);
    const scaledAway = complaints(
      (made) => {
        made.otherZones = { "node-b": "2" };
        made.pods = [];
      },
      { pods: 0 },
    );
    assert.deepEqual(scaledAway, [as("Replica on node-b")]);
  });

  it("is not reached with a disk that does not have what its last class says", () => {
    const tagged = (made: MadeUpRest): void => {
      made.tags = { class: "closed" };
      made.volumes = made.volumes.map((volume) => ({
        ...volume,
        spec: { ...volume.spec, disk: { ...volume.spec.disk, tags: { class: "closed" } } },
      }));
    };
    assert.deepEqual(complaints(tagged, { volumeClass: "closed" }), []);
    assert.deepEqual(complaints(tagged, { volumeClass: "open" }), [
      "not-converged: vol-1: its disk has network access policy DenyAll instead of AllowAll",
      "not-converged: vol-1: its disk has the tag class=closed instead of open",
    ]);
    assert.deepEqual(complaints(tagged, { volumeClass: "fast" }), [
      "not-converged: vol-1: its disk has undefined IOPS instead of 4000",
      "not-converged: vol-1: its disk has undefined MB/s instead of 200",
      "not-converged: vol-1: its disk has the tag class=closed instead of fast",
    ]);
    assert.deepEqual(complaints(tagged, { volumeClass: "converted" }), [
      "not-converged: vol-1: its disk is Premium_LRS instead of PremiumV2_LRS",
      "not-converged: vol-1: its disk has the tag class=closed instead of converted",
    ]);
  });

  it("is not reached with a disk or a file system of another size", () => {
    assert.deepEqual(complaints(undefined, { sizeGiB: 8 }), [
      "not-converged: vol-1: its disk has 4294967296 bytes instead of 8 GiB",
      "not-converged: vol-1: its object says 4 GiB instead of 8",
    ]);
    const halfGrown = complaints((made) => {
      made.disk = { ...made.disk, fileSystemBytes: 1n };
    });
    assert.deepEqual(halfGrown, ["not-converged: vol-1: its file system spans 1 of 4294967296 bytes"]);
  });

  it("is not reached while a deleted volume exists, or a requested one does not", () => {
    assert.deepEqual(complaints(undefined, { exists: false }), [
      "not-converged: vol-1: was deleted, and is still there",
    ]);
    const lost = complaints((made) => {
      made.disk = undefined;
    });
    assert.deepEqual(lost, ["not-converged: vol-1: was never created"]);
  });
});
