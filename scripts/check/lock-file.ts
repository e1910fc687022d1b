/** One package of package-lock.json, as far as the rules below look. */
interface LockedPackage {
  readonly resolved?: string;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

/** package-lock.json, as far as the rules below look. */
export interface LockFile {
  readonly packages: Readonly<Record<string, LockedPackage>>;
}

/**
 * What would make `npm ci` differ between machines. A registry that lacks a platform's optional package
 * makes `npm install` leave it out silently; `npm ci` then refuses the lock file everywhere.
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
          `${path}: its optional package ${name} is not locked: choose a version whose packages this registry has for every platform`,
      ),
  );
  return [...hosts, ...missing];
}

/** Whether Node's look-up from `path` upwards finds `name` among the locked packages. */
function isLocked(lockFile: LockFile, path: string, name: string): boolean {
  const folders = path.split("/node_modules/");
  return (
    folders.some(
      (_, index) =>
        `${folders.slice(0, index + 1).join("/node_modules/")}/node_modules/${name}` in lockFile.packages,
    ) || `node_modules/${name}` in lockFile.packages
  );
}
