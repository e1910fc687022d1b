import { buildGoProgram } from "../../testbed/parts/build-go-program.ts";
import { clientChecks } from "./client-checks.ts";

await clientChecks({
  name: "the Azure SDK for Go",
  toolchain: ["go"],
  command: async () => ({
    program: await buildGoProgram("go-sdk", () => undefined, new AbortController().signal),
    args: [],
  }),
});
