import type { Result } from "../../core/failure/result.ts";

/** The least that a listed and watched object has: its identity among its kind, and its version. */
export interface SourceObject {
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string | undefined;
    readonly resourceVersion: string;
    readonly uid?: string | undefined;
    /**
     * Rises with each change of the spec, and with nothing else; undefined where the source does not
     * report it.
     */
    readonly generation?: number | undefined;
    readonly deletionTimestamp?: string | undefined;
    readonly finalizers?: readonly string[] | undefined;
  };
}

/** What a watch delivers. `BOOKMARK` only carries a version to resume from. */
export type SourceEvent<T> =
  | { readonly type: "ADDED" | "MODIFIED" | "DELETED"; readonly object: T }
  | { readonly type: "BOOKMARK"; readonly resourceVersion: string };

/**
 * A resource that can be listed and then watched: one kind of the object store, or one resource of
 * Kubernetes.
 */
export interface Source<T extends SourceObject> {
  readonly name: string;
  list(
    signal: AbortSignal,
  ): Promise<Result<{ readonly items: readonly T[]; readonly resourceVersion: string }>>;
  /** Streams the changes after `resourceVersion`. Returns or throws as `ObjectStore.watch` does. */
  watch(resourceVersion: string, signal: AbortSignal): AsyncIterable<SourceEvent<T>>;
}

/**
 * The key of an object among all of its kind: `<namespace>/<name>`, or the name alone without a
 * namespace.
 */
export function objectKey({ metadata: { name, namespace } }: SourceObject): string {
  return namespace === undefined ? name : `${namespace}/${name}`;
}
