import type { Failure } from "../../core/failure.ts";
import type { Result } from "../../core/result.ts";

/** What every Kubernetes object has (meta/v1 ObjectMeta), as far as the driver reads it. */
export interface ApiObject {
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly uid: string;
    readonly resourceVersion: string;
    readonly creationTimestamp?: string;
    readonly deletionTimestamp?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
}

/** What a watch delivers. `BOOKMARK` only carries a version to resume from. */
export type SourceEvent<T> =
  | { readonly type: "ADDED" | "MODIFIED" | "DELETED"; readonly object: T }
  | { readonly type: "BOOKMARK"; readonly resourceVersion: string };

/** Something that can be listed and then watched: one kind of the object store, or one resource of Kubernetes. */
export interface Source<T> {
  /** Of what, for logs. */
  readonly name: string;
  list(signal: AbortSignal): Promise<Result<{ readonly items: readonly T[]; readonly resourceVersion: string }, Failure>>;
  /** Streams what happened after `resourceVersion`. Ends with a thrown `WatchGone` or `WatchBroken`, as `ObjectStore.watch` does. */
  watch(resourceVersion: string, signal: AbortSignal): AsyncIterable<SourceEvent<T>>;
}
