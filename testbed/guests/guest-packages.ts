import type { DebianPackages } from "../build/debian-part.ts";

/** QEMU, and the program that writes the guests' root file system, with all libraries. */
export const EMULATOR_PACKAGES: DebianPackages = {
  name: "guest-emulator",
  packages: ["qemu-system-x86", "e2fsprogs"],
  dependencies: "all",
};

/**
 * The guests' kernel, busybox for their start, and what a node has of tools: those that the driver runs.
 * The kernel is the one of cloud images, of which only the drivers for virtual machines are built.
 */
export const SYSTEM_PACKAGES: DebianPackages = {
  name: "guest-system",
  packages: [
    "linux-image-cloud-amd64",
    "busybox-static",
    "btrfs-progs",
    "coreutils",
    "dash",
    "e2fsprogs",
    "grep",
    "libstdc++6",
    "mount",
    "util-linux",
    "xfsprogs",
  ],
  dependencies: "all",
};

/**
 * The kernel modules that a guest loads when it starts, with those that they depend on: its own disk,
 * the channels to its owner, and the disks under test with their file systems.
 */
export const GUEST_MODULES: readonly string[] = [
  "virtio_pci",
  "virtio_blk",
  "virtio_console",
  "virtio_scsi",
  "sd_mod",
  "xfs",
  "btrfs",
];
