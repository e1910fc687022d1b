import type { Choices, Experiment, Finding, PairedExperiment } from "./experiment.ts";
import { detachProbeDisk, type ProbeVm, readVm, untilEnded } from "./probe-vm.ts";

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

const GIB = 2 ** 30;
/** The SKU that can be shared and costs least. */
const DISK = { sku: { name: "StandardSSD_LRS" }, maxShares: 2 } as const;

/**
 * Makes a disk, runs the experiments one after the other, and cleans up whatever happens. An experiment that
 * throws was not tried, and says why. Throws if the VM can't be read or the disk not be made.
 */
export async function runProbe(
  vm: ProbeVm,
  experiments: readonly (Experiment | PairedExperiment)[],
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
        diskSizeGB: vm.diskBytes / GIB,
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

async function tried(
  vm: ProbeVm,
  experiment: Experiment | PairedExperiment,
  choices: Choices,
): Promise<Finding> {
  const { second } = vm;
  try {
    if ("run" in experiment) return await experiment.run(vm, choices);
    return second === undefined
      ? { verdict: "not tried", detail: "two VMs have to share the disk: name another one by --second-vm" }
      : await experiment.runPaired({ vm, second }, choices);
  } catch (error) {
    if (vm.signal.aborted) throw error;
    return { verdict: "not tried", detail: error instanceof Error ? error.message : String(error) };
  }
}

/** Returns commands for what is left, which a person has to remove. */
async function cleanUp(vm: ProbeVm, { mayStop }: Choices): Promise<readonly string[]> {
  // Also after an interruption.
  const { signal } = new AbortController();
  const own = { ...vm, signal };
  const problems: string[] = [];
  if (mayStop) await untilEnded(own, await own.http({ method: "POST", path: `${vm.vmId}/start` }));
  for (const holder of vm.second === undefined ? [own] : [own, { ...vm.second, signal }])
    if (!(await isOff(holder)))
      problems.push(`az vm disk detach --ids ${holder.vmId} --disk-ids ${vm.diskId}`);
  const { end } = await untilEnded(own, await own.http({ method: "DELETE", path: vm.diskId }));
  if (end !== "Succeeded") problems.push(`az disk delete --ids ${vm.diskId}`);
  return problems;
}

/** Detaches the disk from a VM; false if that failed, or the VM can't be read. */
async function isOff(vm: ProbeVm): Promise<boolean> {
  try {
    await detachProbeDisk(vm);
    return true;
  } catch {
    return false;
  }
}
