import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { fileURLToPath } from "node:url";

const main = fileURLToPath(new URL("../../../main.ts", import.meta.url));

/** A role of the driver, once it runs; `script` runs in its process first. */
export async function startRole(t: TestContext, script: string): Promise<ChildProcessWithoutNullStreams> {
  const directory = await mkdtemp(join(tmpdir(), "uncaught-"));
  t.after(() => rm(directory, { recursive: true }));
  const program = spawn(
    process.execPath,
    [
      ...["--import", `data:text/javascript,${encodeURIComponent(script)}`, main, "store"],
      ...["--file", join(directory, "store.db"), "--socket", join(directory, "socket")],
    ],
    { stdio: "pipe" },
  );
  t.after(() => program.kill("SIGKILL"));
  await once(program.stdout, "data", { signal: AbortSignal.timeout(60_000) });
  return program;
}
