import { mkdir, open } from "node:fs/promises";
import { dirname } from "node:path";
import type { Failure } from "../../../core/failure/failure.ts";
import { fileSystemBroken, hostNotReady, stagedReadOnly } from "../../../core/failure/frequent-failures.ts";
import type { Result } from "../../../core/failure/result.ts";
import { fail, ok } from "../../../core/failure/result.ts";
import { bindMountOptions, isStagedReadOnly } from "../../../core/node/mount-options.ts";
import { mountContaining } from "../../../core/node/parse-mountinfo.ts";
import { hasCode } from "../../../core/primitives/error-code.ts";
import type { HostProvisioner } from "../../../ports/host/host-provisioner.ts";
import { callIn } from "../call-lane.ts";
import { runToSuccess } from "../command/command-failed.ts";
import { mounting } from "../command/device-commands.ts";
import type { HostContext } from "../host-context.ts";
import { canonicalPath } from "./canonical-path.ts";
import { endFreezeOn } from "./freeze-file-system.ts";
import { readMountinfo } from "./read-mountinfo.ts";
import { glanceAtMount, identified } from "./read-mounts.ts";
import { refuseLink } from "./refuse-link.ts";
import { unmountOnce } from "./unmount-path.ts";

const directoryMode = 0o750;
const fileMode = 0o640;

interface Bind {
  readonly kind: "folder" | "device";
  readonly source: string;
  readonly targetPath: string;
  readonly majorMinor: string;
  readonly inherited: readonly string[];
  readonly mountFlags: readonly string[];
  readonly readOnly: boolean;
}

/** Binds a live mount to another path, making the directory. */
export async function bindMount(
  host: HostContext,
  request: Parameters<HostProvisioner["bindMount"]>[0],
  signal: AbortSignal,
): Promise<Result<void>> {
  // The direct read that shows a recent detach costs as much as the bind; a publish has just had it
  // from `mountAt`.
  const found = identified(await glanceAtMount(host, request.stagingPath));
  if (!found.ok) return found;
  const staged = found.value;
  if (staged === undefined) return fail({ kind: "PathNotMounted", path: request.stagingPath });
  if (staged.whyDead !== undefined)
    return fileSystemBroken(
      staged.source,
      `the mount at ${staged.path} is dead (${staged.whyDead}): stage the volume again`,
    );
  // Kubelet writes next, and a pod waits for it.
  const ended = await endFreezeOn(host, staged.majorMinor, signal);
  if (!ended.ok) return ended;
  const targetPath = await canonicalPath(host, request.targetPath);
  const isPath = await refuseLink(host, targetPath);
  if (!isPath.ok) return isPath;
  await callIn(host.changes, `mkdir ${targetPath}`, () => mkdirUnlessMounted(targetPath));
  return await bind(
    host,
    {
      kind: "folder",
      source: staged.path,
      targetPath,
      majorMinor: staged.majorMinor,
      inherited: staged.options,
      mountFlags: request.mountFlags,
      readOnly: request.readOnly,
    },
    signal,
  );
}

/**
 * Binds a device's node to a file, creating the file. Read-only can't be enforced here: the mount is,
 * but Linux lets a device be written through a node on a read-only mount; the container runtime has to
 * withhold write access, as kubelet asks it to.
 */
export async function bindDevice(
  host: HostContext,
  request: Parameters<HostProvisioner["bindDevice"]>[0],
  signal: AbortSignal,
): Promise<Result<void>> {
  const { device, readOnly } = request;
  const targetPath = await canonicalPath(host, request.targetPath);
  const isPath = await refuseLink(host, targetPath);
  if (!isPath.ok) return isPath;
  await callIn(host.changes, `create ${targetPath}`, () => makeFile(targetPath));
  return await bind(
    host,
    {
      kind: "device",
      source: device.path,
      targetPath,
      majorMinor: device.majorMinor,
      inherited: ["rw"],
      mountFlags: [],
      readOnly,
    },
    signal,
  );
}

/**
 * Binds `$1` to `$2` with the options `$3`, which the bind has before it is at `$2`. The kernel ignores
 * options on a bind, and a remount is not propagated: in the namespaces that get a copy of the bind, such as
 * the machine's own, it would stay writable. The bind is made in a mount namespace of its own, on a mount
 * that is private there, and moved, which propagates it as it is. The end of a namespace is not propagated.
 */
const bindAsIs = `mount --make-private /proc
mount --bind "$1" /proc/fs
mount -o "remount,bind,$3" /proc/fs
mount --move /proc/fs "$2"`;

async function bind(host: HostContext, request: Bind, signal: AbortSignal): Promise<Result<void>> {
  const bound = await bindOnce(host, request, signal);
  if (!bound.ok) return bound;
  // A second step sets the options where the first one has not. A call that finds only the first one done
  // does the second.
  const options = optionsFor(request, bound.value);
  return options === undefined
    ? ok(undefined)
    : await runMount(
        host,
        request,
        ["-o", ["remount", "bind", ...options].join(","), request.targetPath],
        signal,
      );
}

