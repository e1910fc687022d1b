import type { ApiClient } from "../../src/adapters/kubernetes/api-client.ts";
import { WatchBroken } from "../../src/ports/object-store.ts";

/** An object of Kubernetes' as its API shows it, as far as every kind is alike. */
export interface WatchedObject {
  readonly metadata: { readonly name: string; readonly uid: string; readonly resourceVersion: string; readonly deletionTimestamp?: string };
}

/** Takes what a watch tells, at the moment it is told. */
export type OnWatched = (event: { readonly atMs: number; readonly isGone: boolean; readonly object: WatchedObject }) => void;

/** Tells all that happens to the objects of a collection from now on, until `signal` is aborted. Resolves once nothing that happens afterwards can be missed. */
export async function follow(client: ApiClient, path: string, onWatched: OnWatched, signal: AbortSignal): Promise<{ readonly ended: Promise<void> }> {
  const listed = await client.call({ method: "GET", path, query: { limit: "1" } }, signal);
  if (!listed.ok || listed.value.code !== 200) throw new Error(`GET ${path}: ${JSON.stringify(listed)}`);
  const { resourceVersion } = (listed.value.body as { readonly metadata: { readonly resourceVersion: string } }).metadata;
  return { ended: watchFrom(client, { path, resourceVersion }, onWatched, signal) };
}

async function watchFrom(
  client: ApiClient,
  from: { readonly path: string; readonly resourceVersion: string },
  onWatched: OnWatched,
  signal: AbortSignal,
): Promise<void> {
  let { resourceVersion } = from;
  while (!signal.aborted) {
    try {
      for await (const { type, object } of client.watch(from.path, { resourceVersion }, signal)) {
        const watched = object as WatchedObject;
        ({ resourceVersion } = watched.metadata);
        if (type !== "BOOKMARK") onWatched({ atMs: Date.now(), isGone: type === "DELETED", object: watched });
      }
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof WatchBroken)) throw error;
    }
  }
}
