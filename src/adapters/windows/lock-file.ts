import { constants, open } from "node:fs";
import { promisify } from "node:util";
import { errorCode } from "../../core/primitives/error-code.ts";
import type { LockFile } from "../linux/checkpoints/lock-state-folder.ts";

/**
 * libuv's flag for an open that shares the file with no other one, of any process (`UV_FS_O_EXLOCK`).
 * https://docs.libuv.org/en/v1.x/fs.html#file-open-constants
 */
const SHARED_WITH_NONE = 0x1000_0000;
const FLAGS = constants.O_RDWR | constants.O_CREAT | SHARED_WITH_NONE;

/**
 * A file that Windows lets one process open, until its end. Workers inherit no handle. `openFile`: for tests,
 * with the flags of `open`.
 */
export async function openAlone(
  path: string,
  openFile: (path: string, flags: number) => Promise<number> = promisify(open),
): Promise<LockFile> {
  return {
    // A plain descriptor, never closed: Node closes a file handle that nothing refers to any more.
    tryHold: async () => {
      try {
        await openFile(path, FLAGS);
        return true;
      } catch (error) {
        if (errorCode(error) === "EBUSY") return false;
        throw error;
      }
    },
    remedy: "end the other process of the plug-in, or give each plug-in a --state-dir of its own",
  };
}
