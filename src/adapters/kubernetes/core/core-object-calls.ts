import { fail, ok, type Result } from "../../../core/failure/result.ts";
import type { ApiClient, ApiRequest } from "../api/api-client.ts";
import type { ApiObject } from "../api/api-object.ts";
import { readApiStatus } from "../api/api-status.ts";
import { unavailable } from "../api/unavailable.ts";

/** A resource of Kubernetes whose objects are read and written one by one. */
export interface CoreResource {
  /** Such as `/api/v1/nodes`, or `/api/v1/namespaces/<namespace>/persistentvolumeclaims`. */
  readonly path: string;
  /** As RBAC writes it. */
  readonly resource: string;
  readonly namespace: string | undefined;
}

export const coreResources = {
  nodes: { path: "/api/v1/nodes", resource: "nodes", namespace: undefined },
  persistentVolumes: {
    path: "/api/v1/persistentvolumes",
    resource: "persistentvolumes",
    namespace: undefined,
  },
  volumeAttachments: {
    path: "/apis/storage.k8s.io/v1/volumeattachments",
    resource: "volumeattachments.storage.k8s.io",
    namespace: undefined,
  },
} as const satisfies Readonly<Record<string, CoreResource>>;

export function claimsIn(namespace: string): CoreResource {
  return {
    path: `/api/v1/namespaces/${encodeURIComponent(namespace)}/persistentvolumeclaims`,
    resource: "persistentvolumeclaims",
    namespace,
  };
}

/** How often a write that loses to another writer is repeated on the newer version. */
const TRIES_MAX = 10;

/**
 * Reads an object past every cache; undefined if there is none of that name. Fails with `StoreUnavailable`
 * or `Cancelled`.
 */
export function readCoreObject<T extends ApiObject>(
  client: ApiClient,
  { path, resource, namespace }: CoreResource,
  name: string,
  signal: AbortSignal,
): Promise<Result<T | undefined>> {
  return call(
    client,
    { method: "GET", path: `${path}/${encodeURIComponent(name)}` },
    { verb: "get", resource, namespace },
    signal,
  ) as Promise<
    // The API server is trusted to send what its API says.
    Result<T | undefined>
  >;
}

/**
 * Marks that very object for deletion. Success, too, where it is gone. Fails with `StoreUnavailable` or
 * `Cancelled`.
 */
export async function deleteCoreObject(
  client: ApiClient,
  { path, resource, namespace }: CoreResource,
  { name, uid }: ApiObject["metadata"],
  signal: AbortSignal,
): Promise<Result<void>> {
  const request: ApiRequest = {
    method: "DELETE",
    path: `${path}/${encodeURIComponent(name)}`,
    body: { preconditions: { uid } },
  };
  const deleted = await call(client, request, { verb: "delete", resource, namespace }, signal);
  // Another object has the name by now.
  return deleted.ok || deleted.failure.kind === "ObjectConflict" ? ok(undefined) : deleted;
}

/**
 * Removes a finalizer from that very object. Success, too, if it is gone or has none. Fails with
 * `StoreUnavailable` or `Cancelled`.
 */
export async function removeCoreFinalizer(
  client: ApiClient,
  collection: CoreResource,
  { name, uid }: Pick<ApiObject["metadata"], "name" | "uid">,
  finalizer: string,
  signal: AbortSignal,
): Promise<Result<void>> {
  const { path, resource, namespace } = collection;
  for (let attempt = 1; attempt <= TRIES_MAX; attempt += 1) {
    const read = await readCoreObject(client, collection, name, signal);
    if (!read.ok) return read;
    const { metadata } = read.value ?? {};
    if (metadata?.uid !== uid || metadata.finalizers?.includes(finalizer) !== true) return ok(undefined);
    const finalizers = metadata.finalizers.filter((other) => other !== finalizer);
    // The version as well: another controller may add a finalizer of its own at the same moment.
    const body = { metadata: { uid, resourceVersion: metadata.resourceVersion, finalizers } };
    const request: ApiRequest = {
      method: "PATCH",
      path: `${path}/${encodeURIComponent(name)}`,
      body,
      contentType: "application/merge-patch+json",
    };
    const patched = await call(client, request, { verb: "patch", resource, namespace }, signal);
    if (patched.ok) return ok(undefined);
    if (patched.failure.kind !== "ObjectConflict") return patched;
  }
  return fail({
    kind: "StoreUnavailable",
    detail:
      `${resource} ${name} was changed by others at each of ${TRIES_MAX} tries to ` +
      "take a finalizer off it",
  });
}

/** The answer's body; undefined where there is no such object. */
async function call(
  client: ApiClient,
  request: ApiRequest,
  attempted: Parameters<typeof unavailable>[1],
  signal: AbortSignal,
): Promise<Result<unknown>> {
  const answer = await client.call(request, signal);
  if (!answer.ok) return answer;
  if (answer.value.code >= 200 && answer.value.code < 300) return ok(answer.value.body);
  const status = readApiStatus(answer.value);
  // A 404 that names no object is about the resource: nothing is known of the object.
  if (status.code === 404 && status.details.name !== "") return ok(undefined);
  if (status.code === 409)
    return fail({ kind: "ObjectConflict", objectKind: attempted.resource, name: status.details.name });
  return fail(unavailable(status, attempted));
}
