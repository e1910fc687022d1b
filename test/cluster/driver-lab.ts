import {
  type ChartValues,
  installDriver,
  type InstallOptions,
} from "../../testbed/lab/cluster/install-driver.ts";
import { type Lab, openLab } from "../../testbed/lab/lab.ts";
import { startLab } from "../../testbed/lab/start-lab.ts";

/** Of Azure's pace: an attach takes a fifth of a second. */
const TIME_SCALE = 0.02;

/**
 * How long replicas that no node requests are kept, in milliseconds: as short as a test can wait for before
 * each failover, and longer than a pod that moves leaves its volume without a request on a busy machine. 5
 * minutes by default.
 */
export const PRUNE_AFTER_MS = 40_000;

/**
 * The chart's own values but for this: much of what is waited for here is seen with a node's next heartbeat
 * or the one after, and volumes that fail over are to be old.
 */
const VALUES: ChartValues = {
  node: { settings: { "heartbeat-ms": 2_000 } },
  controller: { settings: { "collect-replicas-after-ms": PRUNE_AFTER_MS } },
};

let started: Promise<Lab> | undefined;

/**
 * The lab that all files of this suite share: three nodes, node-a and node-b in zone 1, node-c in zone 2,
 * whose kubelets tell the node's status each second, and the driver as its chart installs it. Brought up
 * when it is first asked for, taken down when this process ends. With AZUREDISK_LAB set, a lab of that name
 * that stands already is used as it is, and stays.
 */
export function driverLab(): Promise<Lab> {
  started ??= bringUp();
  return started;
}

/**
 * Installs the driver anew with these values, which must not be of `node` or `controller`; without any, as
 * the other files want to find it.
 */
export async function reinstallDriver(
  lab: Lab,
  values: ChartValues = {},
  options: Pick<InstallOptions, "takesOwnership"> = {},
): Promise<void> {
  await installDriver(lab, { ...options, values: { ...VALUES, ...values } });
}

async function bringUp(): Promise<Lab> {
  const standing = process.env["AZUREDISK_LAB"];
  if (standing !== undefined) return openLab(standing);
  const lab = await startLab(
    {
      name: "lab-cluster",
      timeScale: TIME_SCALE,
      kubelet: { nodeStatusUpdateFrequency: "1s", nodeStatusReportFrequency: "5m" },
      endsWithProcess: true,
      replaces: true,
    },
    new AbortController().signal,
    (line) => console.log(line),
  );
  await reinstallDriver(lab);
  return lab;
}
