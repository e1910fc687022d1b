import { resourceUriKey } from "../../../core/azure/ids/disk-uri.ts";
import type { Labels, PodAffinityTerm, PodRules } from "../../../core/schedule/pod-rules.ts";
import { azureDiskDriverNames, type NodePlugin } from "../../../core/writer/judge-other-drivers.ts";
import type { ApiObject } from "../api/api-object.ts";
import { type PodSpecRules, readPodAntiAffinity, readPodRules } from "./core-pod-rules.ts";

/** core/v1 Pod, as far as the driver reads it. */
export interface Pod extends ApiObject {
  readonly metadata: ApiObject["metadata"] & {
    readonly namespace: string;
    readonly ownerReferences?: readonly {
      readonly kind: string;
      readonly name: string;
      readonly controller?: boolean;
    }[];
  };
  readonly spec: PodSpecRules & {
    readonly nodeName?: string;
    readonly volumes?: readonly PodVolume[] | null;
    readonly containers?: readonly Container[];
    readonly securityContext?: { readonly windowsOptions?: WindowsOptions };
  };
  readonly status?: {
    readonly phase?: string;
    /** By the kubelet's clock. */
    readonly startTime?: string;
    readonly conditions?: readonly { readonly type: string; readonly lastTransitionTime?: string | null }[];
    readonly initContainerStatuses?: readonly ContainerStatus[];
    readonly containerStatuses?: readonly ContainerStatus[];
    readonly ephemeralContainerStatuses?: readonly ContainerStatus[];
  };
}

interface Container {
  readonly securityContext?: { readonly privileged?: boolean; readonly windowsOptions?: WindowsOptions };
}

interface WindowsOptions {
  readonly hostProcess?: boolean;
}

/** A container that has never run waits, and has no last state. */
interface ContainerStatus {
  readonly restartCount?: number;
  readonly state?: { readonly running?: object; readonly terminated?: object };
  readonly lastState?: { readonly running?: object; readonly terminated?: object };
}

interface PodVolume {
  readonly name: string;
  readonly persistentVolumeClaim?: { readonly claimName: string };
  /** A generic ephemeral volume: its claim is named after pod and volume. */
  readonly ephemeral?: object;
  /** The in-tree driver's inline volume, which Kubernetes passes to CSI under the same disk URI. */
  readonly azureDisk?: { readonly diskURI: string };
  readonly hostPath?: { readonly path: string };
}

/**
 * What is kept of a pod that has not ended. Thousands have no volume of ours: those are kept only as
 * the neighbours that rules between pods are about.
 */
export interface ClusterPod {
  readonly metadata: {
    readonly name: string;
    readonly namespace: string;
    readonly uid: string;
    readonly resourceVersion: string;
  };
  /** Empty: it is bound to no node yet. */
  readonly nodeName: string;
  /** `Pending`: it waits for something, or its init containers run. */
  readonly isPending: boolean;
  /** Marked for deletion. It exists until the kubelet reports that its containers have ended. */
  readonly isTerminating: boolean;
  /** Its claims as `<namespace>/<name>`, of whatever driver. */
  readonly claims: readonly string[];
  /** Disks that it names itself, by `resourceUriKey`. */
  readonly diskKeys: readonly string[];
  readonly labels: Labels;
  readonly podAntiAffinity: readonly PodAffinityTerm[];
  /** Only of a pod that uses volumes. */
  readonly rules: PodRules | undefined;
  /** Only of a pod that has the kubelet's folder of an Azure disk driver. */
  readonly nodePlugin: NodePlugin | undefined;
}

const NOTHING: readonly never[] = [];

/**
 * What is kept of a pod; `pooled` returns the same object for equal labels. `driverName`: this
 * driver's.
 */
export function readClusterPod(pod: Pod, pooled: (labels: Labels) => Labels, driverName: string): ClusterPod {
  const { name, namespace, uid, resourceVersion, deletionTimestamp } = pod.metadata;
  const labels = pooled(pod.metadata.labels ?? {});
  const { claims, diskKeys } = volumesOf(pod);
  const usesVolumes = claims.length > 0 || diskKeys.length > 0;
  const antiAffinity = readPodAntiAffinity(pod.spec, namespace);
  return {
    metadata: { name, namespace, uid, resourceVersion },
    nodeName: pod.spec.nodeName ?? "",
    isPending: (pod.status?.phase ?? "Pending") === "Pending",
    isTerminating: deletionTimestamp !== undefined,
    claims,
    diskKeys,
    labels,
    podAntiAffinity: antiAffinity.length === 0 ? NOTHING : antiAffinity,
    rules: usesVolumes ? readPodRules(pod.spec, { namespace, name, labels }) : undefined,
    nodePlugin: nodePluginOf(pod, driverName),
  };
}

