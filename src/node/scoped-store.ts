import type { AzVolume } from "../core/api/az-volume.ts";
import { labelValue } from "../core/api/object-names.ts";
import { isNamed } from "../core/writer/record/record-nodes.ts";
import { NODE_NAME_LABEL } from "../objects/new-attachment.ts";
import type { Kind, KindMap, LabelSelector, ObjectStore, WatchEvent } from "../ports/store/object-store.ts";

/** The node that follows, and what it knows of volumes besides their own objects. */
export interface OwnObjectsOptions {
  readonly nodeName: string;
  /** Whether the node has a checkpoint of the volume, or an attachment of it. */
  readonly knowsVolume: (volumeName: string) => boolean;
}

/** Whether a volume's record names a node in any part. */
export function recordNames(volume: AzVolume, nodeName: string): boolean {
  return isNamed(volume.status?.record, nodeName, "writer", "fencing", "quarantined", "unverified");
}

/**
 * The store as one node follows it: of the attachments only its own, of the volumes only those that
 * concern it. A cluster has thousands of others, which each node would keep in memory. Only lists and
 * watches are narrowed: a node reads other volumes directly.
 */
export function ownObjectsOf(store: ObjectStore, options: OwnObjectsOptions): ObjectStore {
  const { nodeName, knowsVolume } = options;
  const concerns = (volume: AzVolume): boolean =>
    recordNames(volume, nodeName) || knowsVolume(volume.metadata.name);
  const isOwn = <K extends Kind>(kind: K, object: KindMap[K]): boolean =>
    kind !== "AzVolume" || concerns(object as AzVolume);
  const narrowed = (kind: Kind, selector: LabelSelector): LabelSelector =>
    kind === "AzVolumeAttachment" ? { ...selector, [NODE_NAME_LABEL]: labelValue(nodeName) } : selector;

  async function* watch<K extends Kind>(
    kind: K,
    selector: LabelSelector,
    resourceVersion: string,
    signal: AbortSignal,
  ): AsyncGenerator<WatchEvent<K>, void> {
    for await (const event of store.watch(kind, narrowed(kind, selector), resourceVersion, signal)) {
      // For this node, a volume that does not concern it does not exist (any more).
      yield event.type === "BOOKMARK" || isOwn(kind, event.object)
        ? event
        : { type: "DELETED", object: event.object };
    }
  }

  return {
    ...store,
    list: async (kind, selector, signal) => {
      const listed = await store.list(kind, narrowed(kind, selector), signal);
      return listed.ok
        ? {
            ...listed,
            value: { ...listed.value, items: listed.value.items.filter((item) => isOwn(kind, item)) },
          }
        : listed;
    },
    watch,
  };
}
