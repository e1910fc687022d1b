import { once } from "node:events";
import { runProgram } from "../../scripts/run-program.ts";
import type { Options, Values } from "../../src/cli/options.ts";
import { startImageRegistry } from "./image-registry.ts";

const options = {
  host: { kind: "text", required: true, help: "Address to listen on" },
  port: { kind: "number", default: 0, min: 0, max: 65_535, isWhole: true, help: "Port, 0 for any free one" },
} as const satisfies Options;

async function main(values: Values<typeof options>, folders: readonly string[]): Promise<number> {
  const registry = await startImageRegistry({ folders, host: values.host, port: values.port });
  console.log(`images of ${folders.join(", ")} at ${registry.url}`);
  await Promise.race([once(process, "SIGTERM"), once(process, "SIGINT")]);
  await registry.close();
  return 0;
}

await runProgram(
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
  main,
);
