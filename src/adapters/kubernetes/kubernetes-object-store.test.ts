import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Failure } from "../../core/failure/failure.ts";
import type { KindMap } from "../../ports/store/object-store.ts";
import type { ApiAnswer } from "./api/api-client.ts";
import { createKubernetesObjectStore } from "./kubernetes-object-store.ts";
import { scriptedApiClient } from "./testing/scripted-api-client.ts";

const never = new AbortController().signal;
const NAMESPACE = "disks";

function aStatus(code: number, reason: string, message: string, details: object = {}): ApiAnswer {
  return {
    code,
    body: { kind: "Status", apiVersion: "v1", status: "Failure", code, reason, message, details },
  };
}

const aVolumeIsNamed = { group: "disk.csi.azure.com", kind: "azvolumes", name: "pvc-1" };

describe("createKubernetesObjectStore: failures", () => {
  const rows: readonly {
    readonly because: string;
    readonly answer: ApiAnswer;
    readonly failure: Failure | RegExp;
  }[] = [
    {
      because: "the object is not there",
      answer: aStatus(404, "NotFound", "not found", aVolumeIsNamed),
      failure: { kind: "ObjectNotFound", objectKind: "AzVolume", name: "pvc-1" },
    },
    {
      because: "the definitions are not installed, which says nothing of the object",
      answer: { code: 404, body: "404 page not found\n" },
      failure:
        /refused to create azvolumes\.disk\.csi\.azure\.com in namespace disks: it has no such resource; are the custom resource definitions installed/u,
    },
    {
      because: "the namespace is not there",
      answer: aStatus(404, "NotFound", 'namespaces "disks" not found', { kind: "namespaces", name: "disks" }),
      failure: /namespace disks does not exist; create it, or name another in the settings/u,
    },
    {
      because: "the namespace is being deleted",
      answer: aStatus(
        403,
        "Forbidden",
        "unable to create new content in namespace disks because it is being terminated",
        {
          ...aVolumeIsNamed,
          causes: [
            {
              reason: "NamespaceTerminating",
              message: "namespace disks is being terminated",
              field: "metadata.namespace",
            },
          ],
        },
      ),
      failure: /^namespace disks is being deleted/u,
    },
    {
      because: "there is one already",
      answer: aStatus(409, "AlreadyExists", "exists", aVolumeIsNamed),
      failure: { kind: "ObjectAlreadyExists", objectKind: "AzVolume", name: "pvc-1" },
    },
    {
      because: "it has been changed",
      answer: aStatus(409, "Conflict", "changed", aVolumeIsNamed),
      failure: { kind: "ObjectConflict", objectKind: "AzVolume", name: "pvc-1" },
    },
    {
      because: "it breaks a rule",
      answer: aStatus(422, "Invalid", "spec.disk.maxShares: too many", aVolumeIsNamed),
      failure: {
        kind: "ObjectInvalid",
        objectKind: "AzVolume",
        name: "pvc-1",
        problem: "spec.disk.maxShares: too many",
      },
    },
    {
      because: "it is too large",
      answer: aStatus(413, "RequestEntityTooLarge", "limit is 3145728"),
      failure: { kind: "ObjectInvalid", objectKind: "AzVolume", name: "pvc-1", problem: "limit is 3145728" },
    },
    {
      because: "the account lacks the right",
      answer: aStatus(
        403,
        "Forbidden",
        'azvolumes is forbidden: User "a" cannot create resource "azvolumes"',
        aVolumeIsNamed,
      ),
      failure: /add verb "create" on azvolumes\.disk\.csi\.azure\.com in namespace disks to its Role/u,
    },
    {
      because: "a policy says no in its own words",
      answer: aStatus(403, "Forbidden", 'azvolumes "pvc-1" is forbidden: exceeded quota', aVolumeIsNamed),
      failure: /in namespace disks: azvolumes "pvc-1" is forbidden: exceeded quota$/u,
    },
    {
      because: "the credentials are not accepted",
      answer: aStatus(401, "Unauthorized", "Unauthorized"),
      failure: /does not accept this process's credentials/u,
    },
    {
      because: "the server is overloaded",
      answer: aStatus(429, "TooManyRequests", "later"),
      failure: /overloaded/u,
    },
    {
      because: "etcd has no leader",
      answer: aStatus(503, "ServiceUnavailable", "no leader"),
      failure: /no leader \(HTTP status 503, ServiceUnavailable\)/u,
    },
    {
      because: "it timed out",
      answer: aStatus(504, "Timeout", "request did not complete"),
      failure: /did not complete/u,
    },
  ];
  for (const { because, answer, failure } of rows)
    it(`returns a failure that a caller can act on: ${because}`, async () => {
      const store = createKubernetesObjectStore(
        scriptedApiClient(() => answer),
        NAMESPACE,
      );
      const made = await store.create(
        "AzVolume",
        { metadata: { name: "pvc-1" }, spec: {} as KindMap["AzVolume"]["spec"] },
        never,
      );
      assert.ok(!made.ok);
      if (failure instanceof RegExp)
        assert.match(
          made.failure.kind === "StoreUnavailable" ? made.failure.detail : JSON.stringify(made.failure),
          failure,
        );
      else assert.deepEqual(made.failure, failure);
    });

  it("sends no request for an impossible name: its path would mean something else", async () => {
    const client = scriptedApiClient(() => ({ code: 200, body: {} }));
    const store = createKubernetesObjectStore(client, NAMESPACE);
    for (const name of ["", ".", "..", "a/status", "UPPER", "a?b"])
      assert.deepEqual(await store.get("AzVolume", name, never), {
        ok: false,
        failure: { kind: "ObjectNotFound", objectKind: "AzVolume", name },
      });
    assert.deepEqual(client.requests, []);
  });

  it("is never asked for ClusterNodes: Kubernetes has none", () => {
    const store = createKubernetesObjectStore(
      scriptedApiClient(() => ({ code: 200, body: {} })),
      NAMESPACE,
    );
    assert.throws(() => store.watch("ClusterNode", {}, "1", never), /Kubernetes has no ClusterNodes/u);
  });
});

