import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { fail, ok } from "../../core/failure/result.ts";
import type { NodeTaint } from "../../core/node/node-taints.ts";
import type { ApiAnswer, ApiClient, ApiRequest } from "./api/api-client.ts";
import { createOwnNode } from "./own-node.ts";

const never = new AbortController().signal;
const startUpTaint: NodeTaint = { key: "disk.csi.azure.com/agent-not-ready", effect: "NoSchedule" };
const otherTaint: NodeTaint = { key: "workload", value: "database", effect: "NoSchedule" };

interface World {
  readonly objects: Map<string, Record<string, unknown>>;
  readonly client: ApiClient;
}

/** An API server with the given objects, by path, and the part of JSON patches that is needed here. */
function anApiServer(given: Readonly<Record<string, Record<string, unknown>>>): World {
  const objects = new Map(Object.entries(given));
  const answer = ({ method, path, body, contentType }: ApiRequest): ApiAnswer => {
    const object = objects.get(path);
    if (object === undefined)
      return {
        code: 404,
        body: {
          code: 404,
          reason: "NotFound",
          message: "not found",
          details: { name: path.split("/").at(-1) },
        },
      };
    if (method === "GET") return { code: 200, body: object };
    assert.equal(`${method} ${contentType ?? ""}`, "PATCH application/json-patch+json");
    const [test, change] = body as readonly {
      readonly op: string;
      readonly path: string;
      readonly value?: unknown;
    }[];
    const spec = object["spec"] as Record<string, unknown>;
    assert.deepEqual([test?.op, test?.path, change?.path], ["test", "/spec/taints", "/spec/taints"]);
    if (JSON.stringify(test?.value) !== JSON.stringify(spec["taints"]))
      return { code: 422, body: { code: 422, message: "testing path /spec/taints failed" } };
    const { taints: _, ...rest } = spec;
    objects.set(path, {
      ...object,
      spec: change?.op === "remove" ? rest : { ...rest, taints: change?.value },
    });
    return { code: 200, body: objects.get(path) };
  };
  const client: ApiClient = {
    call: async (request) => ok(answer(request)),
    watch: () => assert.fail("nothing is watched"),
    close: () => undefined,
  };
  return { objects, client };
}

function ownNodeOf({ client }: World): ReturnType<typeof createOwnNode> {
  return createOwnNode({ client, nodeName: "node-a", driverName: "disk.csi.azure.com" });
}

function refusing(answer: ApiAnswer): World {
  return { objects: new Map(), client: { ...anApiServer({}).client, call: async () => ok(answer) } };
}

