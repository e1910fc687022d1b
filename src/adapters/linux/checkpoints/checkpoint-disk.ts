import { open, readFile, rename, rm } from "node:fs/promises";

/** An open file of the checkpoints, or their folder. */
export interface DiskFile {
  readonly writeFile: (bytes: Buffer) => Promise<void>;
  readonly truncate: (sizeBytes: number) => Promise<void>;
  readonly sync: () => Promise<void>;
  readonly datasync: () => Promise<void>;
  readonly close: () => Promise<void>;
}

/** What checkpoints need of a disk, as Node has it: a test stops and fails at each of these calls. */
export interface CheckpointDisk {
  /**
   * Whether a folder can be opened and synced, which makes the names in it durable. Windows opens none: there
   * the sync of a file makes its name durable as well.
   */
  readonly opensFolders: boolean;
  readonly readFile: (path: string) => Promise<Buffer>;
  readonly open: (path: string, flags: "r" | "r+" | "a" | "w", mode?: number) => Promise<DiskFile>;
  readonly rename: (from: string, to: string) => Promise<void>;
  /** Success where there is no such file. */
  readonly rm: (path: string) => Promise<void>;
}

/** The machine's own disk. */
export const ownDisk: CheckpointDisk = {
  opensFolders: process.platform !== "win32",
  readFile: (path) => readFile(path),
  open,
  rename,
  rm: (path) => rm(path, { force: true }),
};
