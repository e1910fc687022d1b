import { join } from "node:path";
import { lockStateFolder } from "../../adapters/linux/checkpoints/lock-state-folder.ts";
import { createLinuxHost } from "../../adapters/linux/create-linux-host.ts";
import type { Values } from "../../cli/options.ts";
import { driverVersion } from "../../cli/version.ts";
import type { Platform } from "../../core/platform/platform.ts";
import { qualifiedPath } from "../../core/platform/qualified-path.ts";
import { NodeService } from "../../csi/gen/csi/v1/csi.ts";
import type { GrpcServer } from "../../csi/server/grpc-server.ts";
import { thawLeftFreezes } from "../../node/lifecycle/thaw-left-freezes.ts";
import type { VolumeLimitOptions } from "../../node/lifecycle/volume-limit.ts";
import type { NodePorts } from "../../node/node-ports.ts";
import type { HostProvisioner } from "../../ports/host/host-provisioner.ts";
import type { NodeCheckpoints } from "../../ports/host/node-checkpoints.ts";
import { assembleNode } from "../assemble-node.ts";
import { openCheckpoints } from "../connect/open-checkpoints.ts";
import type { nodeOptions } from "../settings/process-options.ts";
import { asSet } from "../settings/wrong-setting.ts";
import type { ProcessPorts } from "./run-role.ts";

export interface NodeServiceParts
  extends
    NodeHost,
    Pick<NodePorts, "store" | "cache" | "node" | "driverName" | "otherDriver" | "events" | "metadata">,
    Pick<VolumeLimitOptions, "ownNode"> {
  /**
   * How many volumes the node takes without `--max-volumes`; undefined: what its size takes, less what
   * others have attached.
   */
  readonly volumesMax: number | undefined;
}

/** This machine, as its node service uses it, and what an earlier plug-in has checkpointed there. */
interface NodeHost {
  readonly host: HostProvisioner;
  readonly checkpoints: NodeCheckpoints;
  readonly platform: Platform;
}

/**
 * Opens the machine, and thaws what an earlier plug-in may have left frozen: pods wait for that. Waits until
 * no other plug-in writes the node's checkpoints, and rejects once `lifetime` is aborted.
 */
export async function openNodeHost(
  values: Pick<Values<typeof nodeOptions>, "deviceRoot" | "sharesKernel" | "stateDir" | "kubeletDir">,
  { clock, logger, lifetime }: Pick<ProcessPorts, "clock" | "logger" | "lifetime">,
): Promise<NodeHost> {
  const deviceRoot = values.deviceRoot;
  const sharesKernel = values.sharesKernel || deviceRoot !== "";
  if (sharesKernel)
    logger.warn("links to loop devices are trusted: for emulators and labs only", { deviceRoot });
  const platform = process.platform === "win32" ? "windows" : "linux";
  const { stateDir } = values;
  const lock =
    platform === "linux" ? undefined : (await import("../../adapters/windows/lock-file.ts")).openAlone;
  await asSet("state-dir", stateDir, () => lockStateFolder(stateDir, { clock, logger }, lifetime, lock));
  const host =
    platform === "windows"
      ? await startWindowsHost({ ...values, clock, logger })
      : await createLinuxHost({ deviceRoot, sharesKernel, lockDirectory: join(stateDir, "locks"), clock });
  const checkpoints = await openCheckpoints(stateDir, logger);
  await thawLeftFreezes({ host, checkpoints, logger, clock }, new AbortController().signal);
  return { host, checkpoints, platform };
}

/** Adds CSI's node service to a server, and returns the run of the node's own loops. */
export function addNodeService(
  server: GrpcServer,
  { ownNode, volumesMax, platform, ...parts }: NodeServiceParts,
  values: Values<typeof nodeOptions>,
  { clock, random, steps, loops, logger }: ProcessPorts,
): (signal: AbortSignal) => Promise<void> {
  const { handlers, run } = assembleNode({
    ...parts,
    clock,
    random,
    steps,
    loops,
    logger,
    limit: {
      given: values.maxVolumes < 0 ? volumesMax : values.maxVolumes,
      reserved: values.reservedDataDiskSlotNum,
      ownNode,
    },
    settings: {
      platform,
      driverVersion,
      attach: values.attach,
      stageWaitMs: values.stageWaitMs,
      deviceWaitMs: values.deviceWaitMs,
      heartbeatMs: values.heartbeatMs,
      reservations: values.reserveDisks,
      allowedRoots: kubeletFolders(values, platform),
    },
  });
  server.add(NodeService, handlers);
  return run;
}

function kubeletFolders(
  values: Pick<Values<typeof nodeOptions>, "kubeletDir">,
  platform: Platform,
): readonly string[] {
  return values.kubeletDir.map((path) => qualifiedPath(path, platform));
}

/** Loaded only on Windows. */
async function startWindowsHost(
  options: Pick<Values<typeof nodeOptions>, "kubeletDir"> & Pick<ProcessPorts, "clock" | "logger">,
): Promise<HostProvisioner> {
  const { createWindowsHost } = await import("../../adapters/windows/create-windows-host.ts");
  const { startPowerShell } = await import("../../adapters/windows/start-power-shell.ts");
  return createWindowsHost({
    powerShell: await startPowerShell(options),
    clock: options.clock,
    kubeletDirectories: kubeletFolders(options, "windows"),
  });
}
