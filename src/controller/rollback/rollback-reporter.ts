import { CONTROLLER_LEASE } from "../../core/api/lease.ts";
import { hasRepeated } from "../../core/rollback/judge-reports.ts";
import { LONE_REPEATS_ANNOTATION, loneReportsOf, reportOf } from "../../core/rollback/rollback-reports.ts";
import type { ControllerPorts } from "../controller-ports.ts";

/**
 * The node that has a volume attached and in its checkpoints and reports a rollback, while its report
 * waits for a second witness: it may write without the record naming it. Nothing is granted or detached
 * there until then. Requires an existing attachment: a node can't delay a volume that it never had. The
 * report of a node out of service does not count, and a repeated one counts for one limit only.
 */
export function rollbackReporter(
  { cache, users, clock }: Pick<ControllerPorts, "cache" | "users" | "clock">,
  volumeName: string,
  incarnation: number,
): string | undefined {
  const attached = new Set(
    cache.byIndex("AzVolumeAttachment", "volumeName", volumeName).map(({ spec }) => spec.nodeName),
  );
  const lease = cache.get("Lease", CONTROLLER_LEASE);
  const repeats = lease === undefined ? {} : loneReportsOf(lease, LONE_REPEATS_ANNOTATION);
  const counts = (nodeName: string): boolean =>
    !users.cachedNode(nodeName).isOutOfService && !hasRepeated(repeats, nodeName, clock.nowMs());
  const checkpointing = cache.byIndex("AzDriverNode", "checkpointed", volumeName);
  return checkpointing.find(
    (node) =>
      attached.has(node.metadata.name) &&
      reportOf(node, incarnation) !== undefined &&
      counts(node.metadata.name),
  )?.metadata.name;
}
