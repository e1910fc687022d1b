import { ok } from "../../core/failure/result.ts";
import type { IdentityService, PluginCapability } from "../gen/csi/v1/csi.ts";
import type { HandlersOf } from "../server/unary-handler.ts";

export interface Identity {
  readonly driverName: string;
  readonly version: string;
  /** Whether the plug-in can serve calls: `false` while it starts. */
  readonly isReady: () => boolean;
}

/**
 * Capabilities of the driver as a whole, the same in each of its processes: a node plug-in, too,
 * reports a controller service, as V1's does. ONLINE also covers volumes that no node has. Shared disks
 * grow only while no VM has them: their expansion reports that itself.
 */
const pluginCapabilities: readonly PluginCapability[] = [
  { type: { $case: "service", value: { type: "CONTROLLER_SERVICE" } } },
  { type: { $case: "service", value: { type: "VOLUME_ACCESSIBILITY_CONSTRAINTS" } } },
  { type: { $case: "volumeExpansion", value: { type: "ONLINE" } } },
];

export function identityHandlers(identity: Identity): HandlersOf<typeof IdentityService> {
  return {
    getPluginInfo: async () =>
      ok({ name: identity.driverName, vendorVersion: identity.version, manifest: {} }),
    getPluginCapabilities: async () => ok({ capabilities: pluginCapabilities }),
    probe: async () => ok({ ready: identity.isReady() }),
  };
}
