import { createLinuxHost } from "../../../src/adapters/linux/create-linux-host.ts";
import { systemClock } from "../../../src/adapters/system/system-clock.ts";

/** Far beyond what a test waits: only the end of this process thaws in time. */
const LIMIT_MS = 3_600_000;
const never = new AbortController().signal;

// Freezes a file system, reports that, and waits to be killed.
const [lockDirectory = "", path = "", majorMinor = ""] = process.argv.slice(2);
const host = await createLinuxHost({ lockDirectory, clock: systemClock });
const frozen = await host.freeze({ path, majorMinor, limitMs: LIMIT_MS }, never);
if (!frozen.ok) throw new Error(JSON.stringify(frozen.failure));
process.stdout.write("frozen\n");
await systemClock.sleep(LIMIT_MS, never);
