import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Child, startChild } from "../../child.ts";

/** The emulator's own program in a process of its own. */
export interface EmulatorProgram extends Child {
  readonly url: string;
  readonly caFile: string;
}

const PROGRAM = fileURLToPath(new URL("../../../src/emulator/main.ts", import.meta.url));

/** Starts the emulator's program from its sources. `scenario`: its configuration, written to `folder`. */
export async function startEmulatorProgram(
  folder: string,
  scenario: unknown,
  flags: readonly string[] = [],
): Promise<EmulatorProgram> {
  const config = join(folder, "scenario.yaml");
  await writeFile(config, JSON.stringify(scenario));
  const caFile = join(folder, "ca.pem");
  const child = startChild([PROGRAM, "--config", config, "--ca-file", caFile, "--json", ...flags]);
  const { url } = JSON.parse(await child.line()) as { readonly url: string };
  return { ...child, url, caFile };
}
