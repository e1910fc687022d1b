import { once } from "node:events";
import { parseArgs } from "node:util";
import { startImageRegistry } from "./image-registry.ts";

const USAGE = `node testbed/registry/main.ts --host <address> --port <port> <folder> ...

Serves the OCI archives (*.tar) in the folders to container runtimes, as a mirror of every registry.
Images can be added and replaced while it runs.`;

const { values, positionals } = parseArgs({
  options: { host: { type: "string" }, port: { type: "string" }, help: { type: "boolean" } },
  allowPositionals: true,
});
const port = Number(values.port);
if (values.help === true) {
  console.log(USAGE);
} else if (
  values.host === undefined ||
  !(Number.isInteger(port) && port >= 0 && port < 65_536) ||
  positionals.length === 0
) {
  console.error(USAGE);
  process.exitCode = 2;
} else {
  const registry = await startImageRegistry({ folders: positionals, host: values.host, port });
  console.log(`images of ${positionals.join(", ")} at ${registry.url}`);
  await Promise.race([once(process, "SIGTERM"), once(process, "SIGINT")]);
  await registry.close();
}
