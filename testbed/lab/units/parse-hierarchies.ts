/** A tree of control groups. */
export interface Hierarchy {
  readonly mountPoint: string;
  /** `unified` is version 2. */
  readonly controllers: readonly string[] | "unified";
}

/** The mounted hierarchies, by /proc/self/mountinfo. */
export function parseHierarchies(mountinfo: string): readonly Hierarchy[] {
  return mountinfo
    .trimEnd()
    .split("\n")
    .flatMap((line): readonly Hierarchy[] => {
      const [mount = "", fileSystem = ""] = line.split(" - ");
      const mountPoint = mount.split(" ")[4] ?? "";
      const [type, , options = ""] = fileSystem.split(" ");
      if (type === "cgroup2") return [{ mountPoint, controllers: "unified" }];
      return type === "cgroup" ? [{ mountPoint, controllers: options.split(",") }] : [];
    });
}
