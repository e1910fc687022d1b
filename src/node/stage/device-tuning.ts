import type { AzVolume } from "../../core/api/az-volume.ts";
import { describeFailure } from "../../core/failure/describe-failure.ts";
import { ok, type Result } from "../../core/failure/result.ts";
import { settingsBefore } from "../../core/node/device/settings-before.ts";
import { partitionOf } from "../../core/volume/device/partition.ts";
import {
  inOrder,
  requestedDeviceSettings,
  type RequestedDeviceSettings,
} from "../../core/volume/device/requested-device-settings.ts";
import type { Device } from "../../ports/host/host-provisioner.ts";
import type { VolumeCheckpoint } from "../../ports/host/node-checkpoints.ts";
import { emitOnVolume } from "../emit-on-volume.ts";
import type { NodePorts } from "../node-ports.ts";
import { checkpointOf } from "../own-state.ts";

/**
 * Gives a volume's device the settings that its attributes ask for, once the node has checkpointed what
 * they were. Safe to repeat: an interrupted call is completed by the next stage, or undone by the unstage.
 * What the device does not take is reported by an event, and keeps no data from a pod: settings only tune.
 * Fails where the checkpoint can't be written, without a change.
 */
export async function tuneDevice(
  ports: NodePorts,
  {
    volume,
    device,
    volumeContext,
  }: {
    readonly volume: AzVolume;
    readonly device: Device;
    readonly volumeContext: Readonly<Record<string, string>>;
  },
  signal: AbortSignal,
): Promise<Result<void>> {
  const { disk } = volume.spec;
  const sizeGiB = volume.status?.detail?.sizeGiB ?? disk.sizeGiB;
  const { skuName = disk.skuName, burstingEnabled } = volume.status?.detail ?? {};
  const requested = requestedDeviceSettings(volumeContext, { skuName, sizeGiB, burstingEnabled });
  const problems = [...requested.problems];
  const volumeName = volume.metadata.name;
  const checkpoint = checkpointOf(ports, volumeName);
  if (requested.settings.length > 0 && ports.settings.platform === "windows")
    problems.push("perfProfile is not served on Windows, which has no such settings of a disk");
  else if (requested.settings.length > 0 && partitionOf(volumeContext) !== undefined)
    problems.push(
      "perfProfile is not served for a partition, since its disk has the settings of all of them",
    );
  else if (requested.settings.length > 0 && checkpoint !== undefined) {
    const changed = await change(ports, { requested, device, checkpoint }, signal);
    if (!changed.ok) return changed;
    problems.push(...changed.value);
  }
  if (problems.length > 0 && !signal.aborted)
    emitOnVolume(
      ports,
      volumeName,
      "DeviceNotTuned",
      `${ports.node.nodeName} serves the volume without settings that it asks for: ${problems.join("; ")}`,
    );
  return ok(undefined);
}

/** Changes the settings of a device, and returns why some were not. */
async function change(
  { host, checkpoints, steps }: NodePorts,
  {
    requested: { settings, isComputed },
    device,
    checkpoint,
  }: {
    readonly requested: RequestedDeviceSettings;
    readonly device: Device;
    readonly checkpoint: VolumeCheckpoint;
  },
  signal: AbortSignal,
): Promise<Result<readonly string[]>> {
  const present = await host.readDeviceSettings(device, signal);
  if (!present.ok) return ok([describeFailure(present.failure)]);
  const before = settingsBefore(settings, present.value, checkpoint.deviceSettings ?? {});
  const kept = await checkpoints.put({ ...checkpoint, deviceSettings: before }, signal);
  if (!kept.ok) return kept;
  const problems: string[] = [];
  for (const setting of settings) {
    if (isComputed && present.value[setting.name] === undefined) continue;
    const written = await steps.run("apply-settings", () =>
      host.writeDeviceSetting({ device, setting }, signal),
    );
    if (!written.ok) problems.push(describeFailure(written.failure));
  }
  return ok(problems);
}

/**
 * Gives the device of an unmounted volume the settings that it had before `tuneDevice`. To be called before
 * the release, until which the disk can't be detached; a device that is gone took its settings with it. A
 * failure is logged and holds up nothing.
 */
export async function restoreDevice(
  ports: NodePorts,
  volumeName: string,
  signal: AbortSignal,
): Promise<void> {
  const checkpoint = checkpointOf(ports, volumeName);
  if (checkpoint?.deviceSettings === undefined) return;
  const restored = await restore(ports, checkpoint, signal);
  if (!restored.ok)
    ports.logger.warn("settings of a device not restored", { volumeName, failure: restored.failure });
}

async function restore(
  { host, checkpoints, steps }: NodePorts,
  checkpoint: VolumeCheckpoint,
  signal: AbortSignal,
): Promise<Result<void>> {
  const { deviceSettings = {}, ...without } = checkpoint;
  const isAnothers = checkpoints
    .volumes()
    .some(
      ({ volumeName, majorMinor }) =>
        volumeName !== checkpoint.volumeName && majorMinor === checkpoint.majorMinor,
    );
  const found = await host.findDevice({ lun: checkpoint.lun }, signal);
  if (found.ok && found.value.majorMinor === checkpoint.majorMinor && !isAnothers) {
    const device = found.value;
    const restored = await host.whileHolding(
      device,
      async () => {
        for (const setting of inOrder(deviceSettings)) {
          const written = await steps.run("restore-settings", () =>
            host.writeDeviceSetting({ device, setting }, signal),
          );
          if (!written.ok) return written;
        }
        return ok(undefined);
      },
      signal,
    );
    if (!restored.ok) return restored;
  }
  // After the release the number may be another disk's: a repeated unstage must not write to that one.
  return checkpoints.put(without, signal);
}
