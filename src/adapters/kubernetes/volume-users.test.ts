import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { VolumeUse } from "../../core/schedule/volume-use.ts";
import type { VolumeUsers } from "../../ports/cluster/volume-users.ts";
import { aCoreCluster, type CoreCluster, DRIVER } from "./testing/core-cluster.ts";
import {
  CLAIMS,
  diskOf,
  PODS,
  putClaim,
  putNode,
  putPod,
  putUse,
  putVolume,
  VOLUMES,
} from "./testing/core-objects.ts";
import { readBoundPods } from "./volume-users-now.ts";
import { createPodVolumeUsers } from "./volume-users.ts";

const never = new AbortController().signal;
const place = { nodeName: "node-a", volumeId: diskOf("data") };
const UNUSED: VolumeUse = { kind: "unused" };

function usersOf(cluster: CoreCluster): VolumeUsers {
  const { client, caches } = cluster;
  return createPodVolumeUsers({
    client,
    caches,
    readPods: (nodeName, signal) => readBoundPods({ client, driverName: DRIVER }, nodeName, signal),
  });
}

function usedBy(...users: readonly string[]): VolumeUse {
  return { kind: "used", users };
}

describe("createPodVolumeUsers: who uses a volume on a node", () => {
  it("follows a pod's claim to the disk, uncached and from the caches", async () => {
    const rows: readonly {
      readonly because: string;
      readonly make: (cluster: CoreCluster) => void;
      readonly use: VolumeUse;
    }[] = [
      { because: "there are no pods", make: () => {}, use: UNUSED },
      {
        because: "a pod is there",
        make: (cluster) => putUse(cluster, "data", "db-0"),
        use: usedBy("pod default/db-0"),
      },
      {
        because: "Azure's spelling of the disk is another",
        make: (cluster) => {
          putUse(cluster, "data", "db-0");
          putVolume(cluster, "data", { csi: { driver: DRIVER, volumeHandle: diskOf("data").toUpperCase() } });
        },
        use: usedBy("pod default/db-0"),
      },
      {
        because: "two pods share it",
        make: (cluster) => {
          putUse(cluster, "data", "db-1");
          putPod(cluster, "db-0", { claims: ["data"] });
        },
        use: usedBy("pod default/db-0", "pod default/db-1"),
      },
      {
        because: "a pod that is being deleted is still there",
        make: (cluster) => {
          putUse(cluster, "data");
          putPod(cluster, "data-pod", {
            claims: ["data"],
            metadata: { deletionTimestamp: "2026-01-01T00:02:00Z" },
          });
        },
        use: usedBy("pod default/data-pod (being deleted)"),
      },
      {
        because: "the state of a pod on a silent node is unknown",
        make: (cluster) => {
          putUse(cluster, "data");
          putPod(cluster, "data-pod", { claims: ["data"], phase: "Unknown" });
        },
        use: usedBy("pod default/data-pod"),
      },
      {
        because: "it has ended well",
        make: (cluster) => {
          putUse(cluster, "data");
          putPod(cluster, "data-pod", { claims: ["data"], phase: "Succeeded" });
        },
        use: UNUSED,
      },
      {
        because: "it has ended badly",
        make: (cluster) => {
          putUse(cluster, "data");
          putPod(cluster, "data-pod", { claims: ["data"], phase: "Failed" });
        },
        use: UNUSED,
      },
      {
        because: "it is on another node",
        make: (cluster) => {
          putUse(cluster, "data");
          putPod(cluster, "data-pod", { claims: ["data"], nodeName: "node-b" });
        },
        use: UNUSED,
      },
      { because: "it uses another disk", make: (cluster) => putUse(cluster, "other"), use: UNUSED },
      {
        because: "its claim waits for a volume",
        make: (cluster) => {
          putClaim(cluster, "data", { volumeName: "" });
          putPod(cluster, "db-0", { claims: ["data"] });
        },
        use: UNUSED,
      },
      {
        because: "its PersistentVolume names the disk under another name of the driver",
        make: (cluster) => {
          putUse(cluster, "data", "db-0");
          putVolume(cluster, "data", {
            csi: { driver: "disk2.csi.azure.com", volumeHandle: diskOf("data") },
          });
        },
        use: usedBy("pod default/db-0"),
      },
      {
        because: "another driver's volume, which is no disk",
        make: (cluster) => {
          putUse(cluster, "data");
          putVolume(cluster, "data", { csi: { driver: "file.csi.azure.com", volumeHandle: "data" } });
        },
        use: UNUSED,
      },
      {
        because: "a generic ephemeral volume, by the claim that is named after pod and volume",
        make: (cluster) => {
          putClaim(cluster, "job-scratch");
          putVolume(cluster, "job-scratch", { csi: { driver: DRIVER, volumeHandle: diskOf("data") } });
          putPod(cluster, "job", { spec: { volumes: [{ name: "scratch", ephemeral: {} }] } });
        },
        use: usedBy("pod default/job"),
      },
      {
        because: "a PersistentVolume of the in-tree driver, which Kubernetes hands to this one",
        make: (cluster) => {
          putUse(cluster, "data", "db-0");
          cluster.put(VOLUMES, {
            metadata: { name: "pv-data" },
            spec: {
              azureDisk: { diskURI: diskOf("data"), kind: "Managed" },
              claimRef: { namespace: "default", name: "data", uid: "uid-data" },
            },
          });
        },
        use: usedBy("pod default/db-0"),
      },
      {
        because: "an inline volume of the in-tree driver",
        make: (cluster) =>
          putPod(cluster, "old", {
            spec: { volumes: [{ name: "disk", azureDisk: { diskURI: diskOf("DATA") } }] },
          }),
        use: usedBy("pod default/old"),
      },
    ];
    for (const { because, make, use } of rows) {
      const cluster = aCoreCluster();
      make(cluster);
      await cluster.show();
      const users = usersOf(cluster);
      assert.deepEqual(await users.on(place, never), use, because);
      assert.deepEqual(users.cachedOn(place), use, `${because} (cached)`);
    }
  });

  it("counts a pod that waits for its volume, and reports if all users wait", async () => {
    const cluster = aCoreCluster();
    putUse(cluster, "data");
    putPod(cluster, "data-pod", { claims: ["data"], phase: "Pending" });
    await cluster.show();
    const users = usersOf(cluster);
    const used = usedBy("pod default/data-pod");
    assert.deepEqual(
      [await users.on(place, never), users.cachedOn(place)],
      [{ ...used, areWaiting: true }, used],
    );
    putPod(cluster, "db-0", { claims: ["data"] });
    assert.deepEqual(await users.on(place, never), usedBy("pod default/data-pod", "pod default/db-0"));
  });

  it("does not report all waiting while a running pod may use the volume as well", async () => {
    const cluster = aCoreCluster();
    putPod(cluster, "waits", {
      phase: "Pending",
      spec: { volumes: [{ name: "disk", azureDisk: { diskURI: diskOf("data") } }] },
    });
    await cluster.show();
    const users = usersOf(cluster);
    assert.deepEqual(await users.on(place, never), { ...usedBy("pod default/waits"), areWaiting: true });
    putPod(cluster, "runs", { claims: ["gone"] });
    assert.deepEqual(await users.on(place, never), usedBy("pod default/waits"));
  });

  it("uses no cache for an uncached read", async () => {
    const cluster = aCoreCluster();
    await cluster.show();
    putUse(cluster, "data", "db-0");
    const users = usersOf(cluster);
    assert.deepEqual(await users.on(place, never), usedBy("pod default/db-0"));
    assert.deepEqual(users.cachedOn(place), UNUSED);
  });

  it("resolves a deleted or recreated claim by its PersistentVolume, if that exists", async () => {
    const gone = "pod default/db-0 names claim default/data, which does not exist, so its disk is unknown";
    const recreated =
      "claim default/data is younger than pod default/db-0, which uses it: it was recreated, and the " +
      "pod's disk is unknown";
    const younger = { uid: "uid-new", creationTimestamp: "2026-01-01T00:30:00Z" };
    const rows: readonly {
      readonly because: string;
      readonly make: (cluster: CoreCluster) => void;
      readonly use: VolumeUse;
    }[] = [
      {
        because: "the claim is gone, its volume is there",
        make: (cluster) => cluster.remove(CLAIMS, "default/data"),
        use: usedBy("pod default/db-0"),
      },
      {
        because: "both are gone",
        make: (cluster) => {
          cluster.remove(CLAIMS, "default/data");
          cluster.remove(VOLUMES, "pv-data");
        },
        use: { kind: "unknown", because: gone },
      },
      {
        because: "the claim is gone, and the disk is another claim's",
        make: (cluster) => {
          cluster.remove(CLAIMS, "default/data");
          putVolume(cluster, "data", { claimRef: { namespace: "default", name: "other", uid: "uid-other" } });
        },
        use: UNUSED,
      },
      {
        because: "the claim was recreated for another disk",
        make: (cluster) => putClaim(cluster, "data", { volumeName: "", metadata: younger }),
        use: usedBy("pod default/db-0"),
      },
      {
        because: "the claim was recreated, and its old volume is gone",
        make: (cluster) => {
          putClaim(cluster, "data", { volumeName: "", metadata: younger });
          cluster.remove(VOLUMES, "pv-data");
        },
        use: { kind: "unknown", because: recreated },
      },
      {
        because: "the same, and the kubelet's clock is ahead of the API server's",
        make: (cluster) => {
          putClaim(cluster, "data", { volumeName: "", metadata: younger });
          cluster.remove(VOLUMES, "pv-data");
          const bound = { type: "PodScheduled", lastTransitionTime: "2026-01-01T00:01:00Z" };
          const status = { startTime: "2026-01-01T00:31:00Z", conditions: [bound] };
          putPod(cluster, "db-0", { claims: ["data"], status });
        },
        use: { kind: "unknown", because: recreated },
      },
      {
        because: "the volume is gone",
        make: (cluster) => cluster.remove(VOLUMES, "pv-data"),
        use: {
          kind: "unknown",
          because:
            "claim default/data of pod default/db-0 names PersistentVolume pv-data, which does not exist",
        },
      },
      {
        because: "a claim that a pod waited for is as good as any other",
        make: (cluster) => {
          putClaim(cluster, "late", { metadata: { creationTimestamp: "2026-01-01T00:30:00Z" } });
          putVolume(cluster, "late");
          putPod(cluster, "placed-by-hand", { claims: ["late"] });
          cluster.remove(PODS, "default/db-0");
        },
        use: UNUSED,
      },
    ];
    for (const { because, make, use } of rows) {
      const cluster = aCoreCluster();
      putUse(cluster, "data", "db-0");
      make(cluster);
      await cluster.show();
      assert.deepEqual(await usersOf(cluster).on(place, never), use, because);
    }
  });

  it("reports nothing unused that it could not ask about", async () => {
    const rows: readonly (readonly [string, string])[] = [
      ["GET /api/v1/pods", "pods"],
      ["GET /api/v1/namespaces/default/persistentvolumeclaims/other", "persistentvolumeclaims"],
      ["GET /api/v1/persistentvolumes/pv-other", "persistentvolumes"],
    ];
    for (const [prefix, resource] of rows) {
      for (const code of [403, 500, 404, 0]) {
        const cluster = aCoreCluster();
        putUse(cluster, "other");
        await cluster.show();
        cluster.refuse(prefix, code);
        const use = await usersOf(cluster).on(place, never);
        assert.equal(use.kind, "unknown", `${resource} answers ${code}`);
      }
    }
    const cluster = aCoreCluster();
    assert.equal(usersOf(cluster).cachedOn(place).kind, "unknown", "caches that have not synced");
  });

  it("gives no hint if the caches do not lead from a pod to its disk", async () => {
    const cluster = aCoreCluster();
    putPod(cluster, "db-0", { claims: ["data"] });
    await cluster.show();
    assert.deepEqual(usersOf(cluster).cachedOn(place), {
      kind: "unknown",
      because: "nothing is known of claim default/data, which a pod there names",
    });
  });
});

