import { ok, type Result } from "../../core/failure/result.ts";
import type { Kind, KindMap } from "../../ports/store/object-store.ts";
import { apiVersionOf, pluralOf } from "../embedded/api-paths.ts";
import type { ApiClient } from "./api/api-client.ts";
import { listPages } from "./api/list-pages.ts";
import { objectFromWire, type WireObject } from "./store-objects.ts";

/**
 * Lists the objects of a kind that are worth keeping, sorted by name, page by page: none of the others stays
 * in memory. An object is offered again where the server has forgotten its place in the list. Fails with
 * `StoreUnavailable` or `Cancelled`.
 */
export function listKeptIn(client: ApiClient, namespace: string) {
  return async <K extends Kind>(
    kind: K,
    isKept: (object: KindMap[K]) => boolean,
    signal: AbortSignal,
  ): Promise<Result<readonly KindMap[K][]>> => {
    const listed = await listPages(
      client,
      { path: `/apis/${apiVersionOf(kind)}/namespaces/${encodeURIComponent(namespace)}/${pluralOf(kind)}` },
      (item) => {
        const object = objectFromWire(kind, item as WireObject);
        return isKept(object) ? [object] : [];
      },
      signal,
    );
    if (!listed.ok) return listed;
    return ok(
      listed.value.items.flat().toSorted((one, other) => (one.metadata.name < other.metadata.name ? -1 : 1)),
    );
  };
}
