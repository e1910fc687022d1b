import type { BucketLimit } from "../../src/core/azure/pace/token-bucket.ts";
import type { JournalEntry } from "../../src/emulator/model/api/journal.ts";
import { strikeVm } from "../../src/emulator/model/vm/vm-events.ts";
import { findVm } from "../../src/emulator/model/world.ts";
import { azureGatewayLimits } from "../../src/provisioner/arm/throttle-budget.ts";
import { isVmWrite } from "./one-vm.ts";
import { vmUri } from "./place.ts";
import { type VirtualCloud, createVirtualCloud } from "./virtual-cloud.ts";

/** The VMs of a rack, and of a third of 1,000 nodes: a zone. */
const VMS = [100, 333] as const;
const DISKS_PER_VM = 10;
/** Disks of the group that stay where they are: lists have them too. */
const OTHER_DISKS = 2000;
const MS_PER_SECOND = 1000;
const MS_PER_MINUTE = 60_000;
/** A caller's pause after a failure, as the controller's own backoff may be, in milliseconds. */
const RETRY_AFTER_MS = 5000;
const never = new AbortController().signal;

/** All disks of a zone that has lost its power, fenced at once. */
export interface Zone {
  readonly vms: number;
  readonly disks: number;
  /** Until the last disk is proven to be off. */
  readonly seconds: number;
  /** Until half of them are. */
  readonly medianSeconds: number;
  /** How long Azure itself takes for the slowest of these detaches. */
  readonly floorSeconds: number;
  readonly reads: number;
  /** The fewest reads: each VM before and after its update. */
  readonly readsFloor: number;
  /** The most reads in any second, refused ones included. */
  readonly readsPerSecondMax: number;
  /** Reads above the front door's published budget. */
  readonly readsOverBudget: number;
  readonly writes: number;
  /** Calls that Azure refused with 429. */
  readonly throttled: number;
  /** Fences that ended in a failure and were tried again. */
  readonly failures: number;
}

/**
 * Loses the power of `vms` VMs with ten disks each and fences all of their disks, with Azure's latencies and
 * their spread, and its limits enforced. Azure still reports the VMs as running.
 */
export async function measureZone(vms: number): Promise<Zone> {
  const cloud = createVirtualCloud({ vms, settings: { throttling: "enforce" } });
  const disks = cloud.addDisks(vms * DISKS_PER_VM);
  cloud.addDisks(OTHER_DISKS);
  cloud.attachDisks(disks);
  const { model, clock } = cloud;
  for (const { nodeName } of cloud.nodes) {
    const vm = findVm(model.world, vmUri(nodeName));
    if (vm !== undefined) strikeVm(model.world, vm, "SilentPowerLoss");
  }
  const last = model.journal.lastSequence();
  const [startedMs, startedAtMs] = [clock.elapsedMs(), clock.nowMs()];
  const endsMs: number[] = [];
  let failures = 0;
  const fence = async (diskUri: string, index: number): Promise<void> => {
    const node = cloud.nodes[Math.floor(index / DISKS_PER_VM)];
    if (node === undefined) throw new Error(`there is no VM for disk ${index}`);
    const request = {
      diskUri,
      node,
      mode: "fence",
      precondition: () => Promise.resolve(true),
    } as const;
    for (;;) {
      const proof = await cloud.provisioner.barrier(request, never);
      if (proof.ok && proof.value !== undefined) break;
      failures++;
      await clock.sleep(RETRY_AFTER_MS, never);
    }
    endsMs.push(clock.elapsedMs() - startedMs);
  };
  await cloud.run(Promise.all(disks.map(fence)));
  const left = cloud.nodes.flatMap((node) => cloud.attachedTo(node));
  if (left.length > 0) throw new Error(`${left.length} disks were proven to be off and are attached`);
  const calls = model.journal.since(last, Infinity).filter(({ kind }) => kind !== "admin");
  const reads = calls.filter(({ method }) => method === "GET");
  return {
    vms,
    disks: disks.length,
    seconds: seconds(Math.max(...endsMs)),
    medianSeconds: seconds(endsMs.toSorted((left, right) => left - right)[endsMs.length >> 1] ?? Number.NaN),
    floorSeconds: seconds(slowestUpdateMs(cloud, startedAtMs)),
    reads: reads.length,
    readsFloor: 2 * vms,
    readsPerSecondMax: mostPerSecond(reads),
    readsOverBudget: overBudget(reads, azureGatewayLimits.reads),
    writes: calls.filter(isVmWrite).length,
    throttled: calls.filter(({ status }) => status === 429).length,
    failures,
  };
}

/** Both sizes, as flat figures such as `zone333Seconds`. */
export async function tellZone(): Promise<Readonly<Record<string, number>>> {
  const told: Record<string, number> = {};
  for (const vms of VMS) {
    const { vms: _, ...figures } = await measureZone(vms);
    for (const [name, value] of Object.entries(figures))
      told[`fence${vms}${name.charAt(0).toUpperCase()}${name.slice(1)}`] = value;
  }
  return told;
}

/** The longest of the updates that began since then, by Azure's own clock. */
function slowestUpdateMs({ model }: VirtualCloud, sinceMs: number): number {
  const durations = [...model.world.operations.values()]
    .filter(({ startedAtMs }) => startedAtMs >= sinceMs)
    .map(({ startedAtMs, endedAtMs = startedAtMs }) => endedAtMs - startedAtMs);
  return Math.max(...durations);
}

function mostPerSecond(calls: readonly JournalEntry[]): number {
  let [most, first] = [0, 0];
  for (const [index, { atMs }] of calls.entries()) {
    while ((calls[first]?.atMs ?? atMs) <= atMs - MS_PER_SECOND) first++;
    most = Math.max(most, index + 1 - first);
  }
  return most;
}

/** How many of these calls a bucket of that limit, full at first, would refuse. */
function overBudget(calls: readonly JournalEntry[], limit: BucketLimit): number {
  let [tokens, atMs] = [limit.burst, calls[0]?.atMs ?? 0];
  let refused = 0;
  for (const call of calls) {
    tokens = Math.min(limit.burst, tokens + ((call.atMs - atMs) * limit.perMinute) / MS_PER_MINUTE);
    atMs = call.atMs;
    if (tokens < 1) refused++;
    else tokens--;
  }
  return refused;
}

function seconds(ms: number): number {
  return Math.round(ms / 100) / 10;
}
