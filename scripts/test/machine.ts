import { findCommand } from "../child/find-command.ts";
import { runCommand } from "../child/run-command.ts";

/** The test requirements that this machine meets. */
export interface Machine {
  readonly isRoot: boolean;
  readonly hasGo: boolean;
  /** Whether a skip counts as a failure: `CI=true`, as root, with Go. */
  readonly isComplete: boolean;
}

/** A Debian package and the command that shows whether it is installed. */
interface NeededPackage {
  readonly command: string;
  readonly package: string;
}

const NEEDED_PACKAGES: readonly NeededPackage[] = [
  { command: "mkfs.ext4", package: "e2fsprogs" },
  { command: "resize2fs", package: "e2fsprogs" },
  { command: "mkfs.xfs", package: "xfsprogs" },
  { command: "mkfs.btrfs", package: "btrfs-progs" },
  { command: "blkid", package: "util-linux" },
  { command: "fsfreeze", package: "util-linux" },
  { command: "flock", package: "util-linux" },
  { command: "nsenter", package: "util-linux" },
  { command: "unshare", package: "util-linux" },
  { command: "ip", package: "iproute2" },
  { command: "jq", package: "jq" },
  { command: "losetup", package: "mount" },
  { command: "mount", package: "mount" },
  { command: "openssl", package: "openssl" },
];
const INSTALL_TIMEOUT_MS = 600_000;

/** Reads user, tools and environment; changes nothing. */
export async function inspectMachine(): Promise<Machine> {
  const isRoot = process.getuid?.() === 0;
  const hasGo = await hasCommand("go");
  return { isRoot, hasGo, isComplete: process.env["CI"] === "true" && isRoot && hasGo };
}

/**
 * Installs missing Debian packages that tests and labs need. Returns in words what it did or could not do.
 */
export async function installMissingPackages(machine: Machine, root: string): Promise<string> {
  const present = await Promise.all(NEEDED_PACKAGES.map(async ({ command }) => hasCommand(command)));
  const missing = [
    ...new Set(NEEDED_PACKAGES.filter((_, index) => present[index] !== true).map((needed) => needed.package)),
  ];
  if (missing.length === 0) return "every system tool is installed";
  const names = missing.join(" ");
  if (!machine.isRoot) return `not root, so these are not installed: ${names}; what needs them can't run`;
  if (!(await hasCommand("apt-get")))
    return `no apt-get here: install ${names} by hand; what needs them can't run`;

  const install = async (): Promise<boolean> => {
    const { code } = await runCommand(
      "apt-get",
      ["install", "-y", "-qq", "--no-install-recommends", ...missing],
      {
        cwd: root,
        env: { DEBIAN_FRONTEND: "noninteractive" },
        timeoutMs: INSTALL_TIMEOUT_MS,
      },
    );
    return code === 0;
  };
  if (await install()) return `installed with apt-get: ${names}`;
  await runCommand("apt-get", ["update", "-qq"], { cwd: root, timeoutMs: INSTALL_TIMEOUT_MS });
  return (await install())
    ? `installed with apt-get: ${names}`
    : `apt-get could not install ${names}; what needs them can't run`;
}

async function hasCommand(command: string): Promise<boolean> {
  return (await findCommand(command)) !== undefined;
}
