import type { Failure } from "../../../core/failure/failure.ts";
import { fail, ok, type Result } from "../../../core/failure/result.ts";
import type { Device } from "../../../ports/host/host-provisioner.ts";
import { commandFailed } from "../command/command-failed.ts";
import type { HostCommand } from "../command/command-runner.ts";
import type { ChildExit } from "../command/spawn-child.ts";
import type { HostContext } from "../host-context.ts";
import { parseReservation, type SeenReservation } from "./parse-sg-persist.ts";

/** The parts of the host that ask a disk for its reservation. */
export type ReservingHost = Pick<HostContext, "runner" | "limits">;

/** A disk by its name and number. */
export type NamedDisk = Pick<Device, "path" | "majorMinor">;

/** How a disk has answered a change: `conflict` where its reservation or its keys do not permit it. */
export type Answer = "done" | "conflict";

/** What sg_persist exits with, by the answer of the disk (sg3_utils(8)). */
const EXIT = { done: 0, illegalRequest: 5, unitAttention: 6, invalidOpcode: 9, conflict: 24 } as const;
const READ = "--read-reservation";
/**
 * A disk answers one command with each event that it has to report, such as the loss of a registration, and
 * carries that command out once it is sent again.
 */
const TRIES_MAX = 8;

/** Asks the disk for its reservation; `none`: it is not reserved. */
export async function askReservation(
  host: ReservingHost,
  device: NamedDisk,
  signal: AbortSignal,
): Promise<Result<SeenReservation | "none">> {
  const command = persistCommand(host, device, ["--in", READ], { changes: false });
  const exit = await runPastEvents(host, command, signal);
  if (!exit.ok) return exit;
  const { exitCode, stdout } = exit.value;
  if (refuses(exitCode)) return unsupported(device, READ, exit.value);
  const parsed = exitCode === EXIT.done ? parseReservation(stdout.toString("utf8")) : undefined;
  return parsed === undefined ? commandFailed(command, exit.value) : ok(parsed);
}

/** Changes the reservation or the registration of this machine. */
export async function changeReservation(
  host: ReservingHost,
  device: NamedDisk,
  [action, ...parameters]: readonly [string, ...string[]],
  signal: AbortSignal,
): Promise<Result<Answer>> {
  const command = persistCommand(host, device, ["--out", action, ...parameters], { changes: true });
  const exit = await runPastEvents(host, command, signal);
  if (!exit.ok) return exit;
  const { exitCode } = exit.value;
  if (exitCode === EXIT.done) return ok("done");
  if (exitCode === EXIT.conflict) return ok("conflict");
  return refuses(exitCode) ? unsupported(device, action, exit.value) : commandFailed(command, exit.value);
}

/** A reservation of a device that has none; `why` continues the sentence. */
export function noReservationOf({ path }: Pick<Device, "path">, why: string): Result<never> {
  return fail<Failure>({ kind: "Unsupported", what: `a persistent reservation of ${path}, ${why},` });
}

async function runPastEvents(
  { runner }: ReservingHost,
  command: HostCommand,
  signal: AbortSignal,
): Promise<Result<ChildExit>> {
  let exit = await runner.run(command, signal);
  for (let tries = 1; tries < TRIES_MAX; tries += 1) {
    if (!exit.ok || exit.value.exitCode !== EXIT.unitAttention) return exit;
    exit = await runner.run(command, signal);
  }
  return exit;
}

/** Whether the disk does not know a command, or one of its parameters. */
function refuses(exitCode: number | null): boolean {
  return exitCode === EXIT.invalidOpcode || exitCode === EXIT.illegalRequest;
}

function unsupported(device: NamedDisk, action: string, { stderr }: ChildExit): Result<never> {
  const words = stderr.split("\n").at(-1) ?? "";
  return noReservationOf(device, `which refuses sg_persist ${action} (${words})`);
}

/**
 * The disk is opened for reading, which udev does not take for a change: the kernel permits root the command
 * all the same. One that reads waits for no command that changes the disk.
 */
function persistCommand(
  { limits }: Pick<ReservingHost, "limits">,
  { path, majorMinor }: NamedDisk,
  action: readonly string[],
  { changes }: { readonly changes: boolean },
): HostCommand {
  return {
    program: "sg_persist",
    args: ["--no-inquiry", "--readonly", ...action, path],
    pool: "inspect",
    limitMs: limits.inspectMs,
    touches: changes ? [majorMinor] : [],
    changes,
  };
}