describe("createOwnNode", () => {
  it("reads labels, taints, and the driver's volumes there, by any driver", async () => {
    const pvc1 = "/subscriptions/s/resourceGroups/rg/providers/Microsoft.Compute/disks/pvc-1";
    const world = anApiServer({
      "/api/v1/nodes/node-a": {
        metadata: { labels: { "topology.kubernetes.io/zone": "eastus-1" } },
        spec: { taints: [otherTaint] },
        status: {
          volumesAttached: [
            { name: `kubernetes.io/csi/disk.csi.azure.com^${pvc1}`, devicePath: "" },
            { name: "kubernetes.io/csi/file.csi.azure.com^share", devicePath: "" },
          ],
          volumesInUse: [`kubernetes.io/csi/disk.csi.azure.com^${pvc1}`],
        },
      },
    });
    assert.deepEqual(
      await ownNodeOf(world).read(never),
      ok({
        labels: { "topology.kubernetes.io/zone": "eastus-1" },
        taints: [otherTaint],
        isShuttingDown: false,
        volumeIds: [pvc1],
      }),
    );
  });

  it("reads from the kubelet's message whether the node shuts down", async () => {
    const message = "[container runtime is down, node is shutting down]";
    const rows = [
      { conditions: [{ type: "Ready", status: "False", message }], isShuttingDown: true },
      { conditions: [{ type: "Ready", status: "Unknown", message }], isShuttingDown: false },
      { conditions: [{ type: "Ready", status: "False", message: "cni is down" }], isShuttingDown: false },
      { conditions: [{ type: "DiskPressure", status: "False", message }], isShuttingDown: false },
    ];
    for (const { conditions, isShuttingDown } of rows) {
      const world = anApiServer({ "/api/v1/nodes/node-a": { metadata: {}, status: { conditions } } });
      const facts = ok({ labels: {}, taints: [], isShuttingDown, volumeIds: [] });
      assert.deepEqual(await ownNodeOf(world).read(never), facts, JSON.stringify(conditions));
    }
  });

  it("reads a Node that has next to nothing, and reports a missing one", async () => {
    const bare = anApiServer({ "/api/v1/nodes/node-a": { metadata: {} } });
    assert.deepEqual(
      await ownNodeOf(bare).read(never),
      ok({ labels: {}, taints: [], isShuttingDown: false, volumeIds: [] }),
    );
    assert.deepEqual(await ownNodeOf(anApiServer({})).read(never), ok(undefined));
  });

  it("names the drivers that the kubelet has registered, with each one's node id", async () => {
    const file = { name: "file.csi.azure.com", nodeId: "node-a", volumesMax: undefined };
    const disk = { name: "disk.csi.azure.com", nodeId: "vm-1", volumesMax: 4 };
    const rows = [
      { drivers: undefined, read: [] },
      { drivers: null, read: [] },
      { drivers: [{ name: file.name, nodeID: "node-a", topologyKeys: null }], read: [file] },
      {
        drivers: [
          { name: file.name, nodeID: "node-a" },
          { name: disk.name, nodeID: "vm-1", allocatable: { count: 4 } },
        ],
        read: [file, disk],
      },
    ];
    for (const { drivers, read } of rows) {
      const world = anApiServer({ "/apis/storage.k8s.io/v1/csinodes/node-a": { spec: { drivers } } });
      assert.deepEqual(await ownNodeOf(world).drivers(never), ok(read), JSON.stringify(drivers));
    }
    assert.deepEqual(await ownNodeOf(anApiServer({})).drivers(never), ok([]));
  });

  it("removes a taint and leaves the others", async () => {
    const world = anApiServer({
      "/api/v1/nodes/node-a": {
        metadata: {},
        spec: { taints: [startUpTaint, otherTaint], providerID: "azure:///vm" },
      },
    });
    assert.deepEqual(
      await ownNodeOf(world).replaceTaints({ from: [startUpTaint, otherTaint], to: [otherTaint] }, never),
      ok(undefined),
    );
    assert.deepEqual(
      await ownNodeOf(world).replaceTaints({ from: [otherTaint], to: [] }, never),
      ok(undefined),
    );
    assert.deepEqual(world.objects.get("/api/v1/nodes/node-a"), {
      metadata: {},
      spec: { providerID: "azure:///vm" },
    });
  });

  it("writes nothing if the taints were changed concurrently, or the Node is gone", async () => {
    const conflict = fail({ kind: "ObjectConflict", objectKind: "Node", name: "node-a" });
    const world = anApiServer({
      "/api/v1/nodes/node-a": { metadata: {}, spec: { taints: [startUpTaint, otherTaint] } },
    });
    assert.deepEqual(await ownNodeOf(world).replaceTaints({ from: [startUpTaint], to: [] }, never), conflict);
    assert.deepEqual(world.objects.get("/api/v1/nodes/node-a"), {
      metadata: {},
      spec: { taints: [startUpTaint, otherTaint] },
    });
    assert.deepEqual(
      await ownNodeOf(anApiServer({})).replaceTaints({ from: [startUpTaint], to: [] }, never),
      conflict,
    );
  });

  it("names the request that the API server refused", async () => {
    const forbidden = refusing({
      code: 403,
      body: {
        code: 403,
        reason: "Forbidden",
        message: "User can't",
        details: { name: "node-a", kind: "nodes" },
      },
    });
    assert.match(
      JSON.stringify(await ownNodeOf(forbidden).read(never)),
      /StoreUnavailable.*refused to get nodes/,
    );
    assert.match(
      JSON.stringify(await ownNodeOf(forbidden).drivers(never)),
      /StoreUnavailable.*refused to get csinodes.storage.k8s.io/,
    );
    assert.match(
      JSON.stringify(await ownNodeOf(forbidden).replaceTaints({ from: [startUpTaint], to: [] }, never)),
      /StoreUnavailable.*refused to patch nodes/,
    );
  });
});
