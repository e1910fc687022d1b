import type { Failure } from "../../../core/failure/failure.ts";
import { storeUnavailable } from "../../../core/failure/frequent-failures.ts";
import { fail, ok } from "../../../core/failure/result.ts";
import type { Result } from "../../../core/failure/result.ts";
import type { ApiClient } from "./api-client.ts";
import { isExpired, readApiStatus } from "./api-status.ts";
import type { ApiStatus } from "./api-status.ts";
import { readCollectionPath, unavailable } from "./unavailable.ts";

/** Objects a page. */
const PAGE_SIZE = 500;
/**
 * How often a list starts over after the server forgot its place; the last time it is requested as a
 * whole.
 */
const RESTARTS_MAX = 2;

interface ListRequest {
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
}

interface Page {
  readonly metadata?: { readonly resourceVersion?: string; readonly continue?: string };
  readonly items?: readonly unknown[] | null;
}

/**
 * Lists a collection in pages of 500, each transformed as it comes, so that no more than one page is
 * held as the server sent it. The result is one state of the cluster: that of `resourceVersion`. Starts
 * over if the server has forgotten its place (410).
 */
export async function listPages<T>(
  client: ApiClient,
  request: ListRequest,
  transform: (item: unknown) => T,
  signal: AbortSignal,
): Promise<Result<{ readonly items: readonly T[]; readonly resourceVersion: string }>> {
  for (let restarts = 0; ; restarts++) {
    const limit: Readonly<Record<string, string>> =
      restarts < RESTARTS_MAX ? { limit: String(PAGE_SIZE) } : {};
    const listed = await listOnce(
      client,
      { ...request, query: { ...request.query, ...limit } },
      transform,
      signal,
    );
    if (listed !== "expired") return listed;
    const { resource } = readCollectionPath(request.path);
    if (restarts >= RESTARTS_MAX)
      return storeUnavailable(`the API server forgot its place in the list of ${resource} again and again`);
  }
}

/** The version that the cluster's store is at, from a list of one object. */
export async function newestVersion(
  client: ApiClient,
  request: ListRequest,
  signal: AbortSignal,
): Promise<Result<string>> {
  const answer = await client.call(
    { method: "GET", path: request.path, query: { ...request.query, limit: "1" } },
    signal,
  );
  if (!answer.ok) return answer;
  if (answer.value.code !== 200) return fail(refusal(readApiStatus(answer.value), request));
  const { metadata } = answer.value.body as Page;
  return metadata?.resourceVersion === undefined ? fail(notAList(request)) : ok(metadata.resourceVersion);
}

async function listOnce<T>(
  client: ApiClient,
  request: ListRequest,
  transform: (item: unknown) => T,
  signal: AbortSignal,
): Promise<Result<{ readonly items: readonly T[]; readonly resourceVersion: string }> | "expired"> {
  const items: T[] = [];
  let resourceVersion: string | undefined;
  let place: Readonly<Record<string, string>> = {};
  for (;;) {
    const answer = await client.call(
      { method: "GET", path: request.path, query: { ...request.query, ...place } },
      signal,
    );
    if (!answer.ok) return answer;
    if (answer.value.code !== 200) {
      const status = readApiStatus(answer.value);
      return isExpired(status) ? "expired" : fail(refusal(status, request));
    }
    const { metadata, items: page } = answer.value.body as Page;
    resourceVersion ??= metadata?.resourceVersion;
    for (const item of page ?? []) items.push(transform(item));
    const next = metadata?.continue ?? "";
    if (next === "")
      return resourceVersion === undefined ? fail(notAList(request)) : ok({ items, resourceVersion });
    place = { continue: next };
  }
}

function refusal(status: ApiStatus, { path }: ListRequest): Failure {
  return unavailable(status, { verb: "list", path });
}

function notAList({ path }: ListRequest): Failure {
  return {
    kind: "StoreUnavailable",
    detail: `what answered ${path} gave no list with a resource version: is it Kubernetes' API server?`,
  };
}
