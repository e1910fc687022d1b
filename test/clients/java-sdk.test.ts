import { buildJavaSdk } from "../../testbed/parts/build-java-sdk.ts";
import { clientChecks } from "./client-checks.ts";

await clientChecks({
  name: "the Azure SDK for Java",
  toolchain: ["java", "javac", "mvn"],
  command: async () => ({
    program: "java",
    args: await buildJavaSdk(() => undefined, new AbortController().signal),
  }),
});
