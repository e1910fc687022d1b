import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { findCommand } from "../../scripts/child/find-command.ts";
import { runCommand } from "../../scripts/child/run-command.ts";
import { dataPlaneAvailable } from "../../src/emulator/data-plane/data-plane-available.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
/** The promised time of a whole run, on an idle machine. */
const RUN_MAX_MS = 60_000;
/** The limit of a run on a busy machine. */
const PATIENCE_MS = 600_000;
/**
 * Longer than a busy machine takes from a fence until the next node requests the volume, and from there
 * until the old writer is shown to be blocked.
 */
const PRUNE_AFTER_MS = 30_000;
const available = dataPlaneAvailable();

/** A running demo with its own folder for temporary files, so that its leftovers can be identified. */
interface Running {
  readonly process: ChildProcess;
  readonly folder: string;
  readonly output: () => string;
  untilSaid(text: string): Promise<void>;
  ended(): Promise<number | null>;
}

describe("npm run demo", () => {
  const folders: string[] = [];
  let parent = "";
  before(async () => {
    parent = await mkdtemp(join(tmpdir(), "d-"));
  });
  after(() => rm(parent, { recursive: true, force: true }));

  async function start(flags: readonly string[]): Promise<Running> {
    const folder = await mkdtemp(join(parent, "r"));
    folders.push(folder);
    const child = spawn(process.execPath, ["demo/main.ts", ...flags], {
      cwd: ROOT,
      env: { ...process.env, TMPDIR: folder },
      stdio: ["ignore", "pipe", "pipe"],
    });
    const exited = once(child, "exit");
    let output = "";
    const said = new Set<() => void>();
    for (const stream of [child.stdout, child.stderr]) {
      if (stream !== null)
        createInterface({ input: stream }).on("line", (line) => {
          output += `${line}\n`;
          for (const look of said) look();
        });
    }
    return {
      process: child,
      folder,
      output: () => output,
      untilSaid: (text) =>
        new Promise((resolve, reject) => {
          const look = (): void => {
            if (!output.includes(text)) return;
            said.delete(look);
            resolve();
          };
          said.add(look);
          child.once("close", () =>
            reject(new Error(`the demo ended before it said ${JSON.stringify(text)}:\n${output}`)),
          );
          look();
        }),
      ended: async () => {
        await exited;
        return child.exitCode;
      },
    };
  }

  it(
    "completes within a minute, loses nothing, blocks the stale writer and cleans up",
    { timeout: PATIENCE_MS },
    async () => {
      const startedMs = performance.now() - (await shortageMs());
      const demo = await start(["--json"]);
      const code = await demo.ended();
      const findings = findingsOf(demo.output());
      assert.deepEqual(
        {
          code,
          ok: findings.ok,
          checksumsHeld: findings.checksumsHeld,
          staleWriterBlocked: findings.staleWriterBlocked,
          staleWriter: findings.staleWriter,
          leaked: findings.leaked,
        },
        {
          code: 0,
          ok: true,
          checksumsHeld: true,
          staleWriterBlocked: true,
          staleWriter: {
            fsync: findings.staleWriter.fsync,
            diskUnchanged: true,
            fileSystem: "clean",
            restartedContainer: "EROFS",
          },
          leaked: 0,
        },
      );
      assert.equal(findings.replicated.armCallsOnPath, 0, "a graceful failover with replicas calls Azure");
      assert.ok(findings.plain.armCallsOnPath > 0, "the contrast without replicas did not detach and attach");
      assert.ok(findings.phases.length >= 20 && findings.phases.every((phase) => phase.ms >= 0));
      const tookMs = performance.now() - (await shortageMs()) - startedMs;
      assert.ok(
        tookMs < RUN_MAX_MS,
        `it took more than a minute without waits for processor or disk: ${Math.round(tookMs)} ms`,
      );
      assert.deepEqual(await leftBehind(demo.folder), []);
    },
  );

  it(
    "works as well with replicas that are old enough to be pruned if unrequested",
    { timeout: PATIENCE_MS },
    async () => {
      const demo = await start(["--json", `--prune-after=${PRUNE_AFTER_MS}`]);
      const code = await demo.ended();
      const findings = findingsOf(demo.output());
      const { ok, replicasKept, checksumsHeld, staleWriterBlocked, leaked } = findings;
      assert.deepEqual(
        { code, ok, replicasKept, checksumsHeld, staleWriterBlocked, leaked },
        { code: 0, ok: true, replicasKept: true, checksumsHeld: true, staleWriterBlocked: true, leaked: 0 },
      );
      assert.equal(
        findings.replicated.armCallsOnPath,
        0,
        "a graceful failover to an old replica calls Azure",
      );
    },
  );

  for (const moment of ["Starting the emulator", "1  A replicated disk", "4  Forced failover"])
    it(
      `cleans up when it is interrupted after ${JSON.stringify(moment)}`,
      { timeout: PATIENCE_MS },
      async (context) => {
        if (!available.available && moment.startsWith("4")) return context.skip(available.reason);
        const demo = await start([]);
        await demo.untilSaid(moment);
        demo.process.kill("SIGINT");
        assert.equal(await demo.ended(), 1);
        assert.deepEqual(await leftBehind(demo.folder), []);
      },
    );

  it(
    "prints sockets and keeps running with --keep, until it is interrupted",
    { timeout: PATIENCE_MS },
    async () => {
      const demo = await start(["--keep", "--time-scale=0.01"]);
      await demo.untilSaid("Still running");
      await demo.untilSaid("unix://");
      demo.process.kill("SIGINT");
      assert.equal(await demo.ended(), 0);
      assert.deepEqual(await leftBehind(demo.folder), []);
    },
  );
});

