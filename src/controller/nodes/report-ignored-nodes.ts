import type { ControllerPorts } from "../controller-ports.ts";

/**
 * How long a node may be without a Node that names its VM before that is reported, in milliseconds: the
 * cloud's node controller sets it some time after the Node is created.
 */
const NAMED_AFTER_MS = 60_000;

/** Reports the ignored AzDriverNodes, each on itself and on its Node. */
export function reportIgnoredNodes({ cache, events }: Pick<ControllerPorts, "cache" | "events">): void {
  for (const { driverNode, because, isEarly } of cache.ignoredDriverNodes()) {
    const { name } = driverNode.metadata;
    if (isEarly && (cache.specUnchangedMs("AzDriverNode", name) ?? 0) < NAMED_AFTER_MS) continue;
    events.emit({
      about: { kind: "AzDriverNode", name },
      reason: "NodeIgnored",
      message: `AzDriverNode ${name} is ignored: ${because}`,
    });
  }
}
