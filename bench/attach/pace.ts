import { attach, detach } from "./attach-ours.ts";
import { RESOURCE_GROUP, SUBSCRIPTION_ID } from "./place.ts";
import { type VirtualCloud, createVirtualCloud } from "./virtual-cloud.ts";
import { oneByOne } from "./wire/plain-clients.ts";

/** Enough that the mean does not rest on a few slow operations: its standard error is 0.04 calls. */
const ROUNDS = 4000;
/** Between two calls for the VM, so that its few updates a minute are never short, in milliseconds. */
const PAUSE_MS = 60_000;

/** Calls to Azure for one disk, at Azure's own pace with its spread, polls included. */
export interface Pace {
  readonly callsPerAttach: number;
  readonly callsPerDetach: number;
  /** How much later than Azure an attach ends, at the mean. */
  readonly attachLateMs: number;
  readonly detachLateMs: number;
  /** The same while another client reads the VM ten times a second, so that no read of it is left. */
  readonly watchedAttachLateMs: number;
  /** The same where Azure also refuses those reads. */
  readonly refusedAttachLateMs: number;
  /** A client that polls every 1 to 5 s, and neither reads the disk nor checks the outcome. */
  readonly plainCallsPerAttach: number;
}

/** Attaches and detaches one disk again and again. */
export async function measurePace(): Promise<Pace> {
  const cloud = createVirtualCloud({ vms: 1, settings: { throttling: "enforce" } });
  const plain = createVirtualCloud({ vms: 1, settings: { throttling: "enforce" } });
  const [node] = cloud.nodes;
  const [disk = ""] = cloud.addDisks(1);
  if (node === undefined) throw new Error("the cloud has no VM");
  const watched = await watchedLateMs("report");
  const refused = await watchedLateMs("enforce");
  const [attaches, detaches, plainAttaches] = [aTally(), aTally(), aTally()];
  for (let round = 0; round < ROUNDS; round++) {
    await counted(cloud, attaches, async () => {
      const attached = await attach(cloud.provisioner, { diskUri: disk, node });
      if (!attached.ok) throw new Error(JSON.stringify(attached.failure));
    });
    await counted(cloud, detaches, async () => {
      const detached = await detach(cloud.provisioner, { diskUri: disk, node });
      if (!detached.ok) throw new Error(JSON.stringify(detached.failure));
    });
  }
  for (const path of plain.addDisks(PLAIN_ROUNDS))
    await counted(plain, plainAttaches, () => oneByOne(plain, "node-0", [path]));
  return {
    callsPerAttach: meanOf(attaches.calls),
    callsPerDetach: meanOf(detaches.calls),
    attachLateMs: Math.round(meanOf(attaches.lateMs)),
    detachLateMs: Math.round(meanOf(detaches.lateMs)),
    watchedAttachLateMs: watched,
    refusedAttachLateMs: refused,
    plainCallsPerAttach: meanOf(plainAttaches.calls),
  };
}

const WATCH_EVERY_MS = 100;
/** The other client comes once the attach is under way: then nothing has to be read before its end. */
const WATCH_AFTER_MS = 2000;
const WATCHED_ROUNDS = 20;

/** How much later than Azure an attach ends while another client uses up the VM's reads. */
async function watchedLateMs(throttling: "report" | "enforce"): Promise<number> {
  const cloud = createVirtualCloud({ vms: 1, settings: { throttling } });
  const { clock, arm, provisioner, nodes } = cloud;
  const [node] = nodes;
  if (node === undefined) throw new Error("the cloud has no VM");
  const tally = aTally();
  for (const disk of cloud.addDisks(WATCHED_ROUNDS)) {
    let isAttaching = true;
    await counted(cloud, tally, async () => {
      const watching = watchWhile(() => isAttaching);
      const attached = await attach(provisioner, { diskUri: disk, node });
      isAttaching = false;
      if (!attached.ok) throw new Error(JSON.stringify(attached.failure));
      await watching;
    });
  }
  return Math.round(meanOf(tally.lateMs));

  async function watchWhile(isWatched: () => boolean): Promise<void> {
    const vm = { subscriptionId: SUBSCRIPTION_ID, resourceGroup: RESOURCE_GROUP, name: "node-0" };
    await clock.sleep(WATCH_AFTER_MS, never);
    while (isWatched()) {
      await arm.getVm({ ...vm, instanceView: false, clientRequestId: "watch" }, never);
      await clock.sleep(WATCH_EVERY_MS, never);
    }
  }
}

/** As many as the VM takes disks. */
const PLAIN_ROUNDS = 32;
const never = new AbortController().signal;

interface Tally {
  readonly calls: number[];
  readonly lateMs: number[];
}

function aTally(): Tally {
  return { calls: [], lateMs: [] };
}

async function counted(cloud: VirtualCloud, tally: Tally, act: () => Promise<void>): Promise<void> {
  const { clock, model, run } = cloud;
  await run(clock.sleep(PAUSE_MS, never));
  const last = model.journal.lastSequence();
  await run(act());
  const endedMs = clock.nowMs();
  const calls = model.journal.since(last, Infinity).filter(({ kind }) => kind !== "admin");
  tally.calls.push(calls.length);
  const operationId = calls.find((call) => call.operation === "VirtualMachines_Update")?.operationId ?? "";
  const operation = model.world.operations.get(operationId);
  tally.lateMs.push(operation === undefined ? Number.NaN : endedMs - operation.dueAtMs);
}

function meanOf(values: readonly number[]): number {
  return Number((values.reduce((sum, value) => sum + value, 0) / values.length).toFixed(2));
}
