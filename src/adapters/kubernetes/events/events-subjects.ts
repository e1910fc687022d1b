import type { AzDriverNode } from "../../../core/api/az-driver-node.ts";
import type { AzVolume } from "../../../core/api/az-volume.ts";
import { diskUriOf } from "../../../core/api/identity/disk-uri-of.ts";
import type { Lease } from "../../../core/api/lease.ts";
import { resourceUriKey } from "../../../core/azure/ids/disk-uri.ts";
import { meaningOf } from "../../../core/events/event-reasons.ts";
import { metadataTagNames } from "../../../core/volume/tags/volume-tags.ts";
import type { DriverEvent } from "../../../ports/cluster/events.ts";
import type { SourceCache } from "../../../ports/store/source-cache.ts";
import type { ClusterClaim } from "../core/core-claim.ts";
import type { ClusterPersistentVolume } from "../core/core-persistent-volume.ts";
import type { ClusterPod } from "../core/core-pod.ts";
import type { PersistentVolumeIndex, PodIndex } from "../core/core-sources.ts";
import type { EventSubject } from "./events-correlator.ts";

/** The part of a cache of the driver's own objects that finding subjects needs; `ObjectCache` fits. */
export interface OwnObjects {
  get(kind: "AzVolume", name: string): AzVolume | undefined;
}

/** The same where AzDriverNodes and Leases are followed, too. */
export interface ControllerObjects extends OwnObjects {
  get(kind: "AzVolume", name: string): AzVolume | undefined;
  get(kind: "AzDriverNode", name: string): AzDriverNode | undefined;
  get(kind: "Lease", name: string): Lease | undefined;
}

/** The part of the caches of core resources that finding subjects needs. */
export interface SubjectCaches {
  readonly pods: Pick<SourceCache<ClusterPod, PodIndex>, "byIndex">;
  readonly claims: Pick<SourceCache<ClusterClaim>, "get">;
  readonly persistentVolumes: Pick<SourceCache<ClusterPersistentVolume, PersistentVolumeIndex>, "byIndex">;
}

const CLAIM_NAME = metadataTagNames["csi.storage.k8s.io/pvc/name"];
const CLAIM_NAMESPACE = metadataTagNames["csi.storage.k8s.io/pvc/namespace"];

/**
 * The objects on which a controller shows an event: its object, and by the caches the volume's claim,
 * the pods that wait for it, and the node. Not its object and the node where that node has shown it there.
 */
export function controllerSubjects(options: {
  readonly objects: ControllerObjects;
  readonly caches: SubjectCaches;
  /** Of the driver's own objects. */
  readonly namespace: string;
}): (event: DriverEvent) => readonly EventSubject[] {
  const { objects, caches, namespace } = options;
  return (event) => {
    const { about, reason, nodeName } = event;
    if (about.kind === "Node") return [nodeSubject(about.name)];
    if (about.kind === "Lease") return leaseSubject(objects.get("Lease", about.name), namespace);
    if (about.kind === "AzDriverNode")
      return [
        ...ownSubject("AzDriverNode", objects.get("AzDriverNode", about.name), namespace),
        nodeSubject(about.name),
      ];
    const volume = objects.get("AzVolume", about.name);
    const { shownOn, isStatedByNode } = meaningOf(reason);
    const claims = volume === undefined ? [] : claimsOf(volume, caches);
    const isShownByNode = isStatedByNode === true;
    return [
      ...(isShownByNode ? [] : ownSubject("AzVolume", volume, namespace)),
      ...(shownOn.includes("PersistentVolumeClaim") ? claims.map(claimSubject) : []),
      ...(volume === undefined ? [] : podsToShowOn(volume, claims, caches, event).map(podSubject)),
      ...(shownOn.includes("Node") && nodeName !== undefined && !isShownByNode
        ? [nodeSubject(nodeName)]
        : []),
    ];
  };
}

/**
 * The objects on which a node plug-in shows an event: the volume and its own node. It knows of no claim and
 * no pod, and needs no right to write about them.
 */
