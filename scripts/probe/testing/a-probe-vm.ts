import { systemClock } from "../../../src/adapters/system/system-clock.ts";
import type { ProbeVm } from "../probe-vm.ts";

/** A VM of the probe in `eastus`, with a disk of 4 GiB and pauses that suit an emulator. */
export function aProbeVm(
  named: Pick<ProbeVm, "vmId" | "diskId" | "http">,
  changes: Partial<ProbeVm> = {},
): ProbeVm {
  return {
    ...named,
    location: "eastus",
    clock: systemClock,
    signal: new AbortController().signal,
    pollMs: 5,
    watchMs: 1_500,
    token: "abc123",
    diskBytes: 4 * 2 ** 30,
    ...changes,
  };
}
