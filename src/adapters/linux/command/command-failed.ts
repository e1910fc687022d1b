import type { Failure } from "../../../core/failure/failure.ts";
import { fail } from "../../../core/failure/result.ts";
import type { HostCommand } from "./command-runner.ts";
import { commandLine } from "./spawn-child.ts";
import type { ChildExit } from "./spawn-child.ts";

/** Longest output that a failure quotes, in characters: its end, where programs report errors. */
const quotedLengthMax = 2000;

/** The failure of a command with an unexpected exit code. */
export function commandFailed(command: Pick<HostCommand, "program" | "args">, exit: ChildExit) {
  return fail<Failure>({
    kind: "HostCommandFailed",
    command: commandLine(command.program, command.args),
    exitCode: exit.exitCode,
    stderr: exit.stderr.slice(-quotedLengthMax),
  });
}
