import type { DeviceContent } from "../../core/node/device/judge-device-content.ts";
import type { FormatMark } from "../../core/node/file-system/format-mark.ts";
import type { FileSystemGeometry } from "../../core/volume/device/file-system-geometry.ts";
import { createModelReservation, type ModelReservation } from "./reservation/model-reservation.ts";

/**
 * A disk as all machines with an attachment see it. Share it between `ModelMachine`s to model a shared
 * disk.
 */
export interface ModelDisk {
  readonly diskUri: string;
  sizeBytes: bigint;
  content: DeviceContent;
  /** What a look for everything takes the disk for, by what a pod has written; undefined: its content. */
  takenFor: DeviceContent | undefined;
  /** The driver's mark, far from both ends, beside whatever else is on the disk. */
  formatMark: FormatMark | undefined;
  /** What the file system was made with, apart from the choice of mkfs. */
  geometry: FileSystemGeometry;
  /** What the file system spans; 0 while there is none. */
  fileSystemBytes: bigint;
  /** Whether a check finds damage that it can't repair. */
  isBroken: boolean;
  /** What has reached the disk, by file name. */
  readonly files: Map<string, string>;
  readonly reservation: ModelReservation;
}

/** Creates a new, blank disk. */
export function createModelDisk({
  diskUri,
  sizeBytes,
}: {
  readonly diskUri: string;
  readonly sizeBytes: bigint;
}): ModelDisk {
  return {
    diskUri,
    sizeBytes,
    content: { kind: "blank" },
    takenFor: undefined,
    formatMark: undefined,
    geometry: {},
    fileSystemBytes: 0n,
    isBroken: false,
    files: new Map(),
    reservation: createModelReservation(),
  };
}
