import type { FoundVolume } from "./find-device.ts";
import type { FileSystemRequest } from "./prepare-file-system.ts";

export interface StageRequest extends FileSystemRequest {
  readonly volumeId: string;
  readonly stagingPath: string;
  readonly accessType: "block" | "mount";
  readonly mountFlags: readonly string[];
  readonly volumeContext: Readonly<Record<string, string>>;
  /** How long to wait for attach and grant, in milliseconds; default `stageWaitMs` of the settings. */
  readonly waitMs?: number;
}

/** A volume whose device is ready, and which for a file system has a live mount at the staging path. */
export type Staged = FoundVolume;
