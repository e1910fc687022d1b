import type { NodeIdentity } from "../../core/api/identity/node-identity.ts";
import { failureEventText, failureLocalKey } from "../../core/events/failure-local-key.ts";
import { describeFailure } from "../../core/failure/describe-failure.ts";
import type { Failure } from "../../core/failure/failure.ts";
import type { FencingPorts } from "../controller-ports.ts";

/**
 * Emits an event about a volume, and one about a node, if a barrier failed since no write moves the ETag of
 * the node's VM. Returns whether it did.
 */
export function emitEtagNotMoved(
  { events }: Pick<FencingPorts, "events">,
  { volumeName, node: { nodeName } }: { readonly volumeName: string; readonly node: NodeIdentity },
  failure: Failure,
): boolean {
  if (failure.kind !== "EtagNotMoved") return false;
  const [message, localKey] = [describeFailure(failure), failureLocalKey(failure)];
  const news = { reason: "EtagNotMoved", message, localKey } as const;
  events.emit({ about: { kind: "AzVolume", name: volumeName }, nodeName, ...news });
  events.emit({ about: { kind: "AzDriverNode", name: nodeName }, ...news });
  return true;
}

/** Emits an event if a write barrier failed: its node waits for that. */
export function emitBarrierPending(
  ports: Pick<FencingPorts, "events">,
  { volumeName, node }: { readonly volumeName: string; readonly node: NodeIdentity },
  failure: Failure,
): void {
  if (failure.kind === "Refused" || failure.kind === "Cancelled") return;
  const { nodeName } = node;
  if (emitEtagNotMoved(ports, { volumeName, node }, failure)) return;
  ports.events.emit({
    about: { kind: "AzVolume", name: volumeName },
    nodeName,
    reason: "BarrierPending",
    ...failureEventText(`a detach from ${nodeName} may still be under way, so it may not write`, failure),
  });
}
