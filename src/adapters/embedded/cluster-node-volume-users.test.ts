import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { ClusterNode } from "../../core/api/cluster-node.ts";
import { resourceUriKey } from "../../core/azure/ids/disk-uri.ts";
import { createSimulatedStore } from "../simulated-store/simulated-store.ts";
import type { SimulatedHandle } from "../simulated-store/simulated-store.ts";
import { createSeededRandom } from "../virtual/seeded-random.ts";
import { createVirtualClock } from "../virtual/virtual-clock.ts";
import { createClusterNodeVolumeUsers } from "./cluster-node-volume-users.ts";
import type { ClusterNodeCache } from "./cluster-node-volume-users.ts";

const never = new AbortController().signal;
const VOLUME_ID = "/subscriptions/s/disks/pvc-1";

function aHandle(): SimulatedHandle {
  return createSimulatedStore({ clock: createVirtualClock(), random: createSeededRandom(1) }).handle("test");
}

function cacheOf(
  nodes: readonly ClusterNode[],
): ClusterNodeCache & { readonly notify: (kind: string, name: string) => void } {
  const listeners: ((change: { readonly kind: string; readonly name: string }) => void)[] = [];
  return {
    get: (_kind, name) => nodes.find((node) => node.metadata.name === name),
    byIndex: (_kind, _index, key) =>
      nodes.filter(({ spec }) => resourceUriKey(spec.instanceUri ?? "") === key),
    onChange: (listener) => listeners.push(listener),
    notify: (kind, name) => {
      for (const listener of listeners) listener({ kind, name });
    },
  };
}

async function aNode(store: SimulatedHandle, spec: Partial<ClusterNode["spec"]> = {}): Promise<ClusterNode> {
  const made = await store.create(
    "ClusterNode",
    {
      metadata: { name: "node-a" },
      spec: { outOfService: false, unschedulable: false, volumeUsers: [], ...spec },
    },
    never,
  );
  assert.ok(made.ok, JSON.stringify(made));
  return made.value;
}

describe("createClusterNodeVolumeUsers", () => {
  const volumeUsers = [
    { volumeId: VOLUME_ID.toUpperCase(), user: "writer" },
    { volumeId: "/subscriptions/s/disks/pvc-2", user: "other" },
  ];

  it("names the users of a volume, whatever the case of its URI, uncached and cached", async () => {
    const store = aHandle();
    const users = createClusterNodeVolumeUsers({
      store,
      cache: cacheOf([await aNode(store, { volumeUsers })]),
    });
    const request = { nodeName: "node-a", volumeId: VOLUME_ID };
    assert.deepEqual(await users.on(request, never), { kind: "used", users: ["writer"] });
    assert.deepEqual(users.cachedOn(request), { kind: "used", users: ["writer"] });
    assert.deepEqual(await users.on({ ...request, volumeId: "/subscriptions/s/disks/pvc-3" }, never), {
      kind: "unused",
    });
    assert.deepEqual(users.cachedOn({ ...request, volumeId: "/subscriptions/s/disks/pvc-3" }), {
      kind: "unused",
    });
  });

  it("maps a node to its VM and back, as far as its orchestrator states it", async () => {
    const store = aHandle();
    const instanceUri = "/subscriptions/s/resourceGroups/rg/providers/Microsoft.Compute/virtualMachines/vm-1";
    const withVm = createClusterNodeVolumeUsers({
      store,
      cache: cacheOf([await aNode(store, { instanceUri })]),
    });
    assert.equal(withVm.cachedNodeNameOf(instanceUri.toUpperCase()), "node-a");
    assert.equal(withVm.cachedNode("node-a").instanceUri, instanceUri);
    const withoutVm = createClusterNodeVolumeUsers({ store, cache: cacheOf([await aNode(aHandle())]) });
    assert.equal(withoutVm.cachedNodeNameOf(instanceUri), undefined);
    assert.equal(withoutVm.cachedNode("node-a").instanceUri, undefined);
  });

  it("reads the store, not the cache, when asked for uncached users", async () => {
    const store = aHandle();
    const node = await aNode(store);
    const users = createClusterNodeVolumeUsers({ store, cache: cacheOf([node]) });
    await store.update(
      "ClusterNode",
      { ...node, spec: { ...node.spec, outOfService: true, volumeUsers } },
      never,
    );
    assert.equal((await users.on({ nodeName: "node-a", volumeId: VOLUME_ID }, never)).kind, "used");
    assert.equal(await users.isOutOfService("node-a", never), true);
    assert.equal(users.cachedOn({ nodeName: "node-a", volumeId: VOLUME_ID }).kind, "unused");
  });

  it("reports nothing unused or out of service that it does not know", async () => {
    const store = aHandle();
    const users = createClusterNodeVolumeUsers({ store, cache: cacheOf([]) });
    const request = { nodeName: "node-a", volumeId: VOLUME_ID };
    assert.deepEqual(
      [await users.on(request, never), users.cachedOn(request), await users.isOutOfService("node-a", never)],
      [{ kind: "unknown" }, { kind: "unknown" }, false],
    );
    assert.deepEqual(users.cachedNode("node-a"), {
      isGone: false,
      isOutOfService: false,
      isUnschedulable: false,
      labels: {},
      taints: [],
    });
    await aNode(store, { outOfService: true });
    store.setReachable(false);
    assert.deepEqual(
      [await users.on(request, never), await users.isOutOfService("node-a", never)],
      [{ kind: "unknown" }, false],
    );
  });

  it("answers about a node from the cache, and reports its changes", async () => {
    const store = aHandle();
    const cache = cacheOf([await aNode(store, { outOfService: true, unschedulable: true })]);
    const users = createClusterNodeVolumeUsers({ store, cache });
    const reported: string[] = [];
    users.onChange((nodeName) => reported.push(nodeName));
    cache.notify("ClusterNode", "node-a");
    cache.notify("AzVolume", "pvc-1");
    assert.deepEqual(reported, ["node-a"]);
    assert.deepEqual(users.cachedNode("node-a"), {
      isGone: false,
      isOutOfService: true,
      isUnschedulable: true,
      labels: {},
      taints: [],
    });
  });
});
