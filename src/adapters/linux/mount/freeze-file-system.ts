import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { constants } from "node:fs";
import { readFile } from "node:fs/promises";
import type { FileHandle } from "node:fs/promises";
import { Socket } from "node:net";
import { join } from "node:path";
import type { Writable } from "node:stream";
import { text } from "node:stream/consumers";
import type { Failure } from "../../../core/failure/failure.ts";
import { deviceBusy, hostCommandFailed, wrongDevice } from "../../../core/failure/frequent-failures.ts";
import { invariant } from "../../../core/failure/invariant.ts";
import type { Result } from "../../../core/failure/result.ts";
import { fail, ok } from "../../../core/failure/result.ts";
import { majorMinorOf } from "../../../core/node/device/device-number.ts";
import type { HostProvisioner } from "../../../ports/host/host-provisioner.ts";
import { unmounting } from "../command/device-commands.ts";
import { commandEnvironment } from "../command/spawn-child.ts";
import { waitWithin } from "../command/wait-within.ts";
import { openDevice } from "../device/open-device.ts";
import type { HostContext, LiveFreeze } from "../host-context.ts";
import { canonicalPath } from "./canonical-path.ts";
import { answerLateLoss, writesLost } from "./flush-path.ts";
import { glanceAtMount, identified } from "./read-mounts.ts";
import type { ObservedMount } from "./read-mounts.ts";

const MS_PER_SECOND = 1000;
/** The holder's exit codes. Each other one says that nothing is known of the file system. */
const HELD = 0;
const NOT_FROZEN = 3;
const THAWED = 4;
/** It could not be opened for the thaw, or something else has thawed it. */
const NOT_THAWED = 5;
const thawed = Promise.resolve(THAWED);

/**
 * Freezes what descriptor 3 leads to, reports it, and thaws it at the end of its input or after `$1`
 * seconds. Writes wait from the freeze on, so what can be on the disk before is. While it freezes it is
 * asked to end, never killed: a freeze that ends in the kernel after its thaw would stay. Nor is its flush,
 * which would end in the kernel without a word of what is lost. Descriptor 5 leads to another process that
 * can thaw it.
 */
const HOLDER = `
trap : HUP INT PIPE TERM
limit=$1
read -r began _ </proc/uptime
has_time() {
  read -r now _ </proc/uptime
  left=$((limit - (\${now%%.*} - \${began%%.*})))
  [ $left -gt 0 ]
}
sync --file-system /proc/self/fd/3 && has_time || exit ${NOT_FROZEN}
timeout "$left" fsfreeze --freeze /proc/self/fd/3
frozen=$?
[ $frozen = 1 ] && exit ${NOT_FROZEN}
code=${THAWED}
if [ $frozen = 0 ]; then
  echo frozen
  has_time && timeout "$left" cat >/dev/null && code=${HELD}
fi
fsfreeze --unfreeze /proc/self/fd/3 || { echo thaw >&5; exit ${NOT_THAWED}; }
exit $code
`;

/** Freezes the file system that is mounted at a path. */
export async function freezeFileSystem(
  host: HostContext,
  { path, majorMinor, limitMs }: Parameters<HostProvisioner["freeze"]>[0],
  signal: AbortSignal,
): Promise<Result<void>> {
  const ended = await endFreezeOn(host, majorMinor, signal);
  if (!ended.ok) return ended;
  const found = identified(await glanceAtMount(host, path));
  if (!found.ok) return found;
  const mount = found.value;
  if (mount === undefined) return fail({ kind: "PathNotMounted", path });
  const flags = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;
  const folder = await openDevice(host, { path: mount.path, flags, iflag: "directory,nofollow" }, signal);
  if (!folder.ok) return folder;
  const directory = folder.value;
  try {
    // Of what is open, not of the path: a path may lead to the root of this machine by now.
    const opened = await deviceOpened(host, directory, mount);
    if (opened !== majorMinor)
      return wrongDevice(path, `a file system of device ${opened} is mounted there, not of ${majorMinor}`);
    const late = answerLateLoss(host, mount.path);
    if (!late.ok) return late;
    return await startHolder(host, { directory, mount, majorMinor, limitMs }, signal);
  } finally {
    await directory.close();
  }
}

/** The device of an open directory. A btrfs states none, so there it has to be the observed mount. */
async function deviceOpened(
  { procRoot }: HostContext,
  directory: FileHandle,
  mount: ObservedMount,
): Promise<string> {
  const { dev } = await directory.stat({ bigint: true });
  if (mount.btrfs === undefined) return majorMinorOf(dev);
  const info = await readFile(join(procRoot, `self/fdinfo/${directory.fd}`), "utf8");
  return Number(/^mnt_id:\s*(\d+)$/mu.exec(info)?.[1]) === mount.id ? mount.majorMinor : majorMinorOf(dev);
}

