import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { it } from "node:test";
import { fileURLToPath } from "node:url";
import type { ChartValue } from "../../scripts/generate/chart/chart-value.ts";
import { chartValues } from "../../scripts/generate/chart/chart-values.ts";

const PAGE = join(fileURLToPath(new URL("../..", import.meta.url)), "docs/install.md");
const HEADING = "### Values of V1 that are gone\n";

const TRACING = ["enabled", "otelServiceName", "otelExporterEndpoint"].map((name) => `otelTracing.${name}`);

/** The values of V1's chart, by group (charts/latest of kubernetes-sigs/azuredisk-csi-driver, v1.34). */
const VALUES_OF_V1: Readonly<Record<string, readonly string[]>> = {
  image: [
    "baseRepo",
    "azuredisk",
    "csiProvisioner",
    "csiAttacher",
    "csiResizer",
    "livenessProbe",
    "nodeDriverRegistrar",
  ],
  imagePullSecrets: [],
  serviceAccount: ["create", "controller", "node", "snapshotController"],
  rbac: ["create", "name"],
  controller: [
    ...[
      "name",
      "replicas",
      "hostNetwork",
      "runOnMaster",
      "runOnControlPlane",
      "nodeSelector",
      "affinity",
      "tolerations",
    ],
    ...[
      "labels",
      "annotations",
      "podLabels",
      "podAnnotations",
      "extraVolumes",
      "extraVolumeMounts",
      "extraArgs",
    ],
    ...[
      "cloudConfigSecretName",
      "cloudConfigSecretNamespace",
      "allowEmptyCloudConfig",
      "enableTrafficManager",
      "trafficManagerPort",
    ],
    ...["vmType", "disableAvailabilitySetNodes", "vmssCacheTTLInSeconds", "VMSSDetachTimeoutInSeconds"],
    ...[
      "metricsPort",
      "livenessProbe.healthPort",
      "logLevel",
      "kubeAPIQPS",
      "kubeAPIBurst",
      "provisionerWorkerThreads",
      "attacherWorkerThreads",
    ],
    ...["featureGates.csiProvisioner", "featureGates.csiResizer", ...TRACING],
    ...[
      "resources.csiProvisioner",
      "resources.csiAttacher",
      "resources.csiResizer",
      "resources.csiSnapshotter",
      "resources.livenessProbe",
      "resources.azuredisk",
    ],
  ],
  node: [
    ...[
      "cloudConfigSecretName",
      "cloudConfigSecretNamespace",
      "reservedDataDiskSlotNum",
      "supportZone",
      "allowEmptyCloudConfig",
      "getNodeIDFromIMDS",
    ],
    ...[
      "removeNotReadyTaint",
      "maxUnavailable",
      "logLevel",
      "metricsPort",
      "livenessProbe.healthPort",
      "nodeDriverRegistrar.healthPort",
    ],
    ...["enabled", "initialDelaySeconds", "timeoutSeconds", "periodSeconds", "failureThreshold"].map(
      (name) => `nodeDriverRegistrar.livenessProbe.${name}`,
    ),
    // Read by a template, and not in its values.yaml.
    "hostNetwork",
  ],
  linux: [
    ...[
      "enabled",
      "dsName",
      "kubelet",
      "distro",
      "enablePerfOptimization",
      "hostNetwork",
      "getNodeInfoFromLabels",
      ...TRACING,
      "tolerations",
      // Until release 1.31.
      "enableRegistrationProbe",
    ],
    ...[
      "labels",
      "annotations",
      "podLabels",
      "podAnnotations",
      "nodeSelector",
      "affinity",
      "nodeAffinity",
      "extraVolumes",
      "extraVolumeMounts",
    ],
    ...["resources.livenessProbe", "resources.nodeDriverRegistrar", "resources.azuredisk"],
  ],
  windows: [
    ...["enabled", "dsName", "kubelet", "useHostProcessContainers", "enableRegistrationProbe"],
    ...["getNodeInfoFromLabels", ...TRACING, "tolerations", "nodeSelector", "affinity", "nodeAffinity"],
    ...["labels", "annotations", "podLabels", "podAnnotations"],
    ...["resources.livenessProbe", "resources.nodeDriverRegistrar", "resources.azuredisk"],
  ],
  snapshot: [
    ...["enabled", "name", "image.csiSnapshotter", "image.csiSnapshotController"],
    ...["name", "replicas", "labels", "annotations", "podLabels", "podAnnotations", "resources"].map(
      (name) => `snapshotController.${name}`,
    ),
    ...["enabled", "name", "deletionPolicy", "parameters", "additionalLabels"].map(
      (name) => `VolumeSnapshotClass.${name}`,
    ),
  ],
  feature: ["enableFSGroupPolicy", "enableSELinuxMount"],
  driver: [
    "name",
    "volumeAttachLimit",
    "customUserAgent",
    "userAgentSuffix",
    "azureGoSDKLogLevel",
    "httpsProxy",
    "httpProxy",
    "noProxy",
  ],
  cloud: [],
  workloadIdentity: ["clientID", "tenantID"],
  azureCredentialFileConfigMap: [],
  nameOverride: [],
};

it("accepts every value of V1's chart by its name, or docs/install.md explains it", async () => {
  const gone = goneValues(await readFile(PAGE, "utf8"));
  const all = Object.entries(VALUES_OF_V1).flatMap(([group, names]) =>
    names.length === 0 ? [group] : names.map((name) => `${group}.${name}`),
  );
  assert.deepEqual(
    all.filter((path) => !isTaken(path) && !gone.some((pattern) => pattern.test(path))),
    [],
  );
});

/** Patterns in the first column of the page's table, where `*` is anything. */
function goneValues(page: string): readonly RegExp[] {
  const [, after = ""] = page.split(HEADING);
  const [table = ""] = after.split("\n## ");
  const named = table
    .split("\n")
    .flatMap((line) =>
      [...(line.split(" | ")[0] ?? "").matchAll(/`([^`]+)`/gu)].map((match) => match[1] ?? ""),
    );
  assert.ok(named.length > 0, `${PAGE} has no table under ${HEADING}`);
  return named.map((name) => new RegExp(`^${name.replaceAll(".", "\\.").replaceAll("*", ".+")}$`, "u"));
}

function isTaken(path: string): boolean {
  let value: ChartValue | undefined = { kind: "group", values: chartValues() };
  for (const name of path.split(".")) value = value?.kind === "group" ? value.values[name] : undefined;
  return value !== undefined;
}
