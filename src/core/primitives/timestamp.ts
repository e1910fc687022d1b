import { invariant } from "../failure/invariant.ts";

/** A moment as milliseconds since 1970 from the ISO 8601 form that resources store. Reads no clock. */
export function fromTimestamp(timestamp: string): number {
  const epochMs = Date.parse(timestamp);
  invariant(Number.isFinite(epochMs), `timestamp ${timestamp} is not ISO 8601`);
  return epochMs;
}

/** A moment from ISO 8601 as another system wrote it, in milliseconds since 1970; undefined if it is not. */
export function parseTimestamp(timestamp: string): number | undefined {
  const epochMs = Date.parse(timestamp);
  return Number.isFinite(epochMs) ? epochMs : undefined;
}

/** The form in which resources store a moment: ISO 8601 in UTC with milliseconds. Reads no clock. */
export function toTimestamp(epochMs: number): string {
  return new Date(epochMs).toISOString();
}
