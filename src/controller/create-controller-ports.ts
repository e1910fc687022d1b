import type { ObjectCache } from "../objects/cache/object-cache.ts";
import { createControllerCache } from "./controller-cache.ts";
import type { ControllerPorts } from "./controller-ports.ts";
import { UnschedulableNodes } from "./nodes/unschedulable-nodes.ts";
import { StartupGracePeriod } from "./rollback/startup-grace-period.ts";

/** The ports of a controller process, before its cache judges AzDriverNodes. */
export interface ControllerParts extends Omit<
  ControllerPorts,
  "cache" | "distrustedFor" | "gracePeriod" | "unschedulable"
> {
  /** Follows at least `CONTROLLER_KINDS`. */
  readonly cache: ObjectCache;
  /** As in `NodeWitnesses`. */
  readonly trustsUnnamedVms: boolean;
}

/** To be called once a process: the grace period begins here. */
export function createControllerPorts({
  cache: followed,
  trustsUnnamedVms,
  ...parts
}: ControllerParts): ControllerPorts {
  return {
    ...parts,
    cache: createControllerCache(followed, { ...parts, trustsUnnamed: trustsUnnamedVms }),
    distrustedFor: new Set(),
    unschedulable: new UnschedulableNodes(parts),
    gracePeriod: new StartupGracePeriod({ ...parts, cache: followed }),
  };
}
