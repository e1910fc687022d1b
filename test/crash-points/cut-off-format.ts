import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { findCommand } from "../../scripts/child/find-command.ts";
import type { CrashPoint } from "./points.ts";

const PACKAGES = { ext4: "e2fsprogs", btrfs: "btrfs-progs", xfs: "xfsprogs" } as const;

/** Where a mkfs writes before it has written a signature, in blocks of 4 KiB. btrfs begins at 1 MiB. */
const FIRST_BLOCKS = { ext4: 2, btrfs: 256, xfs: 2 } as const;

/**
 * A search path whose first mkfs of a disk is interrupted: it writes data where no file system has its
 * signature, leaves the file `mark`, and kills its plug-in and itself. Every later one is the real one.
 */
export async function pathWithCutOffFormat(
  fsType: CrashPoint["fsType"],
  folder: string,
  mark: string,
): Promise<string> {
  const program = `mkfs.${fsType}`;
  const mkfs = await findCommand(program);
  if (mkfs === undefined) throw new Error(`there is no ${program}: install ${PACKAGES[fsType]}`);
  const script = `#!/bin/sh
{ test -e "${mark}" || test "$*" = -V; } && exec "${mkfs}" "$@"
for device; do :; done
printf 'the rest of a format' | dd of="$device" bs=4096 seek=${FIRST_BLOCKS[fsType]} conv=fsync,notrunc status=none
: >"${mark}"
kill -KILL "$PPID"
kill -KILL $$
`;
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, program), script, { mode: 0o755 });
  return `${folder}:${process.env["PATH"] ?? ""}`;
}