describe("createPodVolumeUsers: nodes", () => {
  it("reports out of service only if the Node itself shows it, and has been read", async () => {
    const cluster = aCoreCluster();
    putNode(cluster, "node-a", {
      spec: {
        providerID: "azure:///subscriptions/S/virtualMachines/flex_1",
        taints: [{ key: "node.kubernetes.io/out-of-service", value: "nodeshutdown", effect: "NoExecute" }],
      },
    });
    putNode(cluster, "node-b", {
      spec: { taints: [{ key: "node.kubernetes.io/unreachable", effect: "NoExecute" }], unschedulable: true },
    });
    const users = usersOf(cluster);
    assert.deepEqual(
      await Promise.all(
        ["node-a", "node-b", "node-c"].map((nodeName) => users.isOutOfService(nodeName, never)),
      ),
      [true, false, false],
    );
    assert.deepEqual(
      await Promise.all(
        ["node-a", "node-b", "node-c"].map((nodeName) => users.isUnschedulable(nodeName, never)),
      ),
      [false, true, false],
    );
    assert.equal(users.cachedNode("node-c").isGone, false, "not known yet is not gone");
    await cluster.show();
    assert.deepEqual(users.cachedNode("node-a"), {
      isGone: false,
      isOutOfService: true,
      isMarkedByDriver: false,
      isUnschedulable: false,
      labels: { "kubernetes.io/hostname": "node-a" },
      taints: [{ key: "node.kubernetes.io/out-of-service", value: "nodeshutdown", effect: "NoExecute" }],
      nodeUid: "uid-node-a",
      instanceUri: "/subscriptions/S/virtualMachines/flex_1",
    });
    assert.equal(users.cachedNodeNameOf("/subscriptions/s/VIRTUALMACHINES/flex_1"), "node-a");
    assert.equal(users.cachedNodeNameOf("/subscriptions/s/virtualMachines/node-b"), undefined);
    assert.deepEqual(users.cachedNode("node-b"), {
      isGone: false,
      isOutOfService: false,
      isMarkedByDriver: false,
      isUnschedulable: true,
      labels: { "kubernetes.io/hostname": "node-b" },
      taints: [{ key: "node.kubernetes.io/unreachable", value: "", effect: "NoExecute" }],
      nodeUid: "uid-node-b",
    });
    assert.deepEqual(users.cachedNode("node-c"), {
      isGone: true,
      isOutOfService: false,
      isMarkedByDriver: false,
      isUnschedulable: false,
      labels: {},
      taints: [],
    });
    cluster.refuse("GET /api/v1/nodes", 500);
    assert.equal(await users.isOutOfService("node-a", never), false);
    assert.equal(await users.isUnschedulable("node-b", never), false, "it can't be read");
  });

  it("takes a VM for the Node that is heard, and for the first of several", async () => {
    const providerID = "azure:///subscriptions/s/virtualMachines/flex_1";
    const unreachable = [{ key: "node.kubernetes.io/unreachable", effect: "NoExecute" }];
    const nodeOf = async (cluster: CoreCluster, taintsOf: Readonly<Record<string, typeof unreachable>>) => {
      for (const [name, day] of [
        ["node-a", "1"],
        ["node-c", "3"],
        ["node-b", "2"],
      ] as const)
        putNode(cluster, name, {
          spec: { providerID, taints: taintsOf[name] ?? [] },
          metadata: { creationTimestamp: `2026-01-0${day}T00:00:00Z` },
        });
      const users = usersOf(cluster);
      await cluster.show();
      return users.cachedNodeNameOf("/subscriptions/s/virtualMachines/flex_1");
    };
    assert.equal(await nodeOf(aCoreCluster(), {}), "node-a");
    assert.equal(await nodeOf(aCoreCluster(), { "node-a": unreachable }), "node-b");
    assert.equal(await nodeOf(aCoreCluster(), { "node-a": unreachable, "node-c": unreachable }), "node-b");
    const all = { "node-a": unreachable, "node-b": unreachable, "node-c": unreachable };
    assert.equal(await nodeOf(aCoreCluster(), all), "node-c");
  });

  it("reports nodes whose users, bound claims or pod rules changed, and nothing else", async () => {
    const cluster = aCoreCluster();
    const reported: string[] = [];
    usersOf(cluster).onChange((nodeName, changed) =>
      reported.push(changed === "node" ? nodeName : `users of ${nodeName}`),
    );
    const after = async (change: () => void): Promise<readonly string[]> => {
      reported.length = 0;
      change();
      await cluster.show();
      return reported.toSorted();
    };
    assert.deepEqual(await after(() => putNode(cluster, "node-a")), ["node-a"]);
    assert.deepEqual(await after(() => putNode(cluster, "node-a")), [], "its status");
    assert.deepEqual(await after(() => putNode(cluster, "node-a", { spec: { unschedulable: true } })), [
      "node-a",
    ]);
    assert.deepEqual(await after(() => putPod(cluster, "web")), [], "without volumes");
    assert.deepEqual(
      await after(() => putPod(cluster, "db-0", { claims: ["data"], nodeName: "" })),
      [],
      "on no node yet",
    );
    assert.deepEqual(await after(() => putPod(cluster, "db-0", { claims: ["data"] })), ["users of node-a"]);
    assert.deepEqual(
      await after(() => putClaim(cluster, "data", { volumeName: "" })),
      ["users of node-a"],
      "known at last, and not bound",
    );
    assert.deepEqual(await after(() => putClaim(cluster, "data", { volumeName: "" })), []);
    assert.deepEqual(await after(() => putClaim(cluster, "data")), ["users of node-a"]);
    assert.deepEqual(
      await after(() =>
        putPod(cluster, "db-0", {
          claims: ["data"],
          metadata: { deletionTimestamp: "2026-01-01T00:02:00Z" },
        }),
      ),
      [],
      "uses it still",
    );
    assert.deepEqual(await after(() => putPod(cluster, "db-0", { claims: ["data"], phase: "Succeeded" })), [
      "users of node-a",
    ]);
    assert.deepEqual(await after(() => putNode(cluster, "node-b")), ["node-b"]);
    assert.deepEqual(await after(() => cluster.remove("/api/v1/nodes", "node-b")), ["node-b"]);
  });
});

