import type { Lab } from "../../../testbed/lab/lab.ts";
import { thenCleanUp } from "../../../testbed/lab/units/then-clean-up.ts";

const SETTINGS = "/emulator/v1/settings";

/** A distribution of latencies as the emulator's settings have it, in milliseconds of Azure's time. */
export interface AttachLatency {
  readonly medianMs: number;
  readonly p99Ms: number;
  readonly perDiskMs: number;
}

/** Runs `use` while the lab's Azure takes this long for each update of a VM's disks. */
export async function withAttachLatency(
  lab: Lab,
  attach: AttachLatency,
  use: () => Promise<void>,
): Promise<void> {
  const before = (await lab.azure.call("GET", SETTINGS)) as {
    readonly latencies: { readonly attach: unknown };
  };
  await lab.azure.call("PATCH", SETTINGS, { latencies: { attach } });
  await thenCleanUp(use, async () => {
    await lab.azure.call("PATCH", SETTINGS, { latencies: { attach: before.latencies.attach } });
  });
}
