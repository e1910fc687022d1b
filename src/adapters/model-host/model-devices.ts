import { deviceReplaced, wrongDevice } from "../../core/failure/frequent-failures.ts";
import type { Result } from "../../core/failure/result.ts";
import { fail, ok } from "../../core/failure/result.ts";
import { chooseDevice } from "../../core/node/device/choose-device.ts";
import type { SeenDevice } from "../../core/node/device/choose-device.ts";
import { bytes } from "../../core/primitives/units.ts";
import type { Device, HostProvisioner } from "../../ports/host/host-provisioner.ts";
import { toDevice, withDevice, mountOn } from "./found-device.ts";
import type { MachineState, ModelDevice, ModelMount } from "./machine-state.ts";
import { writeSetting } from "./model-settings.ts";
import type { PlugInCalls } from "./plug-in-calls.ts";

/** How often a LUN is checked while its device is awaited, in milliseconds. */
const lookEveryMs = 500;

/** What a plug-in asks of a machine's devices, without their contents. */
export function deviceCalls({
  machine,
  instanceNumber,
  look,
  command,
}: PlugInCalls): Pick<
  HostProvisioner,
  | "findDevice"
  | "findPartition"
  | "rescanDevice"
  | "whileHolding"
  | "dropCachedBlocks"
  | "readDeviceSettings"
  | "writeDeviceSetting"
  | "deviceSize"
  | "writeProgress"
> {
  return {
    findDevice: async ({ lun }, signal) => {
      const untilMs = machine.clock.elapsedMs() + machine.deviceWaitMs;
      for (;;) {
        const found = look("findDevice", signal, () => findDeviceNow(machine, lun));
        if (
          found.ok ||
          (found.failure.kind !== "DeviceNotFound" && found.failure.kind !== "WrongDevice") ||
          machine.clock.elapsedMs() >= untilMs
        )
          return found;
        const waited = await machine.clock.sleep(lookEveryMs, signal).then(
          () => ok(undefined),
          () => fail({ kind: "Cancelled" } as const),
        );
        if (!waited.ok) return waited;
      }
    },
    // Disks of the model have no partition table.
    findPartition: async ({ disk, partition }) =>
      wrongDevice(disk.path, `the kernel sees no partition ${partition}`),
    rescanDevice: async (device, signal) =>
      look("rescanDevice", signal, () =>
        withDevice(machine, device, (found) => {
          found.knownBytes = found.disk.sizeBytes;
          return ok(toDevice(found));
        }),
      ),
    whileHolding: async (device, act, signal) => {
      const opened = look("whileHolding", signal, () =>
        withDevice(machine, device, (found) =>
          found.path === device.path ? ok(found) : deviceReplaced(device),
        ),
      );
      if (!opened.ok) return opened;
      const hold = { device: opened.value, instanceNumber };
      machine.holds.add(hold);
      try {
        return await act();
      } finally {
        machine.holds.delete(hold);
      }
    },
    dropCachedBlocks: (device, signal) =>
      command("dropCachedBlocks", [device.majorMinor], signal, () =>
        withDevice(machine, device, (found) => {
          found.cached = undefined;
          return ok(undefined);
        }),
      ),
    readDeviceSettings: async (device, signal) =>
      look("readDeviceSettings", signal, () =>
        withDevice(machine, device, (found) => ok(Object.fromEntries(found.settings))),
      ),
    writeDeviceSetting: async ({ device, setting }, signal) =>
      look("writeDeviceSetting", signal, () =>
        withDevice(machine, device, (found) => {
          const detail = writeSetting(found, setting);
          return detail === undefined
            ? ok(undefined)
            : fail({
                kind: "DeviceSettingRefused",
                devicePath: device.path,
                setting: setting.name,
                value: setting.value,
                detail,
              });
        }),
      ),
    deviceSize: async (path, signal) =>
      look("deviceSize", signal, () => {
        const device =
          [...machine.devicesByLun.values()].find((candidate) => candidate.path === path) ??
          rawDeviceAt(mountOn(machine, path));
        if (device === undefined) return fail({ kind: "PathNotMounted", path });
        return device.state === "gone"
          ? wrongDevice(path, `its device ${device.majorMinor} is gone: unpublish the volume`)
          : ok(bytes(device.knownBytes));
      }),
    writeProgress: async (majorMinor, signal) =>
      look("writeProgress", signal, () => {
        const device = [...machine.devicesByLun.values()].find(
          (candidate) => candidate.majorMinor === majorMinor,
        );
        return ok(device === undefined ? "gone" : `${device.writesDone}`);
      }),
  };
}

/** What the kernel and its links show of a LUN, judged as on Linux. */
function findDeviceNow(machine: MachineState, lun: number): Result<Device> {
  const devices = [...machine.devicesByLun];
  const seen = ([at, device]: readonly [number, ModelDevice]): SeenDevice => ({
    path: device.path,
    majorMinor: device.majorMinor,
    sizeBytes: device.knownBytes,
    address: { kind: "dataDisk", lun: at, shown: `SCSI 3:0:0:${at}` },
  });
  const target = machine.links.get(lun);
  // A name without a device is no link: udev removes it, or has not made it yet.
  const linked = devices.find(([, { path }]) => path === target);
  const choice = chooseDevice({
    lun,
    links: linked === undefined ? [] : [{ link: `/dev/disk/azure/scsi1/lun${lun}`, device: seen(linked) }],
    disks: devices.filter(([at]) => at === lun).map(seen),
    sharesKernel: false,
  });
  switch (choice.kind) {
    case "found":
      return ok({
        path: choice.device.path,
        majorMinor: choice.device.majorMinor,
        sizeBytes: bytes(choice.device.sizeBytes),
      });
    case "absent":
      return fail({
        kind: "DeviceNotFound",
        lun,
        searched: [`model of ${machine.nodeName}`],
        seen: choice.seen,
        waitedMs: machine.deviceWaitMs,
      });
    case "contradiction":
      return wrongDevice(choice.devicePath, choice.problem);
  }
}

function rawDeviceAt(mount: ModelMount | undefined): ModelDevice | undefined {
  return mount?.fsType === undefined ? mount?.device : undefined;
}
