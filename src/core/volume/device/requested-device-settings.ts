import type { DiskSpec } from "../../api/az-volume.ts";
import { readValue, statedIn } from "../parameters/parameter-value.ts";
import { canBurst } from "../sku-rules.ts";
import { basicProfile } from "./basic-profile.ts";
import {
  type DeviceSetting,
  type DeviceSettingName,
  deviceSettingNames,
  isDeviceSetting,
  perfProfiles,
  readDeviceSetting,
} from "./device-settings.ts";

export interface RequestedDeviceSettings {
  /** In the order in which they are written. */
  readonly settings: readonly DeviceSetting[];
  /** They were computed, so one that a device lacks is not missed. */
  readonly isComputed: boolean;
  /** Why attributes are left out, each a sentence's end that begins with the attribute. */
  readonly problems: readonly string[];
}

/**
 * Reads the attributes of a volume: those of its class, or what the author of a PersistentVolume wrote, maybe
 * for V1, which checks nothing but the path. They only tune and can't be changed, so what can't be applied is
 * left out with the reason, and keeps no data from its pods.
 */
export function requestedDeviceSettings(
  attributes: Readonly<Record<string, string>>,
  disk: Pick<DiskSpec, "skuName" | "sizeGiB" | "burstingEnabled">,
): RequestedDeviceSettings {
  const stated = statedIn(attributes, "perfProfile") ?? "";
  const none = { settings: [], isComputed: false, problems: [] };
  if (stated === "") return none;
  const profile = readValue({ kind: "choice", choices: perfProfiles, anyCase: true }, stated);
  if (!profile.ok) return { ...none, problems: [`perfProfile ${JSON.stringify(stated)} ${profile.failure}`] };
  if (profile.value === "basic") {
    // What Azure shows counts more than the class: bursting ends as the disk gets a type without it, and
    // other clients end it. What can't be read is no bursting.
    const flag = readValue({ kind: "flag" }, statedIn(attributes, "enableBursting") ?? "");
    const bursts = disk.burstingEnabled ?? (flag.ok && flag.value === true);
    const burstingEnabled = bursts && canBurst(disk.skuName);
    return { ...none, settings: basicProfile({ ...disk, burstingEnabled }), isComputed: true };
  }
  if (profile.value === "none") return none;
  const values: Partial<Record<DeviceSettingName, string>> = {};
  const problems: string[] = [];
  for (const [name, value] of Object.entries(attributes)) {
    if (!isDeviceSetting(name) || value === "") continue;
    const read = readDeviceSetting(name, value);
    if (read.ok) values[read.value.name] = read.value.value;
    else problems.push(`${name} ${JSON.stringify(value)} ${read.failure}`);
  }
  return { settings: inOrder(values), isComputed: false, problems };
}

/** Settings in the order in which they are written. */
export function inOrder(
  values: Readonly<Partial<Record<DeviceSettingName, string>>>,
): readonly DeviceSetting[] {
  return deviceSettingNames.flatMap((name) => {
    const value = values[name];
    return value === undefined ? [] : [{ name, value }];
  });
}
