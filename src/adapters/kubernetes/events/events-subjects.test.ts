import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { AzDriverNode } from "../../../core/api/az-driver-node.ts";
import type { AzVolume } from "../../../core/api/az-volume.ts";
import type { Lease } from "../../../core/api/lease.ts";
import type { EventReason } from "../../../core/events/event-reasons.ts";
import { aDetail, aDiskSpec, aVolume } from "../../../core/testing/objects.ts";
import type { DriverEvent } from "../../../ports/cluster/events.ts";
import { aCoreCluster, type CoreCluster } from "../testing/core-cluster.ts";
import { diskOf, putClaim, putPod, putVolume } from "../testing/core-objects.ts";
import { controllerSubjects, nodeSubjects, type ControllerObjects } from "./events-subjects.ts";

const volume = aVolume({ status: { detail: aDetail({ diskUri: diskOf("data").toUpperCase() }) } });
const namespace = "azure-disk-csi";
const about = { kind: "AzVolume", name: "pvc-1" } as const;
const azVolume = "AzVolume azure-disk-csi/pvc-1 uid-pvc-1";
const claim = "PersistentVolumeClaim default/data uid-data";
/** An event on volume, claim, pods and node. */
const EVERYWHERE: EventReason = "Fencing";

function objectsOf(...volumes: readonly AzVolume[]): ControllerObjects {
  const lease = { metadata: { name: "controller", uid: "uid-lease" } } as Lease;
  const driverNode = { metadata: { name: "node-a", uid: "uid-node-a" } } as AzDriverNode;
  return {
    get: ((kind: string, name: string) => {
      if (kind === "Lease") return lease;
      return kind === "AzDriverNode" ? driverNode : volumes.find((known) => known.metadata.name === name);
    }) as ControllerObjects["get"],
  };
}

async function aCluster(): Promise<CoreCluster> {
  const cluster = aCoreCluster();
  putClaim(cluster, "data");
  putVolume(cluster, "data");
  for (const nodeName of ["node-a", "node-b", ""]) {
    putPod(cluster, `waits-${nodeName || "nowhere"}`, { claims: ["data"], nodeName, phase: "Pending" });
    putPod(cluster, `runs-${nodeName}`, { claims: ["data"], nodeName });
  }
  putPod(cluster, "leaves", {
    claims: ["data"],
    phase: "Pending",
    metadata: { deletionTimestamp: "2026-01-01T00:00:00Z" },
  });
  putPod(cluster, "inline", {
    nodeName: "node-b",
    phase: "Pending",
    spec: { volumes: [{ name: "disk", azureDisk: { diskURI: diskOf("data") } }] },
  });
  putPod(cluster, "other", { claims: ["other"], nodeName: "node-b", phase: "Pending" });
  await cluster.show();
  return cluster;
}

function shownOn(
  cluster: CoreCluster,
  event: Omit<DriverEvent, "message">,
  ...volumes: readonly AzVolume[]
): readonly string[] {
  const subjectsOf = controllerSubjects({
    objects: objectsOf(...volumes),
    caches: cluster.caches,
    namespace,
  });
  return subjectsOf({ message: "", ...event }).map(
    (subject) => `${subject.kind} ${subject.namespace ?? ""}/${subject.name} ${subject.uid}`,
  );
}

