/** A claim for a disk. */
export interface ClaimOptions {
  readonly name: string;
  readonly storageClass: string;
  /** Default: 4. */
  readonly sizeGiB?: number;
  /** Default: ReadWriteOnce. */
  readonly accessMode?: "ReadWriteOnce" | "ReadWriteOncePod" | "ReadWriteMany" | "ReadOnlyMany";
  /** Default: Filesystem. */
  readonly volumeMode?: "Filesystem" | "Block";
  /** Its VolumeAttributesClass. Default: none. */
  readonly attributesClass?: string;
  /** What the volume is a copy of. Default: it is empty. */
  readonly copyOf?: { readonly kind: "VolumeSnapshot" | "PersistentVolumeClaim"; readonly name: string };
}

/** A StorageClass of the driver. */
export interface ClassOptions {
  readonly name: string;
  readonly parameters: Readonly<Record<string, string>>;
  /** Default: Immediate, so that a claim needs no pod. */
  readonly volumeBindingMode?: "Immediate" | "WaitForFirstConsumer";
  /** Default: Delete. */
  readonly reclaimPolicy?: "Delete" | "Retain";
  /** The driver's name. Default: that of the shared lab's driver. */
  readonly provisioner?: string;
}

/** A claim as a pod has it. */
export interface MountOptions {
  readonly claim: string;
  /** Where its file system is mounted. */
  readonly path?: string;
  /** Where its raw device is. */
  readonly device?: string;
  /** Folder of the volume that is mounted instead of all of it. */
  readonly subPath?: string;
  /** The pod may only read; this applies to its own mount alone. */
  readonly readOnly?: boolean;
}

/** A pod that holds its volumes. */
export interface PodOptions {
  readonly name: string;
  readonly mounts: readonly MountOptions[];
  /** Its required node. Default: any. */
  readonly nodeName?: string;
  /** Default: Kubernetes' own. */
  readonly schedulerName?: string;
  readonly securityContext?: Readonly<Record<string, number>>;
  /** What its shell runs. Default: nothing. */
  readonly script?: string;
}

/** Long enough for a termination signal, short enough for a test. */
const POD_GRACE_S = 1;
const SIZE_GIB = 4;

/** One manifest of several objects. */
export function manifestOf(...objects: readonly object[]): string {
  return JSON.stringify({ apiVersion: "v1", kind: "List", items: objects });
}

export function aClaim(options: ClaimOptions): object {
  const {
    name,
    storageClass,
    sizeGiB = SIZE_GIB,
    accessMode = "ReadWriteOnce",
    volumeMode = "Filesystem",
    attributesClass,
    copyOf,
  } = options;
  const spec = {
    storageClassName: storageClass,
    accessModes: [accessMode],
    volumeMode,
    resources: { requests: { storage: `${sizeGiB}Gi` } },
    ...(attributesClass === undefined ? {} : { volumeAttributesClassName: attributesClass }),
    ...(copyOf === undefined ? {} : { dataSource: sourceOf(copyOf) }),
  };
  return { apiVersion: "v1", kind: "PersistentVolumeClaim", metadata: { name }, spec };
}

function sourceOf({ kind, name }: NonNullable<ClaimOptions["copyOf"]>): object {
  return kind === "VolumeSnapshot" ? { apiGroup: "snapshot.storage.k8s.io", kind, name } : { kind, name };
}

export function aClass({
  name,
  parameters,
  volumeBindingMode = "Immediate",
  reclaimPolicy = "Delete",
  provisioner = "disk.csi.azure.com",
}: ClassOptions): object {
  return {
    apiVersion: "storage.k8s.io/v1",
    kind: "StorageClass",
    metadata: { name },
    provisioner,
    parameters,
    volumeBindingMode,
    reclaimPolicy,
    allowVolumeExpansion: true,
  };
}

export function aPod(options: PodOptions): object {
  const { name, mounts, nodeName, schedulerName, securityContext, script } = options;
  const claims = [...new Set(mounts.map(({ claim }) => claim))];
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name },
    spec: {
      terminationGracePeriodSeconds: POD_GRACE_S,
      // Not by nodeName: a claim that waits for its first consumer needs the scheduler.
      ...(nodeName === undefined ? {} : { nodeSelector: { "kubernetes.io/hostname": nodeName } }),
      ...(schedulerName === undefined ? {} : { schedulerName }),
      ...(securityContext === undefined ? {} : { securityContext }),
      containers: [
        {
          name: "main",
          image: "busybox",
          command: script === undefined ? ["sleep", "infinity"] : ["sh", "-c", script],
          volumeMounts: mounts.flatMap(({ claim, path, subPath, readOnly = false }) =>
            path === undefined
              ? []
              : [{ name: claim, mountPath: path, readOnly, ...(subPath === undefined ? {} : { subPath }) }],
          ),
          volumeDevices: mounts.flatMap(({ claim, device }) =>
            device === undefined ? [] : [{ name: claim, devicePath: device }],
          ),
        },
      ],
      volumes: claims.map((claim) => ({ name: claim, persistentVolumeClaim: { claimName: claim } })),
    },
  };
}

/**
 * A StatefulSet of one pod, `<name>-0`, that holds the volume `data-<name>-0` at `/data`.
 */
export function aStatefulSet({
  storageClass,
  sizeGiB,
  ...pod
}: Pick<ClaimOptions, "storageClass" | "sizeGiB"> &
  Pick<PodOptions, "name" | "nodeName" | "script">): object {
  const { name } = pod;
  const claim = { name: "data", storageClass, ...(sizeGiB === undefined ? {} : { sizeGiB }) };
  const {
    spec: { volumes: _, ...podSpec },
  } = aPod({ ...pod, mounts: [{ claim: "data", path: "/data" }] }) as {
    readonly spec: { readonly volumes: unknown };
  };
  return {
    apiVersion: "apps/v1",
    kind: "StatefulSet",
    metadata: { name },
    spec: {
      serviceName: name,
      replicas: 1,
      selector: { matchLabels: { app: name } },
      template: { metadata: { labels: { app: name } }, spec: podSpec },
      volumeClaimTemplates: [aClaim(claim)],
    },
  };
}
