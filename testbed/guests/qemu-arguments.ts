import { join } from "node:path";
import { debianProgram, LIBRARY_FOLDERS } from "./debian-program.ts";
import type { GuestParts } from "./guest-parts.ts";

/** A disk of a guest: a SCSI disk, on a file of its owner or on another guest. */
export type GuestDisk = { readonly lun: number } & (
  | { readonly file: string }
  | { readonly sharedDisk: SharedDisk }
);

/** A guest's access to a disk that another guest serves: all its SCSI commands reach that one. */
export interface SharedDisk {
  /** The port of the machine that is forwarded to the guest with the disk. */
  readonly port: number;
  /** Which of those that the disk's guest knows; see `iscsi-target.sh`. */
  readonly initiator: "a" | "b" | "c";
}

/** The ends of QEMU's channels, as numbers of inherited descriptors. */
export interface GuestChannels {
  readonly monitor: number;
  readonly console: number;
  readonly output: number;
  readonly exitCode: number;
  readonly messages: number;
}

/** Node with the driver's node plug-in takes about half of it, in MiB. */
const MEMORY_MIB = 512;
/** A kernel that panics ends the machine. */
const KERNEL_OPTIONS = "quiet panic=-1 mitigations=off audit=0";

/** The name of a disk in QEMU's monitor. */
export function driveName(lun: number): string {
  return `lun${lun}`;
}

/** QEMU's command line and environment for a guest. */
export function qemuArguments(
  { machine, emulator, system }: GuestParts,
  {
    initrd,
    disks,
    channels,
    servedAtPort,
  }: {
    readonly initrd: string;
    readonly disks: readonly GuestDisk[];
    readonly channels: GuestChannels;
    readonly servedAtPort: number | undefined;
  },
): { readonly command: readonly [string, ...string[]]; readonly env: Readonly<Record<string, string>> } {
  const share = join(emulator, "usr/share");
  const args = [
    ...["-L", join(share, "qemu"), "-L", join(share, "seabios")],
    ...[...machine.machine, "-m", String(MEMORY_MIB), "-smp", "1"],
    ...["-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"],
    ...["-kernel", join(system, "vmlinuz"), "-initrd", initrd, "-append"],
    `${machine.kernelOptions} ${KERNEL_OPTIONS}`,
    ...Object.entries(channels).flatMap(([name, fd]) => ["-chardev", `socket,id=${name},fd=${fd}`]),
    ...["-mon", "chardev=monitor,mode=control", "-serial", "chardev:console"],
    ...["-device", "virtio-serial-pci"],
    ...["-device", "virtserialport,nr=1,chardev=output"],
    ...["-device", "virtserialport,nr=2,chardev=exitCode"],
    ...["-device", "virtserialport,nr=3,chardev=messages"],
    // Written to, but forgotten with the guest.
    ...["-drive", `if=virtio,format=raw,snapshot=on,file=${join(system, "root.ext4")}`],
    ...["-device", "virtio-scsi-pci,id=scsi"],
    ...disks.flatMap((disk) => {
      const isOwn = "file" in disk;
      const drive = driveName(disk.lun);
      return [
        ...(isOwn
          ? ["-drive", `if=none,id=${drive},format=raw,file=${disk.file}`]
          : ["-blockdev", iscsiDrive(disk.lun, disk.sharedDisk)]),
        ...[
          "-device",
          `${isOwn ? "scsi-hd" : "scsi-block,share-rw=on"},bus=scsi.0,lun=${disk.lun},drive=${drive}`,
        ],
      ];
    }),
    ...(servedAtPort === undefined
      ? []
      : [
          ...["-netdev", `user,id=net,restrict=on,hostfwd=tcp:127.0.0.1:${servedAtPort}-:3260`],
          ...["-device", "virtio-net-pci,netdev=net,romfile="],
        ]),
  ];
  const modules = LIBRARY_FOLDERS.map((folder) => join(emulator, folder, "qemu")).at(-1) ?? "";
  return {
    command: [...debianProgram(emulator, machine.program), ...args],
    env: { QEMU_MODULE_DIR: modules },
  };
}

function iscsiDrive(lun: number, { port, initiator }: SharedDisk): string {
  return JSON.stringify({
    driver: "iscsi",
    "node-name": driveName(lun),
    transport: "tcp",
    portal: `127.0.0.1:${port}`,
    target: "iqn.2026-11.test:disk",
    lun: 0,
    "initiator-name": `iqn.2026-11.test:${initiator}`,
    cache: { direct: true },
  });
}
