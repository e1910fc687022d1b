import { parseInstanceUri } from "../../src/core/azure/ids/instance-uri.ts";
import {
  type Choices,
  type Experiment,
  type Finding,
  foundBy,
  type PairedExperiment,
  untried,
} from "./experiment.ts";
import { detachProbeDisk, isRunning, type ProbeVm, readVm, untilEnded } from "./probe-vm.ts";
import { stopPrograms } from "./run-in-vm.ts";

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
  const toStart = choices.mayStop && (await isRunning(vm));
  try {
    await makeDisk(vm, zones);
    for (const experiment of experiments) {
      const { name, assumption } = experiment;
      onResult({ name, assumption, ...(await tried(vm, experiment, choices)) });
    }
  } finally {
    onLeft(await cleanUp(vm, { toStart }));
  }
}

/** Throws if the disk was not made. Azure may make it all the same. */
async function makeDisk(vm: ProbeVm, zones: readonly string[]): Promise<void> {
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
}

async function tried(
  vm: ProbeVm,
  experiment: Experiment | PairedExperiment,
  choices: Choices,
): Promise<Finding> {
  const { second } = vm;
  if ("run" in experiment) return foundBy(() => experiment.run(vm, choices), vm.signal);
  return second === undefined
    ? untried("two VMs have to share the disk: name another one by --second-vm")
    : foundBy(() => experiment.runPaired({ vm, second }, choices), vm.signal);
}

/** Returns commands for what is left, which a person has to remove. A step that fails stops no other. */
async function cleanUp(vm: ProbeVm, { toStart }: { readonly toStart: boolean }): Promise<readonly string[]> {
  // Also after an interruption.
  const { signal } = new AbortController();
  const own = { ...vm, signal };
  const holders = vm.second === undefined ? [own] : [own, { ...vm.second, signal }];
  const left: string[] = [];
  if (toStart && !(await isDone(() => send(own, "POST", `${vm.vmId}/start`))))
    left.push(`az vm start --ids ${vm.vmId}`);
  // A VM that is alone runs no program.
  const running = holders.length > 1 ? holders : [];
  const stopped = await Promise.all(running.map((holder) => isDone(() => stopPrograms(holder))));
  left.push(...running.filter((_, index) => stopped[index] === false).map(stopCommand));
  for (const holder of holders)
    if (!(await isDone(() => detachProbeDisk(holder)))) left.push(detachCommand(holder));
  if (!(await isDone(() => send(own, "DELETE", vm.diskId)))) left.push(`az disk delete --ids ${vm.diskId}`);
  return left;
}

async function send(vm: ProbeVm, method: "POST" | "DELETE", path: string): Promise<void> {
  const { end } = await untilEnded(vm, await vm.http({ method, path }));
  if (end !== "Succeeded") throw new Error(`${method} ${path}: ${end}`);
}

/** Whether it succeeds; one that fails is tried once more: nothing else sends lost calls again. */
async function isDone(act: () => Promise<void>): Promise<boolean> {
  for (let attempt = 1; attempt <= 2; attempt += 1) {
    try {
      await act();
      return true;
    } catch {
      // What is left is printed with the command that removes it.
    }
  }
  return false;
}

/** The program ends by itself, but its folder stays until the VM starts again. */
function stopCommand({ vmId, token }: ProbeVm): string {
  const instance = parseInstanceUri(vmId);
  const invoke =
    instance?.scaleSetName === undefined
      ? `az vm run-command invoke --ids ${vmId}`
      : `az vmss run-command invoke --resource-group ${instance.resourceGroup} ` +
        `--name ${instance.scaleSetName} --instance-id ${instance.instanceName}`;
  const stop = `mkdir -p /run/probe-azure-${token} && touch /run/probe-azure-${token}/stop`;
  return `${invoke} --command-id RunShellScript --scripts '${stop}'`;
}

/**
 * An instance of a scale set needs the LUN, which only a look at it tells. The command for other VMs takes no
 * `--ids`.
 */
function detachCommand({ vmId, diskId }: ProbeVm): string {
  const instance = parseInstanceUri(vmId);
  if (instance === undefined) return `detach ${diskId} from ${vmId}`;
  const { subscriptionId, resourceGroup, scaleSetName, instanceName } = instance;
  const where = `--subscription ${subscriptionId} --resource-group ${resourceGroup}`;
  return scaleSetName === undefined
    ? `az vm disk detach ${where} --vm-name ${instanceName} --disk-ids ${diskId}`
    : `az vmss disk detach ${where} --vmss-name ${scaleSetName} --instance-id ${instanceName} ` +
        `--lun <LUN of ${diskId}>`;
}
