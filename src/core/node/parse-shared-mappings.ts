/** A part of a process's memory that it shares with the file behind it. */
export interface SharedMapping {
  readonly pid: number;
  /** Its addresses, as the name of its file in `map_files`. */
  readonly range: string;
  /** The file system of the file (`0:6`); for a device that of its node, not the device. */
  readonly fileSystem: string;
  readonly inode: string;
}

/** The file that a process has mapped somewhere. */
export interface MappedFile extends Pick<SharedMapping, "pid" | "range"> {
  /** Of a block device only. */
  readonly majorMinor: string | undefined;
}

/**
 * Arguments with which grep(1) prints what `parseSharedMappings` reads of the files `/proc/<pid>/maps`. An
 * inode of 0 is no file's. Whether it may be written to now says nothing: mprotect(2) changes that.
 */
export const sharedMappingsArgs = [
  "--only-matching",
  "--with-filename",
  "--text",
  "--extended-regexp",
  "^[0-9a-f]+-[0-9a-f]+ ...s [0-9a-f]+ [0-9a-f]+:[0-9a-f]+ [1-9][0-9]*",
  "--",
] as const;

const sharedMapping = /\/(\d+)\/maps:0*([0-9a-f]+)-0*([0-9a-f]+) \S+ \S+ ([0-9a-f]+):([0-9a-f]+) (\d+)$/;

/** Reads the lines that grep prints with `sharedMappingsArgs`. */
export function parseSharedMappings(lines: readonly string[]): readonly SharedMapping[] {
  return lines.flatMap((line) => {
    const [, pid, start, end, major = "", minor = "", inode] = sharedMapping.exec(line) ?? [];
    if (start === undefined || end === undefined || inode === undefined) return [];
    return [{ pid: Number(pid), range: `${start}-${end}`, fileSystem: numberOfHex(major, minor), inode }];
  });
}

/** Arguments with which stat(1) prints what `parseMappedFiles` reads of files in `/proc/<pid>/map_files`. */
export const mappedFilesArgs = ["--dereference", "--format=%t:%T %n %F", "--"] as const;

const mappedFile = /^([0-9a-f]+):([0-9a-f]+) .*\/(\d+)\/map_files\/([0-9a-f]+-[0-9a-f]+) (.+)$/;

/** A message of stat on a file whose file system has failed, so that it has no device node in use. */
const fileOutOfReach =
  /^stat: .*\/(\d+)\/map_files\/([0-9a-f]+-[0-9a-f]+)'?: (?:Input\/output error|Transport endpoint is not connected|Stale file handle)$/;

/** Whether stat says that the file system of a file has failed. */
export function saysOutOfReach(message: string): boolean {
  return fileOutOfReach.test(message);
}

/**
 * Reads the lines, and messages, that stat prints with `mappedFilesArgs`; a file that has gone is missing.
 */
export function parseMappedFiles(lines: readonly string[]): readonly MappedFile[] {
  return lines.flatMap((line) => {
    const [, failedPid, failedRange] = fileOutOfReach.exec(line) ?? [];
    if (failedRange !== undefined)
      return [{ pid: Number(failedPid), range: failedRange, majorMinor: undefined }];
    const [, major = "", minor = "", pid, range, type] = mappedFile.exec(line) ?? [];
    if (range === undefined) return [];
    const majorMinor = type === "block special file" ? numberOfHex(major, minor) : undefined;
    return [{ pid: Number(pid), range, majorMinor }];
  });
}

function numberOfHex(major: string, minor: string): string {
  return `${Number.parseInt(major, 16)}:${Number.parseInt(minor, 16)}`;
}
