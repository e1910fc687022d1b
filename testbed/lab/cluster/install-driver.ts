import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { isRecord } from "../../../src/core/primitives/is-record.ts";
import type { Lab } from "../lab.ts";
import { run } from "../units/run.ts";
import { driverImage } from "./driver-image.ts";

/** Values of the chart, as in its values.yaml. */
export type ChartValues = Readonly<Record<string, unknown>>;

export interface InstallOptions {
  /** Override the lab's own values, member by member. */
  readonly values?: ChartValues;
  /** Whether objects of another driver under the chart's names are taken over. Default: Helm refuses. */
  readonly takesOwnership?: boolean;
}

const CHART = fileURLToPath(new URL("../../../deploy/chart", import.meta.url));
const RELEASE = "azuredisk-csi-driver";
const NAMESPACE = "kube-system";
/** How long an install, an upgrade or an uninstall may take until its pods are ready or gone. */
export const ROLLOUT_MAX_MS = 300_000;
const GIVE_UP_MAX_MS = 60_000;
const SIDECARS = {
  csiProvisioner: "csi-provisioner",
  csiAttacher: "csi-attacher",
  csiResizer: "csi-resizer",
  csiSnapshotter: "csi-snapshotter",
  csiSnapshotController: "snapshot-controller",
} as const;

/**
 * Installs this clone's driver with its chart, or upgrades an existing release, and waits until all its
 * pods are ready.
 */
export async function installDriver(
  lab: Lab,
  { values = {}, takesOwnership = false }: InstallOptions = {},
): Promise<void> {
  const image = await driverImage();
  await lab.registry.add(image.archive, "azuredisk-csi-driver.tar");
  await writeCloudConfig(lab);
  const merged = merge(await labValues(lab, image), values);
  const ownership = takesOwnership ? ["--take-ownership"] : [];
  // Manual changes in the lab are overwritten by the chart's values.
  const upgrade = helm(
    lab,
    ["upgrade", RELEASE, CHART, "--install", "--values=-", "--wait", "--force-conflicts", ...ownership],
    JSON.stringify(merged),
  );
  await upgrade.catch(async (error: unknown) => {
    const pods = await lab.kubectl(["get", "pods", `--namespace=${NAMESPACE}`]);
    throw new Error(`${error instanceof Error ? error.message : String(error)}\n${pods}`, { cause: error });
  });
}

/**
 * Uninstalls the driver's chart, if it is installed, and waits until its pods are gone. What the chart
 * keeps stays. The controllers go first, while they can still release their Leases: sidecars without
 * permission to request one end only after their pod's grace period.
 */
export async function uninstallDriver(lab: Lab): Promise<void> {
  // Its names depend on the driver's, its label does not.
  const ofRelease = [`--namespace=${NAMESPACE}`, `--selector=app.kubernetes.io/instance=${RELEASE}`];
  const controllers = ["deployments", ...ofRelease, "--cascade=foreground", "--ignore-not-found"];
  await lab.kubectl(["delete", ...controllers, `--timeout=${ROLLOUT_MAX_MS}ms`], {
    timeoutMs: ROLLOUT_MAX_MS + GIVE_UP_MAX_MS,
  });
  await helm(lab, ["uninstall", RELEASE, "--ignore-not-found"]);
  await lab.kubectl(["wait", "--for=delete", "pods", ...ofRelease, `--timeout=${ROLLOUT_MAX_MS}ms`], {
    timeoutMs: ROLLOUT_MAX_MS + GIVE_UP_MAX_MS,
  });
}

function helm(lab: Lab, args: readonly string[], input = ""): Promise<string> {
  return run(
    [join(lab.parts.bin, "helm"), ...args, `--namespace=${NAMESPACE}`, `--timeout=${ROLLOUT_MAX_MS / 1000}s`],
    {
      input,
      // Helm's own folders are in the lab's folder, too.
      env: {
        KUBECONFIG: lab.kubeconfig,
        HELM_CACHE_HOME: lab.home.path("helm"),
        HELM_CONFIG_HOME: lab.home.path("helm"),
        HELM_DATA_HOME: lab.home.path("helm"),
      },
      // helm must end by itself: a release whose helm was killed can't be upgraded any more.
      timeoutMs: ROLLOUT_MAX_MS + GIVE_UP_MAX_MS,
    },
  );
}

/** The secret that clusters on Azure have. */
async function writeCloudConfig(lab: Lab): Promise<void> {
  const secret = {
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name: "azure-cloud-provider", namespace: NAMESPACE },
    stringData: { "cloud-config": JSON.stringify(lab.azure.cloudConfig) },
  };
  await lab.kubectl(["apply", "--server-side", "--filename=-"], { input: JSON.stringify(secret) });
}

/** The chart values for this lab: its Azure, and the image names that its registry knows. */
async function labValues(
  lab: Lab,
  image: { readonly name: string; readonly digest: string },
): Promise<ChartValues> {
  // The lab's registry finds an image by its digest, whatever its name. The chart refuses localhost.
  const [repository = "", tag = ""] = image.name.replace(/^localhost\//u, "registry.example/").split(":");
  const sidecars = Object.entries(SIDECARS).map(
    ([value, name]) => [value, { repository: `registry.k8s.io/sig-storage/${name}` }] as const,
  );
  return {
    image: {
      // The digest makes another image another pod, although nodes have an image of this tag already.
      azuredisk: { repository, tag: `${tag}@${image.digest}` },
      ...Object.fromEntries(sidecars),
    },
    azure: {
      endpoint: lab.azure.url,
      authorityHost: lab.azure.url,
      caCertificate: await readFile(lab.azure.caFile, "utf8"),
      timeScale: lab.settings.timeScale,
    },
    // Two replicas would need the same ports of one node.
    ...(lab.nodes.length === 1 ? { controller: { replicas: 1 } } : {}),
    node: {
      // A node's host name is its VM's, whatever kind of VM it is.
      metadataEndpoint: `${lab.azure.url}/emulator/v1/imds/$(KUBE_NODE_NAME)`,
      // All nodes share one kernel, so a device number in one node's checkpoint may be another node's by
      // the time of its clean check.
      settings: { "shares-kernel": true },
    },
  };
}

/** `over` wins; mappings in both are merged. */
function merge(base: ChartValues, over: ChartValues): ChartValues {
  const merged = Object.entries(over).map(([name, value]) => {
    const before = base[name];
    return [name, isRecord(before) && isRecord(value) ? merge(before, value) : value] as const;
  });
  return { ...base, ...Object.fromEntries(merged) };
}
