import { type DeviceSetting, type DeviceSettingName } from "../../core/volume/device/device-settings.ts";
import type { ModelDevice } from "./machine-state.ts";

const REQUESTS = "256";
/** The kernel's limit with a scheduler. */
const REQUESTS_MAX = 2048;

/** What a kernel sets for a new mq-deadline. */
const OF_MQ_DEADLINE: readonly (readonly [DeviceSettingName, string])[] = [
  ["queue/iosched/fifo_batch", "16"],
  ["queue/iosched/writes_starved", "2"],
  ["queue/iosched/read_expire", "500"],
  ["queue/iosched/write_expire", "5000"],
  ["queue/iosched/front_merges", "1"],
];

/** What a kernel sets for a new SCSI disk. */
export function kernelSettings(): Map<DeviceSettingName, string> {
  return new Map<DeviceSettingName, string>([
    ["device/queue_depth", "64"],
    ["queue/scheduler", "none"],
    ["queue/nr_requests", REQUESTS],
    ["queue/max_sectors_kb", "512"],
    ["queue/read_ahead_kb", "128"],
    ["queue/rotational", "1"],
  ]);
}

/** Writes a setting as a kernel does, which gives a new scheduler its own settings; why not. */
export function writeSetting({ settings }: ModelDevice, { name, value }: DeviceSetting): string | undefined {
  if (!settings.has(name)) return "ENOENT";
  if (name === "queue/nr_requests" && Number(value) > REQUESTS_MAX) return "EINVAL";
  if (settings.get(name) === value) return undefined;
  settings.set(name, value);
  if (name !== "queue/scheduler") return undefined;
  settings.set("queue/nr_requests", REQUESTS);
  for (const [ofMqDeadline, start] of OF_MQ_DEADLINE)
    if (value === "mq-deadline") settings.set(ofMqDeadline, start);
    else settings.delete(ofMqDeadline);
  return undefined;
}
