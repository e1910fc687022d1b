import { EXIT, type ReservingHost, runPastEvents } from "./sg-persist.ts";

/** WRITE(10) of no block (SBC-3, 5.33): the disk checks the permission, and writes nothing. */
const WRITE_NOTHING = ["2a", ...Array<string>(9).fill("00")];

/** Whether a SCSI disk refuses the writes of this machine, since another one has reserved it. */
export async function refusesWrites(
  host: ReservingHost,
  path: string,
  signal: AbortSignal,
): Promise<boolean> {
  const command = {
    program: "sg_raw",
    args: ["--readonly", path, ...WRITE_NOTHING],
    pool: "inspect",
    limitMs: host.limits.directReadMs,
    touches: [],
    changes: false,
  } as const;
  const exit = await runPastEvents(host, command, signal);
  return exit.ok && exit.value.exitCode === EXIT.conflict;
}
