import type { FailureOf } from "../../failure/failure.ts";
import { fail, ok, type Result } from "../../failure/result.ts";
import {
  type ParameterValue,
  readValue,
  refuseParameter,
  unknownParameter,
} from "../parameters/parameter-value.ts";

/** The prefix of V1's parameters of a device: the rest of the name is a file below the disk in sysfs. */
export const deviceSettingPrefix = "device-setting/";

/** V1's profiles: the kernel's own settings, computed ones, or those that the class states. */
export const perfProfiles = ["none", "basic", "advanced"] as const;

type PerfProfile = (typeof perfProfiles)[number];

/**
 * The settings of a block device that the driver changes, in the order in which it writes them: a new
 * scheduler resets the ones after it, and those of `queue/iosched` are mq-deadline's. Each only tunes;
 * `queue/write_cache`, which would keep flushes from the disk, and `queue/iostats`, whose counters the driver
 * reads, are not among them. The kernel may allow less, such as `queue/max_hw_sectors_kb`.
 */
export const deviceSettings = {
  "device/queue_depth": { kind: "count", min: 1, max: 2048 },
  "queue/scheduler": { kind: "choice", choices: ["none", "mq-deadline", "kyber", "bfq"] },
  "queue/iosched/fifo_batch": { kind: "count", min: 1, max: 1024 },
  "queue/iosched/writes_starved": { kind: "count", min: 0, max: 100 },
  "queue/iosched/read_expire": { kind: "count", min: 1, max: 60_000 },
  "queue/iosched/write_expire": { kind: "count", min: 1, max: 60_000 },
  "queue/iosched/front_merges": { kind: "number", numbers: [0, 1] },
  "queue/nr_requests": { kind: "count", min: 4, max: 10_240 },
  "queue/wbt_lat_usec": { kind: "count", min: 0, max: 10_000_000 },
  "queue/max_sectors_kb": { kind: "count", min: 4, max: 32_768 },
  "queue/read_ahead_kb": { kind: "count", min: 0, max: 65_536 },
  "queue/nomerges": { kind: "number", numbers: [0, 1, 2] },
  "queue/rq_affinity": { kind: "number", numbers: [0, 1, 2] },
  "queue/rotational": { kind: "number", numbers: [0, 1] },
  "queue/add_random": { kind: "number", numbers: [0, 1] },
} as const satisfies Readonly<Record<string, ParameterValue>>;

/** The name of a setting: its file below the device's folder in sysfs. */
export type DeviceSettingName = keyof typeof deviceSettings;

/** A setting and its value, as the kernel reads it. */
export interface DeviceSetting {
  readonly name: DeviceSettingName;
  readonly value: string;
}

/** The names of all settings, in the order in which they are written. */
export const deviceSettingNames = Object.keys(deviceSettings) as readonly DeviceSettingName[];

export function isOfScheduler(name: DeviceSettingName): boolean {
  return name.startsWith("queue/iosched/");
}

/** Whether a parameter or attribute states a setting of the device, also one that is not allowed. */
export function isDeviceSetting(parameter: string): boolean {
  return parameter.toLowerCase().startsWith(deviceSettingPrefix);
}

/** Whether a text names a setting that the driver changes. */
export function isDeviceSettingName(name: string): name is DeviceSettingName {
  return deviceSettingNames.some((known) => known === name);
}

/**
 * Reads one `device-setting/<path>`. The path has to be a name of the list: nothing else of sysfs, and
 * nothing outside, can be reached. Fails with the problem, in words that follow the field and the value.
 */
export function readDeviceSetting(parameter: string, value: string): Result<DeviceSetting, string> {
  const name = parameter.toLowerCase().slice(deviceSettingPrefix.length);
  if (!isDeviceSettingName(name))
    return fail(
      unknownParameter(parameter, {
        allowed: deviceSettingNames.map((known) => `${deviceSettingPrefix}${known}`),
      }),
    );
  const read = readValue(deviceSettings[name], value);
  return read.ok ? ok({ name, value: String(read.value) }) : read;
}

/**
 * Checks what a class states of its devices: each setting is allowed, and they come with `perfProfile:
 * advanced`, which is nothing without them.
 */
export function checkDeviceSettings(
  parameters: Readonly<Record<string, string>>,
  perfProfile: PerfProfile | undefined,
): Result<void, FailureOf<"InvalidArgument">> {
  const stated = Object.entries(parameters).filter(([name, value]) => isDeviceSetting(name) && value !== "");
  for (const [name, value] of stated) {
    const read = readDeviceSetting(name, value);
    if (!read.ok) return refuseParameter(name, value, read.failure);
  }
  const [first] = stated;
  if (perfProfile === "advanced")
    return first === undefined
      ? refuseParameter(
          "perfProfile",
          "advanced",
          `needs at least one parameter ${deviceSettingPrefix}<path>, such as ` +
            `${deviceSettingPrefix}queue/scheduler`,
        )
      : ok(undefined);
  return first === undefined
    ? ok(undefined)
    : refuseParameter(
        first[0],
        first[1],
        `acts with perfProfile advanced, which is ${perfProfile ?? "not given"}`,
      );
}

/** What attributes ask of the device, for a comparison: lower case, without what asks for nothing. */
export function deviceTuningIn(
  attributes: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> {
  const entries = Object.entries(attributes).map(
    ([name, value]) => [name.toLowerCase(), value.toLowerCase()] as const,
  );
  return Object.fromEntries(
    entries.filter(
      ([name, value]) =>
        value !== "" && (isDeviceSetting(name) || (name === "perfprofile" && value !== "none")),
    ),
  );
}
