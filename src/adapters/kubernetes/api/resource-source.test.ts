import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { WatchGone } from "../../../ports/store/object-store.ts";
import type { SourceObject } from "../../../ports/store/source.ts";
import { scriptedApiClient } from "../testing/scripted-api-client.ts";
import type { ApiAnswer } from "./api-client.ts";
import type { ApiObject } from "./api-object.ts";
import { resourceSource } from "./resource-source.ts";

const never = new AbortController().signal;
const PATH = "/api/v1/namespaces/ns/pods";
const expired: ApiAnswer = {
  code: 410,
  body: { code: 410, reason: "Expired", message: "the continue token is too old" },
};

function wireObject(name: string): ApiObject & { readonly large: string } {
  return { metadata: { name, namespace: "ns", uid: `uid-${name}`, resourceVersion: "5" }, large: "left out" };
}

function page(names: readonly string[], resourceVersion: string, next?: string): ApiAnswer {
  return {
    code: 200,
    body: {
      metadata: { resourceVersion, ...(next === undefined ? {} : { continue: next }) },
      items: names.map(wireObject),
    },
  };
}

const keep = ({ metadata: { name, namespace, resourceVersion } }: ApiObject): SourceObject => ({
  metadata: { name, namespace, resourceVersion },
});
const kept = (name: string): SourceObject => ({ metadata: { name, namespace: "ns", resourceVersion: "5" } });

describe("resourceSource: list", () => {
  it("lists in pages, keeps what is needed of each object, returns the whole's version", async () => {
    const client = scriptedApiClient(({ query }) =>
      query?.["continue"] === "p2" ? page(["c"], "100") : page(["a", "b"], "100", "p2"),
    );
    const pods = resourceSource(client, {
      path: PATH,
      query: { fieldSelector: "spec.nodeName=n" },
      transform: keep,
    });
    assert.deepEqual(await pods.list(never), {
      ok: true,
      value: { items: [kept("a"), kept("b"), kept("c")], resourceVersion: "100" },
    });
    assert.deepEqual(client.requests, [
      { method: "GET", path: PATH, query: { fieldSelector: "spec.nodeName=n", limit: "500" } },
      {
        method: "GET",
        path: PATH,
        query: { fieldSelector: "spec.nodeName=n", limit: "500", continue: "p2" },
      },
    ]);
    assert.equal(pods.name, "pods");
  });

  it("starts over if the server has forgotten its place, without the broken-off list", async () => {
    let isForgotten = false;
    const client = scriptedApiClient(({ query }) => {
      if (query?.["continue"] === "old") {
        isForgotten = true;
        return expired;
      }
      return isForgotten ? page(["new"], "200") : page(["gone"], "100", "old");
    });
    const listed = await resourceSource(client, { path: PATH, transform: keep }).list(never);
    assert.deepEqual(listed, { ok: true, value: { items: [kept("new")], resourceVersion: "200" } });
  });

  it("requests the whole list after places are forgotten repeatedly, then gives up", async () => {
    const whole = scriptedApiClient(({ query }) => {
      if (query?.["continue"] !== undefined) return expired;
      return query?.["limit"] === undefined ? page(["a", "b"], "300") : page(["a"], "100", "p2");
    });
    const listed = await resourceSource(whole, { path: PATH, transform: keep }).list(never);
    assert.deepEqual(listed, { ok: true, value: { items: [kept("a"), kept("b")], resourceVersion: "300" } });
    const never410 = scriptedApiClient(() => expired);
    assert.equal((await resourceSource(never410, { path: PATH, transform: keep }).list(never)).ok, false);
    assert.equal(never410.requests.length, 3);
  });

  const answers: readonly { readonly answer: ApiAnswer; readonly says: RegExp }[] = [
    {
      answer: {
        code: 403,
        body: {
          reason: "Forbidden",
          code: 403,
          message:
            'pods is forbidden: User "x" cannot list resource "pods" in API group "" in the namespace "ns"',
        },
      },
      says: /refused to list pods in namespace ns: the account lacks the right; add verb "list" on pods in namespace ns to its Role \(pods is forbidden/u,
    },
    {
      answer: { code: 401, body: { code: 401, message: "Unauthorized" } },
      says: /does not accept this process's credentials/u,
    },
    {
      answer: { code: 404, body: "404 page not found\n" },
      says: /it has no such resource; are the custom resource definitions installed \(deploy\/crds\)\? \(404 page not found\)/u,
    },
    { answer: { code: 429, body: { code: 429, message: "slow down" } }, says: /overloaded \(slow down\)/u },
    {
      answer: { code: 500, body: { code: 500, reason: "InternalError", message: "etcdserver: no leader" } },
      says: /etcdserver: no leader \(HTTP status 500, InternalError\)/u,
    },
    {
      answer: { code: 200, body: { hello: "world" } },
      says: /gave no list with a resource version: is it Kubernetes' API server\?/u,
    },
  ];
  for (const { answer, says } of answers)
    it(`reports the fault and the remedy: ${says.source.slice(0, 50)}`, async () => {
      const listed = await resourceSource(
        scriptedApiClient(() => answer),
        { path: PATH, transform: keep },
      ).list(never);
      assert.ok(!listed.ok && listed.failure.kind === "StoreUnavailable", JSON.stringify(listed));
      assert.match(listed.failure.detail, says);
    });
});

describe("resourceSource: watch", () => {
  it("passes on what it keeps of each object, and bookmarks", async () => {
    const client = scriptedApiClient(
      () => page([], "90"),
      [
        { type: "ADDED", object: wireObject("a") },
        { type: "BOOKMARK", object: { kind: "Pod", metadata: { resourceVersion: "120", annotations: {} } } },
      ],
    );
    const events = [];
    for await (const event of resourceSource(client, {
      path: PATH,
      query: { labelSelector: "a=b" },
      transform: keep,
    }).watch("90", never))
      events.push(event);
    assert.deepEqual(events, [
      { type: "ADDED", object: kept("a") },
      { type: "BOOKMARK", resourceVersion: "120" },
    ]);
    assert.deepEqual(client.requests.at(-1), {
      method: "GET",
      path: PATH,
      query: { labelSelector: "a=b", resourceVersion: "90" },
    });
  });

  it("does not wait for a version to come after the cluster's store was restored", async () => {
    const client = scriptedApiClient(() => page(["a"], "89", "more"));
    const events = resourceSource(client, { path: PATH, transform: keep }).watch("90", never);
    await assert.rejects(async () => {
      for await (const _event of events) assert.fail("there is nothing to tell");
    }, WatchGone);
  });
});
