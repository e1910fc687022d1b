import type { Stats } from "node:fs";
import { lstat } from "node:fs/promises";
import { basename, dirname } from "node:path";
import { deviceBusy } from "../../../core/failure/frequent-failures.ts";
import type { Result } from "../../../core/failure/result.ts";
import { ok } from "../../../core/failure/result.ts";
import {
  planPlaceholder,
  placeholderOptions,
  placeholderSource,
} from "../../../core/node/placeholder-mount.ts";
import { undefinedIfUnknown } from "../../../core/primitives/error-code.ts";
import { callIn } from "../call-lane.ts";
import { commandFailed } from "../command/command-failed.ts";
import { mounting } from "../command/device-commands.ts";
import type { HostContext } from "../host-context.ts";
import { canonicalPath } from "./canonical-path.ts";
import { readMountinfo } from "./read-mountinfo.ts";
import { glanceAtCanonical } from "./read-mounts.ts";
import { awaitCommandsOn, unmountOnce } from "./unmount-path.ts";

/** More than any stack of mounts on one path takes. */
const stepsMax = 20;

/**
 * Mounts a placeholder beneath what is mounted at `$1`/`$2`, without the system call for that, which
 * only Linux 6.5 has. A mount at the same directory of a clone of its parent mount is propagated to the
 * parent, and propagation puts it under what is there (since Linux 4.11). The clone is in a mount
 * namespace of its own, on a mount that is private there, and ends with it; the end of a namespace is
 * not propagated.
 */
const mountBeneath = `mount --make-private /proc
mount --bind "$1" /proc/fs
mount -t tmpfs -o ${placeholderOptions} ${placeholderSource} "/proc/fs/$2"`;

/** See `HostProvisioner.mountPlaceholder`. */
export async function mountPlaceholder(
  host: HostContext,
  givenPath: string,
  signal: AbortSignal,
): Promise<Result<void>> {
  const path = await canonicalPath(host, givenPath);
  let hasTriedBeneath = false;
  for (let steps = 0; steps < stepsMax; steps += 1) {
    const settled = await awaitCommandsOn(host, path, signal);
    if (!settled.ok) return settled;
    const step = planPlaceholder(await readMountinfo(host.procRoot), path, hasTriedBeneath);
    if (step === "done") return ok(undefined);
    const ran = await runStep(host, path, step, signal);
    if (!ran.ok) return ran;
    if (ran.value === "nothing to cover") return ok(undefined);
    hasTriedBeneath ||= step === "mountBeneath";
  }
  return deviceBusy(path, `mounts keep coming to ${path}: unmount them by hand`);
}

async function runStep(
  host: HostContext,
  path: string,
  step: "mount" | "mountBeneath" | "unmount",
  signal: AbortSignal,
): Promise<Result<"done" | "nothing to cover">> {
  switch (step) {
    case "mount": {
      // If the directory was removed, its remover waits for nothing there, and a recreated one would be
      // left over. One of a root disk that has shut down answers every container with I/O errors.
      if ((await look(host, path))?.isDirectory() !== true) return ok("nothing to cover");
      const mountArgs = ["-t", "tmpfs", "-o", placeholderOptions, placeholderSource, path];
      const command = mounting(host, "mount", mountArgs, [path]);
      const exit = await host.runner.run(command, signal);
      if (!exit.ok) return exit;
      return exit.value.exitCode === 0 ? ok("done") : commandFailed(command, exit.value);
    }
    case "mountBeneath": {
      const args = [
        "--mount",
        "--propagation",
        "unchanged",
        "sh",
        "-ec",
        mountBeneath,
        "sh",
        dirname(path),
        basename(path),
      ];
      const exit = await host.runner.run(mounting(host, "unshare", args, [path]), signal);
      // Mountinfo, which is read next, shows whether it worked. Without it the directory shows for a
      // moment, which is better than a node that never becomes clean.
      return exit.ok ? ok("done") : exit;
    }
    case "unmount": {
      const mount = await glanceAtCanonical(host, path);
      const ended = mount === undefined ? ok(undefined) : await unmountOnce(host, mount, signal);
      return ended.ok ? ok("done") : ended;
    }
  }
}

async function look({ lookups }: HostContext, path: string): Promise<Stats | undefined> {
  return await callIn(lookups, `lstat ${path}`, () => lstat(path)).catch(undefinedIfUnknown);
}
