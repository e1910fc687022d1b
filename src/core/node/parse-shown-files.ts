/** A file that a process has open or mapped. */
export interface ShownFile {
  readonly pid: number;
  /** Its name in `/proc/<pid>/fd` or `/proc/<pid>/map_files`. */
  readonly name: string;
  /** `8:32` for a block device, `char 21:2` for a character device; undefined for every other file. */
  readonly device: string | undefined;
}

/**
 * Arguments with which stat(1) prints what `parseShownFiles` reads of files in /proc that lead to others.
 * What the kernel knows already is enough: a file keeps its type, and the server of a FUSE may not answer.
 */
export const shownFilesArgs = ["--dereference", "--cached=always", "--format=%t:%T %n %F", "--"] as const;

const shownFile = /^([0-9a-f]+):([0-9a-f]+) .*\/(\d+)\/(?:map_files|fd)\/([0-9a-f-]+) (.+)$/;

/** A message of stat on a file whose file system has failed, so that it has no device node in use. */
const fileOutOfReach =
  /^stat: .*\/(\d+)\/(?:map_files|fd)\/([0-9a-f-]+)'?: (?:Input\/output error|Transport endpoint is not connected|Stale file handle)$/;

/** Whether stat says that the file system of a file has failed. */
export function saysOutOfReach(message: string): boolean {
  return fileOutOfReach.test(message);
}

/** Reads what stat prints with `shownFilesArgs`, messages included; a file that has gone is missing. */
export function parseShownFiles(lines: readonly string[]): readonly ShownFile[] {
  return lines.flatMap((line) => {
    const [, failedPid, failedName] = fileOutOfReach.exec(line) ?? [];
    if (failedName !== undefined) return [{ pid: Number(failedPid), name: failedName, device: undefined }];
    const [, major = "", minor = "", pid, name, type = ""] = shownFile.exec(line) ?? [];
    if (name === undefined) return [];
    const number = `${Number.parseInt(major, 16)}:${Number.parseInt(minor, 16)}`;
    return [{ pid: Number(pid), name, device: deviceOf(type, number) }];
  });
}

function deviceOf(type: string, number: string): string | undefined {
  if (type === "block special file") return number;
  return type === "character special file" ? characterDevice(number) : undefined;
}

/** A character device by its number, apart from the block devices that have the same numbers. */
export function characterDevice(majorMinor: string): string {
  return `char ${majorMinor}`;
}
