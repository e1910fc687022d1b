import { rebuildVolume } from "../../src/controller/adoption/rebuild-record.ts";
import { recoverVolumes } from "../../src/controller/adoption/recover-volumes.ts";
import { createControllerPorts } from "../../src/controller/create-controller-ports.ts";
import { diskReconciler } from "../../src/controller/disk/disk-reconciler.ts";
import { rebuildReconciler, requestRebuild } from "../../src/controller/rollback/rebuild-all-records.ts";
import { CONTROLLER_LEASE, STORE_INCARNATION_ANNOTATION } from "../../src/core/api/lease.ts";
import { toTimestamp } from "../../src/core/primitives/timestamp.ts";
import { ControlLoop } from "../../src/runtime/queue/control-loop.ts";
import { driverTags } from "./model-disks.ts";
import { createVirtualCloud } from "./virtual-cloud.ts";
import { followOnVirtualClock, mustAnswer, registerNode } from "./virtual-driver.ts";

/** Half of a call's 0.1 s, about what recorded writes of disks took on the server. In milliseconds. */
const ONE_WAY_MS = 50;
/** Until the driver's budgets of calls are full again, in milliseconds. */
const REFILLED_MS = 600_000;
/** How long Azure answers no read of a disk, in minutes. In the first one the budgets are used up. */
const OUTAGE_MINUTES = 10;
/** How often an attach reads its VM in that time, in milliseconds. */
const ATTACH_EVERY_MS = 5_000;
const MS_PER_SECOND = 1_000;
const MS_PER_MINUTE = 60_000;
const never = new AbortController().signal;

/** A rebuild of every record after the object store was restored from a backup. */
export interface Rebuild {
  readonly nodes: number;
  readonly volumes: number;
  readonly seconds: number;
  readonly calls: number;
  /** Calls to Azure a minute of an outage in which no disk can be read, without its first minute. */
  readonly outageCallsPerMinute: number;
  /** The longest that an attach waits for a read of its VM then. */
  readonly outageAttachWaitMs: number;
  /** The time from the end of the outage until every record is rebuilt. */
  readonly afterOutageSeconds: number;
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
  const outage = await measuredOutage(3);
  const alone = await measured(4, async () => {
    for (const volume of simulated.objects("AzVolume"))
      mustAnswer(await rebuildVolume(ports, volume, { kind: "lost", storeIncarnation: 4 }, never));
  });
  return {
    nodes,
    volumes,
    ...together,
    ...outage,
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
    const rebuilt = rebuiltFor(incarnation);
    if (rebuilt !== volumes) throw new Error(`${rebuilt} of ${volumes} records were rebuilt`);
    return { seconds, calls: callsSince(last) };
  }

  async function measuredOutage(
    incarnation: number,
  ): Promise<Pick<Rebuild, "outageCallsPerMinute" | "outageAttachWaitMs" | "afterOutageSeconds">> {
    await during(clock.sleep(REFILLED_MS, never));
    await during(requestRebuild(ports, never));
    const { id } = model.faults.add({
      operation: "Disks_Get",
      effect: { kind: "Error", status: 503, code: "ServiceUnavailable" },
    });
    const end = new AbortController();
    const loop = new ControlLoop(rebuildReconciler(ports), ports);
    loop.queue.add("store");
    const running = loop.run(end.signal);
    let waitMaxMs = 0;
    const attachFor = async (minutes: number): Promise<void> => {
      const endMs = clock.elapsedMs() + minutes * MS_PER_MINUTE;
      while (clock.elapsedMs() < endMs) waitMaxMs = Math.max(waitMaxMs, await attachWaitMs());
    };
    await attachFor(1);
    const [startedMs, last] = [clock.elapsedMs(), model.journal.lastSequence()];
    await attachFor(OUTAGE_MINUTES - 1);
    // Between two passes a few calls are saved, which the next one makes: a single minute may have more.
    const outageCallsPerMinute = Math.round(
      callsSince(last) / ((clock.elapsedMs() - startedMs) / MS_PER_MINUTE),
    );
    model.faults.remove(id);
    const endedMs = clock.elapsedMs();
    while (rebuiltFor(incarnation) < volumes) await during(clock.sleep(MS_PER_SECOND, never));
    const afterOutageSeconds = Math.round((clock.elapsedMs() - endedMs) / MS_PER_SECOND);
    end.abort();
    await during(running);
    return {
      outageCallsPerMinute,
      outageAttachWaitMs: Math.round(waitMaxMs),
      afterOutageSeconds,
    };
  }

  /** How much longer an attach waits for its VM's read than the call takes. */
  async function attachWaitMs(): Promise<number> {
    await during(clock.sleep(ATTACH_EVERY_MS, never));
    const startedMs = clock.elapsedMs();
    for (const node of cloud.nodes.slice(0, 1))
      await during(
        cloud.provisioner.inspectInstance({ ...node, lane: "primaryAttach" }, never).then(mustAnswer),
      );
    return clock.elapsedMs() - startedMs - 2 * ONE_WAY_MS;
  }

  function callsSince(last: number): number {
    return model.journal.since(last, Infinity).filter(({ kind }) => kind !== "admin").length;
  }

  function rebuiltFor(incarnation: number): number {
    return simulated
      .objects("AzVolume")
      .filter(({ status }) => status?.record?.storeIncarnation === incarnation).length;
  }
}
