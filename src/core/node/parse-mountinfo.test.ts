import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { isReachable, mountContaining, parseMountinfo, topMountAt } from "./parse-mountinfo.ts";

describe("parseMountinfo", () => {
  it("reads the fields of a line with propagation fields", () => {
    assert.deepEqual(
      parseMountinfo(
        "36 35 98:0 /mnt1 /mnt/parent rw,noatime master:1 shared:4 - ext4 /dev/sdc rw,emergency_ro\n",
      ),
      [
        {
          id: 36,
          parentId: 35,
          majorMinor: "98:0",
          root: "/mnt1",
          mountPoint: "/mnt/parent",
          isShared: true,
          options: ["rw", "noatime"],
          fsType: "ext4",
          source: "/dev/sdc",
          superOptions: ["rw", "emergency_ro"],
        },
      ],
    );
  });

  it("distinguishes a shared mount, a receiving one and a private one", () => {
    const lines = [
      "40 1 8:1 / /a rw master:2 - ext4 /dev/sda1 rw",
      "41 1 8:1 / /b rw - ext4 shared:1 rw",
      "42 1 8:1 / /c rw shared:7 - ext4 /dev/sda1 rw",
    ];
    assert.deepEqual(
      parseMountinfo(lines.join("\n")).map(({ isShared }) => isShared),
      [false, false, true],
    );
  });

  it("undoes the kernel's escapes in paths", () => {
    const [entry] = parseMountinfo("42 27 7:0 / /tmp/a\\040b\\134c\\012d rw - ext4 /dev/loop0 rw");
    assert.equal(entry?.mountPoint, "/tmp/a b\\c\nd");
  });

  it("accepts a hyphen within a path", () => {
    const [entry] = parseMountinfo("42 27 7:0 / /tmp/a-b - - - ext4 /dev/loop0 rw");
    assert.equal(entry?.mountPoint, "/tmp/a-b");
  });

  it("skips lines in another format, and those without the hyphen", () => {
    assert.deepEqual(parseMountinfo("\nnonsense\n36 35 98:0 / /mnt rw master:1 ext4 /dev/sdc rw\n"), []);
  });

  it("accepts a file system without options", () => {
    const [entry] = parseMountinfo("42 27 7:0 / /tmp rw - ext4 /dev/loop0 ");
    assert.deepEqual(entry?.superOptions, []);
  });
});

describe("topMountAt", () => {
  const stacked = parseMountinfo(
    [
      "50 27 8:32 / /data rw - ext4 /dev/sdc rw",
      "51 50 8:48 / /data rw - ext4 /dev/sdd rw",
      "52 51 8:64 / /data/sub rw - ext4 /dev/sde rw",
    ].join("\n"),
  );

  it("answers the mount on top where several are stacked", () => {
    assert.equal(topMountAt(stacked, "/data")?.majorMinor, "8:48");
  });

  it("answers the mount on top where a later one was put beneath it", () => {
    const lines = [
      "51 53 8:48 / /data rw - ext4 /dev/sdd rw",
      "53 27 0:90 / /data ro - tmpfs azuredisk-removed ro",
    ];
    assert.equal(topMountAt(parseMountinfo(lines.join("\n")), "/data")?.majorMinor, "8:48");
  });

  it("answers the one that the path leads to where another is hidden there", () => {
    const lines = [
      "50 27 8:32 / /data/volume rw - ext4 /dev/sdc rw",
      "60 27 8:48 / /data rw - ext4 /dev/sdd rw",
    ];
    const made = ["40 60 8:64 / /data/volume rw - ext4 /dev/sde rw"];
    const numberIn = (shown: readonly string[]) =>
      topMountAt(parseMountinfo(shown.join("\n")), "/data/volume")?.majorMinor;
    assert.equal(numberIn(lines), "8:32", "it is there, though no path leads to it");
    assert.deepEqual([numberIn([...lines, ...made]), numberIn([...made, ...lines])], ["8:64", "8:64"]);
  });

  it("answers nothing for a path that is no mount point", () => {
    assert.equal(topMountAt(stacked, "/"), undefined);
  });
});