interface Findings {
  readonly ok: boolean;
  readonly phases: readonly { readonly name: string; readonly ms: number; readonly armCalls: number }[];
  readonly replicated: {
    readonly gracefulMs: number;
    readonly armCallsOnPath: number;
    readonly forcedMs: number;
  };
  readonly plain: { readonly gracefulMs: number; readonly armCallsOnPath: number };
  readonly checksumsHeld: boolean;
  readonly staleWriterBlocked: boolean;
  readonly staleWriter: { readonly fsync: string };
  readonly replicasKept: boolean;
  readonly leaked: number;
}

/** The figures of a run that came to its end. The output of any other is the failure's message. */
function findingsOf(output: string): Findings {
  const [first = ""] = output.split("\n");
  assert.ok(first.startsWith("{"), output);
  const findings: unknown = JSON.parse(first);
  assert.ok(isFindings(findings), output);
  return findings;
}

function isFindings(value: unknown): value is Findings {
  const keys = [
    "ok",
    "phases",
    "replicated",
    "plain",
    "checksumsHeld",
    "staleWriterBlocked",
    "staleWriter",
    "replicasKept",
    "leaked",
  ];
  return typeof value === "object" && value !== null && Object.keys(value).join() === keys.join();
}

/**
 * For how long since boot any process has waited for the processor or a disk, in milliseconds; 0 where the
 * kernel does not report it.
 */
async function shortageMs(): Promise<number> {
  const waits = ["cpu", "io"].map(async (resource) => {
    const text = await readFile(`/proc/pressure/${resource}`, "utf8").catch(() => "");
    return Number(/^some .*total=(\d+)$/mu.exec(text)?.[1] ?? 0) / 1_000;
  });
  return (await Promise.all(waits)).reduce((sum, ms) => sum + ms, 0);
}

/** Files, processes, loop devices and mounts that still belong to a folder. */
async function leftBehind(folder: string): Promise<readonly string[]> {
  const files = (await readdir(folder)).map((name) => `file ${name}`);
  const mounts = (await readFile("/proc/self/mountinfo", "utf8"))
    .split("\n")
    .filter((line) => line.includes(folder));
  const processes: string[] = [];
  for (const pid of (await readdir("/proc")).filter((name) => /^\d+$/u.test(name))) {
    const commandLine = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
    if (commandLine.includes(folder)) processes.push(`process ${pid}: ${commandLine.replaceAll("\0", " ")}`);
  }
  const losetup = await findCommand("losetup");
  const devices =
    losetup === undefined
      ? ""
      : (
          await runCommand(losetup, ["--list", "--noheadings", "--output", "NAME,BACK-FILE"], {
            cwd: ROOT,
            timeoutMs: 10_000,
          })
        ).output;
  return [...files, ...mounts, ...processes, ...devices.split("\n").filter((line) => line.includes(folder))];
}
