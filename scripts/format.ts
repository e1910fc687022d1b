import { fileURLToPath } from "node:url";
import { installTools } from "./check/install-tools.ts";
import { runCommand } from "./child/run-command.ts";
import { runProgram } from "./run-program.ts";

const USAGE = `npm run format [-- path ...]

Formats the tree, or only these files and folders.`;

async function main(_flags: unknown, words: readonly string[]): Promise<number> {
  const root = fileURLToPath(new URL("..", import.meta.url));
  const installed = await installTools(root);
  if (!installed.ok) {
    process.stderr.write(installed.failure);
    return 1;
  }
  const paths = words.length > 0 ? words : ["."];
  const { code, output } = await runCommand("oxfmt", ["--write", ...paths], { cwd: root });
  process.stdout.write(output);
  return code ?? 1;
}

await runProgram({ name: "npm run format", usage: USAGE, options: {}, words: "any" }, main);
