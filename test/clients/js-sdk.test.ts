import { fileURLToPath } from "node:url";
import { clientChecks } from "./client-checks.ts";

const PROGRAM = fileURLToPath(new URL("js-sdk-program.ts", import.meta.url));

await clientChecks({
  name: "the Azure SDK for JavaScript",
  command: async () => ({ program: process.execPath, args: [PROGRAM] }),
});
