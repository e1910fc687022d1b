/** How far the clocks of Azure and of a VM may differ in a verdict, in milliseconds. */
export const SKEW_MAX_MS = 1_000;
/**
 * How wrong a VM's clock may be by its kernel's bound, in milliseconds. Azure's own clock has the rest of
 * `SKEW_MAX_MS`: Azure states that its hosts follow Stratum 1 servers, but gives no bound.
 */
const VM_ERROR_MAX_MS = 500;

/** What a VM's clock showed while Azure ran a script there. */
export interface ClockReading {
  /** By the VM's clock, in milliseconds since 1970. */
  readonly nowMs: unknown;
  /** The bound of its error of adjtimex(2), in milliseconds; null: it is not synchronised. */
  readonly errorMs: unknown;
  /** When the script began and ended by Azure's clock; NaN: Azure does not say. */
  readonly startedMs: number;
  readonly endedMs: number;
}

/** Why times of a VM can't be compared with Azure's, and what helps; undefined: they can. */
export function clockFault({ nowMs, errorMs, startedMs, endedMs }: ClockReading): string | undefined {
  if (typeof errorMs !== "number")
    return "its clock is not synchronised: start chrony, wait for `chronyc waitsync`, and probe again";
  if (errorMs > VM_ERROR_MAX_MS)
    return (
      `its clock may be wrong by ${Math.round(errorMs)} ms, and ${VM_ERROR_MAX_MS} are allowed: ` +
      "have chrony follow the host (/dev/ptp_hyperv), and probe again"
    );
  if (Number.isNaN(startedMs) || Number.isNaN(endedMs))
    return "Azure does not say when its script began and ended, so its clock can't be compared: probe again";
  const isWithin = Number(nowMs) > startedMs - SKEW_MAX_MS && Number(nowMs) < endedMs + SKEW_MAX_MS;
  return isWithin ? undefined : "its clock is not Azure's: set it (chronyc makestep), and probe again";
}
