import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { runCommand } from "../../scripts/child/run-command.ts";
import { buildOnce } from "../build/build-once.ts";
import { hashInputs } from "../build/hash-inputs.ts";
import type { OnProgress } from "../build/part.ts";

const FOLDER = fileURLToPath(new URL("../python", import.meta.url));
const INSTALL_TIMEOUT_MS = 600_000;

/**
 * The folder of the Azure SDK for Python that `testbed/python` pins, for PYTHONPATH, installed unless it is
 * in the cache (10 s cold, 60 MB). Throws if Python or pip is missing.
 */
export function buildPythonSdk(onProgress: OnProgress, signal: AbortSignal): Promise<string> {
  return buildPython({ name: "python-sdk", requirements: "sdk.txt" }, onProgress, signal);
}

/**
 * The same for `az`, which `python3 -m azure.cli` then starts: the 42 of its 150 packages that its commands
 * for disks, VMs and scale sets load, without bytecode, which Python adds as it needs it. 25 s cold and
 * 183 MB; the whole of it is 708 MB.
 */
export function buildAz(onProgress: OnProgress, signal: AbortSignal): Promise<string> {
  return buildPython({ name: "az", requirements: "az.txt" }, onProgress, signal);
}

async function buildPython(
  { name, requirements }: { readonly name: string; readonly requirements: string },
  onProgress: OnProgress,
  signal: AbortSignal,
): Promise<string> {
  const version = await run(["--version"], signal);
  const pins = join(FOLDER, requirements);
  const part = {
    name,
    key: hashInputs({
      version,
      requirements: await readFile(pins, "utf8"),
      architecture: process.arch,
    }),
    async build(folder: string, tell: (step: string) => void): Promise<void> {
      tell("installing Python packages");
      const quiet = ["--quiet", "--disable-pip-version-check", "--root-user-action=ignore"];
      // Every package is pinned: nothing is resolved.
      const exact = ["--no-deps", "--no-compile", "--target", folder, "-r", pins];
      await run(["-m", "pip", "install", ...quiet, ...exact], signal);
    },
  };
  return buildOnce(part, onProgress, signal);
}

async function run(args: readonly string[], signal: AbortSignal): Promise<string> {
  const { code, output } = await runCommand("python3", args, {
    cwd: FOLDER,
    timeoutMs: INSTALL_TIMEOUT_MS,
    signal,
  });
  if (code !== 0) throw new Error(`python3 ${args.join(" ")}: ${output}`);
  return output;
}
