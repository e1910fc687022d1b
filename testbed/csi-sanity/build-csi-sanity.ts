import { createHash } from "node:crypto";
import { access, mkdir, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { findCommand } from "../../scripts/child/find-command.ts";
import { runCommand } from "../../scripts/child/run-command.ts";

const MODULE_FOLDER = fileURLToPath(new URL(".", import.meta.url));
const CACHE_FOLDER = fileURLToPath(new URL("../../.cache/csi-sanity", import.meta.url));
const PROGRAM = "github.com/kubernetes-csi/csi-test/v5/cmd/csi-sanity";
/** A cold build with its downloads takes 35 s on two idle cores. */
const BUILD_TIMEOUT_MS = 400_000;

/** The csi-sanity program that go.mod and go.sum describe: built once, kept in the ignored cache. Throws if Go is missing or the build fails. */
export async function buildCsiSanity(): Promise<string> {
  const go = await findCommand("go");
  if (go === undefined) throw new Error("csi-sanity can't be built: Go is not installed");
  const version = await runCommand(go, ["env", "GOVERSION"], { cwd: MODULE_FOLDER });
  const described = await Promise.all(["go.mod", "go.sum"].map(async (name) => readFile(join(MODULE_FOLDER, name))));
  const key = described.reduce((hash, content) => hash.update(content), createHash("sha256").update(version.output)).digest("hex");
  const program = join(CACHE_FOLDER, key.slice(0, 16), "csi-sanity");
  if (await exists(program)) return program;

  await rm(CACHE_FOLDER, { recursive: true, force: true });
  await mkdir(join(program, ".."), { recursive: true });
  const unfinished = `${program}.${process.pid}`;
  const { code, output } = await runCommand(go, ["build", "-o", unfinished, PROGRAM], {
    cwd: MODULE_FOLDER,
    env: { CGO_ENABLED: "0", GOFLAGS: "-mod=readonly -trimpath -buildvcs=false" },
    timeoutMs: BUILD_TIMEOUT_MS,
  });
  if (code !== 0) throw new Error(`csi-sanity can't be built: ${output}`);
  await rename(unfinished, program);
  return program;
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
