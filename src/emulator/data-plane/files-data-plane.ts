import { realpath } from "node:fs/promises";
import { makeFolder } from "../make-folder.ts";
import type { DataPlane } from "../model/data-plane-port.ts";
import { type DiskFiles, diskFiles } from "./disk-files.ts";
import { newTurns } from "./turns.ts";

export interface FilesDataPlaneOptions {
  /** Holds one sparse file per disk. Made if absent, and used by this data plane only. */
  readonly directory: string;
  /** Whether `close` also removes the disks' files. Default: false. */
  readonly removeFilesOnClose?: boolean;
}

export interface FilesDataPlane extends DataPlane {
  /** The file behind a disk or a snapshot, by its ARM id. */
  filePath(diskId: string): string;
  close(): Promise<void>;
}

/**
 * Keeps each disk and snapshot as a sparse file and makes no devices, for processes that may not make any.
 * Creation, growth, copies, restores and deletion are real. Attaching, detaching and power are not, since a
 * VM has nothing to write to.
 */
export async function createFilesDataPlane(options: FilesDataPlaneOptions): Promise<FilesDataPlane> {
  await makeFolder(options.directory);
  const files: DiskFiles = diskFiles(await realpath(options.directory));
  const turns = newTurns();
  /** Files begun by this data plane: repeating a step must not empty them. */
  const made = new Set<string>();
  await files.removeUnfinished();

  function inTurn(diskId: string, work: () => Promise<void>): Promise<void> {
    return turns.take(diskId.toLowerCase(), work);
  }

  async function makeOnce(diskId: string, make: () => Promise<void>): Promise<void> {
    if (made.has(diskId.toLowerCase())) return;
    await make();
    made.add(diskId.toLowerCase());
  }

  const nothing = (): Promise<void> => Promise.resolve();
  return {
    diskCreated: ({ diskId, sizeBytes }) =>
      inTurn(diskId, () => makeOnce(diskId, () => files.create(diskId, sizeBytes))),
    diskCopied: ({ sourceId, diskId, sizeBytes }) =>
      inTurn(diskId, () => makeOnce(diskId, () => files.copy(sourceId, diskId, sizeBytes))),
    diskResized: ({ diskId, sizeBytes }) => inTurn(diskId, () => files.grow(diskId, sizeBytes)),
    diskDeleted: ({ diskId }) =>
      inTurn(diskId, async () => {
        await files.remove(diskId);
        made.delete(diskId.toLowerCase());
      }),
    diskAttached: nothing,
    diskDetached: nothing,
    vmStopped: nothing,
    vmStarted: nothing,
    filePath: (diskId) => files.pathOf(diskId),
    close: async () => {
      await turns.allTaken();
      if (options.removeFilesOnClose === true) await files.removeAll();
    },
  };
}
