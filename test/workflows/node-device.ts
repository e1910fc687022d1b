import { execFile } from "node:child_process";
import { readdir, realpath } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Lab, LabNode } from "../../demo/lab/lab.ts";
import { attachedNodes } from "../../demo/observe.ts";
import type { DemoVolume } from "../../demo/volume-moves.ts";
import { waitUntil } from "../../demo/wait-until.ts";

const run = promisify(execFile);
const COMMAND_MAX_MS = 120_000;
const ATTACH_MAX_MS = 120_000;

/** Runs a program of the machine; returns its standard output. */
export async function runProgram(program: string, args: readonly string[]): Promise<string> {
  return (await run(program, [...args], { timeout: COMMAND_MAX_MS })).stdout;
}

/** A volume's block device on a node, once it is attached there. */
export async function deviceOf(
  lab: Lab,
  volume: DemoVolume,
  node: LabNode,
  signal: AbortSignal,
): Promise<string> {
  const lun = await waitUntil(
    `${volume.name} to be attached to ${node.name}`,
    ATTACH_MAX_MS,
    async () => (await attachedNodes(lab, volume, signal)).get(node.name)?.status?.lun,
  );
  return realpath(join(node.deviceRoot, "dev/disk/azure/scsi1", `lun${lun}`));
}

/** The file with a disk's bytes. */
export async function fileOfDisk(lab: Lab, volume: DemoVolume): Promise<string> {
  const directory = join(lab.directory, "disks");
  const name = (await readdir(directory)).find(
    (file) => file.startsWith(volume.name) && file.endsWith(".disk"),
  );
  if (name === undefined) throw new Error(`no file of disk ${volume.name}`);
  return join(directory, name);
}
