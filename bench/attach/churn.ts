import type { Clock } from "../../src/ports/clock.ts";
import { azureLimits } from "../../src/provisioner/arm/throttle-budget.ts";
import { attach, detach } from "./attach-ours.ts";
import { vmWrites } from "./one-vm.ts";
import { type VirtualCloud, createVirtualCloud } from "./virtual-cloud.ts";

const DURATION_MS = 2 * 3_600_000;
const DISKS = 12;
const MS_PER_MINUTE = 60_000;
/** A burst of one update, then one a minute. */
const limit = { burst: 1, perMinute: 1 };
const FAILOVER_EVERY_MS = 10 * MS_PER_MINUTE;
const never = new AbortController().signal;

/**
 * Twelve disks are attached and detached for two hours on a VM that allows one update a minute, with a
 * failover every ten minutes.
 */
export interface Churn {
  /** Share of the permitted updates that were made while work waited. */
  readonly budgetUsed: number;
  readonly writes: number;
  readonly throttled: number;
  /** Failovers that went with the very next update. */
  readonly failoversFirst: number;
  readonly failovers: number;
}

/** Uses the published latencies with their spread. */
export async function measureChurn(): Promise<Churn> {
  const cloud = createVirtualCloud({
    vms: 1,
    settings: { throttling: "enforce", throttleLimits: { UpdateVMResource: limit } },
    provisionerSettings: {
      limits: { ...azureLimits, vmWrite: { ...azureLimits.vmWrite, perResource: limit } },
    },
  });
  const [node] = cloud.nodes;
  if (node === undefined) throw new Error("the cloud has no VM");
  const disks = cloud.addDisks(DISKS);
  const [failoverDisk = ""] = cloud.addDisks(1);
  const endMs = cloud.clock.elapsedMs() + DURATION_MS;
  const isOver = (): boolean => cloud.clock.elapsedMs() >= endMs;

  const comeAndGo = async (diskUri: string): Promise<void> => {
    while (!isOver()) {
      const attached = await attach(cloud.provisioner, { diskUri, node });
      if (!attached.ok) await pause(cloud.clock, attached.failure);
      if (isOver()) return;
      const detached = await detach(cloud.provisioner, { diskUri, node });
      if (!detached.ok) await pause(cloud.clock, detached.failure);
    }
  };
  const failovers: { readonly askedMs: number; readonly writesBefore: number }[] = [];
  const failOver = async (): Promise<void> => {
    for (;;) {
      await cloud.clock.sleep(FAILOVER_EVERY_MS, never);
      if (isOver()) return;
      failovers.push({ askedMs: cloud.model.world.nowMs, writesBefore: accepted(cloud).length });
      await attach(cloud.provisioner, { diskUri: failoverDisk, node, lane: "failover" });
      await detach(cloud.provisioner, { diskUri: failoverDisk, node });
    }
  };
  await cloud.run(Promise.all([...disks.map((diskUri) => comeAndGo(diskUri)), failOver()]));

  const writes = accepted(cloud);
  const withinTime = writes.filter((entry) => entry.atMs - startMs(cloud) < DURATION_MS);
  const permitted = limit.burst + (DURATION_MS / MS_PER_MINUTE) * limit.perMinute;
  return {
    budgetUsed: Math.round((withinTime.length / permitted) * 1000) / 1000,
    writes: vmWrites(cloud).length,
    throttled: vmWrites(cloud).filter((entry) => entry.status === 429).length,
    failovers: failovers.length,
    failoversFirst: failovers.filter(({ writesBefore }) =>
      JSON.stringify(writes[writesBefore]?.body ?? null).includes(`${failoverDisk}"`),
    ).length,
  };
}

function accepted(cloud: VirtualCloud): ReturnType<typeof vmWrites> {
  return vmWrites(cloud).filter((entry) => entry.status === 200);
}

function startMs(cloud: VirtualCloud): number {
  return cloud.model.journal.since(0, 1)[0]?.atMs ?? 0;
}

/** Waits as long as a failure says, as the reconcilers do. */
async function pause(
  clock: Clock,
  failure: { readonly kind: string; readonly retryAfterMs?: number },
): Promise<void> {
  await clock.sleep(failure.retryAfterMs ?? 1000, never);
}
