/** A part of a process's memory that it shares with the file behind it. */
export interface SharedMapping {
  readonly pid: number;
  /** Its addresses, as the name of its file in `map_files`. */
  readonly range: string;
  /** The file system of the file (`0:6`); for a device that of its node, not the device. */
  readonly fileSystem: string;
  readonly inode: string;
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

function numberOfHex(major: string, minor: string): string {
  return `${Number.parseInt(major, 16)}:${Number.parseInt(minor, 16)}`;
}
