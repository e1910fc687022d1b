import { hostCommandFailed } from "../../../core/failure/frequent-failures.ts";
import type { Result } from "../../../core/failure/result.ts";
import type { CommandRunner, HostCommand } from "./command-runner.ts";
import { commandLine } from "./spawn-child.ts";
import type { ChildExit } from "./spawn-child.ts";

/** Longest output that a failure quotes, in characters: its end, where programs report errors. */
const quotedLengthMax = 2000;

/** Runs a command, and fails with `HostCommandFailed` also if its exit code is not 0. */
export async function runToSuccess(
  { runner }: { readonly runner: Pick<CommandRunner, "run"> },
  command: HostCommand,
  signal: AbortSignal,
): Promise<Result<ChildExit>> {
  const exit = await runner.run(command, signal);
  return !exit.ok || exit.value.exitCode === 0 ? exit : commandFailed(command, exit.value);
}

/** The failure of a command with an unexpected exit code. */
export function commandFailed(command: Pick<HostCommand, "program" | "args">, exit: ChildExit) {
  return hostCommandFailed(
    commandLine(command.program, command.args),
    exit.exitCode,
    exit.stderr.slice(-quotedLengthMax),
  );
}
