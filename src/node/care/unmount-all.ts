import { ok, type Result } from "../../core/failure/result.ts";
import { emitOnVolume } from "../emit-on-volume.ts";
import type { NodePorts } from "../node-ports.ts";
import { coverVolume, unmountVolume } from "../unmount-volume.ts";
import type { OwnVolume } from "./own-volume.ts";

/**
 * Targets first, then the staging mount; never lazily. A target that a terminated workload still keeps
 * busy is retried later.
 */
export async function unmountAll(
  ports: NodePorts,
  target: OwnVolume,
  placeholders: readonly string[],
  signal: AbortSignal,
): Promise<Result<void>> {
  const { volumeName } = target;
  for (const path of target.observed.targets.filter((other) => !placeholders.includes(other))) {
    const unbound = await unmountVolume(ports, { volumeName, path }, signal);
    if (!unbound.ok) return unbound;
  }
  for (const path of placeholders) {
    const left = await coverVolume(ports, { volumeName, path }, signal);
    if (!left.ok) return left;
  }
  if (placeholders.length > 0) {
    const lost =
      `pods of ${ports.node.nodeName} have lost the volume, ` +
      "and find an empty read-only folder in its place";
    emitOnVolume(ports, volumeName, "PodLostDisk", `${lost}: ${placeholders.join(", ")}`);
  }
  if (target.checkpoint === undefined) return ok(undefined);
  const { stagingPath } = target.checkpoint;
  return ports.steps.run("unmount", () => unmountVolume(ports, { volumeName, path: stagingPath }, signal));
}
