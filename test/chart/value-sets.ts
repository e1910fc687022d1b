import { readFileSync } from "node:fs";
import { parse } from "yaml";
import { reasonAgainstKubernetes } from "../cluster/older-kubernetes.ts";

const AKS = new URL("../../deploy/chart/values-aks.yaml", import.meta.url);

const FIELD = "preventPodSchedulingIfMissing";
const HAS_FIELD = reasonAgainstKubernetes("1.37", FIELD) === undefined;

/** The values that users install the chart with: each set has its golden rendering. */
export const VALUE_SETS: Readonly<Record<string, object>> = {
  defaults: {},
  /** No attacher, no VolumeAttachments. */
  "attach-by-driver": { attach: "driver" },
  /** As docs/install.md installs it on AKS. */
  aks: {
    ...(parse(readFileSync(AKS, "utf8")) as object),
    workloadIdentity: { clientID: "11111111-2222-3333-4444-555555555555" },
    azure: {
      subscriptionID: "00000000-0000-0000-0000-000000000001",
      resourceGroup: "MC_group_cluster_eastus",
      location: "eastus",
    },
  },
  /** Under another driver name, on AKS, with the snapshotter. */
  "other-name": {
    ...(parse(readFileSync(AKS, "utf8")) as object),
    driver: { name: "disk2.csi.azure.com" },
    workloadIdentity: { clientID: "11111111-2222-3333-4444-555555555555" },
    azure: {
      subscriptionID: "00000000-0000-0000-0000-000000000001",
      resourceGroup: "MC_group_cluster_eastus",
      location: "eastus",
      caCertificate: "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n",
    },
    windows: { enabled: true },
    snapshot: { snapshotter: "always" },
  },
  /** With an emulator of Azure, without a cloud's network. */
  emulator: {
    image: { baseRepo: "registry.example", azuredisk: { repository: "/azuredisk-csi-driver", tag: "test" } },
    azure: {
      endpoint: "https://azure.example:8443",
      authorityHost: "https://azure.example:8443",
      caCertificate: "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n",
      timeScale: 0.05,
    },
    controller: {
      hostNetwork: false,
      settings: { "prune-replicas-after-ms": 20_000, unpublish: "detach" },
    },
    node: { metadataEndpoint: "https://azure.example:8443/metadata", settings: { "heartbeat-ms": 1_000 } },
    schedulerExtender: { replicas: 1, podDisruptionBudget: { enabled: false } },
  },
  /** Every part that is off by default, and values in the form of V1's users. */
  everything: {
    imagePullSecrets: ["first", "second"],
    workloadIdentity: {
      clientID: "11111111-2222-3333-4444-555555555555",
      tenantID: "66666666-7777-8888-9999-000000000000",
    },
    azure: {
      subscriptionID: "00000000-0000-0000-0000-000000000001",
      resourceGroup: "rg",
      location: "eastus",
      cloud: "AzurePublicCloud",
    },
    driver: {
      volumeAttachLimit: 8,
      nodeAllocatableUpdatePeriodSeconds: 0,
      // The chart refuses it of a Kubernetes that does not know it.
      [FIELD]: HAS_FIELD,
      reserveDisks: true,
      httpsProxy: "http://proxy:3128",
      noProxy: "10.0.0.0/8",
      customUserAgent: "ours/2.0 (of us)",
      userAgentSuffix: "OSS-helm",
    },
    feature: { enableFSGroupPolicy: false },
    controller: {
      cloudConfigSecretName: "",
      forceDetachAfterMs: 3_600_000,
      fenceRegularDetachMs: 0,
      stoppedNodes: "wait",
      logLevel: 6,
      replicas: 3,
      runOnControlPlane: true,
      runOnMaster: true,
      livenessProbe: { enabled: true },
      podLabels: { team: "storage" },
      podAnnotations: { note: "yes" },
      labels: { tier: "control" },
      annotations: { owner: "us" },
      extraEnv: [{ name: "NODE_EXTRA_CA_CERTS", value: "/extra/ca.pem" }],
      extraVolumes: [{ name: "extra", emptyDir: {} }],
      extraVolumeMounts: [{ name: "extra", mountPath: "/extra" }],
      extraArgs: ["--wait-max-ms=1000"],
      podDisruptionBudget: { enabled: false },
      sidecarMetrics: { enabled: true },
      featureGates: {
        csiProvisioner: ["Topology=true", "VolumeAttributesClass=true"],
        csiResizer: ["RecoverVolumeExpansionFailure=true", "VolumeAttributesClass=true"],
      },
    },
    metrics: {
      podMonitor: { enabled: true, interval: "30s", labels: { release: "prometheus" } },
      prometheusRule: { enabled: true, labels: { release: "prometheus" } },
      dashboard: { enabled: true },
    },
    node: {
      livenessProbe: { enabled: true },
      nodeDriverRegistrar: { enabled: true },
      reservedDataDiskSlotNum: 1,
      removeNotReadyTaint: false,
      maxUnavailable: "10%",
      logLevel: "debug",
    },
    linux: { kubelet: "/data/kubelet", hostNetwork: false, affinity: { podAffinity: {} }, tolerations: [] },
    schedulerExtender: { affinity: { podAntiAffinity: {} }, nodeSelector: { pool: "system" } },
    snapshot: { enabled: true, nodeSelector: { pool: "system" } },
    storageClasses: {
      "managed-csi": { default: true, annotations: { note: "default" } },
      "managed-csi-premium": { enabled: false },
      mine: {
        parameters: { skuName: "PremiumV2_LRS", cachingMode: "None" },
        mountOptions: ["noatime"],
        reclaimPolicy: "Retain",
      },
    },
  },
  /** Credentials from the nodes, as clusters without the secret have them. */
  "host-file": {
    controller: { cloudConfigSecretName: "", cloudConfigHostFile: "/etc/kubernetes/azure.json" },
    schedulerExtender: { enabled: false },
    admissionPolicy: { enabled: false },
  },
  /** Nodes of both platforms. */
  windows: {
    windows: { enabled: true, podLabels: { team: "storage" }, nodeSelector: { pool: "win" } },
    node: { updateStrategy: "OnDelete", livenessProbe: { enabled: true }, reservedDataDiskSlotNum: 1 },
    // Windows reserves no disks.
    driver: { volumeAttachLimit: 8, reserveDisks: true },
  },
  /** The minimum: objects that others create, no second scheduler. */
  least: {
    serviceAccount: { create: false },
    rbac: { create: false },
    admissionPolicy: { enabled: false },
    schedulerExtender: { enabled: false },
    linux: { enabled: false },
    objectNamespace: "kube-system",
    storageClasses: {
      "managed-csi": { enabled: false },
      "managed-csi-premium": { enabled: false },
      "managed-csi-replicas": { enabled: false },
      "managed-csi-premium-replicas": { enabled: false },
      "managed-csi-premium-zrs-replicas": { enabled: false },
    },
  },
};
