import assert from "node:assert/strict";
import { rm } from "node:fs/promises";
import type { LabNode } from "../../demo/lab/lab.ts";
import { waitUntil } from "../../demo/wait-until.ts";
import { approveEvent, beginWriteAzure, readAzure, scheduledEvents, writeAzure } from "./emulator-admin.ts";
import type { LabWorld } from "./with-lab.ts";

const DETACHED_MAX_MS = 120_000;
const REIMAGED_MAX_MS = 120_000;
const STOP_GRACE_MS = 60_000;

interface Instance {
  readonly name: string;
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

/** How the instances of a scale set get a new model and OS disk, one after the other. */
export interface Reimages {
  begin(scaleSet: string): Promise<void>;
  /** Waits until it is an instance's turn. */
  turn(instance: Instance): Promise<void>;
  /** Upgrades and reimages an instance that is ready for it. */
  reimage(instanceUri: string): Promise<void>;
  end(): Promise<void>;
}

/**
 * Upgrades the nodes of a lab whose VMs are instances of one scale set: node after node is cordoned, drained,
 * reimaged and uncordoned. It waits for the drained node's data disks to be detached, since a reimage while
 * the driver has disks there is what must not happen.
 */
export async function upgradeNodes(
  { lab }: LabWorld,
  reimages: Reimages,
  steps: UpgradeSteps,
): Promise<void> {
  const instances = await lab.emulator.instances();
  const uriOf = (node: LabNode): string => instances.get(node.name)?.instanceUri ?? assert.fail(node.name);
  const read = async (node: LabNode): Promise<Instance> => (await readAzure(lab, uriOf(node))) as Instance;
  const [firstUri = ""] = [...instances.values()].map(({ instanceUri }) => instanceUri);
  await reimages.begin(firstUri.replace(/\/virtualMachines\/[^/]+$/, ""));
  for (const node of lab.nodes.values()) {
    const before = await read(node);
    assert.equal(before.properties.latestModelApplied, false);
    await reimages.turn(before);
    await lab.orchestrator.setUnschedulable(node.name, true);
    await steps.drain(node);
    await waitUntil(`no data disk on ${node.name}`, DETACHED_MAX_MS, async () =>
      (await read(node)).properties.storageProfile.dataDisks.length === 0 ? true : undefined,
    );
    await shutDown(node);
    assert.equal((await read(node)).properties.latestModelApplied, false, "it was reimaged too soon");
    await Promise.all([reimages.reimage(uriOf(node)), steps.duringReimage(node)]);
    const { properties } = await read(node);
    assert.deepEqual([properties.latestModelApplied, properties.vmId], [true, before.properties.vmId]);
    await lab.processes.get(node.name)?.restart();
    await lab.orchestrator.setUnschedulable(node.name, false);
    await steps.afterwards(node);
  }
  await reimages.end();

  /** Ends what runs on the node; with its OS disk go the files of its plug-in. */
  async function shutDown(node: LabNode): Promise<void> {
    await node.process.stop(STOP_GRACE_MS);
    await rm(node.seenFromOutside(node.stateDirectory), { recursive: true });
  }
}

const newProfile = {
  storageProfile: { imageReference: { version: "2" } },
  networkProfile: { healthProbe: { id: "/any/probe" } },
};

/** As AKS does it: by a call for each instance, which it makes when the node is drained. */
export function reimagesByCall({ lab }: LabWorld): Reimages {
  return {
    begin: (scaleSet) =>
      writeAzure(lab, "PATCH", scaleSet, { properties: { virtualMachineProfile: newProfile } }),
    turn: () => Promise.resolve(),
    reimage: async (instanceUri) => {
      const [scaleSet = "", id = ""] = instanceUri.split("/virtualMachines/");
      await writeAzure(lab, "POST", `${scaleSet}/manualupgrade`, { instanceIds: [id] });
      await writeAzure(lab, "POST", `${instanceUri}/reimage`);
    },
    end: () => Promise.resolve(),
  };
}

/**
 * As a scale set with a rolling upgrade policy does it: by itself, where an agent on each node learns from a
 * scheduled event that its turn has come, and approves the event when the node is drained.
 */
export function reimagesByEvent({ lab }: LabWorld): Reimages {
  let upgraded: Promise<void> = Promise.resolve();
  let approve: () => Promise<void> = () => assert.fail("no instance's turn has come");
  return {
    begin: async (scaleSet) => {
      const { value } = (await readAzure(lab, `${scaleSet}/virtualMachines`)) as {
        readonly value: readonly Instance[];
      };
      // An event waits for those that have asked for events.
      for (const { name } of value) await scheduledEvents(lab, name);
      const properties = { virtualMachineProfile: newProfile, upgradePolicy: { mode: "Rolling" } };
      // Not before it is accepted is an instance out of date.
      const ended = await beginWriteAzure(lab, "PATCH", scaleSet, { properties });
      upgraded = ended();
      // It is awaited at the end, and may reject before.
      upgraded.catch(() => undefined);
    },
    turn: async ({ name }) => {
      const event = await waitUntil(`an event of ${name}`, REIMAGED_MAX_MS, async () =>
        (await scheduledEvents(lab, name)).find(({ Resources }) => Resources.includes(name)),
      );
      assert.deepEqual([event.EventType, event.EventStatus], ["Reboot", "Scheduled"]);
      approve = () => approveEvent(lab, name, event.EventId);
    },
    reimage: async (instanceUri) => {
      await approve();
      await waitUntil(`${instanceUri} to be upgraded`, REIMAGED_MAX_MS, async () =>
        ((await readAzure(lab, instanceUri)) as Instance).properties.latestModelApplied ? true : undefined,
      );
    },
    end: () => upgraded,
  };
}
