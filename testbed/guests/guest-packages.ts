import type { Architecture } from "../../deploy/image/binaries/architecture.ts";
import type { DebianPackages } from "../build/debian-part.ts";

/** A kind of machine that guests are. */
export interface GuestMachine {
  /** QEMU, and for this machine the programs that write the guests' files, with all libraries. */
  readonly emulator: DebianPackages;
  /** The guests' kernel, and busybox for their start. */
  readonly system: DebianPackages;
  /**
   * What has the tools of a node: those packages, or the driver's image for that architecture, and so also
   * its Node.
   */
  readonly root: "packages" | "image";
  /** QEMU's program, in the folder of its packages. */
  readonly program: string;
  /** The machine: without KVM, which few sandboxes have, and none for another architecture. */
  readonly machine: readonly string[];
  /** Options of the kernel that only this machine's has. */
  readonly kernelOptions: string;
}

/**
 * By architecture. The kernels are those of cloud images, of which only the drivers for virtual machines are
 * built. The clock of an emulated PC is checked in vain.
 */
export const GUEST_MACHINES: Readonly<Record<Architecture, GuestMachine>> = {
  x64: {
    emulator: {
      name: "guest-emulator",
      packages: ["qemu-system-x86", "qemu-block-extra", "e2fsprogs", "busybox-static"],
      dependencies: "all",
    },
    system: {
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
        "sg3-utils",
        "util-linux",
        "xfsprogs",
      ],
      dependencies: "all",
    },
    root: "packages",
    program: "usr/bin/qemu-system-x86_64",
    machine: ["-machine", "pc,accel=tcg"],
    kernelOptions: "console=ttyS0 tsc=reliable no_timer_check",
  },
  arm64: {
    emulator: {
      name: "guest-emulator-arm64",
      packages: ["qemu-system-arm", "e2fsprogs", "busybox-static"],
      dependencies: "all",
    },
    system: {
      name: "guest-system-arm64",
      packages: ["linux-image-cloud-arm64", "busybox-static"],
      dependencies: "all",
      architecture: "arm64",
    },
    root: "image",
    program: "usr/bin/qemu-system-aarch64",
    machine: ["-machine", "virt,accel=tcg", "-cpu", "cortex-a72"],
    kernelOptions: "console=ttyAMA0",
  },
};

/**
 * The kernel modules that a guest loads when it starts, with those that they depend on: its own disk,
 * the channels to its owner, the disks under test with their file systems, and what serves a disk to others.
 */
export const GUEST_MODULES: readonly string[] = [
  "virtio_pci",
  "virtio_blk",
  "virtio_console",
  "virtio_scsi",
  "sd_mod",
  "xfs",
  "btrfs",
  "virtio_net",
  "target_core_iblock",
  "iscsi_target_mod",
];
