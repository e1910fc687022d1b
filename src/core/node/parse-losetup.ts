/**
 * A loop device and its backing file, by file system (`0:6`) and inode as well: the path may exist only
 * in another mount namespace.
 */
export interface LoopDeviceEntry {
  readonly path: string;
  readonly backingFileSystem: string;
  readonly backingInode: string;
  readonly backingPath: string;
}

/** Arguments that make losetup(8) print what `parseLosetup` reads. */
export const losetupArgs = [
  "--list",
  "--noheadings",
  "--raw",
  "--output",
  "NAME,BACK-MAJ:MIN,BACK-INO,BACK-FILE",
] as const;

/**
 * Reads what losetup prints with `losetupArgs`: raw output escapes white space as `\x20`, in paths and
 * where it pads a column.
 */
export function parseLosetup(text: string): readonly LoopDeviceEntry[] {
  return text.split("\n").flatMap((line) => {
    const [path = "", backingFileSystem = "", backingInode = "", backingPath] = line
      .split(" ")
      .map((field) => unescapeHex(field).trim());
    return backingPath === undefined ? [] : [{ path, backingFileSystem, backingInode, backingPath }];
  });
}

function unescapeHex(text: string): string {
  return text.replaceAll(/\\x([0-9a-f]{2})/g, (_whole, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 16)),
  );
}