describe("createKubernetesObjectStore: Leases", () => {
  const wire = {
    metadata: {
      name: "leader",
      namespace: NAMESPACE,
      uid: "u",
      resourceVersion: "5",
      creationTimestamp: "2026-01-01T00:00:00Z",
    },
  };

  it("writes moments to the microsecond for the API server, and reads them to the ms", async () => {
    const spec = {
      holderIdentity: "me",
      leaseDurationSeconds: 15,
      renewTime: "2026-01-01T00:00:00.123Z",
      leaseTransitions: 2,
    };
    const client = scriptedApiClient(({ body }) => ({
      code: 200,
      body: { ...wire, spec: (body as { readonly spec: object }).spec },
    }));
    const store = createKubernetesObjectStore(client, NAMESPACE);
    const lease = { metadata: { ...wire.metadata, generation: 0 }, spec };
    const updated = await store.update("Lease", lease, never);
    const sent = client.requests[0]?.body as { readonly spec: object } | undefined;
    assert.deepEqual(sent?.spec, { ...spec, renewTime: "2026-01-01T00:00:00.123000Z" });
    assert.deepEqual(updated.ok && updated.value.spec, spec);
  });

  it("reads a Lease that lacks fields: released, or created by another client", async () => {
    const store = createKubernetesObjectStore(
      scriptedApiClient(() => ({
        code: 200,
        body: { ...wire, spec: { renewTime: "2026-01-01T00:00:00.123456Z" } },
      })),
      NAMESPACE,
    );
    const read = await store.get("Lease", "leader", never);
    assert.deepEqual(read.ok && read.value.spec, {
      holderIdentity: "",
      leaseDurationSeconds: 1,
      leaseTransitions: 0,
      renewTime: "2026-01-01T00:00:00.123Z",
    });
  });
});

describe("createKubernetesObjectStore: objects", () => {
  it("keeps unknown fields: foreign owner references, a newer version's fields", async () => {
    const ownerReferences = [{ apiVersion: "v1", kind: "Node", name: "n", uid: "1" }];
    const wire = {
      apiVersion: "disk.csi.azure.com/v1",
      kind: "AzDriverNode",
      metadata: {
        name: "n",
        namespace: NAMESPACE,
        uid: "u",
        resourceVersion: "5",
        generation: 3,
        creationTimestamp: "2026-01-01T00:00:00Z",
        managedFields: [{ manager: "x" }],
        ownerReferences,
      },
      spec: { nodeName: "n", later: true },
    };
    const client = scriptedApiClient(() => ({ code: 200, body: wire }));
    const store = createKubernetesObjectStore(client, NAMESPACE);
    const read = await store.get("AzDriverNode", "n", never);
    assert.ok(read.ok);
    await store.update("AzDriverNode", read.value, never);
    assert.deepEqual(client.requests.at(-1), {
      method: "PUT",
      path: "/apis/disk.csi.azure.com/v1/namespaces/disks/azdrivernodes/n",
      body: {
        apiVersion: "disk.csi.azure.com/v1",
        kind: "AzDriverNode",
        metadata: { name: "n", namespace: NAMESPACE, uid: "u", resourceVersion: "5", ownerReferences },
        spec: { nodeName: "n", later: true },
      },
    });
  });
});
