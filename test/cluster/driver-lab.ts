import {
  type ChartValues,
  installDriver,
  type InstallOptions,
  uninstallDriver,
} from "../../testbed/lab/cluster/install-driver.ts";
import { type Lab, openLab } from "../../testbed/lab/lab.ts";
import { startLab } from "../../testbed/lab/start-lab.ts";
import { kubernetesOfTests } from "../../testbed/parts/build-kubernetes.ts";
import { assertNothingWasLeft } from "./assert/nothing-left.ts";
import { auditFlags } from "./rights/audit-log.ts";

/** Scale of Azure's latencies: an attach takes a fifth of a second. */
const TIME_SCALE = 0.02;
/** Alpha in Kubernetes 1.37: the kubelet asks how a volume is, and writes it to the pod's status. */
const HEALTH_GATE = "CSIVolumeHealth";

/**
 * How long replicas that no node requests are kept, in milliseconds. Short enough to wait for before each
 * failover, and longer than a moving pod leaves its volume unrequested on a busy machine. 5 minutes by
 * default.
 */
export const PRUNE_AFTER_MS = 40_000;

/**
 * How long replicas stay on a cordoned node, in milliseconds: longer than any test here keeps a node
 * cordoned. 30 s by default; `test/labs/volumes-on-scale-sets.test.ts` shows the release.
 */
const RELEASE_DRAINED_AFTER_MS = 600_000;

/**
 * The chart's values, with a short heartbeat and pruning time: many tests wait for a node's next heartbeat
 * or the one after, and volumes that fail over must be old. Snapshots are always there: for each file that
 * needs them, an upgrade would replace all pods of the controller, and another one afterwards.
 */
const VALUES: ChartValues = {
  snapshot: { enabled: true },
  node: { settings: { "heartbeat-ms": 2_000 } },
  ...controllerWith({}),
};

/** The values of `controller` that the other files expect, with further settings. */
export function controllerWith(settings: Readonly<Record<string, string | number>>): ChartValues {
  return {
    controller: {
      settings: {
        "prune-replicas-after-ms": PRUNE_AFTER_MS,
        "release-drained-after-ms": RELEASE_DRAINED_AFTER_MS,
        ...settings,
      },
    },
  };
}

/** An existing lab, which stays. */
const standing = process.env["AZUREDISK_LAB"];

let started: Promise<Lab> | undefined;
let isReplaced = false;

/**
 * The lab that all files of a suite share: node-a and node-b in zone 1, node-c in zone 2, whose kubelets
 * report the node's status each second, and the driver as its chart installs it. Started on first use,
 * removed when this process ends. Suites that run side by side name it differently. With AZUREDISK_LAB set,
 * an existing lab of that name is used, and stays. AZUREDISK_KUBERNETES names an older Kubernetes.
 */
export async function driverLab(name = "lab-cluster"): Promise<Lab> {
  started ??= bringUp(name);
  const lab = await started;
  if (isReplaced) {
    await uninstallDriver(lab);
    await reinstallDriver(lab);
    isReplaced = false;
  }
  assertNothingWasLeft(lab);
  return lab;
}

/**
 * Puts the driver back that the other files expect, in the place of one that `reinstallDriver` can't
 * change into it. A lab that ends with this process gets it only before its next use, if there is any.
 */
export async function putDriverBack(): Promise<void> {
  isReplaced = true;
  if (standing !== undefined) await driverLab();
}

/**
 * Reinstalls the driver with these values, which must not be of `node` or `snapshot`, and of `controller`
 * only as `controllerWith` makes them; without any, with those that the other files expect.
 */
export async function reinstallDriver(
  lab: Lab,
  values: ChartValues = {},
  options: Pick<InstallOptions, "takesOwnership"> = {},
): Promise<void> {
  await installDriver(lab, { ...options, values: { ...VALUES, ...values } });
}

async function bringUp(name: string): Promise<Lab> {
  if (standing !== undefined) return openLab(standing);
  const kubernetes = kubernetesOfTests();
  // Programs of an older version refuse a gate that they don't know.
  const gates = kubernetes === undefined ? [HEALTH_GATE] : [];
  const lab = await startLab(
    {
      name,
      timeScale: TIME_SCALE,
      ...(kubernetes === undefined ? {} : { kubernetes }),
      kubelet: {
        nodeStatusUpdateFrequency: "1s",
        nodeStatusReportFrequency: "5m",
        featureGates: Object.fromEntries(gates.map((gate) => [gate, true])),
      },
      apiserverFlags: [...auditFlags(name), ...gates.map((gate) => `--feature-gates=${gate}=true`)],
      endsWithProcess: true,
      replaces: true,
    },
    new AbortController().signal,
    (line) => console.log(line),
  );
  await reinstallDriver(lab);
  return lab;
}
