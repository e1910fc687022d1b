import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ok } from "../../core/failure/result.ts";
import type { NodeTaint } from "../../core/node/node-taints.ts";
import type { ApiClient, ApiRequest } from "./api/api-client.ts";
import { createNodeMarks } from "./node-marks.ts";

const never = new AbortController().signal;
const NODE = { nodeName: "node-a", nodeUid: "uid-1" };
const unreachable: NodeTaint = { key: "node.kubernetes.io/unreachable", effect: "NoExecute" };
const notReady: NodeTaint = { key: "node.kubernetes.io/not-ready", effect: "NoExecute" };
const ours: NodeTaint = {
  key: "node.kubernetes.io/out-of-service",
  value: "disk.csi.azure.com",
  effect: "NoExecute",
};
const persons: NodeTaint = { ...ours, value: "nodeshutdown" };
/** As cloud-provider-azure sets it, beside its taint `shutdown`. */
const clouds: NodeTaint = { key: ours.key, effect: "NoExecute" };

interface Sent {
  readonly op: string;
  readonly path: string;
  readonly value?: unknown;
}

/** An API server with one Node, which others change before each of the first `conflicts` patches. */
function anApiServer(taints: readonly NodeTaint[] | undefined, conflicts = 0) {
  const sent: (readonly Sent[])[] = [];
  let version = 7;
  let left = conflicts;
  const node = () => ({
    metadata: { name: "node-a", uid: "uid-1", resourceVersion: String(version) },
    spec: taints === undefined ? {} : { taints },
  });
  const client: ApiClient = {
    call: async ({ method, body }: ApiRequest) => {
      if (method === "GET") return ok({ code: 200, body: node() });
      if (left > 0) {
        left -= 1;
        version += 1;
        return ok({ code: 422, body: { code: 422, message: "the server rejected our request" } });
      }
      sent.push(body as readonly Sent[]);
      return ok({ code: 200, body: node() });
    },
    watch: () => assert.fail("nothing is watched"),
    close: () => undefined,
  };
  return { marks: createNodeMarks(client), sent };
}

const sameVersion = (version: number): Sent => ({
  op: "test",
  path: "/metadata/resourceVersion",
  value: String(version),
});

describe("createNodeMarks", () => {
  it("knows past every cache whether a Node would be marked, and changes nothing", async () => {
    const rows: readonly (readonly [readonly NodeTaint[] | undefined, boolean])[] = [
      [[unreachable], true],
      [[unreachable, persons], false],
      [[unreachable, clouds], false],
      [undefined, false],
    ];
    for (const [taints, isMarkable] of rows) {
      const { marks, sent } = anApiServer(taints);
      assert.deepEqual(await marks.isMarkable(NODE, never), ok(isMarkable));
      assert.deepEqual(await marks.isMarkable({ ...NODE, nodeUid: "uid-0" }, never), ok(false));
      assert.deepEqual(sent, []);
    }
  });

  it("adds the taint to those that the Node has", async () => {
    const { marks, sent } = anApiServer([unreachable]);
    assert.deepEqual(await marks.mark(NODE, never), ok(true));
    assert.deepEqual(sent, [
      [
        sameVersion(7),
        { op: "test", path: "/spec/taints", value: [unreachable] },
        { op: "replace", path: "/spec/taints", value: [unreachable, ours] },
      ],
    ]);
  });

  it("marks no Node whose kubelet has reported again: its pods run", async () => {
    for (const taints of [undefined, [notReady]]) {
      const { marks, sent } = anApiServer(taints);
      assert.deepEqual(await marks.mark(NODE, never), ok(false));
      assert.deepEqual(sent, []);
    }
  });

  it("leaves a Node that a person or the cloud provider has marked", async () => {
    for (const theirs of [persons, clouds]) {
      const { marks, sent } = anApiServer([unreachable, theirs]);
      assert.deepEqual(await marks.mark(NODE, never), ok(false));
      assert.deepEqual(await marks.unmark(NODE, never), ok(false));
      assert.deepEqual(sent, []);
    }
  });

  it("removes its own mark alone", async () => {
    const { marks, sent } = anApiServer([notReady, ours]);
    assert.deepEqual(await marks.unmark(NODE, never), ok(true));
    assert.deepEqual(sent[0]?.at(-1), { op: "replace", path: "/spec/taints", value: [notReady] });
  });

  it("leaves its mark on a Node whose kubelet has fallen silent again", async () => {
    const { marks, sent } = anApiServer([unreachable, ours]);
    assert.deepEqual(await marks.unmark(NODE, never), ok(false));
    assert.deepEqual(sent, []);
  });

  it("changes no Node that was made again under the name", async () => {
    const { marks, sent } = anApiServer([unreachable]);
    assert.deepEqual(await marks.mark({ ...NODE, nodeUid: "uid-0" }, never), ok(false));
    assert.deepEqual(sent, []);
  });

  it("leaves a Node that another writer changes at the same time: it may be back", async () => {
    const { marks, sent } = anApiServer([unreachable], 1);
    assert.deepEqual(await marks.mark(NODE, never), {
      ok: false,
      failure: { kind: "ObjectConflict", objectKind: "Node", name: "node-a" },
    });
    assert.deepEqual(sent, []);
  });
});
