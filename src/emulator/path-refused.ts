/** A folder or a file that the emulator needs can't be had. */
export class PathRefused extends Error {
  /** The path as the caller named it. */
  readonly path: string;
  /** What is wrong, such as `which can't be made: EACCES: permission denied, mkdir '/data'`. */
  readonly problem: string;

  constructor(path: string, wanted: "made" | "written", reason: string, options?: ErrorOptions) {
    super(`${path} can't be ${wanted}: ${reason}`, options);
    this.path = path;
    this.problem = `which can't be ${wanted}: ${reason}`;
  }
}

/** What `write` returns; throws `PathRefused` where the system refuses that file, or one beside it. */
export async function written<T>(path: string, write: () => Promise<T>): Promise<T> {
  try {
    return await write();
  } catch (error) {
    // Any other error says by itself what is wrong.
    if (!(error instanceof Error && "syscall" in error)) throw error;
    throw new PathRefused(path, "written", error.message, { cause: error });
  }
}
