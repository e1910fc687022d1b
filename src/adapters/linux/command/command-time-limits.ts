/**
 * How long each kind of command may take before its caller gets `HostCommandTimedOut`, in milliseconds.
 * Commands that change something are left running even then.
 */
export interface CommandTimeLimits {
  /** blkid, wipefs, losetup and the read of a device's ends. */
  readonly inspectMs: number;
  readonly deviceOpenMs: number;
  /** One direct read of a device, to see whether it still answers. */
  readonly directReadMs: number;
  /** One command that reads what processes have mapped. */
  readonly mapsMs: number;
  /** Includes the replay of a journal. */
  readonly mountMs: number;
  /** Includes writing back what is cached: 10 GB take minutes and are healthy. */
  readonly unmountMs: number;
  readonly flushMs: number;
  readonly formatMs: number;
  readonly checkMs: number;
  readonly growMs: number;
}

const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;

/** Generous: they only end what is stuck; the caller's own deadline is shorter. */
export const defaultCommandTimeLimits: CommandTimeLimits = {
  inspectMs: 30 * SECOND_MS,
  deviceOpenMs: 10 * SECOND_MS,
  directReadMs: 5 * SECOND_MS,
  mapsMs: 10 * SECOND_MS,
  mountMs: 5 * MINUTE_MS,
  unmountMs: 10 * MINUTE_MS,
  flushMs: 10 * MINUTE_MS,
  formatMs: 10 * MINUTE_MS,
  checkMs: 60 * MINUTE_MS,
  growMs: 30 * MINUTE_MS,
};
