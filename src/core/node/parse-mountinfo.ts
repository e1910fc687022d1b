/** One line of `/proc/<pid>/mountinfo`, escapes undone. */
export interface MountinfoEntry {
  readonly id: number;
  /** `NaN`: it is on no other mount. */
  readonly parentId: number;
  /** Of the file system: `8:32`. Not of a bound device node. */
  readonly majorMinor: string;
  /** The path within the file system that is mounted; `/` unless a part of it was bound. */
  readonly root: string;
  readonly mountPoint: string;
  /** Mounts below it propagate to its peers, also in other mount namespaces (mount_namespaces(7)). */
  readonly isShared: boolean;
  /** Options of this mount alone: `rw`, `noatime` … */
  readonly options: readonly string[];
  readonly fsType: string;
  readonly source: string;
  /** Options of the file system, shared by all its mounts: `rw`, `emergency_ro` … */
  readonly superOptions: readonly string[];
}

/**
 * Parses mountinfo (proc_pid_mountinfo(5)). A line that breaks the format is skipped: the kernel appends
 * fields, but never removes any.
 */
export function parseMountinfo(text: string): readonly MountinfoEntry[] {
  return text.split("\n").flatMap((line) => parseLine(line) ?? []);
}

/**
 * The mount at a path: mounts may be stacked on one path, and only the top one is visible. Where a mount
 * above the path hides it, another one at the same path counts, or else the hidden one (`hiderOf`).
 */
export function topMountAt(
  entries: readonly MountinfoEntry[],
  mountPoint: string,
): MountinfoEntry | undefined {
  const stacked = entries.filter((entry) => entry.mountPoint === mountPoint);
  const tops = stacked.filter((entry) => !stacked.some((other) => other.parentId === entry.id));
  return tops.findLast((entry) => isReachable(entries, entry)) ?? tops.at(-1);
}

/** The visible mount that a path is on; undefined: none is known. `path` without links. */
export function mountContaining(
  entries: readonly MountinfoEntry[],
  path: string,
): MountinfoEntry | undefined {
  const visible = entries.filter(
    (entry) =>
      (entry.mountPoint === path || entry.mountPoint === "/" || path.startsWith(`${entry.mountPoint}/`)) &&
      isReachable(entries, entry),
  );
  return visible.toSorted((a, b) => b.mountPoint.length - a.mountPoint.length)[0];
}

/** Whether the path of a mount leads to it: no other mount hides it. */
export function isReachable(entries: readonly MountinfoEntry[], entry: MountinfoEntry): boolean {
  return hiderOf(entries, entry) === undefined;
}

/** The mount that the path of another one leads to, or into, instead; undefined: it leads to that one. */
export function hiderOf(
  entries: readonly MountinfoEntry[],
  entry: MountinfoEntry,
): MountinfoEntry | undefined {
  const onIt = entries.find(
    ({ parentId, mountPoint }) => parentId === entry.id && mountPoint === entry.mountPoint,
  );
  return onIt ?? hiderOfPlace(entries, entry);
}

/**
 * The mount that hides the directory which a mount is on: one that was made later on a directory above it.
 * One that was made before has it, or a mount on it, as parent.
 */
function hiderOfPlace(entries: readonly MountinfoEntry[], entry: MountinfoEntry): MountinfoEntry | undefined {
  const hider = entries.find(
    ({ parentId, mountPoint }) =>
      parentId === entry.parentId &&
      mountPoint !== entry.mountPoint &&
      (mountPoint === "/" || entry.mountPoint.startsWith(`${mountPoint}/`)),
  );
  const parent = entries.find(({ id }) => id === entry.parentId);
  return hider ?? (parent === undefined ? undefined : hiderOfPlace(entries, parent));
}

function parseLine(line: string): MountinfoEntry | undefined {
  const fields = line.split(" ");
  // Any number of optional fields (propagation) precede a lone hyphen.
  const separator = fields.indexOf("-", 6);
  const [id, parentId, majorMinor = "", root = "", mountPoint = "", options] = fields;
  const [fsType = "", source, superOptions] = fields.slice(separator + 1);
  if (separator === -1 || options === undefined || source === undefined) return undefined;
  return {
    id: Number(id),
    // The file system that the kernel has started with is its own parent: it is on no other mount.
    parentId: parentId === id ? Number.NaN : Number(parentId),
    majorMinor,
    root: unescapeOctal(root),
    mountPoint: unescapeOctal(mountPoint),
    isShared: fields.slice(6, separator).some((field) => field.startsWith("shared:")),
    options: options.split(","),
    fsType: unescapeOctal(fsType),
    source: unescapeOctal(source),
    superOptions: (superOptions ?? "").split(",").filter((option) => option !== ""),
  };
}

/** The kernel writes space, tab, newline and backslash as `\040`, `\011`, `\012` and `\134`. */
function unescapeOctal(field: string): string {
  return field.replaceAll(/\\([0-7]{3})/g, (_whole, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 8)),
  );
}
