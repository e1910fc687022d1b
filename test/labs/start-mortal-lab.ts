import { startLab } from "../../testbed/lab/start-lab.ts";

/** Starts a lab that ends with this process. */
await startLab({ name: process.argv[2] ?? "", endsWithProcess: true }, new AbortController().signal, (line) =>
  console.log(line),
);
