import type { Choices, Experiment, Finding } from "./experiment.ts";
import {
  dataDisksOf,
  etagOf,
  isProbeDisk,
  type ProbeVm,
  readVm,
  sendWrite,
  untilEnded,
  withoutProbeDisk,
} from "./probe-vm.ts";

/** The result of one experiment. */
export interface Result extends Finding {
  readonly name: string;
  readonly assumption: string;
}

/** Receives results while the probe runs. */
export interface ProbeReport {
  readonly onResult: (result: Result) => void;
  /** Commands for what could not be cleaned up. */
  readonly onLeft: (commands: readonly string[]) => void;
}

/** The least disk of a SKU that can be shared, and costs least. */
const DISK = { sku: { name: "StandardSSD_LRS" }, sizeGiB: 4, maxShares: 2 } as const;

/**
 * Makes a disk, runs the experiments one after the other, and cleans up whatever happens. An experiment that
 * throws was not tried, and says why. Throws if the VM can't be read or the disk not be made.
 */
export async function runProbe(
  vm: ProbeVm,
  experiments: readonly Experiment[],
  { choices, onResult, onLeft }: ProbeReport & { readonly choices: Choices },
): Promise<void> {
  const zones = ((await readVm(vm))?.["zones"] ?? []) as readonly string[];
  const made = await vm.http({
    method: "PUT",
    path: vm.diskId,
    body: {
      location: vm.location,
      sku: DISK.sku,
      ...(zones.length === 0 ? {} : { zones }),
      properties: {
        creationData: { createOption: "Empty" },
        diskSizeGB: DISK.sizeGiB,
        maxShares: DISK.maxShares,
        networkAccessPolicy: "DenyAll",
      },
    },
  });
  const { end } = await untilEnded(vm, made);
  if (end !== "Succeeded") throw new Error(`the disk of the probe was not made: ${end}`);
  try {
    for (const experiment of experiments) {
      const { name, assumption } = experiment;
      onResult({ name, assumption, ...(await tried(vm, experiment, choices)) });
    }
  } catch (error) {
    onLeft(await cleanUp(vm, choices));
    throw error;
  }
  onLeft(await cleanUp(vm, choices));
}

async function tried(vm: ProbeVm, experiment: Experiment, choices: Choices): Promise<Finding> {
  try {
    return await experiment.run(vm, choices);
  } catch (error) {
    if (vm.signal.aborted) throw error;
    return { verdict: "not tried", detail: error instanceof Error ? error.message : String(error) };
  }
}

/** Returns commands for what is left, which a person has to remove. */
async function cleanUp(vm: ProbeVm, { mayStop }: Choices): Promise<readonly string[]> {
  // Also after an interruption.
  const own = { ...vm, signal: new AbortController().signal };
  const problems: string[] = [];
  if (mayStop) await untilEnded(own, await own.http({ method: "POST", path: `${vm.vmId}/start` }));
  const present = await readVm(own);
  const dataDisks = dataDisksOf(present);
  if (dataDisks.some((entry) => isProbeDisk(own, entry))) {
    const sent = await sendWrite(own, withoutProbeDisk(own, dataDisks), etagOf(present));
    const { end } = await untilEnded(own, sent);
    if (end !== "Succeeded") problems.push(`az vm disk detach --ids ${vm.vmId} --disk-ids ${vm.diskId}`);
  }
  const { end } = await untilEnded(own, await own.http({ method: "DELETE", path: vm.diskId }));
  if (end !== "Succeeded") problems.push(`az disk delete --ids ${vm.diskId}`);
  return problems;
}
