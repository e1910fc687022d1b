import { randomUUID } from "node:crypto";
import { open, readFile, unlink } from "node:fs/promises";
import type { FileHandle } from "node:fs/promises";
import { devNull } from "node:os";
import { join } from "node:path";
import type { Failure } from "../../../core/failure/failure.ts";
import { hostCommandFailed, hostNotReady } from "../../../core/failure/frequent-failures.ts";
import type { Result } from "../../../core/failure/result.ts";
import { fail, ok } from "../../../core/failure/result.ts";
import { takesNoFile, undefinedIfMissing } from "../../../core/primitives/error-code.ts";
import type { Clock } from "../../../ports/clock.ts";
import { createSemaphore } from "./semaphore.ts";
import { commandLine, spawnChild } from "./spawn-child.ts";
import type { Child, ChildExit } from "./spawn-child.ts";
import { waitWithin } from "./wait-within.ts";

/** Pools of commands, so that slow ones can't keep quick ones of other volumes waiting. */
type CommandPool = "open" | "inspect" | "attributes" | "search" | "mount" | "unmount" | "make";

export interface HostCommand {
  readonly program: string;
  readonly args: readonly string[];
  readonly pool: CommandPool;
  readonly limitMs: number;
  /** As of `ChildRequest`; of a command that changes nothing only. */
  readonly input?: string;
  /** As of `ChildRequest`. */
  readonly outputBytesMax?: number;
  /** The devices (`8:32`) and paths that it works on. */
  readonly touches: readonly string[];
  /** Whether it changes what it touches. */
  readonly changes: boolean;
  /**
   * Takes the result after its caller has left, of a command that changes nothing and whose result is had
   * once only. Such a command is never killed.
   */
  readonly afterCaller?: (exit: Result<ChildExit>) => void;
}

/** Runs commands, each at most `limitMs`, `commandsAtOnceMax` of a pool at a time. */
export interface CommandRunner {
  /**
   * Runs a command to its end; any exit code is a success here. Fails with `HostCommandFailed` if it
   * can't be started, `HostCommandTimedOut` or `Cancelled`; with `HostNotReady` if it only reads, and had
   * no turn in time.
   *
   * A command that only reads is killed when its caller leaves, and has ended then, unless it is stuck in the
   * kernel. One that *changes* something is never killed (half an mkfs is worse than a late one): it keeps
   * running, and the next command for the same device or path waits for its end first; the same command again
   * joins it.
   */
  readonly run: (command: HostCommand, signal: AbortSignal) => Promise<Result<ChildExit>>;
  /** The changing commands that still run on a device or path. */
  readonly inFlightOn: (touched: string) => readonly string[];
  /** Whether a command that only reads was killed or left, but has not ended: it is not started again. */
  readonly isStuck: (program: string, args: readonly string[]) => boolean;
}

/** Commands of one pool that run at once: 16 at once took ten times as long as 4 on two cores. */
const commandsAtOnceMax = 4;

/**
 * How long a command keeps its slot, in milliseconds. One that takes longer waits for its disk, and sixty
 * disks that hang must not keep the unmounts of the others waiting. Formats and checks take processors and
 * memory, and few take this long; one that still has much memory keeps its slot.
 */
const SLOT_MAX_MS = {
  open: 500,
  inspect: 500,
  attributes: 500,
  search: Infinity,
  mount: 500,
  unmount: 500,
  make: 300_000,
} as const satisfies Record<CommandPool, number>;

/**
 * Memory with which a format or a check keeps its slot, up to its time limit, in bytes. All of them share the
 * memory limit of the node plug-in's container, and the kernel ends the plug-in where they exceed it. A check
 * of a large disk takes hundreds of mebibytes, and one that waits for its disk from the start a few.
 */
const SLOT_KEPT_FROM_BYTES = 64 * 1024 * 1024;

/**
 * How long the end of a killed command is awaited, in milliseconds. Until then it has its files open, and a
 * mount may be busy with them. One that is stuck in the kernel ends later.
 */
const KILLED_MAX_MS = 500;

/** Most bytes of a changing command's output that are read back. */
const outputBytesMax = 64 * 1024;

const BYTES_PER_KIB = 1024;

const never = new AbortController().signal;

