import { readFile } from "node:fs/promises";

/** In the order in which Python reads them: `start` has the constants, and `main` calls the others. */
const PIECES = ["start", "disk", "background", "rounds", "network", "reservations", "main"] as const;

/**
 * How long a script may be that Azure's run command takes, in bytes. The handler in the VM
 * (run-command-handler-linux, `maxScriptSize`) refuses more than 256 KiB of base64.
 */
export const SCRIPT_BYTES_MAX = ((256 * 1024) / 4) * 3;

/** The Python program that runs inside VMs: all its pieces, which share their names, as one text. */
export const diskProgram = (
  await Promise.all(
    PIECES.map((name) => readFile(new URL(`disk-program/${name}.py`, import.meta.url), "utf8")),
  )
).join("\n\n");