export function nodeSubjects(options: {
  readonly objects: OwnObjects;
  readonly namespace: string;
  readonly nodeName: string;
}): (event: DriverEvent) => readonly EventSubject[] {
  const { objects, namespace, nodeName } = options;
  return ({ about, reason }) => {
    if (about.kind === "Node") return [nodeSubject(about.name)];
    if (about.kind !== "AzVolume") return [];
    return [
      ...ownSubject("AzVolume", objects.get("AzVolume", about.name), namespace),
      ...(meaningOf(reason).shownOn.includes("Node") ? [nodeSubject(nodeName)] : []),
    ];
  };
}

function ownSubject(
  kind: "AzVolume" | "AzDriverNode",
  object: AzVolume | AzDriverNode | undefined,
  namespace: string,
): readonly EventSubject[] {
  if (object === undefined) return [];
  const { name, uid } = object.metadata;
  return [{ apiVersion: "disk.csi.azure.com/v1", kind, namespace, name, uid }];
}

function leaseSubject(lease: Lease | undefined, namespace: string): readonly EventSubject[] {
  if (lease === undefined) return [];
  const { name, uid } = lease.metadata;
  return [{ apiVersion: "coordination.k8s.io/v1", kind: "Lease", namespace, name, uid }];
}

/** As the kubelet does, whose events are shown beside these: a Node's uid is its name there. */
function nodeSubject(name: string): EventSubject {
  return { apiVersion: "v1", kind: "Node", namespace: undefined, name, uid: name };
}

function claimSubject({ metadata: { namespace, name, uid } }: ClusterClaim): EventSubject {
  return { apiVersion: "v1", kind: "PersistentVolumeClaim", namespace, name, uid };
}

function podSubject({ metadata: { namespace, name, uid } }: ClusterPod): EventSubject {
  return { apiVersion: "v1", kind: "Pod", namespace, name, uid };
}

/**
 * The claim that a PersistentVolume of the disk is bound to; before there is one, the claim that
 * external-provisioner named.
 */
function claimsOf(volume: AzVolume, { persistentVolumes, claims }: SubjectCaches): readonly ClusterClaim[] {
  const diskUri = diskUriOf(volume);
  const bound =
    diskUri === undefined
      ? []
      : persistentVolumes
          .byIndex("diskKey", resourceUriKey(diskUri))
          .flatMap(({ namedDisk }) => namedDisk?.claim ?? []);
  const present = bound.flatMap(({ namespace, name, uid }) => {
    const claim = claims.get(`${namespace}/${name}`);
    return claim?.metadata.uid === uid ? claim : [];
  });
  if (present.length > 0) return present;
  const { [CLAIM_NAMESPACE]: namespace, [CLAIM_NAME]: name } = volume.spec.disk.tags;
  const named =
    namespace === undefined || name === undefined ? undefined : claims.get(`${namespace}/${name}`);
  return named === undefined ? [] : [named];
}

/**
 * The volume's pods that receive an event, each once: those that wait for it, those that are bound to the
 * node that it names, or all but those that are ending.
 */
function podsToShowOn(
  volume: AzVolume,
  claims: readonly ClusterClaim[],
  { pods }: SubjectCaches,
  { reason, nodeName, waitingOn }: DriverEvent,
): readonly ClusterPod[] {
  const { shownOn } = meaningOf(reason);
  if (!shownOn.includes("Pod") && !shownOn.includes("PodOnNode") && !shownOn.includes("AnyPod")) return [];
  const diskUri = volume.status?.detail?.diskUri;
  const byClaim = claims.flatMap(({ metadata }) =>
    pods.byIndex("claim", `${metadata.namespace}/${metadata.name}`),
  );
  const byDisk = diskUri === undefined ? [] : pods.byIndex("diskKey", resourceUriKey(diskUri));
  const all = [...new Set([...byClaim, ...byDisk])];
  const isWaiting = (pod: ClusterPod): boolean =>
    pod.isPending && !pod.isTerminating && (waitingOn === undefined || waitingOn.includes(pod.nodeName));
  const isThere = (pod: ClusterPod): boolean => nodeName !== undefined && pod.nodeName === nodeName;
  return all.filter(
    (pod) =>
      (shownOn.includes("Pod") && isWaiting(pod)) ||
      (shownOn.includes("PodOnNode") && isThere(pod)) ||
      (shownOn.includes("AnyPod") && !pod.isTerminating),
  );
}
