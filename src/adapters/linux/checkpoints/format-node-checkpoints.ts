import {
  type DeviceSettingName,
  deviceSettingNames,
  isOfScheduler,
} from "../../../core/volume/device/device-settings.ts";
import type { VolumeCheckpoint } from "../../../ports/host/node-checkpoints.ts";
import type { CheckpointFile } from "./parse-node-checkpoints.ts";

/**
 * The text of the checkpoint file. A scheduler's own settings have a field of their own: a driver that does
 * not know one of them refuses a file that has it among the others, and does not start after `helm rollback`.
 * It passes over a field that it does not know.
 */
export function formatNodeCheckpoints(content: CheckpointFile): string {
  const volumes = content.volumes.map((checkpoint) => ({ ...checkpoint, ...settingsIn(checkpoint) }));
  return `${JSON.stringify({ version: 1, ...content, volumes }, null, 1)}\n`;
}

function settingsIn({ deviceSettings }: VolumeCheckpoint): object {
  if (deviceSettings === undefined) return {};
  const names = deviceSettingNames.filter((name) => deviceSettings[name] !== undefined);
  const valuesOf = (chosen: readonly DeviceSettingName[]): object =>
    Object.fromEntries(chosen.map((name) => [name, deviceSettings[name]]));
  const ofScheduler = names.filter(isOfScheduler);
  return {
    deviceSettings: valuesOf(names.filter((name) => !isOfScheduler(name))),
    ...(ofScheduler.length === 0 ? {} : { schedulerSettings: valuesOf(ofScheduler) }),
  };
}
