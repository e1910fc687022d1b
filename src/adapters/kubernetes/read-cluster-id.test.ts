import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { fail, ok } from "../../core/failure/result.ts";
import type { ApiRequest } from "./api/api-client.ts";
import { readClusterId } from "./read-cluster-id.ts";

const never = new AbortController().signal;

describe("readClusterId", () => {
  it("is the uid of the namespace kube-system, and requests that namespace alone", async () => {
    const requests: ApiRequest[] = [];
    const call = async (request: ApiRequest) => {
      requests.push(request);
      return ok({ code: 200, body: { metadata: { name: "kube-system", uid: "uid-1" } } });
    };
    assert.deepEqual(await readClusterId({ call }, never), ok("uid-1"));
    assert.deepEqual(requests, [{ method: "GET", path: "/api/v1/namespaces/kube-system" }]);
  });

  for (const [because, answer] of [
    ["it may not be read", { code: 403, body: { message: "forbidden" } }],
    ["it has no uid", { code: 200, body: { metadata: {} } }],
  ] as const) {
    it(`fails if ${because}: no other id replaces it`, async () => {
      const detail = `namespace kube-system, whose uid is the cluster id, can't be read: HTTP ${answer.code}`;
      assert.deepEqual(
        await readClusterId({ call: async () => ok(answer) }, never),
        fail({ kind: "StoreUnavailable", detail }),
      );
    });
  }
});
