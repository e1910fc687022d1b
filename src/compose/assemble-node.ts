import { nodeHandlers } from "../csi/node/node-handlers.ts";
import { ConfirmedDisks } from "../node/confirmed-disks.ts";
import { runNode } from "../node/lifecycle/run-node.ts";
import { createVolumeLimit, type VolumeLimitOptions } from "../node/lifecycle/volume-limit.ts";
import { MountLooks } from "../node/mount-looks.ts";
import type { NodePorts } from "../node/node-ports.ts";
import { pacedMetadata } from "../node/paced-metadata.ts";
import { isOwnObject, ownObjectsOf } from "../node/scoped-store.ts";
import { ReleasedEpochs } from "../node/writer/released-epochs.ts";
import { createObjectCache, type ObjectCache } from "../objects/cache/object-cache.ts";
import { writeThroughStore } from "../objects/cache/write-through-store.ts";
import type { Kind, ObjectStore } from "../ports/store/object-store.ts";
import { LeaseHighWaterMark } from "../runtime/election/lease-high-water-mark.ts";
import { OperationLock } from "../runtime/operation-lock.ts";

/**
 * The kinds of the object store that a node follows. Not AzDriverNodes: each node would receive each
 * heartbeat of every other one.
 */
const KINDS: readonly Kind[] = ["AzVolume", "AzVolumeAttachment"];

/** The ports and settings of a node plug-in. There are no defaults: every caller states each. */
interface NodeParts extends Omit<
  NodePorts,
  "locks" | "leaseHighWaterMark" | "released" | "disputes" | "looks" | "confirmed" | "volumeLimit"
> {
  readonly limit: Pick<VolumeLimitOptions, "given" | "reserved" | "ownNode">;
}

/** A node plug-in whose cache its caller runs. */
interface AssembledNode {
  readonly handlers: ReturnType<typeof nodeHandlers>;
  /**
   * Sends heartbeats and cares for volumes and replicas until `signal` is aborted. Called once, when the
   * cache has synced.
   */
  readonly run: (signal: AbortSignal) => Promise<void>;
}

/** Wires CSI's node service and the node's own loops. Starts nothing. */
export function assembleNode({ limit, ...parts }: NodeParts): AssembledNode {
  const ports: NodePorts = {
    ...parts,
    metadata: parts.metadata && pacedMetadata(parts.metadata, parts.clock),
    locks: new OperationLock(),
    leaseHighWaterMark: new LeaseHighWaterMark(),
    released: new ReleasedEpochs(),
    disputes: new Map(),
    looks: new MountLooks(),
    confirmed: new ConfirmedDisks(),
    volumeLimit: createVolumeLimit({ ...parts, ...limit, ...parts.node }),
  };
  return { handlers: nodeHandlers(ports), run: (signal) => runNode(ports, signal) };
}

/**
 * An empty cache of the objects that concern one node, and the store with writes that enter it at once.
 * The store reads every object.
 */
export function followOwnObjects({
  store,
  nodeName,
  ...ports
}: Pick<NodePorts, "clock" | "random" | "logger"> & {
  readonly store: ObjectStore;
  readonly nodeName: string;
}): { readonly cache: ObjectCache; readonly store: ObjectStore } {
  const cache = createObjectCache({ ...ports, store: ownObjectsOf(store, nodeName), kinds: KINDS });
  // An object of which the watch reports no change would stay in the cache as it was written.
  const remember: ObjectCache["remember"] = (kind, object) => {
    if (isOwnObject(nodeName, kind, object)) cache.remember(kind, object);
  };
  return { cache, store: writeThroughStore(store, { clock: ports.clock, cache: { remember } }, KINDS) };
}
