import { rebuildVolume } from "../../src/controller/adoption/rebuild-record.ts";
import { recoverVolumes } from "../../src/controller/adoption/recover-volumes.ts";
import { createControllerPorts } from "../../src/controller/create-controller-ports.ts";
import { diskReconciler } from "../../src/controller/disk/disk-reconciler.ts";
import { rebuildReconciler, requestRebuild } from "../../src/controller/rollback/rebuild-all-records.ts";
import { CONTROLLER_LEASE, STORE_INCARNATION_ANNOTATION } from "../../src/core/api/lease.ts";
import { toTimestamp } from "../../src/core/primitives/timestamp.ts";
import { driverTags } from "./model-disks.ts";
import { createVirtualCloud } from "./virtual-cloud.ts";
import { followOnVirtualClock, mustAnswer, registerNode } from "./virtual-driver.ts";

/** Half of a call's 0.1 s, about what recorded writes of disks took on the server. In milliseconds. */
const ONE_WAY_MS = 50;
/** Until the driver's budgets of calls are full again, in milliseconds. */
const REFILLED_MS = 600_000;
const MS_PER_SECOND = 1000;
const never = new AbortController().signal;

/** A rebuild of every record after the object store was restored from a backup. */
export interface Rebuild {
  readonly nodes: number;
  readonly volumes: number;
  readonly seconds: number;
  readonly calls: number;
  /** The same volumes one after the other, each with reads of its own. */
  readonly oneByOneSeconds: number;
  readonly oneByOneCalls: number;
}

/** Rebuilds the records of volumes that are attached, an equal share of them to each node. */
export async function measureRebuild({ nodes = 100, volumes = 2000 } = {}): Promise<Rebuild> {
  const cloud = createVirtualCloud({ vms: nodes, settings: { throttling: "enforce" }, oneWayMs: ONE_WAY_MS });
  const { clock, model, run } = cloud;
  cloud.attachDisks(cloud.addDisks(volumes, driverTags));
  const { simulated, following, parts } = await followOnVirtualClock(cloud);
  const ports = createControllerPorts(parts);
  await during(makeRecords());
  await during(requestRebuild(ports, never));
  const together = await measured(2, async () =>
    mustAnswer(await rebuildReconciler(ports).reconcile("store", never)),
  );
  const alone = await measured(3, async () => {
    for (const volume of simulated.objects("AzVolume"))
      mustAnswer(await rebuildVolume(ports, volume, { kind: "lost", storeIncarnation: 3 }, never));
  });
  return {
    nodes,
    volumes,
    ...together,
    oneByOneSeconds: alone.seconds,
    oneByOneCalls: alone.calls,
  };

  function during<T>(work: Promise<T>): Promise<unknown> {
    return run(Promise.race([work, following]));
  }

  /** As after the loss of an object store, whose recovery finds all disks. */
  async function makeRecords(): Promise<void> {
    const annotations = { [STORE_INCARNATION_ANNOTATION]: "1" };
    const spec = {
      holderIdentity: "bench",
      leaseDurationSeconds: 15,
      leaseTransitions: 0,
      renewTime: toTimestamp(clock.nowMs()),
    };
    mustAnswer(
      await ports.store.create("Lease", { metadata: { name: CONTROLLER_LEASE, annotations }, spec }, never),
    );
    for (const node of cloud.nodes) await registerNode(ports.store, node);
    mustAnswer(await recoverVolumes(ports, never));
    const { reconcile } = diskReconciler(ports);
    for (const { metadata } of simulated.objects("AzVolume"))
      mustAnswer(await reconcile(metadata.name, never));
  }

  async function measured(
    incarnation: number,
    rebuild: () => Promise<unknown>,
  ): Promise<{ readonly seconds: number; readonly calls: number }> {
    await during(clock.sleep(REFILLED_MS, never));
    const [startedMs, last] = [clock.elapsedMs(), model.journal.lastSequence()];
    await during(rebuild());
    const seconds = Math.round((clock.elapsedMs() - startedMs) / MS_PER_SECOND);
    const calls = model.journal.since(last, Infinity).filter(({ kind }) => kind !== "admin").length;
    const rebuilt = simulated
      .objects("AzVolume")
      .filter(({ status }) => status?.record?.storeIncarnation === incarnation);
    if (rebuilt.length !== volumes) throw new Error(`${rebuilt.length} of ${volumes} records were rebuilt`);
    return { seconds, calls };
  }
}
