import { fail, ok } from "../../../core/failure/result.ts";
import type { CachedChange, SourceCache } from "../../../ports/store/source-cache.ts";
import { objectKey, type SourceObject } from "../../../ports/store/source.ts";
import type { ApiClient, ApiRequest } from "../api/api-client.ts";
import type { ApiObject } from "../api/api-object.ts";
import type { CachedResource, CoreCaches } from "../core/core-sources.ts";
import { coreSources } from "../core/core-sources.ts";

/** The driver that every test is about. */
export const DRIVER = "disk.csi.azure.com";

const never = new AbortController().signal;

/**
 * Objects of core resources, an API server's answers to single calls and lists about them, and caches that
 * show them as of the last `show`.
 */
export interface CoreCluster {
  readonly client: ApiClient;
  readonly caches: CoreCaches;
  /** Creates or replaces an object in a collection such as `/api/v1/pods`; `metadata` is filled in. */
  put(collection: string, object: GivenObject): void;
  remove(collection: string, key: string): void;
  get(collection: string, key: string): ApiObject | undefined;
  /**
   * From now on requests whose `<method> <path>` begins so are answered with that HTTP status; with 0
   * not at all.
   */
  refuse(prefix: string, code: number): void;
  /** Brings the caches up to date. Before the first time they have not synced. */
  show(): Promise<void>;
  /** Requests so far as `<method> <path>`. */
  readonly requests: string[];
}

/** An object as a test gives it. */
interface GivenObject {
  readonly metadata: { readonly name: string } & Partial<ApiObject["metadata"]>;
  readonly spec?: unknown;
  readonly status?: unknown;
}

/** A cluster without any object. */
export function aCoreCluster(): CoreCluster {
  const collections = new Map<string, Map<string, ApiObject>>();
  const refusals = new Map<string, number>();
  const requests: string[] = [];
  let version = 0;

  const of = (collection: string): Map<string, ApiObject> => {
    const objects = collections.get(collection) ?? new Map<string, ApiObject>();
    collections.set(collection, objects);
    return objects;
  };

  const notFound = (name: string): { readonly code: number; readonly body: unknown } => ({
    code: 404,
    body: { reason: "NotFound", code: 404, details: { name } },
  });
  const conflict = (name: string): { readonly code: number; readonly body: unknown } => ({
    code: 409,
    body: { reason: "Conflict", code: 409, details: { name } },
  });

  function answer(request: ApiRequest): { readonly code: number; readonly body: unknown } {
    const refusal = [...refusals].find(([prefix]) => `${request.method} ${request.path}`.startsWith(prefix));
    if (refusal !== undefined)
      return {
        code: refusal[1],
        body: { code: refusal[1], reason: "Refused", message: "refused by the test" },
      };
    const { collection, key, name } = readPath(request.path);
    if (name === undefined) {
      const selected = [...of(collection).values()].filter((object) =>
        isSelected(object, request.query?.["fieldSelector"] ?? ""),
      );
      return { code: 200, body: { metadata: { resourceVersion: String(version) }, items: selected } };
    }
    const object = of(collection).get(key);
    if (object === undefined) return notFound(name);
    if (request.method === "DELETE") {
      const { uid, resourceVersion = object.metadata.resourceVersion } = (
        request.body as {
          readonly preconditions: { readonly uid: string; readonly resourceVersion?: string };
        }
      ).preconditions;
      if (uid !== object.metadata.uid || resourceVersion !== object.metadata.resourceVersion)
        return conflict(name);
      const isGuarded = (object.metadata.finalizers ?? []).length > 0;
      if (isGuarded)
        put(collection, {
          ...object,
          metadata: { ...object.metadata, deletionTimestamp: "2026-01-01T00:00:00Z" },
        });
      else of(collection).delete(key);
    }
    if (request.method === "PATCH") {
      const { metadata } = request.body as { readonly metadata: Partial<ApiObject["metadata"]> };
      if (metadata.resourceVersion !== object.metadata.resourceVersion) return conflict(name);
      put(collection, { ...object, metadata: { ...object.metadata, ...metadata } });
      if (object.metadata.deletionTimestamp !== undefined && (metadata.finalizers ?? []).length === 0)
        of(collection).delete(key);
    }
    return { code: 200, body: object };
  }

  function put(collection: string, object: GivenObject): void {
    version += 1;
    const { name } = object.metadata;
    const metadata = {
      uid: `uid-${name}`,
      creationTimestamp: "2026-01-01T00:00:00Z",
      ...object.metadata,
      resourceVersion: String(version),
    };
    of(collection).set(objectKey({ metadata }), { ...object, metadata });
  }

  const client: ApiClient = {
    call: (request) => {
      requests.push(`${request.method} ${request.path}`);
      const answered = answer(request);
      return Promise.resolve(
        answered.code === 0 ? fail({ kind: "StoreUnavailable", detail: "no answer" }) : ok(answered),
      );
    },
    watch: () => {
      throw new Error("these caches list");
    },
    close: () => {},
  };
  const sources = coreSources(client, DRIVER);
  const shown = {
    pods: shownCache(sources.pods),
    claims: shownCache(sources.claims),
    persistentVolumes: shownCache(sources.persistentVolumes),
    volumeAttachments: shownCache(sources.volumeAttachments),
    nodes: shownCache(sources.nodes),
  };
  return {
    client,
    caches: shown,
    put,
    remove: (collection, key) => of(collection).delete(key),
    get: (collection, key) => of(collection).get(key),
    refuse: (prefix, code) => refusals.set(prefix, code),
    show: async () => {
      for (const cache of Object.values(shown)) await cache.show();
      requests.length = 0;
    },
    requests,
  };
}

