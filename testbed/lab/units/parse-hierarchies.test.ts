import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { parseHierarchies } from "./parse-hierarchies.ts";

describe("control group hierarchies", () => {
  it("are only that of version 2 on a machine that has nothing else", () => {
    const mountinfo =
      "24 1 0:22 / /sys rw,nosuid shared:7 - sysfs sysfs rw\n" +
      "35 24 0:30 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n";
    assert.deepEqual(parseHierarchies(mountinfo), [{ mountPoint: "/sys/fs/cgroup", controllers: "unified" }]);
  });

  it("are all of them on a machine with both versions, with their controllers", () => {
    const mountinfo = [
      "31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755",
      "32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime - cgroup cgroup rw,cpu,cpuacct",
      "37 31 0:34 / /sys/fs/cgroup/freezer rw,relatime shared:12 master:3 - cgroup cgroup rw,freezer",
      "41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw",
      "",
    ].join("\n");
    assert.deepEqual(parseHierarchies(mountinfo), [
      { mountPoint: "/sys/fs/cgroup/cpu,cpuacct", controllers: ["rw", "cpu", "cpuacct"] },
      { mountPoint: "/sys/fs/cgroup/freezer", controllers: ["rw", "freezer"] },
      { mountPoint: "/sys/fs/cgroup/unified", controllers: "unified" },
    ]);
  });
});
