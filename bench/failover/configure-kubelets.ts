import type { LabNode } from "../../testbed/lab/cluster/lab-node.ts";
import { NODE_PATHS } from "../../testbed/lab/cluster/node-config.ts";
import type { Lab } from "../../testbed/lab/lab.ts";
import { waitUntil } from "../../testbed/lab/units/wait-until.ts";

const READY_MAX_MS = 120_000;

/** The values of these fields in the kubelets' configuration, which is the same on each node. */
export async function kubeletFields(
  lab: Lab,
  names: readonly string[],
): Promise<Readonly<Record<string, unknown>>> {
  const [node] = lab.nodes;
  if (node === undefined) throw new Error(`lab ${lab.name} has no node`);
  const present = await readConfiguration(node);
  return Object.fromEntries(names.map((name) => [name, present[name]]));
}

/**
 * Sets these fields of every kubelet's configuration (`undefined`: Kubernetes' default) and restarts the
 * kubelets where they differ. Containers keep running.
 */
export async function configureKubelets(lab: Lab, fields: Readonly<Record<string, unknown>>): Promise<void> {
  for (const node of lab.nodes) await configureKubelet(lab, node, fields);
}

async function configureKubelet(
  lab: Lab,
  node: LabNode,
  fields: Readonly<Record<string, unknown>>,
): Promise<void> {
  const present = await readConfiguration(node);
  if (Object.entries(fields).every(([name, value]) => present[name] === value)) return;
  await node.exec(["tee", NODE_PATHS.kubeletConfig], { input: JSON.stringify({ ...present, ...fields }) });
  await node.stopKubelet();
  await node.startKubelet();
  // The node's status does not show it: an unchanged status is written only every five minutes.
  await waitUntil(`the kubelet of ${node.name} to answer again`, { timeoutMs: READY_MAX_MS }, async () => {
    const { code } = await lab.request({ url: `/api/v1/nodes/${node.name}/proxy/healthz` });
    return code === 200 ? true : undefined;
  });
}

async function readConfiguration(node: LabNode): Promise<Readonly<Record<string, unknown>>> {
  return JSON.parse(await node.exec(["cat", NODE_PATHS.kubeletConfig])) as Readonly<Record<string, unknown>>;
}
