import { defaultDriverName } from "../../../core/api/driver-name.ts";
import { canonicalInstanceUri } from "../../../core/azure/ids/instance-uri.ts";
import { isBeingDrained } from "../../../core/node/node-taints.ts";
import type { Labels, Taint } from "../../../core/schedule/pod-rules.ts";
import type { ApiObject } from "../api/api-object.ts";

/** core/v1 Node, as far as the driver reads it. */
export interface Node extends ApiObject {
  readonly spec?: {
    readonly providerID?: string;
    readonly unschedulable?: boolean;
    readonly taints?:
      | readonly { readonly key: string; readonly value?: string; readonly effect?: string }[]
      | null;
  };
}

/** What is kept of a node: the larger part of a Node is its status, and that changes all the time. */
export interface CachedNode {
  readonly metadata: {
    readonly name: string;
    readonly uid: string;
    readonly resourceVersion: string;
    readonly creationTimestamp: string;
  };
  readonly labels: Labels;
  readonly taints: readonly Taint[];
  readonly isUnschedulable: boolean;
  /**
   * The resource id of its VM, from the providerID `azure:///subscriptions/…/virtualMachines/<name>`; empty
   * until the cloud's node controller or the kubelet has set it.
   */
  readonly instanceUri: string;
  /** It has the out-of-service mark that a controller of this driver sets. */
  readonly isMarkedByDriver: boolean;
}

/**
 * The mark as the driver sets it. Kubernetes checks the key alone; the value tells the driver's mark from
 * that of a person, who writes `nodeshutdown`, and of Azure's cloud provider, whose mark has no value.
 */
export const DRIVERS_MARK: Taint = {
  key: "node.kubernetes.io/out-of-service",
  value: defaultDriverName,
  effect: "NoExecute",
};

const PROVIDER_PREFIX = "azure://";

export function readCachedNode({ metadata, spec }: Node): CachedNode {
  const { name, uid, resourceVersion, creationTimestamp = "", labels } = metadata;
  const taints = spec?.taints ?? [];
  return {
    metadata: { name, uid, resourceVersion, creationTimestamp },
    labels: labels ?? {},
    taints: taints.map(({ key, value = "", effect = "" }) => ({ key, value, effect })),
    isUnschedulable: spec?.unschedulable === true || isBeingDrained(taints),
    instanceUri: instanceUriOf(spec?.providerID ?? ""),
    isMarkedByDriver: taints.some(isDriversMark),
  };
}

function instanceUriOf(providerId: string): string {
  return providerId.startsWith(PROVIDER_PREFIX)
    ? canonicalInstanceUri(providerId.slice(PROVIDER_PREFIX.length))
    : "";
}

/**
 * Whether the node is marked as down for good, so that its pods may be forgotten:
 * https://kubernetes.io/docs/concepts/cluster-administration/node-shutdown/#non-graceful-node-shutdown.
 * Kubernetes checks the key alone.
 */
export function isOutOfService(taints: readonly Pick<Taint, "key">[]): boolean {
  return taints.some(({ key }) => key === DRIVERS_MARK.key);
}

/** Whether that taint is the mark that a controller of this driver has set. */
export function isDriversMark({ key, value }: { readonly key: string; readonly value?: string }): boolean {
  return key === DRIVERS_MARK.key && value === DRIVERS_MARK.value;
}
