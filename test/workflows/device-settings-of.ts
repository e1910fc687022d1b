import { readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import type { Lab, LabNode } from "../../demo/lab/lab.ts";
import type { DemoVolume } from "../../demo/volume-moves.ts";
import type { DeviceSettingName } from "../../src/core/volume/device/device-settings.ts";
import { deviceOf } from "./node-device.ts";

/** What the kernel has for settings of a volume's device on a node: files in sysfs that hold a number. */
export async function deviceSettingsOf(
  { lab, volume, node }: { readonly lab: Lab; readonly volume: DemoVolume; readonly node: LabNode },
  names: readonly DeviceSettingName[],
  signal: AbortSignal,
): Promise<Readonly<Record<string, string>>> {
  const device = basename(await deviceOf(lab, volume, node, signal));
  const entries = names.map(
    async (name) => [name, (await readFile(join("/sys/class/block", device, name), "utf8")).trim()] as const,
  );
  return Object.fromEntries(await Promise.all(entries));
}
