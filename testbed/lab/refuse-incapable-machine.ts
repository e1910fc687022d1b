import { readFile } from "node:fs/promises";
import { findCommand } from "../../scripts/child/find-command.ts";
import { dataPlaneAvailable } from "../../src/emulator/data-plane/data-plane-available.ts";
import { run } from "./units/run.ts";

/** The commands that a lab runs, with the Debian packages that contain them. */
const COMMANDS = {
  bash: "bash",
  ip: "iproute2",
  flock: "util-linux",
  unshare: "util-linux",
  nsenter: "util-linux",
  pivot_root: "util-linux",
  mount: "mount",
  losetup: "mount",
} as const;

/** Why a lab can't run on this machine; `undefined` if it can. */
export async function reasonAgainstLab(): Promise<string | undefined> {
  const devices = dataPlaneAvailable();
  if (!devices.available) return `a lab ${devices.reason}`;
  const found = await Promise.all(
    Object.keys(COMMANDS).map(async (command) => [command, await findCommand(command)] as const),
  );
  const missing = found
    .filter(([, path]) => path === undefined)
    .map(([command]) => command as keyof typeof COMMANDS);
  if (missing.length > 0) {
    const packages = [...new Set(missing.map((command) => COMMANDS[command]))].join(" ");
    return `a lab needs ${missing.join(", ")}: apt-get install ${packages}`;
  }
  if ((await findCommand("go")) === undefined)
    return "a lab needs Go, to build Kubernetes with: https://go.dev/dl";
  try {
    await run(["unshare", "--mount", "--pid", "--net", "--uts", "--ipc", "--fork", "true"]);
  } catch (error) {
    return (
      `a lab needs namespaces, which this machine refuses: ` +
      `${error instanceof Error ? error.message : String(error)}`
    );
  }
  if (!/\toverlay$/mu.test(await readFile("/proc/filesystems", "utf8")))
    return "a lab needs overlay file systems for its containers: modprobe overlay";
  return undefined;
}

/** Throws, with what is missing, if a lab can't run on this machine. */
export async function refuseIncapableMachine(): Promise<void> {
  const reason = await reasonAgainstLab();
  if (reason !== undefined) throw new Error(reason);
}
