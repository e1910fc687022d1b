import { join } from "node:path";
import type { Parts } from "../../parts/build-parts.ts";
import { PAUSE_IMAGE } from "../../parts/lab-images.ts";
import type { LabNetwork } from "../lab-network.ts";

/** Paths of a node's programs, as seen from inside the node. */
export const NODE_PATHS = {
  containerdConfig: "/etc/containerd/config.toml",
  containerdSocket: "/run/containerd/containerd.sock",
  registryConfig: "/etc/containerd/certs.d/_default/hosts.toml",
  cniConfig: "/etc/cni/net.d/10-lab.conflist",
  kubeletConfig: "/etc/kubernetes/kubelet.json",
  kubeconfig: "/etc/kubernetes/kubeconfig",
  certificate: "/etc/kubernetes/kubelet.crt",
  key: "/etc/kubernetes/kubelet.key",
  ca: "/etc/kubernetes/ca.crt",
} as const;

/**
 * How often containerd measures containers and images, in seconds. Kubelets ask for these figures only to
 * report them, and containerd would wake each container's shim every second for them.
 */
const UNREAD_STATS_S = 3_600;

/**
 * The configuration of containerd. It may not lower a process's OOM score where the machine does not permit
 * that.
 */
export function containerdConfig(parts: Parts): string {
  return `version = 3
disabled_plugins = ["io.containerd.nri.v1.nri", "io.containerd.internal.v1.tracing", "io.containerd.snapshotter.v1.blockfile", "io.containerd.snapshotter.v1.native"]

[debug]
  level = "warn"

[plugins."io.containerd.cri.v1.images"]
  stats_collect_period = ${UNREAD_STATS_S}

[plugins."io.containerd.cri.v1.images".pinned_images]
  sandbox = ${JSON.stringify(PAUSE_IMAGE)}

[plugins."io.containerd.cri.v1.images".registry]
  config_path = "/etc/containerd/certs.d"

[plugins."io.containerd.cri.v1.runtime"]
  stats_collect_period = "${UNREAD_STATS_S}s"
  restrict_oom_score_adj = true
  disable_apparmor = true
  disable_hugetlb_controller = true
  tolerate_missing_hugetlb_controller = true

[plugins."io.containerd.cri.v1.runtime".cni]
  bin_dirs = [${JSON.stringify(parts.cni)}]
  conf_dir = "/etc/cni/net.d"

[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"

[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc.options]
  SystemdCgroup = false
  BinaryName = ${JSON.stringify(join(parts.bin, "runc"))}
`;
}

/** Every image comes from the lab's own registry, whichever registry its name has. */
export function registryConfig(registry: string): string {
  return `server = "${registry}"\n\n[host."${registry}"]\n  capabilities = ["pull", "resolve"]\n`;
}

/**
 * The network of the node's pods: a bridge, and addresses that no other node assigns. They are dropped at
 * power loss, as the pods are.
 */
export function cniConfig(network: LabNetwork, index: number): string {
  return JSON.stringify({
    cniVersion: "1.0.0",
    name: "lab",
    plugins: [
      {
        type: "bridge",
        bridge: "cni0",
        isGateway: true,
        ipMasq: false,
        ipam: {
          type: "host-local",
          dataDir: "/run/cni",
          ranges: [[{ subnet: network.podsOfNode(index), gateway: network.podGateway(index) }]],
          routes: [{ dst: "0.0.0.0/0" }],
        },
      },
    ],
  });
}

/** The node-specific part of a kubelet's configuration. */
export interface KubeletNode {
  readonly cgroupRoot: string;
  readonly providerId: string;
  /** Fields of KubeletConfiguration that override the lab's. */
  readonly overrides: Readonly<Record<string, unknown>>;
}

/**
 * KubeletConfiguration with as many defaults as several kubelets on one machine permit. The exception is
 * `syncFrequency`: a grown volume is noticed within 5 s instead of a minute.
 */
export function kubeletConfig({ cgroupRoot, providerId, overrides }: KubeletNode): string {
  return JSON.stringify({
    apiVersion: "kubelet.config.k8s.io/v1beta1",
    kind: "KubeletConfiguration",
    authentication: {
      anonymous: { enabled: false },
      webhook: { enabled: true },
      x509: { clientCAFile: NODE_PATHS.ca },
    },
    authorization: { mode: "Webhook" },
    tlsCertFile: NODE_PATHS.certificate,
    tlsPrivateKeyFile: NODE_PATHS.key,
    containerRuntimeEndpoint: `unix://${NODE_PATHS.containerdSocket}`,
    providerID: providerId,
    cgroupDriver: "cgroupfs",
    cgroupRoot: `/${cgroupRoot}`,
    failCgroupV1: false,
    failSwapOn: false,
    // Lower values need a capability that containers and some machines lack.
    oomScoreAdj: 0,
    enforceNodeAllocatable: ["none"],
    // The machine's disk usage says nothing about the lab.
    imageGCHighThresholdPercent: 100,
    evictionHard: { "memory.available": "50Mi" },
    makeIPTablesUtilChains: false,
    // Nothing answers there: the lab resolves no names but those of its machines.
    clusterDNS: ["10.96.0.10"],
    clusterDomain: "cluster.local",
    resolvConf: "",
    syncFrequency: "5s",
    ...overrides,
  });
}

/** Flags of a kubelet that are not part of its configuration. */
export function kubeletFlags(node: {
  readonly name: string;
  readonly address: string;
  readonly labels: Readonly<Record<string, string>>;
}): readonly string[] {
  return [
    `--config=${NODE_PATHS.kubeletConfig}`,
    `--kubeconfig=${NODE_PATHS.kubeconfig}`,
    `--hostname-override=${node.name}`,
    `--node-ip=${node.address}`,
    `--node-labels=${Object.entries(node.labels)
      .map(([name, value]) => `${name}=${value}`)
      .join(",")}`,
    "--v=1",
  ];
}
