import { installDriver } from "../../testbed/lab/cluster/install-driver.ts";
import type { Lab } from "../../testbed/lab/lab.ts";
import { startLab } from "../../testbed/lab/start-lab.ts";

export const SCALE_SET_LAB = "lab-scale-sets";
/** A node of each kind of VM, and another one in the availability set. */
export const [UNIFORM, FLEXIBLE, SINGLE, IN_SET, ALSO_IN_SET] = [
  "node-a",
  "node-b",
  "node-c",
  "node-d",
  "node-e",
] as const;
/** The nodes that die: no controller and no scheduler is on them. */
const MORTALS = [UNIFORM, IN_SET] as const;
/** The most data disks of one VM, by its size. */
export const VM = { size: "Standard_D16s_v5", disks: 32 };
/** How long replicas stay on a cordoned node, in milliseconds. */
const RELEASE_DRAINED_AFTER_MS = 5_000;

let started: Promise<Lab> | undefined;

/**
 * The lab of the files that need other VMs than the suite's own lab has. Started on first use: the last of
 * these files takes it down, or the end of this process.
 */
export function scaleSetLab(): Promise<Lab> {
  started ??= bringUp();
  return started;
}

async function bringUp(): Promise<Lab> {
  const lab = await startLab(
    {
      name: SCALE_SET_LAB,
      nodes: ["uniform", "flex", "vm", "avset", "avset"],
      zones: 1,
      vmSize: VM.size,
      timeScale: 0.02,
      kubelet: { nodeStatusUpdateFrequency: "1s", nodeStatusReportFrequency: "5m" },
      endsWithProcess: true,
      replaces: true,
    },
    new AbortController().signal,
    (line) => console.log(line),
  );
  await lab.kubectl(["cordon", ...MORTALS]);
  await installDriver(lab, {
    values: {
      node: { settings: { "heartbeat-ms": 2_000 } },
      controller: { settings: { "release-drained-after-ms": RELEASE_DRAINED_AFTER_MS } },
    },
  });
  await lab.kubectl(["uncordon", ...MORTALS]);
  return lab;
}
