import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { findCommand } from "../../scripts/child/find-command.ts";
import { runCommand } from "../../scripts/child/run-command.ts";
import { buildOnce } from "../../testbed/build/build-once.ts";
import { debianPart } from "../../testbed/build/debian-part.ts";

/** A user namespace and a mount namespace of its own, in which a process is root. */
const NAMESPACES = ["--user", "--map-root-user", "--mount", "--propagation", "private"] as const;
/** Since Linux 6.7 a user namespace has its own binfmt_misc: the machine's stays as it is. */
const MOUNT_BINFMT = "mount -t binfmt_misc binfmt_misc /proc/sys/fs/binfmt_misc";
/**
 * How the kernel recognizes a 64-bit program of the machine AArch64, with the interpreter opened at once
 * (F), so that it need not exist below a changed root: binfmt_misc in the kernel's administration guide. The
 * fields are those of the ELF header up to `e_machine`; the mask leaves out the ABI and lets `e_type` be
 * ET_EXEC or ET_DYN.
 */
const MAGIC = String.raw`\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00`;
const MASK = String.raw`\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff`;

/** Why an image for arm64 can't be run on this machine; undefined if it can. */
export async function reasonAgainstEmulation(): Promise<string | undefined> {
  if (process.platform !== "linux" || process.arch !== "x64")
    return `emulation needs Linux on x64, this is ${process.platform} on ${process.arch}`;
  for (const command of ["apt-get", "dpkg", "flock", "unshare"]) {
    if ((await findCommand(command)) === undefined)
      return `QEMU and the image are made of Debian's packages, and ${command} is missing here`;
  }
  if (!/^ID=debian$/mu.test(await readFile("/etc/os-release", "utf8").catch(() => "")))
    return "the packages for arm64 come from Debian's servers, which other distributions do not ask";
  if (process.getuid?.() !== 0) return "not root: chroot and mounts need it";
  const { code, output } = await runCommand("unshare", [...NAMESPACES, "sh", "-euc", MOUNT_BINFMT], {
    cwd: "/",
  });
  return code === 0
    ? undefined
    : `no user namespace here has a binfmt_misc of its own, as since Linux 6.7: ${output.trim()}`;
}

/** QEMU's program that runs one of arm64 as a process of this machine. */
export async function userEmulator(signal: AbortSignal): Promise<string> {
  const part = await debianPart({ name: "user-emulator", packages: ["qemu-user-static"] });
  return join(await buildOnce(part, (line) => console.log(line), signal), "usr/bin/qemu-aarch64-static");
}

/**
 * The command that starts a program of an image for arm64, to which arguments are added: in a user namespace
 * of its own, as its root, with the image as a read-only root file system. As in a container, a name for
 * this machine comes from outside. `shared` has the same path inside and outside. It is one process, which
 * takes the signals of its starter.
 */
export function emulatedCommand({
  emulator,
  root,
  shared,
  program,
}: {
  readonly emulator: string;
  readonly root: string;
  readonly shared: string;
  readonly program: string;
}): readonly [string, ...string[]] {
  const prepare = `
emulator=$1 root=$2 shared=$3
shift 3
${MOUNT_BINFMT}
printf '%s' '${`:arm64:M::${MAGIC}:${MASK}:`}'"$emulator:F" > /proc/sys/fs/binfmt_misc/register
mount --bind "$root" "$root"
for folder in dev proc sys; do mount --rbind "/$folder" "$root/$folder"; done
for folder in tmp run; do mount -t tmpfs "$folder" "$root/$folder"; done
mkdir -p "$root$shared"
mount --bind "$shared" "$root$shared"
echo 127.0.0.1 localhost > "$root/etc/hosts"
mount -o remount,bind,ro "$root"
exec chroot "$root" /usr/bin/env -u NODE_EXTRA_CA_CERTS PATH=/usr/local/bin:/usr/sbin:/usr/bin "$@"`;
  return ["unshare", ...NAMESPACES, "sh", "-euc", prepare, "sh", emulator, root, shared, program];
}
