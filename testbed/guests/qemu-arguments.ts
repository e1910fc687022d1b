import { join } from "node:path";
import { debianProgram, LIBRARY_FOLDERS } from "./debian-program.ts";
import type { GuestParts } from "./guest-parts.ts";

/** A disk of a guest: a SCSI disk, on a file of its owner. */
export interface GuestDisk {
  readonly lun: number;
  readonly file: string;
}

/** The ends of QEMU's channels, as numbers of inherited descriptors. */
export interface GuestChannels {
  readonly monitor: number;
  readonly console: number;
  readonly output: number;
  readonly exitCode: number;
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
  }: { readonly initrd: string; readonly disks: readonly GuestDisk[]; readonly channels: GuestChannels },
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
    // Written to, but forgotten with the guest.
    ...["-drive", `if=virtio,format=raw,snapshot=on,file=${join(system, "root.ext4")}`],
    ...["-device", "virtio-scsi-pci,id=scsi"],
    ...disks.flatMap(({ lun, file }) => [
      ...["-drive", `if=none,id=${driveName(lun)},format=raw,file=${file}`],
      ...["-device", `scsi-hd,bus=scsi.0,lun=${lun},drive=${driveName(lun)}`],
    ]),
  ];
  const modules = LIBRARY_FOLDERS.map((folder) => join(emulator, folder, "qemu")).at(-1) ?? "";
  return {
    command: [...debianProgram(emulator, machine.program), ...args],
    env: { QEMU_MODULE_DIR: modules },
  };
}
