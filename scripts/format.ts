import { fileURLToPath } from "node:url";
import { answerNoRun, readCommandLine } from "../src/cli/read-command-line.ts";
import { installTools } from "./check/install-tools.ts";
import { runCommand } from "./child/run-command.ts";

const USAGE = `npm run format [-- path ...]

Formats the tree, or only these files and folders.`;

async function main(): Promise<number> {
  const command = readCommandLine(
    { name: "npm run format", usage: USAGE, options: {}, words: "any" },
    process.argv.slice(2),
  );
  if (command.kind !== "Run") return answerNoRun(command);
  const root = fileURLToPath(new URL("..", import.meta.url));
  const installed = await installTools(root);
  if (!installed.ok) {
    process.stderr.write(installed.failure);
    return 1;
  }
  const paths = command.words.length > 0 ? command.words : ["."];
  const { code, output } = await runCommand("oxfmt", ["--write", ...paths], { cwd: root });
  process.stdout.write(output);
  return code ?? 1;
}

process.exitCode = await main();
