import { fileURLToPath } from "node:url";
import { buildPythonSdk } from "../../testbed/parts/build-python.ts";
import { clientChecks } from "./client-checks.ts";

const PROGRAM = fileURLToPath(new URL("python_sdk.py", import.meta.url));

await clientChecks({
  name: "the Azure SDK for Python",
  toolchain: ["python3"],
  command: async () => {
    const sdk = await buildPythonSdk(() => undefined, new AbortController().signal);
    return {
      program: "python3",
      args: [PROGRAM],
      env: { PYTHONPATH: sdk },
    };
  },
});
