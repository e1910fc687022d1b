import type { ApiClient } from "../../adapters/kubernetes/api/api-client.ts";
import { isDaemonSetStaying } from "../../adapters/kubernetes/is-daemon-set-staying.ts";
import { grouped, type Values } from "../../cli/options.ts";
import { describeFailure } from "../../core/failure/describe-failure.ts";
import {
  type KubeletRegistration,
  type RegistrationOptions,
  registerWithKubelet,
} from "../../csi/registration/kubelet-registration.ts";
import { withTimeout } from "../../runtime/with-timeout.ts";
import type { ProcessPorts } from "../roles/run-role.ts";
import { daemonSetProblem, parseDaemonSet } from "../settings/daemon-set-options.ts";
import { WrongSetting } from "../settings/wrong-setting.ts";

export const registrationOptions = grouped("Registration with the kubelet", {
  "registration-socket": {
    kind: "text",
    help:
      "Socket in the kubelet's plugins_registry, such as " +
      "/var/lib/kubelet/plugins_registry/disk.csi.azure.com-reg.sock, on which this plug-in registers " +
      "itself (default: none)",
  },
  "kubelet-registration-path": {
    kind: "text",
    help: "Path of the CSI socket as the kubelet sees it (default: that of --endpoint)",
  },
  "daemon-set": {
    kind: "text",
    problem: daemonSetProblem,
    help:
      "namespace/name of this plug-in's DaemonSet: while that exists, the plug-in stays registered during " +
      "its replacement (default: it deregisters when it stops)",
  },
});

/**
 * How long the end of this process waits for the API server to say whether the DaemonSet stays, in
 * milliseconds.
 */
const CALL_MAX_MS = 2_000;

/** Throws `WrongSetting` on Windows: the socket there is replaced by ways that only Linux has. */
export function checkRegistration(
  values: Pick<Values<typeof registrationOptions>, "registrationSocket">,
  platform: NodeJS.Platform,
): void {
  const path = values.registrationSocket;
  if (path !== undefined && platform === "win32")
    throw new WrongSetting(
      `--registration-socket: got ${JSON.stringify(path)}; expected none on Windows, where ` +
        "node-driver-registrar registers the plug-in",
    );
}

/** A registration that finds out whether another instance will follow. */
export type Registration = Omit<KubeletRegistration, "stop"> & {
  /** Ends it; the socket stays if another instance follows. */
  stop(signal: AbortSignal): Promise<void>;
};

/**
 * Registers the plug-in with the kubelet, if a registry socket is given: no registrar sidecar is
 * needed. Throws with a sentence if the socket can't be created.
 */
export async function serveRegistration(
  plugin: {
    readonly driverName: string;
    readonly endpoint: string;
    readonly apiClient: ApiClient | undefined;
  } & Pick<RegistrationOptions, "nodeName" | "events" | "onRegistered" | "onSocketTaken">,
  values: Values<typeof registrationOptions>,
  process: ProcessPorts,
): Promise<Registration | undefined> {
  const socketPath = values.registrationSocket;
  if (socketPath === undefined) return undefined;
  const { endpoint, apiClient, ...registered } = plugin;
  const { driverName } = plugin;
  const { clock, random, logger } = process;
  const daemonSet = parseDaemonSet(values.daemonSet);
  const csiSocketPath = values.kubeletRegistrationPath ?? endpoint.replace(/^unix:(?:\/\/)?/u, "");
  const socket = { socketPath, csiSocketPath };
  const served = await registerWithKubelet({ ...registered, ...socket, clock, random, logger });
  if (!served.ok) throw new Error(describeFailure(served.failure));
  const registration = served.value;

  async function hasSuccessor(signal: AbortSignal): Promise<boolean> {
    if (apiClient === undefined || daemonSet === undefined) return false;
    return withTimeout(
      clock,
      CALL_MAX_MS,
      (limited) => isDaemonSetStaying(apiClient, daemonSet, limited),
      signal,
    );
  }

  return {
    ...registration,
    stop: async (signal) => {
      const leavesSocket = await hasSuccessor(signal);
      if (leavesSocket)
        logger.info("stays registered with kubelet: another instance follows", { driverName });
      else logger.info("deregisters from kubelet", { driverName });
      await registration.stop({ leavesSocket }, signal);
    },
  };
}
