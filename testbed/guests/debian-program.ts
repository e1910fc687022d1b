import { join } from "node:path";

/** Where Debian's packages of this architecture have their libraries. */
export const LIBRARY_FOLDERS: readonly string[] = ["lib/x86_64-linux-gnu", "usr/lib/x86_64-linux-gnu"];
const LOADER = "lib/x86_64-linux-gnu/ld-linux-x86-64.so.2";

/**
 * The command line of a program in a folder of unpacked packages, which runs with the folder's own C
 * library and loader: nothing of it depends on what the machine has.
 */
export function debianProgram(folder: string, program: string): readonly [string, ...string[]] {
  const libraries = LIBRARY_FOLDERS.map((path) => join(folder, path)).join(":");
  return [join(folder, LOADER), "--library-path", libraries, join(folder, program)];
}
