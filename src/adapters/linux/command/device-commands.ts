import type { Device } from "../../../ports/host/host-provisioner.ts";
import type { HostContext } from "../host-context.ts";
import type { HostCommand } from "./command-runner.ts";

/** A command that looks at a device or a mount. It waits for those that change what it `touches`. */
export function inspecting(
  { limits }: Pick<HostContext, "limits">,
  program: string,
  args: readonly string[],
  touches: readonly string[] = [],
): HostCommand {
  return { program, args, pool: "inspect", limitMs: limits.inspectMs, touches, changes: false };
}

/** A command that makes, checks or grows what is on a device. It is never killed. */
export function making(
  { majorMinor }: Device,
  limitMs: number,
  program: string,
  args: readonly string[],
): HostCommand {
  return { program, args, pool: "make", limitMs, touches: [majorMinor], changes: true };
}

/** A command that mounts something, or changes a mount. It is never killed. */
export function mounting(
  { limits }: Pick<HostContext, "limits">,
  program: string,
  args: readonly string[],
  touches: readonly string[],
): HostCommand {
  return { program, args, pool: "mount", limitMs: limits.mountMs, touches, changes: true };
}

/** A command that ends a mount, or thaws it for that. It is never killed. */
export function unmounting(
  { limits }: Pick<HostContext, "limits">,
  program: string,
  args: readonly string[],
  touches: readonly string[],
): HostCommand {
  return { program, args, pool: "unmount", limitMs: limits.unmountMs, touches, changes: true };
}
