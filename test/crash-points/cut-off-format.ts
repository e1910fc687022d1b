import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { findCommand } from "../../scripts/child/find-command.ts";

/**
 * A search path whose first `mkfs.ext4` is interrupted: it writes data where no file system has its
 * signature, leaves the file `mark`, and kills its plug-in and itself. Every later one is the real one.
 */
export async function pathWithCutOffFormat(folder: string, mark: string): Promise<string> {
  const mkfs = await findCommand("mkfs.ext4");
  if (mkfs === undefined) throw new Error("there is no mkfs.ext4: install e2fsprogs");
  const script = `#!/bin/sh
test -e "${mark}" && exec "${mkfs}" "$@"
for device; do :; done
printf 'the rest of a format' | dd of="$device" bs=4096 seek=2 conv=fsync,notrunc status=none
: >"${mark}"
kill -KILL "$PPID"
kill -KILL $$
`;
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, "mkfs.ext4"), script, { mode: 0o755 });
  return `${folder}:${process.env["PATH"] ?? ""}`;
}
