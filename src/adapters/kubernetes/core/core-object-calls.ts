import { storeUnavailable } from "../../../core/failure/frequent-failures.ts";
import { fail, ok, type Result } from "../../../core/failure/result.ts";
import type { ApiClient, ApiRequest } from "../api/api-client.ts";
import type { ApiObject } from "../api/api-object.ts";
import { readApiStatus } from "../api/api-status.ts";
import { type AttemptedCall, readCollectionPath, unavailable } from "../api/unavailable.ts";

/** Paths of collections of the whole cluster. */
export const coreResources = {
  nodes: "/api/v1/nodes",
  persistentVolumes: "/api/v1/persistentvolumes",
  volumeAttachments: "/apis/storage.k8s.io/v1/volumeattachments",
} as const;

export function claimsIn(namespace: string): string {
  return `/api/v1/namespaces/${encodeURIComponent(namespace)}/persistentvolumeclaims`;
}

/** How often a write that loses to another writer is repeated on the newer version. */
const TRIES_MAX = 10;

/**
 * Reads an object past every cache; undefined if there is none of that name. Fails with `StoreUnavailable`
 * or `Cancelled`.
 */
export function readCoreObject<T extends ApiObject>(
  client: ApiClient,
  collection: string,
  name: string,
  signal: AbortSignal,
): Promise<Result<T | undefined>> {
  const request: ApiRequest = { method: "GET", path: `${collection}/${encodeURIComponent(name)}` };
  // The API server is trusted to send what its API says.
  return call(client, request, { verb: "get", path: collection }, signal) as Promise<Result<T | undefined>>;
}

/**
 * Marks that very object for deletion, and where a `resourceVersion` is given, only that version of it.
 * False: it is gone, or has changed. Fails with `StoreUnavailable` or `Cancelled`.
 */
export async function deleteCoreObject(
  client: ApiClient,
  collection: string,
  {
    name,
    ...preconditions
  }: { readonly name: string; readonly uid: string; readonly resourceVersion?: string },
  signal: AbortSignal,
): Promise<Result<boolean>> {
  const request: ApiRequest = {
    method: "DELETE",
    path: `${collection}/${encodeURIComponent(name)}`,
    body: { preconditions },
  };
  const deleted = await call(client, request, { verb: "delete", path: collection }, signal);
  if (deleted.ok) return ok(deleted.value !== undefined);
  // Another object has the name by now, or it has another version.
  return deleted.failure.kind === "ObjectConflict" ? ok(false) : deleted;
}

/**
 * Removes a finalizer from that very object. Success, too, if it is gone or has none. Fails with
 * `StoreUnavailable` or `Cancelled`.
 */
export async function removeCoreFinalizer(
  client: ApiClient,
  collection: string,
  { name, uid }: Pick<ApiObject["metadata"], "name" | "uid">,
  finalizer: string,
  signal: AbortSignal,
): Promise<Result<void>> {
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
      path: `${collection}/${encodeURIComponent(name)}`,
      body,
      contentType: "application/merge-patch+json",
    };
    const patched = await call(client, request, { verb: "patch", path: collection }, signal);
    if (patched.ok) return ok(undefined);
    if (patched.failure.kind !== "ObjectConflict") return patched;
  }
  return storeUnavailable(
    `${readCollectionPath(collection).resource} ${name} was changed by others at each of ${TRIES_MAX} ` +
      "tries to take a finalizer off it",
  );
}

/** The answer's body; undefined where there is no such object. */
async function call(
  client: ApiClient,
  request: ApiRequest,
  attempted: AttemptedCall,
  signal: AbortSignal,
): Promise<Result<unknown>> {
  const answer = await client.call(request, signal);
  if (!answer.ok) return answer;
  if (answer.value.code >= 200 && answer.value.code < 300) return ok(answer.value.body);
  const status = readApiStatus(answer.value);
  // A 404 that names no object is about the resource: nothing is known of the object.
  if (status.code === 404 && status.details.name !== "") return ok(undefined);
  if (status.code === 409)
    return fail({
      kind: "ObjectConflict",
      objectKind: readCollectionPath(attempted.path).resource,
      name: status.details.name,
    });
  return fail(unavailable(status, attempted));
}
