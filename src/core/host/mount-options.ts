import type { Failure } from "../failure.ts";
import type { FileSystemType } from "../model/file-system.ts";
import type { Result } from "../result.ts";
import { fail, ok } from "../result.ts";

/** Options that mount(8) or the kernel keep for each mount, not for the file system: the only ones that mean something for a bind mount. */
const perMountOptions = new Set([
  "ro",
  "rw",
  "nosuid",
  "suid",
  "nodev",
  "dev",
  "noexec",
  "exec",
  "noatime",
  "atime",
  "nodiratime",
  "diratime",
  "relatime",
  "norelatime",
  "strictatime",
  "nosymfollow",
]);

/** Options that would mount something else than the volume's own device at the given path, or change how it is seen elsewhere. */
const forbiddenNames = new Set([
  "bind",
  "rbind",
  "move",
  "remount",
  "loop",
  "offset",
  "sizelimit",
  "encryption",
  "helper",
  "shared",
  "rshared",
  "private",
  "rprivate",
  "slave",
  "rslave",
  "unbindable",
  "runbindable",
  "X-mount.subdir",
  "X-mount.idmap",
  "journal_dev",
  "journal_path",
  "logdev",
  "rtdev",
]);

/** Longest single mount flag that is accepted, in characters: the kernel takes one page for all of them. */
const flagLengthMax = 1024;

/**
 * The options to mount a file system with. A read-only mount doesn't replay the journal, since that would write to a disk that another node may be writing.
 * Fails with `InvalidArgument` for a flag that mounts something else or contradicts `readOnly`.
 */
export function stagingMountOptions(request: {
  readonly fsType: FileSystemType;
  readonly mountFlags: readonly string[];
  readonly readOnly: boolean;
}): Result<readonly string[], Failure> {
  const refused = request.mountFlags.flatMap((flag) => {
    const problem = problemOfFlag(flag, request.readOnly);
    return problem === undefined ? [] : [{ flag, problem }];
  })[0];
  if (refused !== undefined) return fail({ kind: "InvalidArgument", field: "mount_flags", value: refused.flag, problem: refused.problem });
  return ok(unique([...request.mountFlags, ...(request.readOnly ? ["ro", ...withoutReplay(request.fsType)] : [])]));
}

/** The options to remount a bind mount with; undefined if it may stay as it was bound. What `inherited` (the options of the mount that is bound) restricts stays restricted. */
export function bindMountOptions(request: {
  readonly inherited: readonly string[];
  readonly mountFlags: readonly string[];
  readonly readOnly: boolean;
}): readonly string[] | undefined {
  const wanted = request.mountFlags.filter((flag) => perMountOptions.has(flag) && flag !== "rw");
  const added = unique([...wanted, ...(request.readOnly ? ["ro"] : [])]).filter((option) => !request.inherited.includes(option));
  if (added.length === 0) return undefined;
  return unique([...request.inherited.filter((option) => perMountOptions.has(option) && (option !== "rw" || !added.includes("ro"))), ...added]);
}

function problemOfFlag(flag: string, readOnly: boolean): string | undefined {
  if (flag === "" || flag.length > flagLengthMax) return `must have 1 to ${flagLengthMax} characters`;
  if (/[\s\0]/.test(flag)) return "must not contain white space";
  // Commas part options; within double quotes (SELinux contexts) they belong to the value.
  const options = flag.replaceAll(/"[^"]*"/g, "").split(",");
  const forbidden = options.find((option) => forbiddenNames.has(option.split("=")[0] ?? ""));
  if (forbidden !== undefined) return `${forbidden} is not allowed: it would mount something else than the volume`;
  if (readOnly && options.includes("rw")) return "rw contradicts a read-only volume";
  return undefined;
}

function withoutReplay(fsType: FileSystemType): readonly string[] {
  switch (fsType) {
    case "ext4":
    case "ext3":
      return ["noload"];
    case "xfs":
      return ["norecovery"];
    case "ext2":
      return [];
  }
}

function unique(options: readonly string[]): readonly string[] {
  return [...new Set(options)];
}
