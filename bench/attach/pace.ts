import { attach, detach } from "./attach-ours.ts";
import { oneByOne } from "./plain-clients.ts";
import { type VirtualCloud, createVirtualCloud } from "./virtual-cloud.ts";

/** Enough that the mean does not rest on a few slow operations. */
const ROUNDS = 200;
/** Between two calls for the VM, so that its few updates a minute are never short, in milliseconds. */
const PAUSE_MS = 60_000;

/** Calls to Azure for one disk, at Azure's own pace with its spread, polls included. */
export interface Pace {
  readonly callsPerAttach: number;
  readonly callsPerDetach: number;
  /** How much later than Azure an attach ends, at the mean. */
  readonly attachLateMs: number;
  readonly detachLateMs: number;
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
    plainCallsPerAttach: meanOf(plainAttaches.calls),
  };
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
  const last = model.journal.since(0, Infinity).at(-1)?.sequence ?? 0;
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
