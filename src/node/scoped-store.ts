import type { AzVolume } from "../core/api/az-volume.ts";
import { nodeLabel } from "../core/api/node-labels.ts";
import { labelValue } from "../core/api/object-names.ts";
import { isNamed } from "../core/writer/record/record-nodes.ts";
import { NODE_NAME_LABEL } from "../objects/new-attachment.ts";
import type { Kind, KindMap, LabelSelector, ObjectStore } from "../ports/store/object-store.ts";

export function recordNames(volume: AzVolume, nodeName: string): boolean {
  return isNamed(volume.status?.record, nodeName, "writer", "fencing", "quarantined", "unverified");
}

/**
 * The store as one node follows it: of the volumes and attachments only those with its label. A cluster has
 * thousands of others, and thousands of nodes, to each of which the store would send each change of each.
 * Only lists and watches are narrowed: a node reads other volumes directly.
 *
 * A volume that loses the label is DELETED for the watch, as if it were gone: no decision goes by that
 * without a read of its object. Nor does one go by its presence: controllers label a volume before its record
 * names the node, and a node that only has an attachment some time later.
 */
export function ownObjectsOf(store: ObjectStore, nodeName: string): ObjectStore {
  return {
    ...store,
    list: (kind, selector, signal) =>
      store.list(kind, { ...selector, ...ownSelector(kind, nodeName) }, signal),
    watch: (kind, selector, resourceVersion, signal) =>
      store.watch(kind, { ...selector, ...ownSelector(kind, nodeName) }, resourceVersion, signal),
  };
}

/** Whether a node that follows its own objects would see changes of this one. */
export function isOwnObject<K extends Kind>(nodeName: string, kind: K, { metadata }: KindMap[K]): boolean {
  return Object.entries(ownSelector(kind, nodeName)).every(
    ([key, value]) => metadata.labels?.[key] === value,
  );
}

function ownSelector(kind: Kind, nodeName: string): LabelSelector {
  switch (kind) {
    case "AzVolume":
      return { [nodeLabel(nodeName)]: "" };
    case "AzVolumeAttachment":
      return { [NODE_NAME_LABEL]: labelValue(nodeName) };
    case "AzDriverNode":
    case "ClusterNode":
    case "Lease":
      return {};
  }
}
