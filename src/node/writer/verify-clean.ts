import { stillWaiting } from "../../core/failure/frequent-failures.ts";
import { fail, ok, type Result } from "../../core/failure/result.ts";
import type { NodePorts } from "../node-ports.ts";
import { reportWritesLost } from "../unmount-volume.ts";
import { type KnownVolume, cleanCheckTarget } from "./clean-check-target.ts";

/**
 * *Clean* is more than no mount: no earlier command runs, and the device is absent or free. A node that
 * had the disk needs a device to check: without a LUN or a checkpoint it would check nothing, and waits for
 * the attachment that says where the disk is. One that never had it needs none. `isFlushed`: the caller has
 * just unmounted the live file system, which flushed the device; a failed check or a crash did not.
 * `flushes`: false where several nodes may write: the last close has written what this node had, and one that
 * has lost its reservation of the disk can't flush. Fails with `DeviceBusy` and the reason while the node is
 * not clean, and with `StillWaiting` while no device to check is known.
 */
export async function verifyClean(
  ports: NodePorts,
  known: KnownVolume & { readonly volumeId: string },
  {
    needsDevice,
    isFlushed,
    flushes = true,
  }: { readonly needsDevice: boolean; readonly isFlushed: boolean; readonly flushes?: boolean },
  signal: AbortSignal,
): Promise<Result<void>> {
  const target = cleanCheckTarget(ports, { ...known, hadDisk: needsDevice });
  if (needsDevice && target.lun === undefined && target.lastMajorMinor === undefined) {
    return stillWaiting(
      known.volumeId,
      `the attachment to ${ports.node.nodeName} that says where its disk is`,
    );
  }
  // An unmount flushes no raw device that a process still wrote to after it.
  const needsFlush = flushes && (target.accessType === "block" || !isFlushed);
  const clean = await ports.host.isClean({ ...target, needsFlush }, signal);
  if (!clean.ok) return clean;
  const { clean: isClean, reason: detail, endsByItself, writesLost } = clean.value;
  const volumeName = known.volume?.metadata.name ?? known.checkpoint?.volumeName;
  if (writesLost !== undefined && volumeName !== undefined)
    await reportWritesLost(ports, volumeName, writesLost, signal);
  return isClean
    ? ok(undefined)
    : fail({ kind: "DeviceBusy", devicePath: known.volumeId, detail, ...(endsByItself && { endsByItself }) });
}