describe("controllerSubjects", () => {
  it("finds the volume, its claim, the pods that wait for it and the named node", async () => {
    const cluster = await aCluster();
    const pods = (...names: readonly string[]): readonly string[] =>
      names.map((name) => `Pod default/${name} uid-${name}`);
    const rows: readonly {
      readonly because: string;
      readonly event: Omit<DriverEvent, "message">;
      readonly told: readonly string[];
    }[] = [
      {
        because: "wherever a pod waits",
        event: { about, reason: EVERYWHERE },
        told: [azVolume, claim, ...pods("waits-node-a", "waits-node-b", "waits-nowhere", "inline")],
      },
      {
        because: "only on one node",
        event: { about, reason: EVERYWHERE, waitingOn: ["node-b"] },
        told: [azVolume, claim, ...pods("waits-node-b", "inline")],
      },
      { because: "on none", event: { about, reason: EVERYWHERE, waitingOn: [] }, told: [azVolume, claim] },
      {
        because: "a node",
        event: { about, reason: EVERYWHERE, nodeName: "node-a", waitingOn: [] },
        told: [azVolume, claim, "Node /node-a node-a"],
      },
      {
        because: "the pods of a node, whatever they do there",
        event: { about, reason: "WriterSilent", nodeName: "node-a", waitingOn: ["node-b"] },
        told: [
          azVolume,
          claim,
          ...pods("leaves", "runs-node-a", "waits-node-a", "waits-node-b", "inline"),
          "Node /node-a node-a",
        ],
      },
      {
        because: "what the node has shown on the volume itself",
        event: { about, reason: "MountDead", nodeName: "node-a" },
        told: [claim, ...pods("leaves", "runs-node-a", "waits-node-a")],
      },
      {
        because: "what the node has shown on the volume and on itself",
        event: { about, reason: "WritesLost", nodeName: "node-a" },
        told: [claim, ...pods("leaves", "runs-node-a", "waits-node-a")],
      },
      {
        because: "every pod that would have to stop",
        event: { about, reason: "NotExpanded" },
        told: [
          azVolume,
          claim,
          ...pods("runs-", "runs-node-a", "runs-node-b"),
          ...pods("waits-node-a", "waits-node-b", "waits-nowhere", "inline"),
        ],
      },
      {
        because: "of no interest to claims and pods",
        event: { about, reason: "ReplicaAttached", nodeName: "node-a" },
        told: [azVolume],
      },
      {
        because: "about a node",
        event: { about: { kind: "Node", name: "node-a" }, reason: "StaleMountsRemoved" },
        told: ["Node /node-a node-a"],
      },
      {
        because: "about what a node reports",
        event: { about: { kind: "AzDriverNode", name: "node-a" }, reason: "NodeIgnored" },
        told: ["AzDriverNode azure-disk-csi/node-a uid-node-a", "Node /node-a node-a"],
      },
      {
        because: "about the Lease",
        event: { about: { kind: "Lease", name: "controller" }, reason: "LeaderElection" },
        told: ["Lease azure-disk-csi/controller uid-lease"],
      },
    ];
    for (const { because, event, told: expected } of rows)
      assert.deepEqual(shownOn(cluster, event, volume), expected, because);
  });

  it("finds the claim of a disk in creation by external-provisioner's data", async () => {
    const cluster = await aCluster();
    const disk = aDiskSpec({
      tags: {
        "kubernetes.io-created-for-pvc-name": "other",
        "kubernetes.io-created-for-pvc-namespace": "default",
      },
    });
    const { detail: _, ...status } = volume.status ?? {
      state: "Pending",
      observedGeneration: 0,
      conditions: [],
    };
    const creating: AzVolume = { ...volume, spec: { ...volume.spec, disk }, status };
    const event = { about, reason: "CreationDelayed" } as const;
    assert.deepEqual(shownOn(cluster, event, creating), [azVolume], "a claim that is gone");
    putClaim(cluster, "other", { volumeName: "" });
    await cluster.show();
    assert.deepEqual(shownOn(cluster, event, creating), [
      azVolume,
      "PersistentVolumeClaim default/other uid-other",
      "Pod default/other uid-other",
    ]);
  });

  it("skips a claim that only has the former one's name, and unknown volumes", async () => {
    const cluster = await aCluster();
    putClaim(cluster, "data", { metadata: { uid: "uid-new" } });
    await cluster.show();
    assert.deepEqual(shownOn(cluster, { about, reason: "ReplicasMissing" }, volume), [azVolume]);
    assert.deepEqual(shownOn(cluster, { about, reason: EVERYWHERE, nodeName: "node-a" }), [
      "Node /node-a node-a",
    ]);
  });
});

describe("nodeSubjects", () => {
  it("needs no right to write about claims and pods: uses the volume and its own node", () => {
    const subjectsOf = nodeSubjects({ objects: objectsOf(volume), namespace, nodeName: "node-a" });
    const kinds = (event: Omit<DriverEvent, "message">): readonly string[] =>
      subjectsOf({ message: "", ...event }).map(({ kind, name }) => `${kind} ${name}`);
    assert.deepEqual(kinds({ about, reason: "WriterReclaimed" }), ["AzVolume pvc-1", "Node node-a"]);
    assert.deepEqual(kinds({ about, reason: "StageFailed" }), ["AzVolume pvc-1"]);
    // What ends with its pods is no state of their node.
    assert.deepEqual(kinds({ about, reason: "MountDead" }), ["AzVolume pvc-1"]);
    assert.deepEqual(kinds({ about, reason: EVERYWHERE, nodeName: "node-b" }), [
      "AzVolume pvc-1",
      "Node node-a",
    ]);
    assert.deepEqual(kinds({ about: { kind: "Lease", name: "controller" }, reason: "LeaderElection" }), []);
  });
});
