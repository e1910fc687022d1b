import {
  copyFile,
  cp,
  mkdir,
  readdir,
  readFile,
  realpath,
  rm,
  symlink,
  truncate,
  writeFile,
} from "node:fs/promises";
import { basename, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import type { ImageLayers } from "../../deploy/image/build-image.ts";
import { IMAGE_PATHS } from "../../deploy/image/launcher.ts";
import { unpackLayers } from "../../deploy/image/unpack-layers.ts";
import { runCommand } from "../../scripts/child/run-command.ts";
import { hashInputs } from "../build/hash-inputs.ts";
import type { Part } from "../build/part.ts";
import { cpioArchive } from "./cpio.ts";
import { debianProgram } from "./debian-program.ts";
import { GUEST_MODULES } from "./guest-packages.ts";
import { moduleOrder } from "./module-order.ts";

const SOURCES = ["init.sh", "guest-system-part.ts", "guest-packages.ts", "cpio.ts", "module-order.ts"];
/** What packages have and no program in a guest reads. */
const LEFT_OUT: readonly string[] = ["boot", "lib/modules", "usr/share"];
const FOLDERS: readonly string[] = ["dev", "proc", "sys", "run", "tmp", "var/lib/kubelet"];
/** The file is sparse: the size only has to be enough. */
const ROOT_BYTES = 1024 * 1024 * 1024;
const PROGRAM_MODE = 0o755;
const FILE_MODE = 0o644;
const COMMAND_TIMEOUT_MS = 600_000;

/** What guests are made of. */
export interface GuestSource {
  readonly name: string;
  /** The folder of unpacked packages with QEMU, and with what writes the files for this machine. */
  readonly emulator: string;
  /** The folder of unpacked packages with the guest's kernel. */
  readonly packages: string;
  /** The root file system. Default: the packages, with this Node. */
  readonly image: ImageLayers | undefined;
}

/**
 * The system of a guest as a part: Debian's kernel as `vmlinuz`; a first stage as `initrd`, which loads
 * modules and runs a program; and a root file system as `root.ext4`, with Debian's tools and Node.
 */
export async function guestSystemPart(source: GuestSource): Promise<Part> {
  const { name, emulator, packages, image } = source;
  const sources = await Promise.all(
    SOURCES.map(async (file) => [file, await readFile(sourceFile(file))] as const),
  );
  return {
    name,
    key: hashInputs({
      emulator,
      packages,
      root: image?.key ?? process.version,
      ...Object.fromEntries(sources),
    }),
    async build(target, tell, signal) {
      const modules = join(packages, "lib/modules");
      const [version, ...others] = await readdir(modules);
      if (version === undefined || others.length > 0) throw new Error("expected one kernel in its package");
      await copyFile(join(packages, "boot", `vmlinuz-${version}`), join(target, "vmlinuz"));
      tell("writing the first stage");
      const depmod = join(emulator, "bin/busybox");
      const dependencies = await run([depmod, "depmod", "-n", "-b", packages, version], signal);
      const files = moduleOrder(dependencies, GUEST_MODULES).map((file) => join(modules, version, file));
      await writeFile(join(target, "initrd"), await firstStage(join(packages, "bin/busybox"), files));
      tell("writing the root file system");
      await writeRoot(target, source, signal);
    },
  };
}

async function firstStage(busybox: string, modules: readonly string[]): Promise<Uint8Array> {
  const file = async (
    path: string,
    source: string,
    mode: number,
  ): Promise<Parameters<typeof cpioArchive>[1][number]> => ({ path, mode, content: await readFile(source) });
  // The kernel's first process loads them in the order of their names.
  const numbered = modules.map(
    (source, index) => [`modules/${String(index).padStart(3, "0")}-${basename(source)}`, source] as const,
  );
  return cpioArchive(
    ["bin", "dev", "proc", "sys", "system", "modules"],
    [
      await file("init", sourceFile("init.sh"), PROGRAM_MODE),
      await file("bin/busybox", busybox, PROGRAM_MODE),
      ...(await Promise.all(numbered.map(([path, source]) => file(path, source, FILE_MODE)))),
    ],
  );
}

async function writeRoot(
  target: string,
  { emulator, packages, image: layers }: GuestSource,
  signal: AbortSignal,
): Promise<void> {
  const root = join(target, ".root");
  if (layers === undefined) await copyPackages(packages, root);
  else {
    await unpackLayers([layers.system], root);
    await symlink(relative("usr/bin", IMAGE_PATHS.node), join(root, "usr/bin/node"));
  }
  for (const folder of FOLDERS) await mkdir(join(root, folder), { recursive: true });
  const image = join(target, "root.ext4");
  await writeFile(image, "");
  await truncate(image, ROOT_BYTES);
  await run([...debianProgram(emulator, "sbin/mke2fs"), "-q", "-F", "-t", "ext4", "-d", root, image], signal);
  await rm(root, { recursive: true });
}

async function copyPackages(packages: string, root: string): Promise<void> {
  await cp(packages, root, {
    recursive: true,
    verbatimSymlinks: true,
    filter: (path) => !LEFT_OUT.includes(relative(packages, path)),
  });
  await copyFile(await realpath(process.execPath), join(root, "usr/bin/node"));
  // Debian's installation scripts would make these.
  await rm(join(root, "bin/sh"), { force: true });
  await symlink("dash", join(root, "bin/sh"));
  await symlink("../proc/self/mounts", join(root, "etc/mtab"));
}

async function run([command, ...args]: readonly [string, ...string[]], signal: AbortSignal): Promise<string> {
  const { code, output } = await runCommand(command, args, {
    cwd: "/",
    timeoutMs: COMMAND_TIMEOUT_MS,
    signal,
  });
  signal.throwIfAborted();
  if (code !== 0) throw new Error(`${command} ${args.join(" ")}: ${output.trim()}`);
  return output;
}

function sourceFile(name: string): string {
  return fileURLToPath(new URL(name, import.meta.url));
}