async function startHolder(
  host: HostContext,
  {
    directory,
    mount,
    majorMinor,
    limitMs,
  }: {
    readonly directory: FileHandle;
    readonly mount: ObservedMount;
    readonly majorMinor: string;
    readonly limitMs: number;
  },
  signal: AbortSignal,
): Promise<Result<void>> {
  const { path, source, fsType } = mount;
  const seconds = Math.max(1, Math.floor(limitMs / MS_PER_SECOND));
  const thawer = fsType === "xfs" ? startThawer(host, directory) : undefined;
  // It keeps the lock of this instance: a later one finds nothing clean while it lives.
  const child = spawn("sh", ["-c", HOLDER, "freeze-holder", `${seconds}`], {
    stdio: ["pipe", "pipe", "pipe", directory.fd, host.lock.fd, thawer?.input ?? "ignore"],
    detached: true,
    env: commandEnvironment(),
  });
  // Only the holder has it now: the thawer ends with it.
  thawer?.input.destroy();
  const { stdin, stdout, stderr } = child;
  invariant(stdin !== null && stdout !== null && stderr !== null, "the holder of a freeze has no pipes");
  const problem = text(stderr);
  let hasLeft = false;
  const ended = endOf(child).then(async (code) => {
    if (code !== NOT_THAWED) thawer?.kill();
    const lost = hasLeft && code === NOT_FROZEN ? writesLost(source, (await problem).trim()) : undefined;
    if (lost !== undefined) host.lateLosses.set(path, lost);
    const thawedBy = await thawer?.ended;
    return code === NOT_THAWED && thawedBy === 0 ? THAWED : code;
  });
  // As this process ends, the holder thaws: it waits for no limit.
  child.unref();
  for (const pipe of [stdin, stdout, stderr]) if (pipe instanceof Socket) pipe.unref();
  // Its end, before this process asks for it, closes the pipe: no news.
  stdin.on("error", () => undefined);
  let isEnding = false;
  const end = (): void => {
    isEnding = true;
    stdin.end();
  };
  const freeze: LiveFreeze = { end, isEnding: () => isEnding, ended };
  host.freezes.set(majorMinor, freeze);
  const frozen = new Promise<"frozen">((resolve) => stdout.once("data", () => resolve("frozen")));
  const waited = await waitWithin(Promise.race([frozen, ended]), limitMs, host.clock, signal);
  const exitCode = waited.kind === "done" ? waited.value : null;
  if (exitCode === "frozen") return ok(undefined);
  hasLeft = waited.kind !== "done";
  freeze.end();
  if (waited.kind === "cancelled") return fail({ kind: "Cancelled" });
  const command = `fsfreeze --freeze ${path}`;
  if (waited.kind === "timedOut") return fail({ kind: "HostCommandTimedOut", command, timeoutMs: limitMs });
  const detail = (await problem).trim();
  if (exitCode !== NOT_FROZEN) return hostCommandFailed(command, exitCode, detail);
  const lost = writesLost(source, detail);
  if (lost !== undefined) return fail<Failure>(lost);
  const why = detail === "" ? `within ${seconds} s` : `(${detail})`;
  return deviceBusy(path, `it can't be frozen ${why}`);
}

interface Thawer {
  readonly input: Writable;
  readonly ended: Promise<number | null>;
  readonly kill: () => void;
}

/**
 * Starts a process that thaws the file system once it reads `thaw`. It has it open: an XFS that has shut
 * down, as one does from Linux 6.5 on when its disk goes, opens for no process any more. A process that waits
 * to write to it then ends with a thaw only, and by no signal. It looks at each mount of the machine as it
 * starts, and a network mount may not answer: killed once no thaw is needed, it keeps nothing open.
 */
function startThawer(host: HostContext, directory: FileHandle): Thawer | undefined {
  const thawer = spawn("xfs_io", ["-r", "-x", "/proc/self/fd/3"], {
    stdio: ["pipe", "ignore", "ignore", directory.fd, host.lock.fd],
    detached: true,
    env: commandEnvironment(),
  });
  const ended = endOf(thawer);
  thawer.unref();
  // It could not be started.
  if (thawer.pid === undefined || thawer.stdin === null) return undefined;
  return { input: thawer.stdin, ended, kill: () => thawer.kill("SIGKILL") };
}

function endOf(child: ChildProcess): Promise<number | null> {
  return new Promise((resolve) => {
    child.on("error", () => resolve(null));
    child.on("close", resolve);
  });
}

/** Thaws a file system, and answers whether this process has kept it frozen until now. */
export async function thawFileSystem(
  host: HostContext,
  { path, majorMinor }: Parameters<HostProvisioner["thaw"]>[0],
  signal: AbortSignal,
): Promise<Result<{ readonly held: boolean }>> {
  const hasEndedBefore = host.freezes.get(majorMinor)?.isEnding() === true;
  const ended = await endFreezeOn(host, majorMinor, signal);
  if (!ended.ok) return ended;
  if (ended.value === HELD) return ok({ held: !hasEndedBefore });
  // Nothing of it is left. What is frozen now, another program has frozen.
  if (ended.value === NOT_FROZEN || ended.value === THAWED) return ok({ held: false });
  const found = identified(await glanceAtMount(host, await canonicalPath(host, path)));
  if (!found.ok) return found;
  const mount = found.value;
  if (mount === undefined || mount.majorMinor !== majorMinor) return ok({ held: false });
  const command = unmounting(host, "fsfreeze", ["--unfreeze", mount.path], [majorMinor, mount.path]);
  const exit = await host.runner.run(command, signal);
  if (!exit.ok) return exit;
  // Exit code 1 is the usual answer: it is not frozen.
  host.freezes.set(majorMinor, { end: () => undefined, isEnding: () => true, ended: thawed });
  return ok({ held: false });
}

/**
 * Ends the freeze of a device that this process has made, and answers its holder's exit code. It stays known
 * how it ended: a mark of it that can't be removed must not thaw what another program freezes later.
 */
export async function endFreezeOn(
  host: HostContext,
  majorMinor: string,
  signal: AbortSignal,
): Promise<Result<number | null | undefined>> {
  const freeze = host.freezes.get(majorMinor);
  if (freeze === undefined) return ok(undefined);
  freeze.end();
  const waited = await waitWithin(freeze.ended, host.limits.unmountMs, host.clock, signal);
  if (waited.kind === "done") return ok(waited.value);
  return fail(
    waited.kind === "cancelled"
      ? { kind: "Cancelled" }
      : {
          kind: "HostCommandTimedOut",
          command: `thaw the file system of ${majorMinor}`,
          timeoutMs: host.limits.unmountMs,
        },
  );
}
