import type { PersistentVolumeClaim } from "../core/core-claim.ts";
import type { Node } from "../core/core-node.ts";
import type { PersistentVolume, PersistentVolumeSpec } from "../core/core-persistent-volume.ts";
import type { Pod } from "../core/core-pod.ts";
import type { VolumeAttachment } from "../core/core-volume-attachment.ts";
import type { CoreCluster } from "./core-cluster.ts";
import { DRIVER } from "./core-cluster.ts";

/** Collections of core resources, by the path of all namespaces. */
export const PODS = "/api/v1/pods";
export const CLAIMS = "/api/v1/persistentvolumeclaims";
export const VOLUMES = "/api/v1/persistentvolumes";
const NODES = "/api/v1/nodes";
export const ATTACHMENTS = "/apis/storage.k8s.io/v1/volumeattachments";

/** The URI of a disk. */
export function diskOf(name: string): string {
  return `/subscriptions/sub-1/resourceGroups/rg-1/providers/Microsoft.Compute/disks/${name}`;
}

type Metadata = Partial<Pod["metadata"]>;

/** A pod `default/<name>`, running on node-a, that uses the given claims. */
export function putPod(
  cluster: CoreCluster,
  name: string,
  given: {
    readonly claims?: readonly string[];
    readonly nodeName?: string;
    readonly phase?: string;
    readonly metadata?: Metadata;
    readonly spec?: Partial<Pod["spec"]>;
    readonly status?: Pod["status"];
  } = {},
): void {
  const { claims = [], nodeName = "node-a", phase = "Running", metadata, spec, status } = given;
  const volumes = claims.map((claimName) => ({ name: claimName, persistentVolumeClaim: { claimName } }));
  const pod = {
    metadata: { name, namespace: "default", ...metadata },
    spec: { ...(nodeName === "" ? {} : { nodeName }), volumes, ...spec },
    status: { phase, startTime: "2026-01-01T00:01:00Z", ...status },
  };
  cluster.put(PODS, pod);
}

/** A claim `default/<name>` bound to the PersistentVolume `pv-<name>`, or to the given one; "" for none. */
export function putClaim(
  cluster: CoreCluster,
  name: string,
  given: {
    readonly volumeName?: string;
    readonly metadata?: Partial<PersistentVolumeClaim["metadata"]>;
  } = {},
): void {
  const { volumeName = `pv-${name}`, metadata } = given;
  cluster.put(CLAIMS, {
    metadata: { name, namespace: "default", ...metadata },
    spec: volumeName === "" ? {} : { volumeName },
  });
}

/**
 * The PersistentVolume `pv-<claim>` of this driver, bound to the claim `default/<claim>`, of the disk of
 * the claim's name.
 */
export function putVolume(
  cluster: CoreCluster,
  claim: string,
  spec: Partial<PersistentVolumeSpec> = {},
  metadata: Partial<PersistentVolume["metadata"]> = {},
): void {
  cluster.put(VOLUMES, {
    metadata: { name: `pv-${claim}`, ...metadata },
    spec: {
      csi: { driver: DRIVER, volumeHandle: diskOf(claim) },
      claimRef: { namespace: "default", name: claim, uid: `uid-${claim}` },
      accessModes: ["ReadWriteOnce"],
      volumeMode: "Filesystem",
      ...spec,
    },
  });
}

/** A claim, its PersistentVolume, and a pod on node-a that uses it. */
export function putUse(cluster: CoreCluster, claim: string, pod = `${claim}-pod`): void {
  putClaim(cluster, claim);
  putVolume(cluster, claim);
  putPod(cluster, pod, { claims: [claim] });
}

export function putNode(
  cluster: CoreCluster,
  name: string,
  given: {
    readonly labels?: Readonly<Record<string, string>>;
    readonly spec?: Node["spec"];
    readonly metadata?: Partial<Node["metadata"]>;
  } = {},
): void {
  cluster.put(NODES, {
    metadata: { name, labels: { "kubernetes.io/hostname": name, ...given.labels }, ...given.metadata },
    spec: given.spec ?? {},
  });
}

export function putAttachment(
  cluster: CoreCluster,
  name: string,
  given: {
    readonly spec: VolumeAttachment["spec"];
    readonly attached?: boolean;
    readonly metadata?: Partial<VolumeAttachment["metadata"]>;
  },
): void {
  cluster.put(ATTACHMENTS, {
    metadata: { name, ...given.metadata },
    spec: given.spec,
    status: { attached: given.attached ?? true },
  });
}
