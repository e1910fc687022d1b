import type { Failure } from "../../core/failure/failure.ts";
import { fail, ok, type Result } from "../../core/failure/result.ts";
import type { Device } from "../../ports/host/host-provisioner.ts";
import type { NodePorts } from "../node-ports.ts";
import type { StageRequest } from "./stage-request.ts";

/**
 * What is at the staging path: nothing, this device alive, or something to be removed first. Fails with
 * `WrongDevice` where another volume uses the raw device.
 */
export async function mountState(
  ports: NodePorts,
  request: StageRequest,
  volumeName: string,
  device: Device,
  signal: AbortSignal,
): Promise<Result<"none" | "live" | "stale", Failure>> {
  if (request.accessType === "block") {
    const targets = await ports.host.mountsOf(device.majorMinor, signal);
    if (!targets.ok) return targets;
    const paths = targets.value.map(({ path }) => path);
    // With an attachment from a backup the LUN may lead to another volume's disk, and the record from
    // that backup may name this node.
    const other = ports.checkpoints
      .volumes()
      .find(
        (checkpoint) =>
          checkpoint.volumeName !== volumeName && checkpoint.targetPaths.some((path) => paths.includes(path)),
      );
    if (other !== undefined)
      return fail({
        kind: "WrongDevice",
        devicePath: device.path,
        problem: `a pod has it as volume ${other.volumeName}`,
      });
    return ok(paths.length > 0 ? "live" : "none");
  }
  const mounted = await ports.host.mountAt(request.stagingPath, signal);
  if (!mounted.ok) return mounted;
  if (mounted.value === undefined) return ok("none");
  return ok(mounted.value.majorMinor === device.majorMinor && !mounted.value.isDead ? "live" : "stale");
}
