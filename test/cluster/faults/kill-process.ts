import type { LabNode } from "../../../testbed/lab/cluster/lab-node.ts";

/**
 * `kill -9` of the driver's process with this role on a node; the kubelet restarts its container. Throws
 * unless there is exactly one.
 */
export async function killDriverRole(node: LabNode, role: "controller" | "node"): Promise<void> {
  // A process that ends during the search makes grep fail, though it has found the other.
  const found = await node.exec([
    "sh",
    "-c",
    "grep -lzx -- '--endpoint=unix:///csi/csi.sock' /proc/[0-9]*/cmdline 2>/dev/null | xargs grep -lzx " +
      `-- ${role}; true`,
  ]);
  const pids = found.split("\n").flatMap((path) => /^\/proc\/(\d+)\//u.exec(path)?.[1] ?? []);
  if (pids.length !== 1) throw new Error(`${node.name} has ${pids.length} processes of role ${role}`);
  await node.exec(["kill", "-KILL", ...pids]);
}
