import { describeFailure } from "../../../core/failure/describe-failure.ts";
import { ok, type Result } from "../../../core/failure/result.ts";
import type { CleanJudgement } from "../../../core/node/judge-clean.ts";
import { nodeOfDevice, writesInFlight } from "../device/block-device.ts";
import { exclusiveHolderOf } from "../device/exclusive-open.ts";
import type { HostContext } from "../host-context.ts";
import { flushDevice } from "../mount/flush-path.ts";
import { type Place, takesWrites } from "./places-to-search.ts";

/**
 * Waits until what was written to the devices is on the disk. Last of all: the writer has closed them by
 * now, or is closing them. A descriptor leaves /proc before the kernel has flushed the device, which it does
 * with the last close only: a close before that, or a killed e2fsck whose device another process has open,
 * leaves blocks that the kernel writes later, perhaps over those of the next writer. What a device still had
 * that is gone, or that the kernel no longer opens, reaches no disk.
 *
 * A flush waits for cached blocks only. The kernel keeps no process for a direct write that io_uring has
 * sent: it may be under way after its process was killed, for as long as a throttled disk takes.
 */
export async function flushPlaces(
  host: HostContext,
  places: readonly Place[],
  judged: CleanJudgement,
  signal: AbortSignal,
): Promise<Result<CleanJudgement>> {
  for (const majorMinor of places.flatMap(({ path, numbers }) => (path === undefined ? [] : [...numbers]))) {
    const node = await nodeOfDevice(host.sysRoot, majorMinor);
    if (node === undefined) continue;
    const flushed = await flushDevice(host, { path: node, majorMinor }, signal);
    const sent = flushed.ok ? await writesInFlight(host.sysRoot, majorMinor) : 0;
    if (sent > 0)
      return ok({
        clean: false,
        reason: `the disk has not carried out ${sent} write${sent === 1 ? "" : "s"} to ${node}`,
        endsByItself: true,
      });
    if (flushed.ok || !(await takesWrites(host, majorMinor))) continue;
    const holder = await exclusiveHolderOf(host, node, signal);
    if (holder.ok && holder.value === "gone") continue;
    const { failure } = flushed;
    return ok({
      clean: false,
      reason: `${node} is not flushed: ${describeFailure(failure)}`,
      endsByItself: true,
      ...(failure.kind === "WritesLost" && { writesLost: failure.detail }),
    });
  }
  return ok(judged);
}
