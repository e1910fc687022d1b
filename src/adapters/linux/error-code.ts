/** The `code` of an error that Node's file functions throw, such as `ENOENT`; undefined for anything else. */
export function errorCode(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
}

/** Returns undefined for a missing file or directory; passes on every other error. */
export function undefinedIfMissing(error: unknown): undefined {
  const code = errorCode(error);
  if (code === "ENOENT" || code === "ENOTDIR" || code === "ESRCH") return undefined;
  throw error;
}

/** The same for one that can't be looked up, since its file system has shut down after an error. */
export function undefinedIfUnknown(error: unknown): undefined {
  return errorCode(error) === "EIO" ? undefined : undefinedIfMissing(error);
}

/** Whether a file system has no more blocks, or no more files, to give. */
export function isFull(error: unknown): boolean {
  const code = errorCode(error);
  return code === "ENOSPC" || code === "EDQUOT";
}

/** Whether a file system takes no change any more: after an error it has gone read-only, or shut down. */
export function takesNoChange(error: unknown): boolean {
  const code = errorCode(error);
  return code === "EROFS" || code === "EIO";
}

/** Whether a file system takes no new file now: it is full, or takes no change. */
export function takesNoFile(error: unknown): boolean {
  return isFull(error) || takesNoChange(error);
}
