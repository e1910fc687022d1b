import {
  type DeviceSetting,
  type DeviceSettingName,
  deviceSettingNames,
  isOfScheduler,
} from "../../volume/device/device-settings.ts";

type Settings = Readonly<Partial<Record<DeviceSettingName, string>>>;

/** What the kernel resets when it changes the scheduler of a device. */
const resetByScheduler: readonly DeviceSettingName[] = [
  "queue/nr_requests",
  "queue/wbt_lat_usec",
  ...deviceSettingNames.filter(isOfScheduler),
];

/**
 * What to restore once a volume is unstaged: the present values of all settings that will change. `earlier`
 * was saved before an earlier change of the same device, and takes precedence: with the scheduler that it
 * names, the device has only those settings of a scheduler that were saved with it.
 */
export function settingsBefore(
  requested: readonly DeviceSetting[],
  present: Settings,
  earlier: Settings,
): Settings {
  const names = requested.flatMap(({ name }) =>
    name === "queue/scheduler" ? [name, ...resetByScheduler] : [name],
  );
  const isSchedulerSaved = earlier["queue/scheduler"] !== undefined;
  const saved = names.flatMap((name) => {
    const value = present[name];
    const isAnothers = isSchedulerSaved && isOfScheduler(name);
    return value === undefined || isAnothers ? [] : [[name, value] as const];
  });
  return { ...Object.fromEntries(saved), ...earlier };
}
