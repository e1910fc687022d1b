import type { AzDriverNode } from "../core/api/az-driver-node.ts";
import { type DriverNodeProblem, driverNodeProblem } from "../core/api/driver-node-identity.ts";
import { resourceUriKey } from "../core/azure/disk-uri.ts";
import type { IndexName } from "../objects/cache/cache-indexes.ts";
import type { ObjectCache } from "../objects/cache/object-cache.ts";
import type { VolumeUsers } from "../ports/cluster/volume-users.ts";
import type { Kind, KindMap } from "../ports/store/object-store.ts";

/** An AzDriverNode that makes no VM a node, and why. */
export interface IgnoredDriverNode extends DriverNodeProblem {
  readonly driverNode: AzDriverNode;
}

/**
 * The cache as reconcilers see it. It hides AzDriverNodes whose VM is not believed: no volume is granted
 * or attached there, and no disk is detached from a VM because of them. Exceptions: the index
 * `checkpointed` has all of them, since a checkpoint only makes a node unverified. Those of nodes that
 * are gone are shown, since plans grant such a node nothing and read its heartbeat; but the index
 * `instanceUri` lacks them.
 */
export interface ControllerCache extends ObjectCache {
  /**
   * All AzDriverNodes, whether or not their VMs are believed, sorted by name: for heartbeats and rollback
   * reports.
   */
  reportedNodes(): readonly AzDriverNode[];
  /** The ignored ones, without nodes that are gone; sorted by name. */
  ignoredDriverNodes(): readonly IgnoredDriverNode[];
}

/** What else besides the cache shows which nodes exist. */
export interface NodeWitnesses {
  readonly users: Pick<VolumeUsers, "cachedNode" | "cachedNodeNameOf">;
  /**
   * Whether an AzDriverNode is believed where the orchestrator names no VM of its node. False on
   * Kubernetes, unless the administrator sets it.
   */
  readonly trustsUnnamed: boolean;
}

/** The only place that decides which AzDriverNodes are believed. The other methods are those of `cache`. */
export function createControllerCache(
  cache: ObjectCache,
  { users, trustsUnnamed }: NodeWitnesses,
): ControllerCache {
  const isUnnamed = (nodeName: string): boolean => users.cachedNode(nodeName).instanceUri === undefined;

  function problemOf(driverNode: AzDriverNode): DriverNodeProblem | undefined {
    const { metadata, spec, status } = driverNode;
    if (status === undefined) return undefined;
    const there = cache.byIndex("AzDriverNode", "instanceUri", resourceUriKey(status.instanceUri));
    return driverNodeProblem(
      { nodeName: spec.nodeName, instanceUri: status.instanceUri },
      {
        instanceUri: users.cachedNode(spec.nodeName).instanceUri,
        nodeName: users.cachedNodeNameOf(status.instanceUri),
        rivals: there
          .filter((other) => other.metadata.name !== metadata.name && isUnnamed(other.spec.nodeName))
          .map((other) => other.spec.nodeName),
        trustsUnnamed,
      },
    );
  }

  const isIgnored = (driverNode: AzDriverNode): boolean =>
    problemOf(driverNode) !== undefined && !users.cachedNode(driverNode.spec.nodeName).isGone;

  function isShown<K extends Kind>(kind: K, object: KindMap[K] | undefined): boolean {
    return kind !== "AzDriverNode" || object === undefined || !isIgnored(object as AzDriverNode);
  }

  function judging<K extends Kind>(
    kind: K,
    predicate: (object: KindMap[K] | undefined) => boolean,
  ): typeof predicate {
    return (object) => predicate(isShown(kind, object) ? object : undefined);
  }

  return {
    ...cache,
    get: (kind, name) => {
      const object = cache.get(kind, name);
      return isShown(kind, object) ? object : undefined;
    },
    list: (kind) => {
      const objects = cache.list(kind);
      return kind === "AzDriverNode" ? objects.filter((object) => isShown(kind, object)) : objects;
    },
    byIndex: <K extends Kind>(kind: K, index: IndexName<K>, key: string) => {
      const found = cache.byIndex(kind, index, key);
      return kind === "AzDriverNode" && index === "instanceUri"
        ? found.filter((object) => problemOf(object as AzDriverNode) === undefined)
        : found;
    },
    waitUntil: (kind, name, predicate, limit, signal) =>
      cache.waitUntil(kind, name, judging(kind, predicate), limit, signal),
    waitFor: async (kind, name, predicate, limit, signal) => {
      const found = await cache.waitFor(kind, name, judging(kind, predicate), limit, signal);
      return isShown(kind, found) ? found : undefined;
    },
    reportedNodes: () => cache.list("AzDriverNode"),
    ignoredDriverNodes: () =>
      cache.list("AzDriverNode").flatMap((driverNode): readonly IgnoredDriverNode[] => {
        const problem = problemOf(driverNode);
        return problem === undefined || users.cachedNode(driverNode.spec.nodeName).isGone
          ? []
          : [{ driverNode, ...problem }];
      }),
  };
}