describe("isReachable", () => {
  const entriesOf = (lines: readonly string[]) =>
    parseMountinfo(lines.map((line) => `${line} rw - btrfs /dev/sdc rw`).join("\n"));
  const tree = ["20 1 8:1 / /", "30 20 8:1 / /var", "40 30 0:50 / /var/a"];
  const rows = [
    { because: "nothing is above it", more: [], reachable: ["/", "/var", "/var/a"] },
    {
      because: "one is beside it",
      more: ["50 30 0:51 / /var/ab"],
      reachable: ["/", "/var", "/var/a", "/var/ab"],
    },
    {
      because: "one is below it",
      more: ["50 40 0:51 / /var/a/b"],
      reachable: ["/", "/var", "/var/a", "/var/a/b"],
    },
    {
      because: "another is mounted on it",
      more: ["50 40 0:51 / /var/a"],
      reachable: ["/", "/var", "/var/a"],
    },
    {
      because: "another is mounted above what it is on",
      more: ["50 40 0:51 / /var/a/b", "60 30 0:52 / /var"],
      reachable: ["/", "/var"],
    },
    { because: "another is mounted on what it is on", more: ["50 30 0:51 / /var"], reachable: ["/", "/var"] },
  ];
  for (const { because, more, reachable } of rows)
    it(`goes by what hides a mount where ${because}`, () => {
      const entries = entriesOf([...tree, ...more]);
      assert.deepEqual(
        entries.filter((entry) => isReachable(entries, entry)).map(({ mountPoint }) => mountPoint),
        reachable,
      );
    });

  it("shows the file system that the kernel has started with, which is its own parent", () => {
    const entries = entriesOf(["1 1 0:2 / /", "20 1 0:50 / /a"]);
    assert.deepEqual(
      entries.map((entry) => isReachable(entries, entry)),
      [true, true],
    );
  });

  it("shows nothing of a root file system under another one", () => {
    const entries = entriesOf(["20 1 8:1 / /", "30 20 0:50 / /a", "40 20 0:51 / /", "50 40 0:52 / /a"]);
    assert.deepEqual(
      entries.filter((entry) => isReachable(entries, entry)).map(({ id }) => id),
      [40, 50],
    );
  });

  it("finds a mount hidden by a later one on a directory above it", () => {
    const entries = entriesOf(["20 1 8:1 / /", "40 20 0:50 / /a/b", "50 20 0:51 / /a"]);
    assert.deepEqual(
      entries.filter((entry) => isReachable(entries, entry)).map(({ id }) => id),
      [20, 50],
    );
  });

  it("shows the later one of two mounts at one path", () => {
    const entries = entriesOf([...tree, "50 40 0:51 / /var/a"]);
    assert.deepEqual(
      entries.filter((entry) => isReachable(entries, entry)).map(({ id }) => id),
      [20, 30, 50],
    );
  });
});

describe("mountContaining", () => {
  const entries = parseMountinfo(
    [
      "1 1 8:1 / / rw - ext4 /dev/sda1 rw",
      "2 1 8:1 / /pods rw - ext4 /dev/sda1 rw",
      "3 2 0:5 / /pods/a rw - tmpfs tmpfs rw",
      "4 3 8:2 / /pods/a rw - ext4 /dev/sdb rw",
    ].join("\n"),
  );
  for (const { path, id } of [
    { path: "/pods/b", id: 2 },
    { path: "/pods/a", id: 4 },
    { path: "/pods/a/b", id: 4 },
    { path: "/pods/ab", id: 2 },
    { path: "/podsother", id: 1 },
  ])
    it(`is the visible mount that the path is on: ${path}`, () =>
      assert.equal(mountContaining(entries, path)?.id, id));

  it("is none that a mount above hides, though its own path is closer", () => {
    const covered = parseMountinfo(
      [
        "1 1 8:1 / / rw - ext4 /dev/sda1 rw",
        "2 1 8:2 / /pods/volumes rw - ext4 /dev/sdb rw",
        "3 1 8:3 / /pods rw shared:1 - ext4 /dev/sdc rw",
      ].join("\n"),
    );
    assert.equal(mountContaining(covered, "/pods/volumes/1")?.id, 3);
  });
});
