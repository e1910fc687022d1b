/** One package of package-lock.json, as far as these rules need it. */
interface LockedPackage {
  readonly resolved?: string;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

/** package-lock.json, as far as these rules need it. */
export interface LockFile {
  readonly packages: Readonly<Record<string, LockedPackage>>;
}

/**
 * Faults that would make `npm ci` differ between machines. If a registry lacks a platform's optional
 * package, `npm install` leaves it out silently; `npm ci` then refuses the lock file everywhere.
 */
export function findLockFileFaults(lockFile: LockFile): readonly string[] {
  const locked = Object.entries(lockFile.packages);
  const hosts = locked
    .filter(([, entry]) => entry.resolved !== undefined)
    .map(([path]) => `${path}: names the host it came from`);
  const missing = locked.flatMap(([path, entry]) =>
    Object.keys(entry.optionalDependencies ?? {})
      .filter((name) => !isLocked(lockFile, path, name))
      .map(
        (name) =>
          `${path}: its optional package ${name} is not locked: choose a version ` +
          "whose packages this registry has for every platform",
      ),
  );
  return [...hosts, ...missing];
}

/** Whether Node's lookup from `path` upwards finds `name` among the locked packages. */
function isLocked(lockFile: LockFile, path: string, name: string): boolean {
  const folders = path.split("/node_modules/");
  return (
    folders.some(
      (_, index) =>
        `${folders.slice(0, index + 1).join("/node_modules/")}/node_modules/${name}` in lockFile.packages,
    ) || `node_modules/${name}` in lockFile.packages
  );
}
