/**
 * What the image takes from one Debian package. The libraries that its programs load are added
 * automatically.
 */
export interface PackageChoice {
  readonly package: string;
  /** Run by the driver, which needs them all. */
  readonly driver: readonly string[];
  /** For people who inspect a container, and for scripts. */
  readonly people: readonly string[];
  /** Further files, by their path in the package. */
  readonly files: readonly string[];
}

/** The programs of the image. A test compares `driver` with what `src/adapters/linux` runs. */
export const PACKAGE_CHOICES: readonly PackageChoice[] = [
  {
    package: "base-files",
    driver: [],
    people: [],
    files: ["etc/debian_version", "etc/os-release", "usr/lib/os-release"],
  },
  // The launcher is a shell script.
  { package: "dash", driver: ["sh"], people: ["dash"], files: [] },
  {
    package: "coreutils",
    driver: ["cat", "dd", "stat", "sync", "true", "unlink"],
    // The script that holds a freeze runs `cat` and `timeout`.
    people: [
      "df",
      "du",
      "env",
      "false",
      "head",
      "id",
      "ln",
      "ls",
      "mkdir",
      "od",
      "readlink",
      "rm",
      "rmdir",
      "sleep",
      "tail",
      "timeout",
      "touch",
      "uname",
      "wc",
    ],
    files: [],
  },
  { package: "grep", driver: ["grep"], people: [], files: [] },
  {
    package: "util-linux",
    driver: ["blkid", "blockdev", "flock", "fsfreeze", "unshare", "wipefs"],
    people: ["findmnt", "lsblk", "mountpoint", "nsenter"],
    files: [],
  },
  { package: "sg3-utils", driver: ["sg_persist"], people: [], files: [] },
  { package: "mount", driver: ["losetup", "mount", "umount"], people: [], files: [] },
  {
    package: "e2fsprogs",
    driver: ["dumpe2fs", "e2fsck", "mkfs.ext2", "mkfs.ext3", "mkfs.ext4", "resize2fs"],
    people: ["tune2fs"],
    // The defaults of mkfs.
    files: ["etc/mke2fs.conf"],
  },
  {
    package: "xfsprogs",
    driver: ["mkfs.xfs", "xfs_growfs", "xfs_io"],
    people: ["xfs_db", "xfs_repair"],
    files: [],
  },
  { package: "btrfs-progs", driver: ["btrfs", "mkfs.btrfs"], people: [], files: [] },
];

/** The packages whose dependencies include all Debian libraries that Node loads. */
export const RUNTIME_PACKAGES: readonly string[] = ["libc6", "libstdc++6"];

/** Every program that the driver runs, sorted. */
export const DRIVER_PROGRAMS: readonly string[] = PACKAGE_CHOICES.flatMap(({ driver }) => driver).toSorted();