/**
 * The kubelet's folder of a driver, with or without a slash at its end. On Windows the path has
 * backslashes.
 */
const DRIVER_FOLDER = /[/\\]plugins[/\\]([^/\\]+)[/\\]*$/u;

/**
 * A pod that serves a driver is recognised by its folder, whatever its name, labels and images are. One
 * that is marked for deletion does not count: on a dead node it stays for ever. Nor does one that can't mount
 * for others, since it has not run or has no rights on its host: its user need not have any either.
 */
function nodePluginOf(pod: Pod, driverName: string): NodePlugin | undefined {
  const { metadata, spec } = pod;
  const { namespace, name, deletionTimestamp, ownerReferences = [] } = metadata;
  if (deletionTimestamp !== undefined) return undefined;
  const folders = (spec.volumes ?? []).flatMap(
    ({ hostPath }) => DRIVER_FOLDER.exec(hostPath?.path ?? "")?.[1] ?? [],
  );
  const served = folders.find((folder) => azureDiskDriverNames(driverName).includes(folder));
  // Few pods have the folder: only those are looked at further.
  if (served === undefined || hasNeverRun(pod) || !hasHostRights(spec)) return undefined;
  const owner = ownerReferences.find(({ kind, controller }) => kind === "DaemonSet" && controller === true);
  return {
    pod: `${namespace}/${name}`,
    nodeName: spec.nodeName ?? "",
    daemonSet: owner === undefined ? undefined : `${namespace}/${owner.name}`,
    driverName: served,
  };
}

/** The pipes of csi-proxy, which mounts on Windows for pods without rights of their own. */
const PROXY_PIPE = /[/\\]pipe[/\\]csi-proxy-/iu;

/** The kubelet passes mounts from privileged containers alone on to the host, and to other pods. */
function hasHostRights({ containers = [], securityContext, volumes }: Pod["spec"]): boolean {
  const isHostProcess = securityContext?.windowsOptions?.hostProcess === true;
  return (
    containers.some(
      ({ securityContext: own }) =>
        own?.privileged === true || (own?.windowsOptions?.hostProcess ?? isHostProcess),
    ) || (volumes ?? []).some(({ hostPath }) => PROXY_PIPE.test(hostPath?.path ?? ""))
  );
}

/**
 * Whether its containers have ended for good, so that it uses nothing any more. A pod marked for deletion
 * still does.
 */
export function isFinished({ status }: Pick<Pod, "status">): boolean {
  return status?.phase === "Succeeded" || status?.phase === "Failed";
}

/**
 * Whether no container of a pod has ever run, init containers included. One on a node that is silent may
 * run.
 */
export function hasNeverRun({ status = {} }: Pick<Pod, "status">): boolean {
  const {
    phase = "Pending",
    initContainerStatuses = [],
    containerStatuses = [],
    ephemeralContainerStatuses = [],
  } = status;
  const containers = [...initContainerStatuses, ...containerStatuses, ...ephemeralContainerStatuses];
  return phase === "Pending" && !containers.some(hasRun);
}

function hasRun({ restartCount = 0, state = {}, lastState = {} }: ContainerStatus): boolean {
  return (
    restartCount > 0 ||
    [state, lastState].some(({ running, terminated }) => running !== undefined || terminated !== undefined)
  );
}

/** The claims (`<namespace>/<name>`) and the disks that a pod names. */
export function volumesOf({
  metadata,
  spec,
}: Pick<Pod, "metadata" | "spec">): Pick<ClusterPod, "claims" | "diskKeys"> {
  const volumes = spec.volumes ?? [];
  const claims = volumes.flatMap(({ name, persistentVolumeClaim, ephemeral }) => {
    if (persistentVolumeClaim !== undefined)
      return `${metadata.namespace}/${persistentVolumeClaim.claimName}`;
    return ephemeral === undefined ? [] : `${metadata.namespace}/${metadata.name}-${name}`;
  });
  const diskKeys = volumes.flatMap(({ azureDisk }) =>
    azureDisk === undefined ? [] : resourceUriKey(azureDisk.diskURI),
  );
  return {
    claims: claims.length === 0 ? NOTHING : [...new Set(claims)],
    diskKeys: diskKeys.length === 0 ? NOTHING : diskKeys,
  };
}