/**
 * Ends a bind of anything but the volume. mount(8) binds what its path leads to as it runs, and that may be
 * a bare directory by then: a pod would write to the node's own disk.
 */
async function keepIfOfVolume(
  host: HostContext,
  { source, targetPath, majorMinor }: Bind,
  signal: AbortSignal,
): Promise<Result<void>> {
  const found = identified(await glanceAtMount(host, targetPath));
  if (!found.ok) return found;
  const made = found.value;
  if (made?.majorMinor === majorMinor) return ok(undefined);
  const ended = made === undefined ? ok(undefined) : await unmountOnce(host, made, signal);
  if (!ended.ok) return ended;
  const instead = made === undefined ? "nothing" : `${made.root} of ${made.majorMinor}`;
  const problem = `led to ${instead}, not to the volume (${majorMinor})`;
  return hostNotReady(`as ${source} was bound to ${targetPath}, it ${problem}`);
}

/** Makes the bind unless it exists, and returns its present options. */
async function bindOnce(
  host: HostContext,
  request: Bind,
  signal: AbortSignal,
): Promise<Result<readonly string[]>> {
  const found = identified(await glanceAtMount(host, request.targetPath));
  if (!found.ok) return found;
  const present = found.value;
  // A placeholder stays below: without it the directory would show for a moment.
  if (present === undefined || present.isPlaceholder) {
    if (request.inherited.includes("ro") && !isStagedReadOnly(request)) return stagedReadOnly(request.source);
    const options = optionsFor(request, request.inherited);
    if (options !== undefined && request.kind === "folder" && (await isPropagatedFrom(host, request))) {
      const bound = await bindInNamespace(host, request, options, signal);
      const kept = bound.ok ? await keepIfOfVolume(host, request, signal) : bound;
      return kept.ok ? ok([...request.inherited, ...options]) : kept;
    }
    const bound = await runMount(host, request, ["--bind", request.source, request.targetPath], signal);
    const kept = bound.ok ? await keepIfOfVolume(host, request, signal) : bound;
    return kept.ok ? ok(request.inherited) : kept;
  }
  const refuse = (problem: string) =>
    fail<Failure>({ kind: "MountedOtherwise", path: request.targetPath, problem });
  if (present.majorMinor !== request.majorMinor)
    return refuse(`already holds a mount of ${present.root} on ${present.source} (${present.majorMinor})`);
  if (present.whyDead !== undefined) return refuse(`holds a dead mount (${present.whyDead})`);
  if (present.options.includes("ro") && !request.readOnly && !request.inherited.includes("ro"))
    return refuse("is mounted read-only, but read-write is requested");
  return ok(present.options);
}

function optionsFor(
  { mountFlags, readOnly }: Bind,
  inherited: readonly string[],
): readonly string[] | undefined {
  return bindMountOptions({ inherited, mountFlags, readOnly });
}

/** Whether a mount at the target comes to other mount namespaces as well. */
async function isPropagatedFrom({ procRoot }: HostContext, { targetPath }: Bind): Promise<boolean> {
  return mountContaining(await readMountinfo(procRoot), targetPath)?.isShared === true;
}

function bindInNamespace(
  host: HostContext,
  request: Bind,
  options: readonly string[],
  signal: AbortSignal,
): Promise<Result<void>> {
  const script = ["sh", "-ec", bindAsIs, "sh", request.source, request.targetPath, options.join(",")];
  return runOn(host, request, "unshare", ["--mount", "--propagation", "unchanged", ...script], signal);
}

function runMount(
  host: HostContext,
  request: Bind,
  args: readonly string[],
  signal: AbortSignal,
): Promise<Result<void>> {
  return runOn(host, request, "mount", args, signal);
}

async function runOn(
  host: HostContext,
  { majorMinor, targetPath }: Bind,
  program: string,
  args: readonly string[],
  signal: AbortSignal,
): Promise<Result<void>> {
  const exit = await runToSuccess(host, mounting(host, program, args, [majorMinor, targetPath]), signal);
  return exit.ok ? ok(undefined) : exit;
}

async function makeFile(path: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: directoryMode });
  try {
    const file = await open(path, "ax", fileMode);
    await file.close();
  } catch (error) {
    if (!hasCode(error, "EEXIST")) throw error;
  }
}

/** A dead XFS at the path answers EIO even to mkdir; what is mounted there is checked next. */
async function mkdirUnlessMounted(path: string): Promise<void> {
  try {
    await mkdir(path, { recursive: true, mode: directoryMode });
  } catch (error) {
    if (!hasCode(error, "EIO", "EEXIST")) throw error;
  }
}
