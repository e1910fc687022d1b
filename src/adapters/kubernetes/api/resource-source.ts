import { describeFailure } from "../../../core/failure/describe-failure.ts";
import { isVersionAtLeast } from "../../../core/primitives/is-version-at-least.ts";
import { WatchBroken, WatchGone } from "../../../ports/store/object-store.ts";
import type { Source, SourceEvent, SourceObject } from "../../../ports/store/source.ts";
import type { ApiClient } from "./api-client.ts";
import type { ApiObject } from "./api-object.ts";
import { listPages, newestVersion } from "./list-pages.ts";
import { readCollectionPath } from "./unavailable.ts";

/** Which objects of the cluster, and what is kept of each. */
interface ResourceSourceOptions<Wire extends ApiObject, T extends SourceObject> {
  /** Of the collection, such as `/api/v1/pods` or `/api/v1/namespaces/kube-system/pods`. */
  readonly path: string;
  /** `fieldSelector`, `labelSelector`. */
  readonly query?: Readonly<Record<string, string>>;
  /**
   * What is kept of an object as the API server sends it: only what is needed, for a cluster has many.
   * Must keep name, namespace and resourceVersion.
   */
  readonly transform: (object: Wire) => T;
}

/**
 * A resource of Kubernetes that can be listed (in pages) and watched (with bookmarks): the pods of a
 * cluster, say. `name` is its plural.
 */
export function resourceSource<Wire extends ApiObject, T extends SourceObject>(
  client: ApiClient,
  options: ResourceSourceOptions<Wire, T>,
): Source<T> {
  const { path, query = {}, transform } = options;
  const request = { path, query };
  const { resource } = readCollectionPath(path);
  // The API server is trusted to send what its API says.
  const read = (object: unknown): T => transform(object as Wire);

  /**
   * A watch from a version that is still to come reports nothing: after etcd was restored from a
   * backup, for a long time.
   */
  async function refuseFuture(resourceVersion: string, signal: AbortSignal): Promise<void> {
    const newest = await newestVersion(client, request, signal);
    if (!newest.ok) throw new WatchBroken(describeFailure(newest.failure));
    if (isVersionAtLeast(resourceVersion, newest.value) && resourceVersion !== newest.value)
      throw new WatchGone(
        `${resource}: version ${resourceVersion} was seen, and the newest is ${newest.value}: ` +
          "the cluster's store went back",
      );
  }

  async function* watch(
    resourceVersion: string,
    signal: AbortSignal,
  ): AsyncGenerator<SourceEvent<T>, void, undefined> {
    try {
      await refuseFuture(resourceVersion, signal);
    } catch (error) {
      if (signal.aborted) return;
      throw error;
    }
    for await (const { type, object } of client.watch(path, { ...query, resourceVersion }, signal)) {
      if (type === "BOOKMARK")
        yield { type, resourceVersion: (object as ApiObject).metadata.resourceVersion };
      else yield { type, object: read(object) };
    }
  }

  return { name: resource, list: (signal) => listPages(client, request, read, signal), watch };
}
