import type { DeviceSetting, DeviceSettingName } from "../../volume/device/device-settings.ts";

type Settings = Readonly<Partial<Record<DeviceSettingName, string>>>;

/** What the kernel resets when it changes the scheduler of a device. */
const resetByScheduler: readonly DeviceSettingName[] = ["queue/nr_requests", "queue/wbt_lat_usec"];

/**
 * What to restore once a volume is unstaged: the present values of all settings that will change. `earlier`
 * was saved before an earlier change of the same device, and takes precedence.
 */
export function settingsBefore(
  requested: readonly DeviceSetting[],
  present: Settings,
  earlier: Settings,
): Settings {
  const names = requested.flatMap(({ name }) =>
    name === "queue/scheduler" ? [name, ...resetByScheduler] : [name],
  );
  const saved = names.flatMap((name) => {
    const value = present[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  return { ...Object.fromEntries(saved), ...earlier };
}
