import { ok } from "../../core/failure/result.ts";
import type { RegistrationService } from "../gen/pluginregistration/v1/api.ts";
import type { HandlersOf } from "../server/unary-handler.ts";

/** What kubelet receives about this plug-in, and how the outcome comes back. */
interface Registration {
  readonly driverName: string;
  /**
   * Path of the CSI socket as kubelet sees it, such as
   * `/var/lib/kubelet/plugins/disk.csi.azure.com/csi.sock`.
   */
  readonly csiSocketPath: string;
  /** Called with each outcome that kubelet reports; from 1.36 on it retries by itself after a failure. */
  readonly onOutcome: (outcome: { readonly registered: boolean; readonly error: string }) => void;
}

/** Kubelet's plug-in type for CSI drivers. */
const PLUGIN_TYPE = "CSIPlugin";
/** What kubelet takes as CSI v1; not the version of the specification. */
const SUPPORTED_VERSIONS = ["1.0.0"];

/**
 * Kubelet's plug-in registration (v1): kubelet finds the socket in its registry directory and asks what
 * it is. Replaces node-driver-registrar.
 */
export function registrationHandlers(registration: Registration): HandlersOf<typeof RegistrationService> {
  return {
    getInfo: async () =>
      ok({
        type: PLUGIN_TYPE,
        name: registration.driverName,
        endpoint: registration.csiSocketPath,
        supportedVersions: SUPPORTED_VERSIONS,
      }),
    notifyRegistrationStatus: async ({ pluginRegistered, error }, call) => {
      if (pluginRegistered)
        call.logger.info("registered with kubelet", { driverName: registration.driverName });
      else
        call.logger.error("kubelet refused the registration", { driverName: registration.driverName, error });
      registration.onOutcome({ registered: pluginRegistered, error });
      return ok({});
    },
  };
}
