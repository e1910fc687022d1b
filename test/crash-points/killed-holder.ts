import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { findCommand } from "../../scripts/child/find-command.ts";

/**
 * A search path whose first `fsfreeze` freezes, leaves the file `mark`, and kills the holder of the freeze
 * and its plug-in, as a container runtime kills all processes of a container: nothing is left that would
 * thaw. Every later one is the real one.
 */
export async function pathWithKilledHolder(folder: string, mark: string): Promise<string> {
  const fsfreeze = await findCommand("fsfreeze");
  if (fsfreeze === undefined) throw new Error("there is no fsfreeze: install util-linux");
  const script = `#!/bin/sh
[ "$1" = --freeze ] && [ ! -e "${mark}" ] || exec "${fsfreeze}" "$@"
"${fsfreeze}" "$@" || exit
# It runs in timeout, that in the holder, and that in the plug-in.
read -r _ _ _ holder _ <"/proc/$PPID/stat"
grep -q --text freeze-holder "/proc/$holder/cmdline" || exit
read -r _ _ _ plugin _ <"/proc/$holder/stat"
: >"${mark}"
kill -KILL "$holder" "$plugin" "$PPID"
kill -KILL $$
`;
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, "fsfreeze"), script, { mode: 0o755 });
  return `${folder}:${process.env["PATH"] ?? ""}`;
}
