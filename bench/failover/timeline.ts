import { followCollection, type WatchedObject } from "../../testbed/lab/cluster/follow-collection.ts";
import type { Lab } from "../../testbed/lab/lab.ts";
import { NAMESPACE } from "./workload.ts";

/** An object that a watch reported. */
export interface Seen<T extends WatchedObject = WatchedObject> {
  readonly kind: Kind;
  readonly atMs: number;
  readonly isGone: boolean;
  readonly object: T;
}

export interface Pod extends WatchedObject {
  readonly spec: { readonly nodeName?: string };
  readonly status: {
    readonly containerStatuses?: readonly {
      readonly state: { readonly running?: object; readonly terminated?: object };
    }[];
  };
}

export interface VolumeAttachment extends WatchedObject {
  readonly spec: { readonly nodeName: string; readonly source: { readonly persistentVolumeName?: string } };
  readonly status?: { readonly attached: boolean };
}

export interface Node extends WatchedObject {
  readonly status: { readonly volumesInUse?: readonly string[] };
}

interface Kinds {
  readonly Pod: Pod;
  readonly VolumeAttachment: VolumeAttachment;
  readonly Node: Node;
}

type Kind = keyof Kinds;

const PATHS: Readonly<Record<Kind, string>> = {
  Pod: `/api/v1/namespaces/${NAMESPACE}/pods`,
  VolumeAttachment: "/apis/storage.k8s.io/v1/volumeattachments",
  Node: "/api/v1/nodes",
};

/** What the watches reported since the last `clear`. */
export interface Timeline {
  clear(): void;
  /** The time of the first matching event; undefined if there is none so far. */
  first<K extends Kind>(kind: K, fits: (seen: Seen<Kinds[K]>) => boolean): number | undefined;
  /** Waits for the first matching event, which may be in the past. Throws with `what` after the timeout. */
  until<K extends Kind>(
    what: string,
    kind: K,
    fits: (seen: Seen<Kinds[K]>) => boolean,
  ): Promise<Seen<Kinds[K]>>;
}

const MOVE_MAX_MS = 180_000;

/** Starts the watches. */
export async function watchTimeline(lab: Lab, signal: AbortSignal): Promise<Timeline> {
  let seen: Seen[] = [];
  let wake = Promise.withResolvers<void>();
  let failure: Error | undefined;
  for (const [kind, path] of Object.entries(PATHS) as [Kind, string][]) {
    const followed = await followCollection(
      lab,
      path,
      (event) => {
        seen.push({ kind, ...event });
        wake.resolve();
        wake = Promise.withResolvers();
      },
      signal,
    );
    // An event that a watch misses is lost, so waiting callers fail when a watch ends.
    followed.ended.catch((error: unknown) => {
      failure = new Error(`the watch of ${path} has failed`, { cause: error });
      wake.resolve();
    });
  }
  const find = <K extends Kind>(
    kind: K,
    fits: (one: Seen<Kinds[K]>) => boolean,
  ): Seen<Kinds[K]> | undefined =>
    seen.find((one): one is Seen<Kinds[K]> => one.kind === kind && fits(one as Seen<Kinds[K]>));
  return {
    clear: () => (seen = []),
    first: (kind, fits) => find(kind, fits)?.atMs,
    until: async (what, kind, fits) => {
      const timeOver = Promise.withResolvers<never>();
      const timer = setTimeout(
        () => timeOver.reject(new Error(`waited ${MOVE_MAX_MS} ms in vain for ${what}`)),
        MOVE_MAX_MS,
      );
      try {
        for (;;) {
          if (failure !== undefined) throw failure;
          const found = find(kind, fits);
          if (found !== undefined) return found;
          await Promise.race([wake.promise, timeOver.promise]);
        }
      } finally {
        clearTimeout(timer);
      }
    },
  };
}
