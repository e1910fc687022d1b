import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { runCommand } from "../../scripts/child/run-command.ts";
import { buildOnce } from "../build/build-once.ts";
import { hashInputs } from "../build/hash-inputs.ts";
import type { OnProgress } from "../build/part.ts";

const FOLDER = fileURLToPath(new URL("../java-sdk", import.meta.url));
const PROGRAM = "JavaSdk";
const SOURCE = `${PROGRAM}.java`;
const CHECKSUMS = "jars.sha256";
const COPY = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies";
const COMMAND_MAX_MS = 600_000;

/**
 * The arguments with which `java` starts the client of the emulator with the Azure SDK for Java that
 * `testbed/java-sdk` pins, built unless it is in the cache (15 s cold, 33 MB). Throws if Java or Maven is
 * missing.
 */
export async function buildJavaSdk(onProgress: OnProgress, signal: AbortSignal): Promise<readonly string[]> {
  const read = async (name: string): Promise<string> => readFile(join(FOLDER, name), "utf8");
  const [pom, checksums, source] = await Promise.all([read("pom.xml"), read(CHECKSUMS), read(SOURCE)]);
  const part = {
    name: "java-sdk",
    key: hashInputs({ version: await run("javac", ["-version"], signal), pom, checksums, source }),
    async build(folder: string, tell: (step: string) => void): Promise<void> {
      const jars = join(folder, "jars");
      tell("fetching Java packages");
      const settings = [`-DoutputDirectory=${jars}`, "-DincludeScope=runtime"];
      // Without --update-snapshots Maven does not ask again for a day after a failed download.
      const quiet = ["--batch-mode", "--quiet", "--update-snapshots"];
      await run("mvn", [...quiet, "--file", join(FOLDER, "pom.xml"), COPY, ...settings], signal);
      await checkJars(jars, checksums);
      tell("compiling");
      const paths = ["-d", join(folder, "classes"), "-cp", join(jars, "*")];
      await run("javac", [...paths, join(FOLDER, SOURCE)], signal);
    },
  };
  const folder = await buildOnce(part, onProgress, signal);
  // The program ends before a better compiler has paid for itself.
  const quickStart = ["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"];
  return [...quickStart, "-cp", `${join(folder, "classes")}:${join(folder, "jars", "*")}`, PROGRAM];
}

/** Throws unless the folder has these files alone: a list of digests and names, as `sha256sum` has it. */
async function checkJars(folder: string, checksums: string): Promise<void> {
  const names = (await readdir(folder)).toSorted();
  const lines = await Promise.all(
    names.map(async (name) => {
      const digest = createHash("sha256").update(await readFile(join(folder, name)));
      return `${digest.digest("hex")}  ${name}\n`;
    }),
  );
  const pinned = checksums.split(/(?<=\n)/u);
  const other = [
    ...lines.filter((line) => !pinned.includes(line)),
    ...pinned.filter((line) => !lines.includes(line)),
  ];
  if (other.length > 0) throw new Error(`the packages are not those of ${CHECKSUMS}:\n${other.join("")}`);
}

async function run(program: string, args: readonly string[], signal: AbortSignal): Promise<string> {
  const { code, output } = await runCommand(program, args, {
    cwd: FOLDER,
    timeoutMs: COMMAND_MAX_MS,
    signal,
  });
  if (code !== 0) throw new Error(`${program} ${args.join(" ")}: ${output}`);
  return output;
}
