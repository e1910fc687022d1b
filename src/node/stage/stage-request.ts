import type { AzVolume } from "../../core/api/az-volume.ts";
import type { AttachedDevice } from "./find-device.ts";
import type { FileSystemRequest } from "./prepare-file-system.ts";

/** A request to stage a volume. */
export interface StageRequest extends FileSystemRequest {
  readonly volumeId: string;
  readonly stagingPath: string;
  readonly accessType: "block" | "mount";
  readonly mountFlags: readonly string[];
  readonly volumeContext: Readonly<Record<string, string>>;
  /** How long to wait for attach and grant, in milliseconds; default `stageWaitMs` of the settings. */
  readonly waitMs?: number;
}

/** A staged volume: its device, and for a file system a live mount at the staging path. */
export interface Staged extends AttachedDevice {
  readonly volume: AzVolume;
}
