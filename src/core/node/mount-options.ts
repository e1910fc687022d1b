import { refuseArgument } from "../failure/frequent-failures.ts";
import { ok, type Result } from "../failure/result.ts";
import type { FileSystemType } from "../volume/device/file-system.ts";

/**
 * Options that mount(8) or the kernel keep for each mount, not for the file system: the only ones with an
 * effect on a bind mount.
 */
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

/** Options that would mount anything but the volume's device at the path, or change other mounts' view. */
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
  "journal_dev",
  "journal_path",
  "logdev",
  "rtdev",
  // Of btrfs: a further device of the file system.
  "device",
]);

/**
 * The same, by prefix: mount(8)'s further actions (directories, owners, modes, id maps), and the verity
 * options, which open another device.
 */
const forbiddenPrefixes = ["x-mount.", "verity."];

/** V1's own option, which no kernel has: it mounts without a look at the disk. */
const withoutChecks = "directmount";

/**
 * An option of fstab(5): with it mount(8) reports success, and mounts nothing, where the device has gone. A
 * stage would succeed without a mount. No kernel knows it.
 */
const succeedsWithoutDevice = /(?<=^|,)nofail(?:,|$)/gu;

/**
 * Options that skip the journal, or go back to an older state: on a writable mount what was written last is
 * lost, and the file system may be torn.
 */
const withoutNewest = new Set(["noload", "norecovery", "nologreplay", "usebackuproot", "recovery", "rescue"]);

/**
 * A complete option with an SELinux context, whose categories have commas between them. No other value may
 * have quotes: mount(8) takes a comma within them for a part of the value, and the kernel, which gets that
 * value, for the end of the option. Both know a backslash before a quote or a comma. One that is left open
 * takes all options after it for its value, the driver's own `ro` as well.
 */
const quotedContext = /(?<=^|,)(?:fs|def|root)?context="[\w.:-]+(?:,c\d[\w.:-]*)*"(?=,|$)/gu;

/** Longest accepted mount flag, in characters: the kernel has one page for all of them. */
const FLAG_MAX_CHARS = 1024;

/**
 * The options to mount a file system with. A read-only mount replays the journal as any other does: its node
 * is the volume's only writer, and without the replay a reader sees a torn file system after a crash. No file
 * system is mounted on several nodes. An XFS is mounted beside another one with its UUID: a copy has that of
 * its source, and the driver itself checks which disk a device is. Fails with `InvalidArgument` for a flag
 * that mounts anything else or contradicts `readOnly`.
 */
export function stagingMountOptions(request: {
  readonly fsType: FileSystemType;
  readonly mountFlags: readonly string[];
  readonly readOnly: boolean;
}): Result<readonly string[]> {
  const given = request.mountFlags.flatMap(optionsOf);
  const isWritable = !request.readOnly && (!given.includes("ro") || given.includes("rw"));
  for (const flag of request.mountFlags) {
    const problem = problemOfFlag(flag, { readOnly: request.readOnly, isWritable });
    if (problem !== undefined) return refuseArgument("mount_flags", flag, problem);
  }
  return ok(
    unique([
      ...request.mountFlags.flatMap(withoutNofail),
      ...(request.fsType === "xfs" ? ["nouuid"] : []),
      ...(request.readOnly ? ["ro"] : []),
    ]),
  );
}

/** A flag without `nofail`, as the options that are left of it. */
function withoutNofail(flag: string): readonly string[] {
  const left = flag.replaceAll(succeedsWithoutDevice, "").replace(/,$/u, "");
  return left === "" ? [] : [left];
}

/** Whether a file system is mounted read-only with these flags: of `ro` and `rw` the last one counts. */
export function isStagedReadOnly(request: {
  readonly mountFlags: readonly string[];
  readonly readOnly: boolean;
}): boolean {
  const given = unique(request.mountFlags).flatMap(optionsOf);
  return request.readOnly || given.lastIndexOf("ro") > given.lastIndexOf("rw");
}

/**
 * The options to remount a bind mount with; undefined if none are needed. Restrictions of the bound mount
 * (`inherited`) stay.
 */
export function bindMountOptions(request: {
  readonly inherited: readonly string[];
  readonly mountFlags: readonly string[];
  readonly readOnly: boolean;
}): readonly string[] | undefined {
  const requested = request.mountFlags.filter((flag) => perMountOptions.has(flag) && flag !== "rw");
  const added = unique([...requested, ...(request.readOnly ? ["ro"] : [])]).filter(
    (option) => !request.inherited.includes(option),
  );
  if (added.length === 0) return undefined;
  return unique([
    ...request.inherited.filter(
      (option) => perMountOptions.has(option) && (option !== "rw" || !added.includes("ro")),
    ),
    ...added,
  ]);
}

/** Commas separate options; those of an SELinux context belong to its value. */
function optionsOf(flag: string): readonly string[] {
  return withoutContexts(flag).split(",");
}

function withoutContexts(flag: string): string {
  return flag.replaceAll(quotedContext, "context");
}

function nameOf(option: string): string {
  return option.split("=")[0] ?? "";
}

function isForbidden(option: string): boolean {
  const name = nameOf(option);
  return (
    forbiddenNames.has(name) || forbiddenPrefixes.some((prefix) => name.toLowerCase().startsWith(prefix))
  );
}

function problemOfFlag(
  flag: string,
  { readOnly, isWritable }: { readonly readOnly: boolean; readonly isWritable: boolean },
): string | undefined {
  if (flag === "" || flag.length > FLAG_MAX_CHARS) return `must have 1 to ${FLAG_MAX_CHARS} characters`;
  if (/[\s\0]/.test(flag)) return "must not contain white space";
  if (/["\\]/u.test(withoutContexts(flag)))
    return "must not contain quotes, but for those of an SELinux context, or a backslash: they hide options";
  const options = optionsOf(flag);
  // mount(8) knows ro=fs: a mount that is writable, of a file system that is not, looks as after an error.
  const valued = options.find((option) => /^r[ow]=/u.test(option));
  if (valued !== undefined) return `${valued} is not allowed: state ro or rw alone`;
  const forbidden = options.find(isForbidden);
  if (forbidden !== undefined)
    return `${forbidden} is not allowed: it would mount something else than the volume`;
  if (options.includes(withoutChecks))
    return `${withoutChecks} is not allowed: every mount is preceded by the checks of the disk`;
  const skipping = isWritable ? options.find((option) => withoutNewest.has(nameOf(option))) : undefined;
  if (skipping !== undefined)
    return `${skipping} is not allowed on a writable mount: what was written last would be lost`;
  if (readOnly && options.includes("rw")) return "rw contradicts a read-only volume";
  return undefined;
}

function unique(options: readonly string[]): readonly string[] {
  return [...new Set(options)];
}