describe("createPodVolumeUsers: placement", () => {
  const apartBy = (topologyKey: string) => ({
    affinity: {
      podAntiAffinity: {
        requiredDuringSchedulingIgnoredDuringExecution: [
          { topologyKey, labelSelector: { matchLabels: { app: "db" } } },
        ],
      },
    },
  });
  const apart = apartBy("kubernetes.io/hostname");
  const term = {
    topologyKey: "kubernetes.io/hostname",
    selector: [{ key: "app", operator: "In", values: ["db"] }],
    namespaces: ["default"],
  };

  it("returns the users' rules, the pods that these concern, and their other volumes", async () => {
    const cluster = aCoreCluster();
    for (const node of ["node-a", "node-b"]) putNode(cluster, node);
    for (const claim of ["data", "log", "elsewhere"]) {
      putClaim(cluster, claim);
      putVolume(cluster, claim);
    }
    const app = { metadata: { labels: { app: "db" } } };
    const tolerations = [{ key: "dedicated", operator: "Exists" }];
    putPod(cluster, "db-0", {
      ...app,
      claims: ["data", "log"],
      spec: { ...apart, nodeSelector: { disk: "ssd" }, tolerations, volumes: twoVolumes("data", "log") },
    });
    putPod(cluster, "db-1", { ...app, claims: ["elsewhere"], nodeName: "node-b" });
    putPod(cluster, "db-2", { ...app, nodeName: "" });
    putPod(cluster, "web", { metadata: { labels: { app: "web" } }, nodeName: "node-b" });
    putPod(cluster, "hermit", { nodeName: "node-b", spec: apart });
    cluster.put(PODS, {
      metadata: { name: "db-1", namespace: "test", labels: { app: "db" } },
      spec: { nodeName: "node-b" },
      status: { phase: "Running" },
    });
    await cluster.show();
    const nodeLabels = { "kubernetes.io/hostname": "node-b" };
    assert.deepEqual(usersOf(cluster).cachedCompanions(diskOf("DATA")), [diskOf("log")]);
    assert.deepEqual(usersOf(cluster).cachedPlacement(diskOf("DATA")), {
      pods: [
        {
          namespace: "default",
          name: "db-0",
          labels: { app: "db" },
          nodeSelector: { disk: "ssd" },
          nodeAffinity: undefined,
          tolerations: [{ key: "dedicated", operator: "Exists", value: "", effect: "" }],
          podAffinity: [],
          podAntiAffinity: [term],
          spread: [],
          nodeName: "node-a",
          nodeLabels: { "kubernetes.io/hostname": "node-a" },
          volumeAffinities: [],
        },
      ],
      neighbours: [
        { namespace: "default", name: "db-1", labels: { app: "db" }, nodeLabels, podAntiAffinity: [] },
        { namespace: "default", name: "hermit", labels: {}, nodeLabels, podAntiAffinity: [term] },
      ],
      spreadView: { nodes: [], pods: [] },
    });
  });

  it("returns the pods of an unbound claim, without those that are being deleted", async () => {
    const cluster = aCoreCluster();
    putNode(cluster, "node-a");
    putClaim(cluster, "waits", { volumeName: "" });
    putPod(cluster, "db-0", { claims: ["waits"], nodeName: "" });
    putPod(cluster, "db-1", { claims: ["other"], nodeName: "" });
    putPod(cluster, "gone", { metadata: { deletionTimestamp: "2026-01-01T00:00:00Z" }, claims: ["waits"] });
    assert.deepEqual(usersOf(cluster).cachedClaimPods("default/waits"), []);
    await cluster.show();
    assert.deepEqual(
      usersOf(cluster)
        .cachedClaimPods("default/waits")
        .map(({ name }) => name),
      ["db-0"],
    );
  });

  it("returns where all volumes of the pods can be used, of whatever driver", async () => {
    const cluster = aCoreCluster();
    putNode(cluster, "node-a");
    for (const claim of ["data", "local", "anywhere", "waits"])
      putClaim(cluster, claim, claim === "waits" ? { volumeName: "" } : {});
    const zone = "topology.disk.csi.azure.com/zone";
    const ofZone = [{ matchExpressions: [{ key: zone, operator: "In", values: ["eastus-1"] }] }];
    const onNode = [{ matchFields: [{ key: "metadata.name", operator: "In", values: ["node-a"] }] }];
    putVolume(cluster, "data", { nodeAffinity: { required: { nodeSelectorTerms: ofZone } } });
    const local = { csi: { driver: "local.csi.k8s.io", volumeHandle: "local" } };
    putVolume(cluster, "local", { ...local, nodeAffinity: { required: { nodeSelectorTerms: onNode } } });
    putVolume(cluster, "anywhere");
    putPod(cluster, "db-0", { claims: ["data", "local", "anywhere", "waits", "unknown"] });
    await cluster.show();
    const [pod] = usersOf(cluster).cachedPlacement(diskOf("data")).pods;
    assert.deepEqual(pod?.volumeAffinities, [
      { volumeName: "pv-data", terms: [{ ...ofZone[0], matchFields: [] }] },
      { volumeName: "pv-local", terms: [{ ...onNode[0], matchExpressions: [] }] },
    ]);
  });

  describe("of pods that are spread", () => {
    const selectsDb = { labelSelector: { matchLabels: { app: "db" } } };
    const byZone = { maxSkew: 1, topologyKey: "zone", whenUnsatisfiable: "DoNotSchedule", ...selectsDb };
    const db = { metadata: { labels: { app: "db", "pod-template-hash": "5f" } } };
    const putSpread = (cluster: CoreCluster, ...constraints: readonly object[]): void =>
      putPod(cluster, "db-0", {
        ...db,
        claims: ["data"],
        spec: {
          volumes: twoVolumes("data"),
          topologySpreadConstraints: constraints.map((constraint) => ({ ...byZone, ...constraint })),
        },
      });

    it("reads the constraints that keep pods off nodes, with Kubernetes' defaults", async () => {
      const cluster = aCoreCluster();
      putUse(cluster, "data", "db-0");
      putSpread(
        cluster,
        {},
        { whenUnsatisfiable: "ScheduleAnyway" },
        { maxSkew: 2, minDomains: 3, nodeAffinityPolicy: "Ignore", nodeTaintsPolicy: "Honor" },
        { matchLabelKeys: ["pod-template-hash", "not-there"] },
        { labelSelector: undefined },
        { labelSelector: null, minDomains: null, matchLabelKeys: null, nodeTaintsPolicy: null },
      );
      await cluster.show();
      const [pod] = usersOf(cluster).cachedPlacement(diskOf("data")).pods;
      const selector = [{ key: "app", operator: "In", values: ["db"] }];
      const read = {
        topologyKey: "zone",
        maxSkew: 1,
        minDomains: 1,
        selector,
        honorsAffinity: true,
        honorsTaints: false,
      };
      assert.deepEqual(pod?.spread, [
        read,
        { ...read, maxSkew: 2, minDomains: 3, honorsAffinity: false, honorsTaints: true },
        { ...read, selector: [...selector, { key: "pod-template-hash", operator: "In", values: ["5f"] }] },
        { ...read, selector: undefined },
        { ...read, selector: undefined },
      ]);
    });

    it("returns all nodes and all pods that the constraints count", async () => {
      const cluster = aCoreCluster();
      const taint = { key: "gpu", value: "", effect: "NoSchedule" };
      putNode(cluster, "node-a", { labels: { zone: "1" } });
      putNode(cluster, "node-b", { spec: { taints: [taint] } });
      putUse(cluster, "data", "db-0");
      putSpread(cluster, {});
      putPod(cluster, "db-1", { ...db, nodeName: "node-b" });
      putPod(cluster, "db-2", {
        metadata: { ...db.metadata, deletionTimestamp: "2026-01-01T00:02:00Z" },
        nodeName: "",
      });
      putPod(cluster, "web", { metadata: { labels: { app: "web" } } });
      putPod(cluster, "db-3", { metadata: { ...db.metadata, namespace: "test" } });
      await cluster.show();
      const { labels } = db.metadata;
      const counted = { namespace: "default", labels, isTerminating: false };
      for (const nodeName of [undefined, "node-b"])
        assert.deepEqual(usersOf(cluster).cachedPlacement(diskOf("data"), nodeName).spreadView, {
          nodes: [
            { nodeName: "node-a", labels: { "kubernetes.io/hostname": "node-a", zone: "1" }, taints: [] },
            { nodeName: "node-b", labels: { "kubernetes.io/hostname": "node-b" }, taints: [taint] },
          ],
          pods: [
            { ...counted, name: "db-0", nodeName: "node-a" },
            { ...counted, name: "db-1", nodeName: "node-b" },
            { ...counted, name: "db-2", nodeName: "", isTerminating: true },
          ],
        });
    });

    it("returns the same view until a pod or a node changes in what it shows", async () => {
      const cluster = aCoreCluster();
      putNode(cluster, "node-a");
      putUse(cluster, "data", "db-0");
      putSpread(cluster, {});
      putPod(cluster, "db-1", db);
      const users = usersOf(cluster);
      await cluster.show();
      let last = users.cachedPlacement(diskOf("data")).spreadView;
      const isNewAfter = async (change: () => void): Promise<boolean> => {
        change();
        await cluster.show();
        const { spreadView } = users.cachedPlacement(diskOf("data"));
        const isNew = spreadView !== last;
        last = spreadView;
        return isNew;
      };
      const rows: readonly (readonly [string, boolean, () => void])[] = [
        ["nothing", false, () => {}],
        ["the status of a node", false, () => putNode(cluster, "node-a")],
        ["the phase of a pod", false, () => putPod(cluster, "db-1", { ...db, phase: "Pending" })],
        ["the labels of a node", true, () => putNode(cluster, "node-a", { labels: { zone: "1" } })],
        ["a taint", true, () => putNode(cluster, "node-a", { spec: { taints: [{ key: "x" }] } })],
        ["a node", true, () => putNode(cluster, "node-b")],
        ["a lost node", true, () => cluster.remove("/api/v1/nodes", "node-b")],
        ["the node of a pod", true, () => putPod(cluster, "db-1", { ...db, nodeName: "node-b" })],
        ["the labels of a pod", true, () => putPod(cluster, "db-1", { metadata: { labels: { app: "db" } } })],
        ["a pod", true, () => putPod(cluster, "db-2", db)],
        ["a pod that is gone", true, () => cluster.remove(PODS, "default/db-2")],
        ["the constraints", true, () => putSpread(cluster, { maxSkew: 2 })],
      ];
      for (const [because, isNew, change] of rows) assert.equal(await isNewAfter(change), isNew, because);
    });
  });

  it("returns the pods with volumes on one node alone, where one is given", async () => {
    const cluster = aCoreCluster();
    for (const node of ["node-a", "node-b", "node-c"]) putNode(cluster, node);
    putUse(cluster, "data", "db-0");
    const app = { metadata: { labels: { app: "db" } } };
    putPod(cluster, "db-0", { ...app, claims: ["data"], spec: { ...apart, volumes: twoVolumes("data") } });
    putPod(cluster, "db-1", { ...app, claims: ["data-1"], nodeName: "node-b" });
    putPod(cluster, "hermit", {
      claims: ["cell"],
      nodeName: "node-b",
      spec: { ...apart, volumes: twoVolumes("cell") },
    });
    putPod(cluster, "web", { metadata: { labels: { app: "web" } }, claims: ["pages"], nodeName: "node-b" });
    putPod(cluster, "db-2", { ...app, claims: ["data-2"], nodeName: "node-c" });
    putPod(cluster, "db-of-nothing", { ...app, nodeName: "node-b" });
    await cluster.show();
    const { cachedPlacement } = usersOf(cluster);
    const names = (nodeName?: string): unknown =>
      cachedPlacement(diskOf("data"), nodeName).neighbours.map(({ name }) => name);
    assert.deepEqual([names("node-b"), names("node-c"), names("node-d")], [["db-1", "hermit"], ["db-2"], []]);
    assert.deepEqual(names(), ["db-1", "db-2", "db-of-nothing", "hermit"]);
    assert.equal(cachedPlacement(diskOf("data"), "node-d").pods.length, 1);
  });

  it("returns for one node the pods elsewhere that rules about its zone concern", async () => {
    const cluster = aCoreCluster();
    for (const node of ["node-a", "node-b", "node-c"]) putNode(cluster, node);
    putUse(cluster, "data", "db-0");
    const ofZone = apartBy("topology.kubernetes.io/zone");
    const app = { metadata: { labels: { app: "db" } } };
    const repelling = { claims: ["cell"], nodeName: "node-c" };
    putPod(cluster, "wide", { ...repelling, spec: { ...ofZone, volumes: twoVolumes("cell") } });
    putPod(cluster, "narrow", { ...repelling, spec: { ...apart, volumes: twoVolumes("cell") } });
    putPod(cluster, "without-volume", { nodeName: "node-c", spec: ofZone });
    putPod(cluster, "db-1", { ...app, claims: ["data-1"], nodeName: "node-c" });
    const namesOn = async (spec: object): Promise<unknown> => {
      putPod(cluster, "db-0", { ...app, claims: ["data"], spec: { ...spec, volumes: twoVolumes("data") } });
      await cluster.show();
      const { neighbours } = usersOf(cluster).cachedPlacement(diskOf("data"), "node-b");
      return neighbours.map(({ name }) => name);
    };
    assert.deepEqual(await namesOn(apart), ["wide"]);
    assert.deepEqual(await namesOn(ofZone), ["db-1", "narrow", "wide"]);
  });

  it("reads affinity in all of its forms", async () => {
    const cluster = aCoreCluster();
    putNode(cluster, "node-a");
    putUse(cluster, "data", "db-0");
    putPod(cluster, "db-0", {
      claims: ["data"],
      spec: {
        volumes: twoVolumes("data"),
        affinity: {
          nodeAffinity: {
            requiredDuringSchedulingIgnoredDuringExecution: {
              nodeSelectorTerms: [
                { matchExpressions: [{ key: "disk", operator: "Exists" }] },
                { matchFields: [{ key: "metadata.name", operator: "In", values: ["node-b"] }] },
                {},
              ],
            },
          },
          podAffinity: {
            requiredDuringSchedulingIgnoredDuringExecution: [
              {
                topologyKey: "zone",
                labelSelector: {
                  matchLabels: { app: "web" },
                  matchExpressions: [{ key: "tier", operator: "NotIn", values: ["test"] }],
                },
                namespaces: ["web", "edge"],
              },
              { topologyKey: "zone", namespaceSelector: {}, labelSelector: {} },
              { topologyKey: "zone" },
            ],
          },
        },
      },
    });
    await cluster.show();
    const [pod] = usersOf(cluster).cachedPlacement(diskOf("data")).pods;
    assert.deepEqual(
      { nodeAffinity: pod?.nodeAffinity, podAffinity: pod?.podAffinity },
      {
        nodeAffinity: [
          { matchExpressions: [{ key: "disk", operator: "Exists", values: [] }], matchFields: [] },
          {
            matchExpressions: [],
            matchFields: [{ key: "metadata.name", operator: "In", values: ["node-b"] }],
          },
          { matchExpressions: [], matchFields: [] },
        ],
        podAffinity: [
          {
            topologyKey: "zone",
            selector: [
              { key: "app", operator: "In", values: ["web"] },
              { key: "tier", operator: "NotIn", values: ["test"] },
            ],
            namespaces: ["web", "edge"],
          },
          { topologyKey: "zone", selector: [], namespaces: undefined },
          { topologyKey: "zone", selector: undefined, namespaces: ["default"] },
        ],
      },
    );
  });

  it("returns no rule for an unused volume, or before it knows the cluster", async () => {
    const cluster = aCoreCluster();
    putUse(cluster, "data");
    const users = usersOf(cluster);
    const nothing = { pods: [], neighbours: [], spreadView: { nodes: [], pods: [] } };
    assert.deepEqual(users.cachedPlacement(diskOf("data")), nothing);
    assert.deepEqual(users.cachedCompanions(diskOf("data")), []);
    await cluster.show();
    assert.deepEqual(users.cachedPlacement(diskOf("other")), nothing);
  });

  it("names a volume's pods on all nodes and on none, once it knows the cluster", async () => {
    const cluster = aCoreCluster();
    putUse(cluster, "data", "db-0");
    putPod(cluster, "db-1", {
      claims: ["data"],
      phase: "Pending",
      nodeName: "",
      metadata: { deletionTimestamp: "2026-01-01T00:00:00Z" },
    });
    putUse(cluster, "log", "log-0");
    const users = usersOf(cluster);
    assert.equal(users.cachedPods(diskOf("data")), undefined, "they are still being listed");
    await cluster.show();
    assert.deepEqual(users.cachedPods(diskOf("DATA")), [
      {
        name: "default/db-0",
        nodeName: "node-a",
        isPending: false,
        isTerminating: false,
      },
      { name: "default/db-1", nodeName: "", isPending: true, isTerminating: true },
    ]);
  });
});

function twoVolumes(
  ...claims: readonly string[]
): readonly { readonly name: string; readonly persistentVolumeClaim: { readonly claimName: string } }[] {
  return claims.map((claimName) => ({ name: claimName, persistentVolumeClaim: { claimName } }));
}
