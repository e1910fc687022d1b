import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { findCommand } from "../../scripts/child/find-command.ts";
import { runCommand } from "../../scripts/child/run-command.ts";
import type { CommandOutcome } from "../../scripts/child/run-command.ts";
import { buildGoProgram } from "../../testbed/parts/build-go-program.ts";

/** The chart's folder. */
export const CHART = fileURLToPath(new URL("../../deploy/chart", import.meta.url));

/** The chart refuses the default image: no registry has it. */
const PUSHED_IMAGE = {
  image: {
    azuredisk: { repository: "registry.example/azuredisk-csi-driver" },
    azurediskWindows: { repository: "registry.example/azuredisk-csi-driver-windows" },
  },
};

/** Why Helm is not available here; undefined if it is. */
export async function whyNoHelm(): Promise<string | undefined> {
  return (await findCommand("go")) === undefined ? "needs Go: Helm is built from its sources" : undefined;
}

/**
 * Runs Helm, with values in a file where they are given, and cleans up. Values without an image get one
 * that has been pushed to a registry. The first run builds Helm: about two minutes.
 */
export async function runHelm(args: readonly string[], values?: object): Promise<CommandOutcome> {
  const helm = await buildGoProgram("helm", () => undefined, new AbortController().signal);
  const folder = await mkdtemp(join(tmpdir(), "helm-"));
  try {
    const file = join(folder, "values.json");
    if (values !== undefined) await writeFile(file, JSON.stringify({ ...PUSHED_IMAGE, ...values }));
    return await runCommand(helm, [...args, ...(values === undefined ? [] : ["--values", file])], {
      cwd: folder,
      env: { HELM_CACHE_HOME: folder, HELM_CONFIG_HOME: folder, HELM_DATA_HOME: folder },
    });
  } finally {
    await rm(folder, { recursive: true });
  }
}
