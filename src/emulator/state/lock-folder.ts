import { createHash } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:net";

/** A folder that one process has to itself. */
export interface FolderLock {
  release(): Promise<void>;
}

/**
 * Locks a folder (a real path) until this process ends, however it ends: by a socket name that the kernel
 * gives to one process at a time. Rejects if another process has it. Only Linux and Windows have such names;
 * elsewhere nothing is locked.
 */
export async function lockFolder(folder: string): Promise<FolderLock> {
  const name = socketName(folder);
  if (name === undefined) return { release: () => Promise.resolve() };
  const server = createServer((socket) => socket.destroy()).unref();
  server.listen(name);
  try {
    await once(server, "listening");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "EADDRINUSE")
      throw new Error(`another emulator uses ${folder}: end that one, or choose another folder`, {
        cause: error,
      });
    throw error;
  }
  return {
    release: async () => {
      const closed = once(server, "close");
      server.close();
      await closed;
    },
  };
}

function socketName(folder: string): string | undefined {
  const id = `azure-compute-emulator-${createHash("sha256").update(folder).digest("hex")}`;
  if (process.platform === "linux") return `\0${id}`;
  return process.platform === "win32" ? `\\\\.\\pipe\\${id}` : undefined;
}
