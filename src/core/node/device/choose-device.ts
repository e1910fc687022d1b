import type { DeviceAddress } from "./device-address.ts";

/** A block device that the kernel has, with the address that it shows for it. */
export interface SeenDevice {
  /** Its node; undefined while `/dev` has none. */
  readonly path: string | undefined;
  readonly majorMinor: string;
  readonly sizeBytes: bigint;
  readonly address: DeviceAddress;
}

/** A link of a LUN. `device`: its target; undefined where the kernel no longer has that device. */
export interface SeenLink {
  readonly link: string;
  readonly device: SeenDevice | undefined;
}

/** Everything that a host shows of one LUN. */
export interface LunSight {
  readonly lun: number;
  /** Its existing links, made by udev. */
  readonly links: readonly SeenLink[];
  /**
   * Every data disk with this LUN by the kernel's addresses. Empty where `sharesKernel`: the kernel's
   * disks are not this node's.
   */
  readonly disks: readonly SeenDevice[];
  /**
   * Other nodes run on this kernel, and disks are loop devices without an address: a link to one is
   * trusted. On a node with its own kernel a loop device never is a data disk.
   */
  readonly sharesKernel: boolean;
}

/** A device that may be the volume's. */
export type ChosenDevice = SeenDevice & { readonly path: string };

/**
 * The device of a LUN. `absent`: there is none yet. `contradiction`: the devices can't be distinguished, or
 * the witnesses disagree. Both may pass.
 */
export type DeviceChoice =
  | { readonly kind: "found"; readonly device: ChosenDevice }
  | { readonly kind: "absent"; readonly seen: readonly string[] }
  | { readonly kind: "contradiction"; readonly devicePath: string; readonly problem: string };

/**
 * Chooses the device of a LUN. The kernel's address decides, and no link may contradict it. Udev makes
 * links after the kernel has made devices, so a link may be missing, or lead to the LUN's earlier disk,
 * or to a device name that another disk has now.
 */
export function chooseDevice(sight: LunSight): DeviceChoice {
  const { lun, links } = sight;
  const candidates = candidatesOf(sight);
  const [first, other] = candidates;
  if (first !== undefined && other !== undefined)
    return contradiction(first, `LUN ${lun} is both ${named(first)} and ${named(other)}`);
  const contrary = links.find(
    ({ device }) => device !== undefined && device.majorMinor !== first?.majorMinor,
  );
  if (contrary?.device !== undefined) {
    const kernelSays =
      first === undefined ? `there is no disk at LUN ${lun}` : `LUN ${lun} is ${named(first)}`;
    return contradiction(
      contrary.device,
      `${contrary.link} leads to ${named(contrary.device)}, while by the kernel's addresses ${kernelSays}`,
    );
  }
  if (first?.path !== undefined) return { kind: "found", device: { ...first, path: first.path } };
  const dangling = links
    .filter(({ device }) => device === undefined)
    .map(({ link }) => `${link}, which leads to no device that the kernel has`);
  return {
    kind: "absent",
    seen: [...dangling, ...(first === undefined ? [] : [`${named(first)} without a node under /dev`])],
  };
}

/**
 * Every device that may have the LUN, by the kernel's address or by a link that no address contradicts.
 * For a search that must not miss one.
 */
export function candidatesOf({ lun, links, disks, sharesKernel }: LunSight): readonly SeenDevice[] {
  const linked = links.flatMap(({ device }) =>
    device !== undefined && isBelieved(device, lun, sharesKernel) ? [device] : [],
  );
  return [...new Map([...disks, ...linked].map((device) => [device.majorMinor, device])).values()];
}

/** Whether a link and its device together prove that the device has the LUN. */
function isBelieved({ address }: SeenDevice, lun: number, sharesKernel: boolean): boolean {
  switch (address.kind) {
    // Udev links only data disks, and the kernel shows the same LUN.
    case "dataDisk":
    case "unknownController":
      return address.lun === lun;
    case "loop":
      return sharesKernel;
    case "elsewhere":
      return false;
  }
}

function contradiction({ path, majorMinor }: SeenDevice, problem: string): DeviceChoice {
  return {
    kind: "contradiction",
    devicePath: path ?? majorMinor,
    problem: `${problem}: check the udev rules of the node, and whether udev runs`,
  };
}

function named({ path, majorMinor, address }: SeenDevice): string {
  return `${path ?? "a device"} (${majorMinor}, ${address.shown})`;
}
