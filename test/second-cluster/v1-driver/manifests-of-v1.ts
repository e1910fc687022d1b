import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { bundle } from "../../../scripts/build/bundle.ts";
import { driverImage } from "../../../testbed/lab/cluster/driver-image.ts";
import type { Lab } from "../../../testbed/lab/lab.ts";
import { kubernetesModule } from "../../../testbed/parts/kubernetes-module.ts";

/** V1's objects, with the names of its manifests. */
export interface ManifestsOfV1 {
  /** Its pods and their rights: all of it must be gone before another driver is installed. */
  readonly workloads: readonly object[];
  /** What remains after a removal of the workloads alone. */
  readonly rest: readonly object[];
}

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));
const NAMESPACE = "kube-system";
const DRIVER = "disk.csi.azure.com";
const KUBELET = "/var/lib/kubelet";
const PROGRAM = "v1-driver";
const CONFIG = "csi-azuredisk-of-v1";
const NODE_PROGRAM = "/usr/local/bin/node";

/**
 * Manifests of the stand-in for the V1 driver: the official sidecars with V1's flags, and our image, used
 * only for the tools that the driver needs.
 */
export async function manifestsOfV1(lab: Lab): Promise<ManifestsOfV1> {
  const { files } = await bundle(
    ROOT,
    [{ entry: "test/second-cluster/v1-driver/main.ts", name: PROGRAM }],
    "dist",
  );
  const [file, ...others] = files;
  if (file === undefined || others.length > 0) throw new Error("the stand-in for V1 is one file");
  const built = await driverImage();
  await lab.registry.add(built.archive, "azuredisk-csi-driver.tar");
  // By its digest, like our driver's pods: nodes need not pull it twice.
  const image = `${built.name}@${built.digest}`;
  const { sidecars } = await kubernetesModule();
  const sidecar = (name: string, ...args: readonly string[]): object => ({
    name,
    image: `registry.k8s.io/sig-storage/${name}:${sidecars.find((each) => each.name === name)?.version ?? ""}`,
    args: [
      "--csi-address=/csi/csi.sock",
      "--leader-election",
      `--leader-election-namespace=${NAMESPACE}`,
      "--v=2",
      ...args,
    ],
    volumeMounts: [{ name: "socket-dir", mountPath: "/csi" }],
  });
  const driver = (
    role: "controller" | "node",
    options: { readonly env: readonly object[]; readonly mounts: readonly object[] },
  ): object => ({
    name: "azuredisk",
    image,
    command: [NODE_PROGRAM, `/v1/${PROGRAM}.cjs`, role],
    env: [
      { name: "AZURE_URL", value: lab.azure.url },
      { name: "NODE_EXTRA_CA_CERTS", value: "/v1/ca.pem" },
      ...options.env,
    ],
    securityContext: { privileged: role === "node", runAsUser: 0 },
    volumeMounts: [
      { name: "socket-dir", mountPath: "/csi" },
      { name: "program", mountPath: "/v1" },
      ...options.mounts,
    ],
  });
  const program = { name: "program", configMap: { name: CONFIG } };

  const controller = workload("Deployment", "csi-azuredisk-controller", {
    serviceAccountName: "csi-azuredisk-controller-sa",
    containers: [
      sidecar(
        "csi-provisioner",
        "--feature-gates=Topology=true",
        "--timeout=30s",
        "--worker-threads=100",
        "--extra-create-metadata",
        "--strict-topology",
      ),
      sidecar(
        "csi-attacher",
        "--timeout=600s",
        "--worker-threads=1000",
        "--kube-api-qps=200",
        "--kube-api-burst=400",
      ),
      driver("controller", {
        env: [
          { name: "AZURE_SUBSCRIPTION", value: lab.azure.subscriptionId },
          { name: "AZURE_RESOURCE_GROUP", value: lab.azure.resourceGroup },
          { name: "AZURE_LOCATION", value: lab.azure.location },
        ],
        mounts: [],
      }),
    ],
    volumes: [{ name: "socket-dir", emptyDir: {} }, program],
  });
  const node = workload("DaemonSet", "csi-azuredisk-node", {
    serviceAccountName: "csi-azuredisk-node-sa",
    tolerations: [{ operator: "Exists" }],
    containers: [
      driver("node", {
        env: [
          { name: "NODE_NAME", valueFrom: { fieldRef: { fieldPath: "spec.nodeName" } } },
          { name: "REGISTRATION_SOCKET", value: `${KUBELET}/plugins_registry/${DRIVER}-reg.sock` },
          { name: "KUBELET_SOCKET", value: `${KUBELET}/plugins/${DRIVER}/csi.sock` },
        ],
        mounts: [
          { name: "kubelet-dir", mountPath: KUBELET, mountPropagation: "Bidirectional" },
          { name: "device-dir", mountPath: "/dev" },
        ],
      }),
    ],
    volumes: [
      { name: "socket-dir", hostPath: { path: `${KUBELET}/plugins/${DRIVER}`, type: "DirectoryOrCreate" } },
      { name: "kubelet-dir", hostPath: { path: KUBELET, type: "Directory" } },
      { name: "device-dir", hostPath: { path: "/dev", type: "Directory" } },
      program,
    ],
  });
  const config = {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name: CONFIG, namespace: NAMESPACE },
    data: { [`${PROGRAM}.cjs`]: file.text, "ca.pem": await readFile(lab.azure.caFile, "utf8") },
  };
  return {
    workloads: [config, rightsOf("csi-azuredisk-controller-sa"), controller, node],
    rest: [...serviceAccounts(), csiDriver()],
  };
}

function workload(kind: "Deployment" | "DaemonSet", name: string, pod: object): object {
  const labels = { app: name };
  const template = {
    metadata: { labels },
    spec: {
      hostNetwork: true,
      priorityClassName: "system-node-critical",
      terminationGracePeriodSeconds: 10,
      ...pod,
    },
  };
  const replicas = kind === "Deployment" ? { replicas: 1 } : {};
  return {
    apiVersion: "apps/v1",
    kind,
    metadata: { name, namespace: NAMESPACE },
    spec: { ...replicas, selector: { matchLabels: labels }, template },
  };
}

/** Its rights in the cluster do not matter here. */
function rightsOf(serviceAccount: string): object {
  return {
    apiVersion: "rbac.authorization.k8s.io/v1",
    kind: "ClusterRoleBinding",
    metadata: { name: "azuredisk-of-v1" },
    subjects: [{ kind: "ServiceAccount", name: serviceAccount, namespace: NAMESPACE }],
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "cluster-admin" },
  };
}

function serviceAccounts(): readonly object[] {
  return ["csi-azuredisk-controller-sa", "csi-azuredisk-node-sa"].map((name) => ({
    apiVersion: "v1",
    kind: "ServiceAccount",
    metadata: { name, namespace: NAMESPACE },
  }));
}

function csiDriver(): object {
  const spec = { attachRequired: true, podInfoOnMount: false, fsGroupPolicy: "File" };
  return { apiVersion: "storage.k8s.io/v1", kind: "CSIDriver", metadata: { name: DRIVER }, spec };
}
