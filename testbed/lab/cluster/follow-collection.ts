import type { ApiClient } from "../../../src/adapters/kubernetes/api/api-client.ts";
import { connectApiServer } from "../../../src/adapters/kubernetes/api/connect-api-server.ts";
import { systemClock } from "../../../src/adapters/system/system-clock.ts";
import { systemRandom } from "../../../src/adapters/system/system-random.ts";
import { WatchBroken } from "../../../src/ports/store/object-store.ts";
import type { Lab } from "../lab.ts";

/** A Kubernetes object with the fields that all kinds share. */
export interface WatchedObject {
  readonly metadata: {
    readonly name: string;
    readonly uid: string;
    readonly resourceVersion: string;
    readonly deletionTimestamp?: string;
  };
}

/** Receives a watch's event with its time of arrival on this machine's clock. */
export type OnWatched = (event: {
  readonly atMs: number;
  readonly isGone: boolean;
  readonly object: WatchedObject;
}) => void;

/**
 * Reports the events of a collection, given by its path, until `signal` is aborted. Resolves once no later
 * event can be missed. `ended` rejects if one may have been missed.
 */
export async function followCollection(
  lab: Lab,
  path: string,
  onWatched: OnWatched,
  signal: AbortSignal,
): Promise<{ readonly ended: Promise<void> }> {
  const client = clientOf(lab);
  const listed = await client.call({ method: "GET", path, query: { limit: "1" } }, signal);
  if (!listed.ok || listed.value.code !== 200) throw new Error(`GET ${path}: ${JSON.stringify(listed)}`);
  const { resourceVersion } = (
    listed.value.body as { readonly metadata: { readonly resourceVersion: string } }
  ).metadata;
  return {
    ended: watchFrom(client, { path, resourceVersion }, onWatched, signal).finally(() => client.close()),
  };
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

function clientOf({ name, api }: Lab): ApiClient {
  const text = (pem: string | undefined) => ({ kind: "text" as const, text: pem ?? "" });
  const config = {
    origin: `lab ${name}`,
    url: new URL(api.server),
    serverName: undefined,
    namespace: undefined,
    ca: text(api.ca),
    clientCertificate: { certificate: text(api.certificate), key: text(api.key) },
    token: undefined,
  };
  return connectApiServer({ config, userAgent: `lab-${name}`, clock: systemClock, random: systemRandom });
}
