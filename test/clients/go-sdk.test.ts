import { buildGoSdkClient } from "../../testbed/parts/build-go-sdk-client.ts";
import { clientChecks } from "./client-checks.ts";

await clientChecks({
  name: "the Azure SDK for Go",
  toolchain: "go",
  command: async () => ({
    program: await buildGoSdkClient(() => undefined, new AbortController().signal),
    args: [],
  }),
});
