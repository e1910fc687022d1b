import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { buildImage } from "../../deploy/image/build-image.ts";
import type { Lab } from "./lab.ts";
import { run } from "./run.ts";

/** Values of the chart, as its values.yaml names them. */
export type ChartValues = Readonly<Record<string, unknown>>;

export interface InstallOptions {
  /** Win over what the lab needs, member by member. */
  readonly values?: ChartValues;
  /** Folder of the chart. Default: this clone's. */
  readonly chart?: string;
}

const CHART = fileURLToPath(new URL("../../deploy/chart", import.meta.url));
const RELEASE = "azuredisk-csi-driver";
const NAMESPACE = "kube-system";
const ROLLOUT_MAX_MS = 120_000;
const GIVE_UP_MAX_MS = 60_000;
const SIDECARS = { csiProvisioner: "csi-provisioner", csiAttacher: "csi-attacher", csiResizer: "csi-resizer" } as const;

/** Installs this clone's driver with its chart, or upgrades the one that is there, and waits until every pod of it is ready. */
export async function installDriver(lab: Lab, { values = {}, chart = CHART }: InstallOptions = {}): Promise<void> {
  const image = await buildImage();
  await lab.registry.add(image.archive, "azuredisk-csi-driver.tar");
  await writeCloudConfig(lab);
  const merged = merge(await labValues(lab, image), values);
  const timeout = `${ROLLOUT_MAX_MS / 1000}s`;
  const upgrade = ["upgrade", RELEASE, chart, "--install", `--namespace=${NAMESPACE}`, "--values=-", "--wait", `--timeout=${timeout}`];
  const helm = run([join(lab.parts.bin, "helm"), ...upgrade], {
    input: JSON.stringify(merged),
    // Helm's own folders are the lab's, too.
    env: { KUBECONFIG: lab.kubeconfig, HELM_CACHE_HOME: lab.home.path("helm"), HELM_CONFIG_HOME: lab.home.path("helm"), HELM_DATA_HOME: lab.home.path("helm") },
    // It is to give up by itself: a release whose helm was killed can't be upgraded any more.
    timeoutMs: ROLLOUT_MAX_MS + GIVE_UP_MAX_MS,
  });
  await helm.catch(async (error: unknown) => {
    const pods = await lab.kubectl(["get", "pods", `--namespace=${NAMESPACE}`]);
    throw new Error(`${error instanceof Error ? error.message : String(error)}\n${pods}`, { cause: error });
  });
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

/** What the chart needs to know of this lab: where Azure is, and that images have the names that the lab's registry knows. */
async function labValues(lab: Lab, image: { readonly name: string; readonly digest: string }): Promise<ChartValues> {
  const [repository = "", tag = ""] = image.name.split(":");
  const sidecars = Object.entries(SIDECARS).map(([value, name]) => [value, { repository: `registry.k8s.io/sig-storage/${name}` }] as const);
  return {
    image: {
      // With its digest, another image is another pod, although nodes have one of this tag already.
      azuredisk: { repository, tag: `${tag}@${image.digest}` },
      ...Object.fromEntries(sidecars),
    },
    azure: {
      endpoint: lab.azure.url,
      authorityHost: lab.azure.url,
      caCertificate: await readFile(lab.azure.caFile, "utf8"),
      timeScale: lab.settings.timeScale,
    },
    node: { metadataEndpoint: `${lab.azure.url}/emulator/v1/imds/$(KUBE_NODE_NAME)` },
  };
}

/** `over` wins; mappings in both are merged. */
function merge(base: ChartValues, over: ChartValues): ChartValues {
  const merged = Object.entries(over).map(([name, value]) => {
    const before = base[name];
    return [name, isMapping(before) && isMapping(value) ? merge(before, value) : value] as const;
  });
  return { ...base, ...Object.fromEntries(merged) };
}

function isMapping(value: unknown): value is ChartValues {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