interface InFlight {
  readonly line: string;
  readonly touches: readonly string[];
  readonly ended: Promise<Result<ChildExit>>;
  /** Callers that wait for it; a command without waiting callers is not started. */
  callers: number;
}

/**
 * Creates the runner of one plug-in instance. Changing commands inherit `lockFd`, so that a later
 * instance finds out by it whether one is alive, and `descriptorsOf` what they touch, so that a device held
 * at their start stays held as long as they live.
 */
export function createCommandRunner({
  lockFd,
  descriptorsOf,
  outputDirectory,
  clock,
}: {
  readonly lockFd: number;
  readonly descriptorsOf: (touches: readonly string[]) => readonly number[];
  readonly outputDirectory: string;
  readonly clock: Clock;
}): CommandRunner {
  const pools = {
    open: createSemaphore(commandsAtOnceMax),
    inspect: createSemaphore(commandsAtOnceMax),
    attributes: createSemaphore(commandsAtOnceMax),
    search: createSemaphore(commandsAtOnceMax),
    mount: createSemaphore(commandsAtOnceMax),
    unmount: createSemaphore(commandsAtOnceMax),
    make: createSemaphore(commandsAtOnceMax),
  } satisfies Record<CommandPool, unknown>;
  const changing = new Set<InFlight>();
  /**
   * Reads that have not ended. While one is stuck, which was killed but is in the kernel, or was left, the
   * same is not started again, or they would pile up.
   */
  const reading = new Set<{ readonly line: string; isStuck: boolean }>();
  const isStuck = (line: string): boolean => [...reading].some((one) => one.isStuck && one.line === line);

  const conflictOf = (touches: readonly string[]): InFlight | undefined =>
    [...changing].find((inFlight) => inFlight.touches.some((touched) => touches.includes(touched)));

  return {
    inFlightOn: (touched) =>
      [...changing].filter((inFlight) => inFlight.touches.includes(touched)).map((inFlight) => inFlight.line),
    isStuck: (program, args) => isStuck(commandLine(program, args)),
    run: async (command, signal) => {
      const line = commandLine(command.program, command.args);
      const timedOut = fail<Failure>({
        kind: "HostCommandTimedOut",
        command: line,
        timeoutMs: command.limitMs,
      });
      for (
        let conflict = conflictOf(command.touches);
        conflict !== undefined;
        conflict = conflictOf(command.touches)
      ) {
        if (command.changes && conflict.line === line)
          return await joined(conflict, command, timedOut, signal);
        const waited = await waitWithin(conflict.ended, command.limitMs, clock, signal);
        if (waited.kind === "cancelled") return fail({ kind: "Cancelled" });
        if (waited.kind === "timedOut") return timedOut;
      }
      if (signal.aborted) return fail({ kind: "Cancelled" });
      return command.changes
        ? await joined(begin(command, line), command, timedOut, signal)
        : await read(command, line, timedOut, signal);
    },
  };

  async function joined(
    inFlight: InFlight,
    command: HostCommand,
    timedOut: Result<ChildExit>,
    signal: AbortSignal,
  ): Promise<Result<ChildExit>> {
    inFlight.callers += 1;
    const waited = await waitWithin(inFlight.ended, command.limitMs, clock, signal);
    inFlight.callers -= 1;
    if (waited.kind === "done") return waited.value;
    return waited.kind === "cancelled" ? fail({ kind: "Cancelled" }) : timedOut;
  }

  /**
   * Puts a changing command in flight without waiting, so that nothing comes between the check for
   * conflicts and this.
   */
  function begin(command: HostCommand, line: string): InFlight {
    const whenEnded = Promise.withResolvers<Result<ChildExit>>();
    const inFlight: InFlight = { line, touches: command.touches, ended: whenEnded.promise, callers: 0 };
    changing.add(inFlight);
    const running = change(command, inFlight).catch((error: unknown) =>
      hostCommandFailed(line, null, String(error)),
    );
    whenEnded.resolve(
      running.then((outcome) => {
        changing.delete(inFlight);
        return outcome;
      }),
    );
    return inFlight;
  }

  async function change(command: HostCommand, inFlight: InFlight): Promise<Result<ChildExit>> {
    const ticket = pools[command.pool].enter();
    await ticket.granted;
    try {
      if (inFlight.callers === 0) return fail({ kind: "Cancelled" });
      const output = await openOutput();
      try {
        const child = spawnChild({
          program: command.program,
          args: command.args,
          heldFds: [lockFd, ...descriptorsOf(command.touches)],
          outputFd: output.fd,
        });
        await untilSlotIsFree(command, child);
        ticket.leave();
        const exited = await child.exited;
        return exited.ok
          ? ok({ ...exited.value, stderr: `${await readBack(output)}${exited.value.stderr}`.trim() })
          : exited;
      } finally {
        await output.close();
      }
    } finally {
      ticket.leave();
    }
  }

  async function untilSlotIsFree(command: HostCommand, child: Child): Promise<void> {
    const slotMs = slotMsOf(command);
    for (let takenMs = 0; takenMs < command.limitMs; takenMs += slotMs) {
      const waited = await waitWithin(child.exited, slotMs, clock, never);
      if (waited.kind === "done" || command.pool !== "make") return;
      if ((await residentBytesOf(child.pid)) < SLOT_KEPT_FROM_BYTES) return;
    }
  }

  async function read(
    command: HostCommand,
    line: string,
    timedOut: Result<ChildExit>,
    signal: AbortSignal,
  ): Promise<Result<ChildExit>> {
    if (isStuck(line)) return timedOut;
    const ticket = pools[command.pool].enter();
    try {
      const admitted = await waitWithin(ticket.granted, command.limitMs, clock, signal);
      if (admitted.kind !== "done")
        return admitted.kind === "cancelled"
          ? fail({ kind: "Cancelled" })
          : hostNotReady(`${command.program} had no turn within ${command.limitMs} ms beside other commands`);
      const { program, args, input, outputBytesMax: keptBytesMax } = command;
      const child = spawnChild({
        program,
        args,
        ...(input === undefined ? {} : { input }),
        ...(keptBytesMax === undefined ? {} : { outputBytesMax: keptBytesMax }),
      });
      const own = { line, isStuck: false };
      reading.add(own);
      const exited = child.exited.then((outcome) => {
        reading.delete(own);
        if (own.isStuck) command.afterCaller?.(outcome);
        return outcome;
      });
      const slotMs = slotMsOf(command);
      let waited = await waitWithin(exited, slotMs, clock, signal);
      ticket.leave();
      if (waited.kind === "timedOut" && slotMs < command.limitMs)
        waited = await waitWithin(exited, command.limitMs - slotMs, clock, signal);
      if (waited.kind === "done")
        return waited.value.ok
          ? ok({ ...waited.value.value, stderr: waited.value.value.stderr.trim() })
          : waited.value;
      if (command.afterCaller === undefined) {
        child.kill();
        await waitWithin(exited, KILLED_MAX_MS, clock, never);
      } else child.leave();
      own.isStuck = true;
      return waited.kind === "cancelled" ? fail({ kind: "Cancelled" }) : timedOut;
    } finally {
      ticket.leave();
    }
  }

  /**
   * A file without a name: it vanishes with its last descriptor. Until then it has one that no other user of
   * the machine can take first, in /dev/shm. Where there is no place for one more, an unmount goes before its
   * message.
   */
  async function openOutput(): Promise<FileHandle> {
    const path = join(outputDirectory, `.output-${randomUUID()}`);
    const file = await open(path, "ax+", 0o600).catch((error: unknown) => {
      if (!takesNoFile(error)) throw error;
      return undefined;
    });
    if (file === undefined) return await open(devNull, "r+");
    await unlink(path);
    return file;
  }
}

function slotMsOf({ pool, limitMs }: HostCommand): number {
  return Math.min(SLOT_MAX_MS[pool], limitMs);
}

/** The memory that a process has now, in bytes; 0 for one that has ended. */
async function residentBytesOf(pid: number | undefined): Promise<number> {
  if (pid === undefined) return 0;
  const text = await readFile(`/proc/${pid}/status`, "utf8").catch(undefinedIfMissing);
  return Number(/^VmRSS:\s*(\d+) kB$/mu.exec(text ?? "")?.[1] ?? 0) * BYTES_PER_KIB;
}

async function readBack(output: FileHandle): Promise<string> {
  const { buffer, bytesRead } = await output.read({ buffer: Buffer.alloc(outputBytesMax), position: 0 });
  return buffer.subarray(0, bytesRead).toString("utf8");
}
