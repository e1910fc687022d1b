import { once } from "node:events";
import type { Options } from "../../src/cli/options.ts";
import { answerNoRun, readCommandLine } from "../../src/cli/read-command-line.ts";
import { startImageRegistry } from "./image-registry.ts";

const options = {
  host: { kind: "text", required: true, help: "Address to listen on" },
  port: { kind: "number", default: 0, min: 0, max: 65_535, isWhole: true, help: "Port, 0 for any free one" },
} as const satisfies Options;

async function main(): Promise<number> {
  const command = readCommandLine(
    {
      name: "node testbed/registry/main.ts",
      usage:
        "node testbed/registry/main.ts --host <address> --port <port> <folder> ...\n\n" +
        "Serves the OCI archives (*.tar) in the folders to container runtimes, as a mirror of every " +
        "registry.\n" +
        "Images can be added and replaced while it runs.",
      options,
      words: "any",
      problems: (_values, folders) => (folders.length === 0 ? ["got no folder; expected one or more"] : []),
    },
    process.argv.slice(2),
  );
  if (command.kind !== "Run") return answerNoRun(command);
  const { values, words: folders } = command;
  const registry = await startImageRegistry({ folders, host: values.host, port: values.port });
  console.log(`images of ${folders.join(", ")} at ${registry.url}`);
  await Promise.race([once(process, "SIGTERM"), once(process, "SIGINT")]);
  await registry.close();
  return 0;
}

process.exitCode = await main();
