import type { JournalEntry } from "../../src/emulator/model/api/journal.ts";
import { DEFAULT_LATENCIES } from "../../src/emulator/model/pace/latency.ts";
import type { ModelSettings } from "../../src/emulator/model/settings.ts";
import { defaultProvisionerSettings } from "../../src/provisioner/settings.ts";
import { attach } from "./attach-ours.ts";
import { type VirtualCloud, createVirtualCloud } from "./virtual-cloud.ts";
import { type AttachAll, oneByOne, oneSecondWindow } from "./wire/plain-clients.ts";

const DISKS = 30;

/**
 * The published attach time without its spread, so that the floor is one number. Azure's limits are
 * enforced.
 */
const settings: Partial<ModelSettings> = {
  throttling: "enforce",
  latencies: {
    ...DEFAULT_LATENCIES,
    attach: { ...DEFAULT_LATENCIES.attach, p99Ms: DEFAULT_LATENCIES.attach.medianMs },
  },
};

/** 30 disks to one VM, all requested at once. */
export interface OneVm {
  readonly floorMs: number;
  readonly ms: number;
  readonly armWrites: number;
  readonly oneByOneMs: number;
  readonly oneByOneWrites: number;
  readonly windowMs: number;
  readonly windowWrites: number;
}

/** 30 disks, one of which can never be attached. */
export interface Poison {
  readonly attached: number;
  readonly errors: number;
  readonly ms: number;
  readonly armWrites: number;
}

/**
 * Compares our queue with a one-by-one client and a one-second-window batcher. The floor is one update of
 * 30 disks, rounded up to the next permitted poll.
 */
export async function measureOneVm(): Promise<OneVm> {
  const { medianMs, perDiskMs = 0 } = DEFAULT_LATENCIES.attach;
  const pollMs = defaultProvisionerSettings.vmPollPace.minMs;
  const ours = await ourTime();
  const single = await plainTime(oneByOne);
  const window = await plainTime(oneSecondWindow);
  return {
    floorMs: Math.ceil((medianMs + perDiskMs * DISKS) / pollMs) * pollMs,
    ms: ours.ms,
    armWrites: ours.armWrites,
    oneByOneMs: single.ms,
    oneByOneWrites: single.armWrites,
    windowMs: window.ms,
    windowWrites: window.armWrites,
  };
}

/** One disk whose attach fails every update that it is part of, without being named: the hardest case. */
export async function measurePoison(): Promise<Poison> {
  const cloud = createVirtualCloud({ vms: 1, settings });
  const { node, disks } = aFullVm(cloud);
  const [poison = ""] = disks.slice(7);
  cloud.model.faults.add({
    disk: `*${poison}`,
    effect: { kind: "FailOperation", code: "InternalExecutionError", applied: "none" },
  });
  const startedMs = cloud.clock.elapsedMs();
  const answers = await cloud.run(
    Promise.all(disks.map((diskUri) => attach(cloud.provisioner, { diskUri, node }))),
  );
  const errors = disks.filter((_, index) => answers[index]?.ok === false);
  if (errors.some((diskUri) => diskUri !== poison))
    throw new Error(`an innocent call was answered with an error: ${errors.join(", ")}`);
  return {
    attached: cloud.attachedTo(node).length,
    errors: errors.length,
    ms: Math.round(cloud.clock.elapsedMs() - startedMs),
    armWrites: vmWrites(cloud).length,
  };
}

async function ourTime(): Promise<{ readonly ms: number; readonly armWrites: number }> {
  const cloud = createVirtualCloud({ vms: 1, settings });
  const { node, disks } = aFullVm(cloud);
  return timed(cloud, node.nodeName, async () => {
    const answers = await Promise.all(disks.map((diskUri) => attach(cloud.provisioner, { diskUri, node })));
    for (const answer of answers) if (!answer.ok) throw new Error(JSON.stringify(answer.failure));
  });
}

async function plainTime(attachAll: AttachAll): Promise<{ readonly ms: number; readonly armWrites: number }> {
  const cloud = createVirtualCloud({ vms: 1, settings });
  const { node, disks } = aFullVm(cloud);
  return timed(cloud, node.nodeName, () => attachAll(cloud, node.nodeName, disks));
}

async function timed(
  cloud: VirtualCloud,
  nodeName: string,
  work: () => Promise<void>,
): Promise<{ readonly ms: number; readonly armWrites: number }> {
  const startedMs = cloud.clock.elapsedMs();
  await cloud.run(work());
  const [node] = cloud.nodes;
  if (node === undefined || cloud.attachedTo(node).length !== DISKS)
    throw new Error(`${nodeName} did not get all of its disks`);
  return { ms: Math.round(cloud.clock.elapsedMs() - startedMs), armWrites: vmWrites(cloud).length };
}

function aFullVm(cloud: VirtualCloud): {
  readonly node: VirtualCloud["nodes"][number];
  readonly disks: readonly string[];
} {
  const [node] = cloud.nodes;
  if (node === undefined) throw new Error("the cloud has no VM");
  return { node, disks: cloud.addDisks(DISKS) };
}

/** The VM updates that were sent, refused ones included. */
export function vmWrites(cloud: VirtualCloud): readonly JournalEntry[] {
  return cloud.model.journal.since(0, Infinity).filter(isVmWrite);
}

/** Whether a call is an update of a VM. */
export function isVmWrite({ operation }: JournalEntry): boolean {
  return operation === "VirtualMachines_Update";
}
