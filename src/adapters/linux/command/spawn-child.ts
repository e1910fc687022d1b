import { spawn } from "node:child_process";
import { Socket } from "node:net";
import type { Stream } from "node:stream";
import { hostCommandFailed } from "../../../core/failure/frequent-failures.ts";
import type { Result } from "../../../core/failure/result.ts";
import { ok } from "../../../core/failure/result.ts";
import { errorCode } from "../../../core/primitives/error-code.ts";

/** How a child ended: with an exit code, or killed by a signal. */
export interface ChildExit {
  readonly exitCode: number | null;
  /** What it wrote to the pipes; empty where it wrote to `outputFd`. */
  readonly stdout: Buffer;
  readonly stderr: string;
}

/** A running child process. */
export interface Child {
  /** Undefined: it could not be started. */
  readonly pid: number | undefined;
  /**
   * How it ended, once its own children that write to the pipes have ended as well. Fails with
   * `HostCommandFailed` if the program can't be started. Never rejects.
   */
  readonly exited: Promise<Result<ChildExit>>;
  /** Kills it with its own children; a process that ends does not wait for them any more. */
  readonly kill: () => void;
  /** Leaves it running: a process that ends does not wait for it any more. */
  readonly leave: () => void;
}

export interface ChildRequest {
  readonly program: string;
  readonly args: readonly string[];
  /** What it reads from its standard input, at most a page; nothing if left out. */
  readonly input?: string;
  /** Descriptors that the child gets as its numbers 3 and up, and keeps open for life. */
  readonly heldFds?: readonly number[];
  /**
   * Where the child writes instead of to pipes: a pipe whose reader has died would kill it in the middle of
   * its work.
   */
  readonly outputFd?: number;
  /** Most bytes of one stream that are kept, 2 MiB if left out; what comes after them is read and dropped. */
  readonly outputBytesMax?: number;
}

const defaultOutputBytesMax = 2 * 1024 * 1024;

/** Directories of programs beyond `PATH`, which in a container may lack the `sbin` directories. */
const programDirectories = "/usr/sbin:/usr/bin:/sbin:/bin";

/**
 * Starts a program without a shell, in a session of its own: then neither Ctrl-C nor our end stops it
 * half-way, and it is killed with its own children.
 */
export function spawnChild({
  program,
  args,
  input,
  heldFds = [],
  outputFd,
  outputBytesMax = defaultOutputBytesMax,
}: ChildRequest): Child {
  const output = outputFd ?? "pipe";
  const child = spawn(program, args, {
    stdio: [input === undefined ? "ignore" : "pipe", output, output, ...heldFds],
    detached: true,
    env: commandEnvironment(),
  });
  // One that ends without reading it says why by itself.
  child.stdin?.on("error", () => undefined);
  child.stdin?.end(input);
  const stdout = collect(child.stdout, outputBytesMax);
  const stderr = collect(child.stderr, outputBytesMax);
  let hasClosed = false;
  const exited = new Promise<Result<ChildExit>>((resolve) => {
    child.on("error", (error: NodeJS.ErrnoException) => {
      const problem =
        error.code === "ENOENT"
          ? `${program} is not installed: install its package on the node or in the image`
          : error.message;
      resolve(hostCommandFailed(commandLine(program, args), null, problem));
    });
    child.on("close", (exitCode, signalName) => {
      hasClosed = true;
      const killed = signalName === null ? "" : `killed by ${signalName}`;
      resolve(
        ok({
          exitCode,
          stdout: Buffer.concat(stdout),
          stderr: Buffer.concat(stderr).toString("utf8") + killed,
        }),
      );
    });
  });
  const leave = (): void => {
    child.unref();
    for (const pipe of [child.stdout, child.stderr]) if (pipe instanceof Socket) pipe.unref();
  };
  const kill = (): void => {
    if (child.pid !== undefined && !hasClosed) killGroup(child.pid);
    // The kernel may keep them all the same. They keep no process from ending then.
    leave();
  };
  return { pid: child.pid, exited, kill, leave };
}

/** The environment of every command: messages are matched in English, and `sbin` programs are found. */
export function commandEnvironment(): NodeJS.ProcessEnv {
  return { ...process.env, LC_ALL: "C", PATH: `${process.env["PATH"] ?? ""}:${programDirectories}` };
}

/** A command as typed in a shell, for messages. */
export function commandLine(program: string, args: readonly string[]): string {
  return [program, ...args].join(" ");
}

/**
 * Kills the group that a child leads; not after its pipes are closed. While one of its own children has them,
 * no other process gets the group's number (POSIX, "Process ID Reuse"): none of the commands that are killed
 * leaves its group. Between the end of all and the close the number is free, but Linux gives out all others
 * first.
 */
function killGroup(pid: number): void {
  try {
    process.kill(-pid, "SIGKILL");
  } catch (error) {
    // All have ended: libuv takes each child that has, before it calls back for the first of them.
    if (errorCode(error) !== "ESRCH") throw error;
  }
}

function collect(stream: Stream | null, bytesMax: number): Buffer[] {
  const chunks: Buffer[] = [];
  let roomBytes = bytesMax;
  stream?.on("data", (chunk: Buffer) => {
    const kept = chunk.subarray(0, roomBytes);
    roomBytes -= kept.length;
    chunks.push(kept);
  });
  return chunks;
}
