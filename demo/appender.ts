import { closeSync, fsyncSync, ftruncateSync, openSync, readFileSync, writeSync } from "node:fs";
import { errorCode } from "../src/core/primitives/error-code.ts";

/**
 * A workload that appends numbered records to a file and syncs each. It first drops the torn end of a record
 * that a power loss has left, as databases do. It prints the number of each synced record, and the error that
 * stops it. It runs in a node's mount namespace, as a container would.
 */
const [file = "", everyMs = "20"] = process.argv.slice(2);
const descriptor = openSync(file, "a");
ftruncateSync(descriptor, readFileSync(file).lastIndexOf("\n") + 1);
let next = Number(process.argv[4] ?? "1");

function append(): void {
  try {
    writeSync(descriptor, `record ${next} ${"x".repeat(200)}\n`);
    fsyncSync(descriptor);
    process.stdout.write(`synced ${next}\n`);
    next += 1;
    setTimeout(append, Number(everyMs));
  } catch (error) {
    process.stdout.write(`failed ${errorCode(error) ?? String(error)}\n`);
    closeSync(descriptor);
  }
}

process.on("SIGTERM", () => process.exit(0));
append();
