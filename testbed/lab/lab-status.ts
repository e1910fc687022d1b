import { readFile } from "node:fs/promises";
import { CONTROL_PLANE } from "./cluster/control-plane.ts";
import { type LabHome, labHome } from "./lab-home.ts";
import { isBeingStarted, labNames, readLabRecord } from "./lab-record.ts";
import { labFrame } from "./lab.ts";

const KIB_PER_MIB = 1024;

/** The state of every lab of this machine, for people to read. */
export async function labStatus(): Promise<string> {
  const names = await labNames();
  if (names.length === 0) return "no lab on this machine";
  return (await Promise.all(names.toSorted().map((name) => describe(labHome(name))))).join("\n\n");
}

async function describe(home: LabHome): Promise<string> {
  const record = await readLabRecord(home);
  if (record === undefined) return `lab ${home.name}: its start was interrupted; down removes it`;
  const { cgroups, network } = await labFrame(home, record);
  const state = record.isUp
    ? "up"
    : (await isBeingStarted(record))
      ? `being started by process ${record.starter.pid}`
      : "its start was interrupted; down removes it";
  const programs = [
    "network",
    "azure",
    "registry",
    ...CONTROL_PLANE,
    ...record.settings.vms.map(({ name }) => name),
  ];
  const lines = await Promise.all(
    programs.map(async (program) => {
      const processes = await cgroups.processes(`${home.group}/${program}`);
      const memory = (await Promise.all(processes.map(residentMiB))).reduce((sum, each) => sum + each, 0);
      return `  ${program.padEnd(26)} ${processes.length === 0 ? "off" : `${String(processes.length).padStart(3)} processes ${String(Math.round(memory)).padStart(6)} MiB`}`;
    }),
  );
  return [
    `lab ${home.name}: ${state}; from ${record.clone}`,
    `  kubeconfig ${home.path("kubeconfig")}, machines ${network.machines}, pods ${network.pods}`,
    ...lines,
  ].join("\n");
}

/** Resident memory of a process; shared memory is counted in each. */
async function residentMiB(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, "utf8").catch(() => "");
  return Number(/^VmRSS:\s+(\d+) kB$/mu.exec(status)?.[1] ?? 0) / KIB_PER_MIB;
}
