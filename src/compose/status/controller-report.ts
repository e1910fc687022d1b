import type { Lease } from "../../core/api/lease.ts";
import { parseTimestamp } from "../../core/primitives/timestamp.ts";

/** The controllers, by the Lease of the one that leads. */
export interface ControllerReport {
  /** Without a leader all that it writes is outdated. Undefined: the Lease could not be read. */
  readonly leads: boolean | undefined;
  readonly detail: string;
}

/** By how much the clocks of the leader and of this machine may differ, in milliseconds. */
const CLOCKS_DIFFER_MAX_MS = 45_000;

/** Whether a controller leads, and when it renewed its Lease. */
export function controllerReport(lease: Lease | undefined, nowMs: number): ControllerReport {
  if (lease === undefined) return { leads: false, detail: "none leads: no Lease" };
  const { holderIdentity, renewTime, leaseDurationSeconds } = lease.spec;
  const ageMs = nowMs - (parseTimestamp(renewTime) ?? -Infinity);
  const leads = holderIdentity !== "" && ageMs <= leaseDurationSeconds * 1_000 + CLOCKS_DIFFER_MAX_MS;
  const holder = holderIdentity === "" ? "released" : `of ${holderIdentity}`;
  const detail = `Lease ${holder}, renewed ${Math.round(ageMs / 1_000)} s ago`;
  return { leads, detail: leads ? detail : `none leads: ${detail}` };
}
