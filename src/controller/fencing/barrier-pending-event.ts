import type { NodeIdentity } from "../../core/api/identity/node-identity.ts";
import { failureEventText } from "../../core/events/failure-local-key.ts";
import type { Failure } from "../../core/failure/failure.ts";
import type { FencingPorts } from "../controller-ports.ts";
import { emitEtagNotMoved } from "./etag-not-moved-event.ts";

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
