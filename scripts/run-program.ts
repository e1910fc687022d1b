import type { Options, Values } from "../src/cli/options.ts";
import { answerNoRun, type Program, readCommandLine } from "../src/cli/read-command-line.ts";

/**
 * Runs the program that this process is. It ends with the exit code that `run` returns, if any; without a run
 * with that of help, or of a refusal.
 */
export async function runProgram<const T extends Options>(
  program: Program<T>,
  run: (values: Values<T>, words: readonly string[]) => Promise<number> | Promise<void>,
): Promise<void> {
  const command = readCommandLine(program, process.argv.slice(2));
  const exitCode = command.kind === "Run" ? await run(command.values, command.words) : answerNoRun(command);
  if (exitCode !== undefined) process.exitCode = exitCode;
}
