/** The `code` of an error that Node's file functions throw, such as `ENOENT`; undefined for anything else. */
export function errorCode(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
}

export function hasCode(error: unknown, ...codes: readonly string[]): boolean {
  return codes.includes(errorCode(error) ?? "");
}

/** Returns undefined for an error with one of these codes; passes on every other one. */
export function undefinedIf(...codes: readonly string[]): (error: unknown) => undefined {
  return (error) => {
    if (!hasCode(error, ...codes)) throw error;
    return undefined;
  };
}

const MISSING = ["ENOENT", "ENOTDIR", "ESRCH"] as const;

/** The same for a missing file or directory. */
export const undefinedIfMissing: (error: unknown) => undefined = undefinedIf(...MISSING);

/** The same for one that can't be looked up, since its file system has shut down after an error. */
export const undefinedIfUnknown: (error: unknown) => undefined = undefinedIf(...MISSING, "EIO");

/** Whether a file system has no more blocks, or no more files, to give. */
export function isFull(error: unknown): boolean {
  return hasCode(error, "ENOSPC", "EDQUOT");
}

/** Whether a file system takes no change any more: after an error it has gone read-only, or shut down. */
export function takesNoChange(error: unknown): boolean {
  return hasCode(error, "EROFS", "EIO");
}

/** Whether a file system takes no new file now: it is full, or takes no change. */
export function takesNoFile(error: unknown): boolean {
  return isFull(error) || takesNoChange(error);
}
