import { mkdir, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { answerNoRun, readCommandLine } from "../../src/cli/read-command-line.ts";
import { goldenFiles } from "./golden.ts";

const USAGE = `npm run golden

Writes the chart's renderings and the list of rights with which tests compare it.`;

async function main(): Promise<number> {
  const command = readCommandLine(
    { name: "npm run golden", usage: USAGE, options: {} },
    process.argv.slice(2),
  );
  if (command.kind !== "Run") return answerNoRun(command);
  for (const { path, content } of await goldenFiles()) {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, content);
    console.log(`written: ${path}`);
  }
  return 0;
}

process.exitCode = await main();
