/** A volume with or without a replica, and its pod. */
export const SIDES = ["replicas", "plain"] as const;

export type Side = (typeof SIDES)[number];

export const NAMESPACE = "bench-failover";

/**
 * Records its start in its volume, and ends at once on SIGTERM. A plain `sync` would wait for every file
 * system of the machine, and the shell would not handle the signal until then: the kubelet would kill it
 * two seconds later.
 */
const WRITER =
  "trap 'exit 0' TERM; echo started | dd of=/data/starts oflag=append conv=notrunc,fsync 2>/dev/null; " +
  "while true; do sleep 1000 & wait $!; done";

/** The objects of one side: a class, and a StatefulSet of one pod that runs `WRITER`. */
export function workloadOf(side: Side): string {
  const objects = [
    {
      apiVersion: "storage.k8s.io/v1",
      kind: "StorageClass",
      metadata: { name: classOf(side) },
      provisioner: "disk.csi.azure.com",
      parameters: { skuName: "Premium_LRS", ...(side === "replicas" ? { maxShares: "2" } : {}) },
      volumeBindingMode: "WaitForFirstConsumer",
    },
    {
      apiVersion: "apps/v1",
      kind: "StatefulSet",
      metadata: { name: side, namespace: NAMESPACE },
      spec: {
        serviceName: side,
        replicas: 1,
        selector: { matchLabels: { app: side } },
        template: {
          metadata: { labels: { app: side } },
          spec: {
            schedulerName: "csi-azuredisk-scheduler-extender",
            terminationGracePeriodSeconds: 1,
            containers: [
              {
                name: "main",
                image: "busybox",
                imagePullPolicy: "IfNotPresent",
                command: ["sh", "-c", WRITER],
                volumeMounts: [{ name: "data", mountPath: "/data" }],
              },
            ],
          },
        },
        volumeClaimTemplates: [
          {
            metadata: { name: "data" },
            spec: {
              accessModes: ["ReadWriteOnce"],
              storageClassName: classOf(side),
              resources: { requests: { storage: "1Ti" } },
            },
          },
        ],
      },
    },
  ];
  return JSON.stringify({ apiVersion: "v1", kind: "List", items: objects });
}

export function classOf(side: Side): string {
  return `bench-failover-${side}`;
}

export function podOf(side: Side): string {
  return `${side}-0`;
}
