import type { AzDriverNode } from "../core/api/az-driver-node.ts";
import { type DriverNodeProblem, driverNodeProblem } from "../core/api/identity/driver-node-identity.ts";
import type { VolumeSettings } from "../core/attachment/observed-volume.ts";
import { isSameResourceUri, resourceUriKey } from "../core/azure/ids/disk-uri.ts";
import { silentAfterMs } from "../core/writer/node-silence.ts";
import type { IndexName } from "../objects/cache/cache-indexes.ts";
import { cachedKinds, type ObjectCache } from "../objects/cache/object-cache.ts";
import type { VolumeUsers } from "../ports/cluster/volume-users.ts";
import type { SourceCache } from "../ports/store/source-cache.ts";
import { filteredCache } from "../runtime/cache/filtered-cache.ts";

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
  /** All AzDriverNodes, also those not believed, sorted by name: for heartbeats and rollback reports. */
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
  readonly settings: Pick<VolumeSettings, "heartbeatStaleMs">;
}

type DriverNodes = SourceCache<AzDriverNode, IndexName<"AzDriverNode">>;

/** The only place that decides which AzDriverNodes are believed. The other methods are those of `cache`. */
export function createControllerCache(
  cache: ObjectCache,
  { users, trustsUnnamed, settings }: NodeWitnesses,
): ControllerCache {
  const { AzDriverNode: nodes } = cache.sources;
  const isUnnamed = (nodeName: string): boolean => users.cachedNode(nodeName).instanceUri === undefined;
  /**
   * Whether a person has deleted the Node, and its plug-in no longer reports: what a kubelet leaves behind
   * that registers under another name. The AzDriverNode stays while a record names it.
   */
  const isLeft = ({ metadata: { name }, spec, status }: AzDriverNode): boolean =>
    users.cachedNode(spec.nodeName).isGone &&
    (cache.watchedUnchangedMs("AzDriverNode", name) ?? 0) >= silentAfterMs(settings, status);

  function problemOf(driverNode: AzDriverNode): DriverNodeProblem | undefined {
    const { metadata, spec, status } = driverNode;
    if (status === undefined) return undefined;
    return driverNodeProblem(
      { nodeName: spec.nodeName, instanceUri: status.instanceUri },
      {
        instanceUri: users.cachedNode(spec.nodeName).instanceUri,
        nodeName: nodeNameOn(status.instanceUri, spec.nodeName),
        rivals: () =>
          cache
            .byIndex("AzDriverNode", "instanceUri", resourceUriKey(status.instanceUri))
            .filter((other) => other.metadata.name !== metadata.name && isUnnamed(other.spec.nodeName))
            .filter((other) => users.cachedNode(spec.nodeName).isGone || !isLeft(other))
            .map((other) => other.spec.nodeName),
        trustsUnnamed,
      },
    );
  }

  /**
   * The orchestrator's node on a VM. Of two that it names there, one that reports from elsewhere has a wrong
   * Node, and says nothing against `nodeName`.
   */
  function nodeNameOn(instanceUri: string, nodeName: string): string | undefined {
    const present = users.cachedNodeNameOf(instanceUri);
    const isThere = (uri: string | undefined): boolean =>
      uri !== undefined && isSameResourceUri(uri, instanceUri);
    if (present === undefined || present === nodeName || !isThere(users.cachedNode(nodeName).instanceUri))
      return present;
    return isThere(cache.get("AzDriverNode", present)?.status?.instanceUri) ? present : nodeName;
  }

  const reasonIgnored = (driverNode: AzDriverNode): DriverNodeProblem | undefined =>
    users.cachedNode(driverNode.spec.nodeName).isGone ? undefined : problemOf(driverNode);

  return {
    ...cache,
    ...cachedKinds({ ...cache.sources, AzDriverNode: nodes && believed(nodes) }),
    reportedNodes: () => cache.list("AzDriverNode"),
    ignoredDriverNodes: () =>
      cache.list("AzDriverNode").flatMap((driverNode): readonly IgnoredDriverNode[] => {
        const problem = reasonIgnored(driverNode);
        return problem === undefined ? [] : [{ driverNode, ...problem }];
      }),
  };

  function believed(all: DriverNodes): DriverNodes {
    return {
      ...filteredCache(all, (driverNode) => reasonIgnored(driverNode) === undefined),
      byIndex: (index, key) => {
        const found = all.byIndex(index, key);
        return index === "instanceUri"
          ? found.filter((driverNode) => problemOf(driverNode) === undefined)
          : found;
      },
    };
  }
}
