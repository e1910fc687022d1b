import type { Result } from "../core/failure/result.ts";
import { emitOnVolume } from "./emit-on-volume.ts";
import type { NodePorts } from "./node-ports.ts";

/**
 * Unmounts one path of a volume, and reports what its flush shows to be lost. The kernel says that once, and
 * the kubelet shows no error of an unstage: by the next call, which succeeds, no one would know.
 */
export async function unmountVolume(
  ports: NodePorts,
  { volumeName, path }: { readonly volumeName: string; readonly path: string },
  signal: AbortSignal,
): Promise<Result<void>> {
  const unmounted = await ports.host.unmount(path, signal);
  if (!unmounted.ok && unmounted.failure.kind === "WritesLost")
    reportWritesLost(ports, volumeName, unmounted.failure.detail);
  return unmounted;
}

/** Says on the volume that its disk lacks what was written to it here. `detail`: what the kernel said. */
export function reportWritesLost(ports: NodePorts, volumeName: string, detail: string): void {
  const { nodeName } = ports.node;
  ports.logger.warn("writes to a volume lost", { volumeName, reason: detail });
  emitOnVolume(
    ports,
    volumeName,
    "WritesLost",
    `not all that was written to the volume on ${nodeName} is on its disk: ${detail}`,
  );
}

/**
 * Says on the volume that its disk may lack what was written last: a dead mount is not flushed. Once it has
 * been unmounted; where it died since the last look at it, nothing has said so before.
 */
export function reportUnmountedDead(ports: NodePorts, volumeName: string): void {
  const { nodeName } = ports.node;
  emitOnVolume(
    ports,
    volumeName,
    "WritesLost",
    `what was written last to the volume on ${nodeName} may not be on its disk: its mount was dead before ` +
      "it was unmounted",
  );
}
