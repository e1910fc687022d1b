import { glob, mkdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { findCommand } from "../../scripts/child/find-command.ts";
import { runCommand } from "../../scripts/child/run-command.ts";
import { hashInputs } from "./hash-inputs.ts";
import type { Part } from "./part.ts";

/** One program of a Go module. */
export interface GoProgram {
  /** The name of its file in the part's folder. */
  readonly name: string;
  /** Import path, or one below the module's folder that starts with `./`. */
  readonly package: string;
  readonly tags?: readonly string[];
  /** Values for the linker to put into string variables, by the variables' full names. */
  readonly variables?: Readonly<Record<string, string>>;
}

/** A module folder with go.mod and go.sum, and the programs to build from it. */
export interface GoModule {
  readonly name: string;
  readonly folder: string;
  readonly programs: readonly GoProgram[];
}

/** Kubernetes takes 380 s on two idle cores. On busy ones the low priority may delay it for long. */
const BUILD_MAX_MS = 3_600_000;
/** How long Go may clean up after SIGTERM. */
const STOP_MAX_MS = 60_000;
/** Settings that make a build reproducible. No dependency is resolved again: go.sum pins every module. */
const ENVIRONMENT = { CGO_ENABLED: "0", GOFLAGS: "-mod=readonly -trimpath -buildvcs=false" };
const OUTPUT_LINES_MAX = 40;
/** Go downloads a module without repeating a request; what it has downloaded before stays. */
const TRIES_MAX = 4;
const FAILED_DOWNLOAD =
  /dial tcp|i\/o timeout|TLS handshake timeout|connection re(?:set|fused)|unexpected EOF|(?:429|50[0234]) [A-Z]/u;

/** Programs of a Go module as a part, one file each. Throws if Go is not installed. */
export async function goPart({ name, folder, programs }: GoModule): Promise<Part> {
  const go = await findCommand("go");
  if (go === undefined) throw new Error(`${name} can't be built: Go is not installed`);
  const version = await runCommand(go, ["env", "GOVERSION", "GOARCH"], { cwd: folder });
  if (version.code !== 0) throw new Error(`${name} can't be built: ${version.output}`);
  return {
    name,
    key: hashInputs({
      version: version.output,
      environment: JSON.stringify(ENVIRONMENT),
      programs: JSON.stringify(programs),
      ...(await readSources(folder)),
    }),
    async build(target, tell, signal) {
      const temporaryFolder = join(target, ".temporary");
      await mkdir(temporaryFolder);
      for (const [index, program] of programs.entries()) {
        tell(`compiling ${program.name} (${index + 1} of ${programs.length})`);
        await buildProgram(program, {
          go,
          folder,
          temporaryFolder,
          output: join(target, program.name),
          signal,
        });
      }
      await rm(temporaryFolder, { recursive: true });
    },
  };
}

/** go.mod, go.sum and our own sources. */
async function readSources(folder: string): Promise<Readonly<Record<string, string>>> {
  const paths: string[] = [];
  for await (const path of glob("**/*.{go,mod,sum}", { cwd: folder })) paths.push(path);
  return Object.fromEntries(
    await Promise.all(
      paths.toSorted().map(async (path) => [path, await readFile(join(folder, path), "utf8")] as const),
    ),
  );
}

interface GoBuild {
  readonly go: string;
  readonly folder: string;
  readonly temporaryFolder: string;
  readonly output: string;
  readonly signal: AbortSignal;
}

/** Runs at low priority, so that the user can continue to work. */
async function buildProgram(
  program: GoProgram,
  { go, folder, temporaryFolder, output, signal }: GoBuild,
): Promise<void> {
  const variables = Object.entries(program.variables ?? {}).map(
    ([variable, value]) => `-X ${variable}=${value}`,
  );
  const flags = [
    "-tags",
    (program.tags ?? []).join(","),
    "-ldflags",
    ["-s -w", ...variables].join(" "),
    "-o",
    output,
  ];
  const limit = AbortSignal.timeout(BUILD_MAX_MS);
  const compile = (): ReturnType<typeof runCommand> =>
    runCommand("nice", [go, "build", ...flags, program.package], {
      cwd: folder,
      env: { ...ENVIRONMENT, GOTMPDIR: temporaryFolder },
      timeoutMs: BUILD_MAX_MS + STOP_MAX_MS,
      signal: AbortSignal.any([signal, limit]),
    });
  let build = await compile();
  for (let tries = 1; tries < TRIES_MAX && !limit.aborted && !signal.aborted; tries += 1) {
    if (build.code === 0 || !FAILED_DOWNLOAD.test(build.output)) break;
    build = await compile();
  }
  signal.throwIfAborted();
  if (limit.aborted)
    throw new Error(
      `go build ${program.package} was stopped: it was not done after ${BUILD_MAX_MS / 60_000} minutes`,
    );
  if (build.code !== 0)
    throw new Error(`go build ${program.package} failed in ${folder}:\n${lastLines(build.output)}`);
}

function lastLines(output: string): string {
  return output.trimEnd().split("\n").slice(-OUTPUT_LINES_MAX).join("\n");
}