/** `/api/v1/pods`, `/api/v1/nodes/node-a`, `/api/v1/namespaces/default/pods/db-0`. */
function readPath(path: string): {
  readonly collection: string;
  readonly key: string;
  readonly name: string | undefined;
} {
  const [, prefix = "", namespace, resource = "", name] =
    /^((?:\/api\/v1|\/apis\/[^/]+\/[^/]+))(?:\/namespaces\/([^/]+))?\/([^/]+)(?:\/([^/]+))?$/u.exec(path) ??
    [];
  const decoded = name === undefined ? undefined : decodeURIComponent(name);
  return {
    collection: `${prefix}/${resource}`,
    key: namespace === undefined ? (decoded ?? "") : `${namespace}/${decoded ?? ""}`,
    name: decoded,
  };
}

/** The field selectors that the driver uses. */
function isSelected(object: ApiObject, selector: string): boolean {
  const { spec, status } = object as ApiObject & {
    readonly spec?: { readonly nodeName?: string };
    readonly status?: { readonly phase?: string };
  };
  return selector.split(",").every((condition) => {
    if (condition.startsWith("spec.nodeName="))
      return spec?.nodeName === condition.slice("spec.nodeName=".length);
    if (condition.startsWith("status.phase!="))
      return status?.phase !== condition.slice("status.phase!=".length);
    return condition === "";
  });
}

/** A cache that shows what its source listed at the last `show`. */
function shownCache<T extends SourceObject, Index extends string>({
  source,
  indexes,
}: CachedResource<T, Index>): SourceCache<T, Index> & { show: () => Promise<void> } {
  let objects: ReadonlyMap<string, T> | undefined;
  const listeners: ((change: CachedChange<T>) => void)[] = [];
  const sorted = (): readonly T[] =>
    [...(objects ?? new Map<string, T>())]
      .toSorted(([left], [right]) => (left < right ? -1 : 1))
      .map(([, object]) => object);
  const unused = (): never => {
    throw new Error("not part of these tests");
  };
  return {
    get: (key) => objects?.get(key),
    list: sorted,
    byIndex: (index, value) => sorted().filter((object) => indexes[index](object).includes(value)),
    hasSynced: () => objects !== undefined,
    untilSynced: () =>
      objects === undefined ? Promise.reject(new Error("not listed yet")) : Promise.resolve(),
    onChange: (listener) => {
      listeners.push(listener);
      return () => {};
    },
    show: async () => {
      const listed = await source.list(never);
      if (!listed.ok) throw new Error(JSON.stringify(listed.failure));
      const before = objects ?? new Map<string, T>();
      const now = new Map(listed.value.items.map((object) => [objectKey(object), object]));
      objects = now;
      for (const key of new Set([...before.keys(), ...now.keys()])) {
        const [previous, current] = [before.get(key), now.get(key)];
        if (previous?.metadata.resourceVersion === current?.metadata.resourceVersion) continue;
        for (const listener of listeners) listener({ key, previous, current });
      }
    },
    listAgain: unused,
    remember: unused,
    unchangedMs: unused,
    specUnchangedMs: unused,
    watchedUnchangedMs: unused,
    missingMs: unused,
    lastReportElapsedMs: unused,
    waitUntil: unused,
    waitFor: unused,
    run: unused,
  };
}
