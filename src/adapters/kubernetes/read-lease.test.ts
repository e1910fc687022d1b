import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ok } from "../../core/failure/result.ts";
import type { ApiClient, ApiRequest } from "./api/api-client.ts";
import { readLease } from "./read-lease.ts";

const never = new AbortController().signal;
const named = { namespace: "kube-system", name: "external-snapshotter-leader-disk-csi-azure-com" };

/** An API server with one answer, and the requests that it received. */
function answering(code: number, body: object): { readonly client: ApiClient; readonly asked: ApiRequest[] } {
  const asked: ApiRequest[] = [];
  const call = async (request: ApiRequest) => {
    asked.push(request);
    return ok({ code, body, retryAfterMs: 0 });
  };
  return { client: { call } as unknown as ApiClient, asked };
}

describe("readLease", () => {
  it("returns the holder and the renewal, which no edit of labels changes", async () => {
    const spec = { holderIdentity: "v1", renewTime: "2026-01-01T00:00:00.000000Z" };
    for (const resourceVersion of ["7", "8"]) {
      const { client, asked } = answering(200, {
        metadata: { name: named.name, uid: "u", resourceVersion },
        spec,
      });
      assert.deepEqual(await readLease(client, named, never), ok({ holder: "v1", version: spec.renewTime }));
      assert.deepEqual(
        asked.map(({ method, path }) => `${method} ${path}`),
        [`GET /apis/coordination.k8s.io/v1/namespaces/kube-system/leases/${named.name}`],
      );
    }
  });

  it("returns a Lease that was never held, and nothing for a missing one", async () => {
    assert.deepEqual(
      await readLease(answering(200, { metadata: { resourceVersion: "7" }, spec: {} }).client, named, never),
      ok({ holder: "", version: "" }),
    );
    const missing = { code: 404, reason: "NotFound", details: { name: named.name } };
    assert.deepEqual(await readLease(answering(404, missing).client, named, never), ok(undefined));
  });

  it("fails if it may not read the Lease: an unknown answer refuses nothing", async () => {
    const forbidden = { code: 403, reason: "Forbidden", message: "no", details: { name: named.name } };
    assert.match(
      JSON.stringify(await readLease(answering(403, forbidden).client, named, never)),
      /StoreUnavailable.*leases\.coordination\.k8s\.io/u,
    );
  });
});
