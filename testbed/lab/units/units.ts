import { spawn } from "node:child_process";
import { mkdir, open, readFile, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import type { LabHome } from "../lab-home.ts";
import type { Cgroups } from "./cgroups.ts";
import { identifyProcess, isAlive, type ProcessIdentity, sendSignal } from "./process-identity.ts";
import { waitUntil } from "./wait-until.ts";

/** One program of a lab. It keeps running after the process that started it has ended. */
export interface UnitSpec {
  /** Path-like: `etcd`, `node-a/kubelet`. */
  readonly name: string;
  readonly command: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** The programs of a lab, each with its own control group and log. */
export interface Units {
  /** Starts a program. Throws if it runs already. */
  start(spec: UnitSpec): Promise<void>;
  /**
   * Asks a program and all its descendants to end, kills those left after `graceMs`, and waits until the
   * group is empty.
   */
  stop(name: string, graceMs: number): Promise<void>;
  /** Kills a program and all its descendants: kill -9. */
  kill(name: string): Promise<void>;
  /** Freezes or thaws a program and all its descendants. */
  setFrozen(name: string, frozen: boolean): Promise<void>;
  isRunning(name: string): Promise<boolean>;
  /** The process that was started as `name`. Throws if it has ended. */
  processId(name: string): Promise<number>;
  logFile(name: string): string;
  /** The end of its log. */
  logTail(name: string): Promise<string>;
}

const JOIN = 'umask 022 && echo $$ > "$0" && exec "$@"';
const LOG_TAIL_BYTES = 4_000;
const POLL_MS = 20;
const JOIN_POLL_MS = 2;
const START_MAX_MS = 240_000;
const PATIENCE_MS = 60_000;

/** The present and future programs of the lab at `home`. */
export function labUnits(home: LabHome, cgroups: Cgroups): Units {
  const groupOf = (name: string): string => `${home.group}/${name}`;
  const recordFile = (name: string): string => home.path("units", `${name}.json`);
  const logFile = (name: string): string => home.path("logs", `${name}.log`);

  async function isRunning(name: string): Promise<boolean> {
    return (await cgroups.processes(groupOf(name))).length > 0;
  }

  async function start({ name, command, env }: UnitSpec): Promise<void> {
    if (await isRunning(name)) throw new Error(`${name} runs already`);
    await cgroups.create(groupOf(name));
    await Promise.all(
      [recordFile(name), logFile(name)].map((file) => mkdir(dirname(file), { recursive: true })),
    );
    const log = await open(logFile(name), "a");
    try {
      // The shell joins the group and then becomes the program, so that no process ever runs outside.
      const child = spawn("/bin/sh", ["-c", JOIN, cgroups.joinFile(groupOf(name)), ...command], {
        detached: true,
        cwd: "/",
        env: { PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", HOME: "/", ...env },
        stdio: ["ignore", log.fd, log.fd],
      });
      child.unref();
      await writeFile(recordFile(name), JSON.stringify(await untilJoined(name, child.pid)));
    } finally {
      await log.close();
    }
  }

  /** Waits until the process is in its group, where others can see that it runs. */
  async function untilJoined(name: string, pid: number | undefined): Promise<ProcessIdentity> {
    return waitUntil(`${name} to start`, { timeoutMs: START_MAX_MS, everyMs: JOIN_POLL_MS }, async () => {
      const identity = pid === undefined ? undefined : await identifyProcess(pid);
      if (identity === undefined) throw new Error(`${name} ended at once: ${await logTail(name)}`);
      return (await cgroups.processes(groupOf(name))).includes(identity.pid) ? identity : undefined;
    });
  }

  async function stop(name: string, graceMs: number): Promise<void> {
    for (const pid of await cgroups.processes(groupOf(name))) sendSignal(pid, "SIGTERM");
    const endMs = performance.now() + graceMs;
    const end = await waitUntil(
      `${name} to end`,
      { timeoutMs: graceMs + PATIENCE_MS, everyMs: POLL_MS },
      async () => {
        if (!(await isRunning(name))) return "ended";
        return performance.now() > endMs ? "late" : undefined;
      },
    );
    if (end === "late") await kill(name);
  }

  async function kill(name: string): Promise<void> {
    await cgroups.kill(groupOf(name));
  }

  async function processId(name: string): Promise<number> {
    const identity = await readIdentity(name);
    if (identity === undefined || !(await isAlive(identity)))
      throw new Error(`${name} does not run: ${await logTail(name)}`);
    return identity.pid;
  }

  async function readIdentity(name: string): Promise<ProcessIdentity | undefined> {
    try {
      return JSON.parse(await readFile(recordFile(name), "utf8")) as ProcessIdentity;
    } catch {
      return undefined;
    }
  }

  async function logTail(name: string): Promise<string> {
    try {
      return (await readFile(logFile(name), "utf8")).slice(-LOG_TAIL_BYTES);
    } catch {
      return "";
    }
  }

  return {
    start,
    stop,
    kill,
    setFrozen: (name, frozen) => cgroups.setFrozen(groupOf(name), frozen),
    isRunning,
    processId,
    logFile,
    logTail,
  };
}
