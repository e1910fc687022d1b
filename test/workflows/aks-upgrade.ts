import assert from "node:assert/strict";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { LabNode } from "../../demo/lab/lab.ts";
import { waitUntil } from "../../demo/wait-until.ts";
import { readAzure, writeAzure } from "./emulator-admin.ts";
import type { LabWorld } from "./with-lab.ts";

const DETACHED_MAX_MS = 120_000;
const STOP_GRACE_MS = 60_000;

interface Instance {
  readonly properties: {
    readonly vmId: string;
    readonly latestModelApplied: boolean;
    readonly storageProfile: { readonly dataDisks: readonly unknown[] };
  };
}

/** What happens beside the reimages of an upgrade. */
export interface UpgradeSteps {
  /** Moves the pods of a cordoned node to others. */
  drain(node: LabNode): Promise<void>;
  /** The node's VM is being reimaged. */
  duringReimage(node: LabNode): Promise<void>;
  /** The node is back, and schedulable. */
  afterwards(node: LabNode): Promise<void>;
}

/**
 * Upgrades the nodes of a lab whose VMs are instances of one scale set, as AKS does: a new model, and then
 * node after node is cordoned, drained, upgraded, reimaged and uncordoned. It waits for the drained node's
 * data disks to be detached, since a reimage while the driver has disks there is what must not happen.
 */
export async function upgradeNodes({ lab }: LabWorld, steps: UpgradeSteps): Promise<void> {
  const instances = await lab.emulator.instances();
  const uriOf = (node: LabNode): string => instances.get(node.name)?.instanceUri ?? assert.fail(node.name);
  const read = async (node: LabNode): Promise<Instance> => (await readAzure(lab, uriOf(node))) as Instance;
  const [firstUri = ""] = [...instances.values()].map(({ instanceUri }) => instanceUri);
  const scaleSet = firstUri.replace(/\/virtualMachines\/[^/]+$/, "");
  const storageProfile = { imageReference: { version: "2" } };
  await writeAzure(lab, "PATCH", scaleSet, { properties: { virtualMachineProfile: { storageProfile } } });
  for (const node of lab.nodes.values()) {
    const before = await read(node);
    assert.equal(before.properties.latestModelApplied, false);
    await lab.orchestrator.setUnschedulable(node.name, true);
    await steps.drain(node);
    await waitUntil(`no data disk on ${node.name}`, DETACHED_MAX_MS, async () =>
      (await read(node)).properties.storageProfile.dataDisks.length === 0 ? true : undefined,
    );
    await shutDown(node);
    const instanceIds = [uriOf(node).split("/").at(-1)];
    await writeAzure(lab, "POST", `${scaleSet}/manualupgrade`, { instanceIds });
    await Promise.all([writeAzure(lab, "POST", `${uriOf(node)}/reimage`), steps.duringReimage(node)]);
    const { properties } = await read(node);
    assert.deepEqual([properties.latestModelApplied, properties.vmId], [true, before.properties.vmId]);
    await lab.processes.get(node.name)?.restart();
    await lab.orchestrator.setUnschedulable(node.name, false);
    await steps.afterwards(node);
  }

  /** Ends what runs on the node; with its OS disk go the files of its plug-in. */
  async function shutDown(node: LabNode): Promise<void> {
    await node.process.stop(STOP_GRACE_MS);
    await rm(join(lab.directory, node.name, "state"), { recursive: true });
  }
}
