import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { fail, ok } from "../../core/failure/result.ts";
import type { ApiAnswer } from "./api/api-client.ts";
import { isDaemonSetStaying } from "./is-daemon-set-staying.ts";
import { scriptedApiClient } from "./testing/scripted-api-client.ts";

const never = new AbortController().signal;
const daemonSet = { namespace: "kube-system", name: "csi-azuredisk-node" };

describe("isDaemonSetStaying", () => {
  const rows: readonly {
    readonly answer: ApiAnswer;
    readonly isStaying: boolean;
    readonly because: string;
  }[] = [
    {
      answer: { code: 200, body: { metadata: { name: daemonSet.name } } },
      isStaying: true,
      because: "an upgrade replaces its pods",
    },
    {
      answer: { code: 200, body: { metadata: { deletionTimestamp: "2026-01-01T00:00:00Z" } } },
      isStaying: false,
      because: "it is being deleted",
    },
    { answer: { code: 404, body: {} }, isStaying: false, because: "it has been deleted" },
    {
      answer: { code: 403, body: {} },
      isStaying: false,
      because: "its role has been deleted, as a chart's removal does",
    },
    { answer: { code: 401, body: {} }, isStaying: false, because: "its account has been deleted" },
    {
      answer: { code: 500, body: {} },
      isStaying: true,
      because: "an API server in trouble says nothing about it",
    },
  ];
  for (const { answer, isStaying, because } of rows)
    it(`is ${isStaying} for ${answer.code}: ${because}`, async () => {
      const client = scriptedApiClient(() => answer);
      assert.equal(await isDaemonSetStaying(client, daemonSet, never), isStaying);
      assert.deepEqual(client.requests, [
        { method: "GET", path: "/apis/apps/v1/namespaces/kube-system/daemonsets/csi-azuredisk-node" },
      ]);
    });

  it("stays if the API server does not answer", async () => {
    assert.equal(
      await isDaemonSetStaying(
        { call: async () => fail({ kind: "StoreUnavailable", detail: "no answer" }) },
        daemonSet,
        never,
      ),
      true,
    );
    assert.equal(
      await isDaemonSetStaying({ call: async () => ok({ code: 503, body: undefined }) }, daemonSet, never),
      true,
    );
  });
});
