import type { LabNode } from "../../../testbed/lab/cluster/lab-node.ts";
import { waitUntil } from "../../../testbed/lab/units/wait-until.ts";

type DriverRole = "controller" | "node";

/** Until a restarted process runs, or a replaced one has ended. */
const ONE_MAX_MS = 240_000;

/**
 * `kill -9` of the driver's process with this role on a node, once there is exactly one; the kubelet
 * restarts its container.
 */
export function killDriverRole(node: LabNode, role: DriverRole): Promise<void> {
  return signalDriverRole(node, role, "KILL");
}

/** Lets the driver's process with this role on a node hang, once there is exactly one. */
export function hangDriverRole(node: LabNode, role: DriverRole): Promise<void> {
  return signalDriverRole(node, role, "STOP");
}

async function signalDriverRole(node: LabNode, role: DriverRole, signal: "KILL" | "STOP"): Promise<void> {
  const what = `${node.name} to have one process of role ${role}`;
  const pid = await waitUntil(what, { timeoutMs: ONE_MAX_MS }, async () => {
    // A process that ends during the search makes grep fail, though it has found the other.
    const found = await node.exec([
      "sh",
      "-c",
      "grep -lzx -- '--endpoint=unix:///csi/csi.sock' /proc/[0-9]*/cmdline 2>/dev/null | xargs grep -lzx " +
        `-- ${role}; true`,
    ]);
    const pids = found.split("\n").flatMap((path) => /^\/proc\/(\d+)\//u.exec(path)?.[1] ?? []);
    return pids.length === 1 ? pids[0] : undefined;
  });
  await node.exec(["kill", `-${signal}`, pid]);
}
