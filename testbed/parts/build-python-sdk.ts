import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { runCommand } from "../../scripts/child/run-command.ts";
import { buildOnce } from "../build/build-once.ts";
import { hashInputs } from "../build/hash-inputs.ts";
import type { OnProgress } from "../build/part.ts";

const FOLDER = fileURLToPath(new URL("../python", import.meta.url));
const REQUIREMENTS = join(FOLDER, "requirements.txt");
const INSTALL_TIMEOUT_MS = 600_000;

/**
 * The folder of the Azure SDK for Python that `testbed/python` pins, for PYTHONPATH, installed unless it is
 * in the cache (10 s cold). Throws if Python or pip is missing.
 */
export async function buildPythonSdk(onProgress: OnProgress, signal: AbortSignal): Promise<string> {
  const version = await run(["--version"], signal);
  const requirements = await readFile(REQUIREMENTS, "utf8");
  const part = {
    name: "python-sdk",
    key: hashInputs({ version, requirements, architecture: process.arch }),
    async build(folder: string, tell: (step: string) => void): Promise<void> {
      tell("installing the Azure SDK for Python");
      const quiet = ["--quiet", "--disable-pip-version-check", "--root-user-action=ignore"];
      // Every package is pinned: nothing is resolved.
      await run(
        ["-m", "pip", "install", ...quiet, "--no-deps", "--target", folder, "-r", REQUIREMENTS],
        signal,
      );
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
