import { realpath } from "node:fs/promises";
import { setTimeout } from "node:timers/promises";
import { makeFolder } from "../make-folder.ts";
import { keyOf } from "../model/api/resource/resource-id.ts";
import {
  type DataPlane,
  type DataPlaneAttachment,
  type DataPlaneDetachment,
  type DataPlaneVm,
  type DiskSize,
  slotKeyOf,
} from "../model/data-plane-port.ts";
import { boundLoopDevice, boundLoopDevices, type BoundLoopDevice } from "./bound-loop-devices.ts";
import { dataPlaneAvailable } from "./data-plane-available.ts";
import { deviceLinks, type DeviceLinkPlace } from "./device-links.ts";
import { lockDirectory } from "./directory-lock.ts";
import { diskFiles } from "./disk-files.ts";
import { linuxLoopDevices } from "./loop-devices.ts";
import { loadSystemCalls } from "./system-calls.ts";
import { newTurns } from "./turns.ts";

const RELEASE_PATIENCE_DEFAULT_MS = 5_000;
const RELEASE_POLL_MS = 20;

export interface LinuxDataPlaneOptions {
  /**
   * Holds one sparse file per disk. Made if absent. It must be on a file system with direct I/O (ext4,
   * XFS), and used by this data plane only.
   */
  readonly directory: string;
  /** Holds `<vmName>/dev/disk/azure/…` for each VM; made if absent. */
  readonly deviceRoot: string;
  /** Whether `close` also removes the disks' files. Default: false. */
  readonly removeFilesOnClose?: boolean;
  /**
   * How long `close` waits for loop devices that are still held (mounted, open), in milliseconds. Default:
   * 5,000.
   */
  readonly releasePatienceMs?: number;
}

export interface LinuxDataPlane extends DataPlane {
  /** Where the guest finds the disk of a LUN. */
  linkPath(place: DeviceLinkPlace): string;
  /**
   * Every loop device on a disk of this data plane: devices of VMs, and cut devices that are still held
   * open.
   */
  devices(): Promise<readonly BoundLoopDevice[]>;
  /**
   * Detaches every disk from every VM. After doing all it can, rejects if a cut device is still held
   * (mounted) after some seconds; the device disappears when it is released.
   */
  close(): Promise<void>;
}

/** A disk that a VM has in the model. It has no device while the VM is stopped. */
interface Slot {
  attachment: DataPlaneAttachment;
  devicePath: string | undefined;
}

/**
 * Shows each disk, a sparse file, to each VM that has it as a loop device of its own, under that VM's own
 * links.
 *
 * At detach, and when its VM stops, a device is cut and released. The next attach or start makes a new one.
 * A mount that outlives its device stays dead, as after a power loss, even when the disk returns to the
 * same VM. A data plane that starts after an earlier one was killed cuts all devices that it finds: the
 * disks' bytes survive that, attachments do not.
 *
 * Writes through one VM's device are in the file once they are flushed (fsync, unmount). Another VM's
 * kernel sees them unless it has the blocks in its own device's buffers. It keeps these as long as that
 * device is open, and drops them at the last close, as with a real disk shared by two machines.
 */
export async function createLinuxDataPlane(options: LinuxDataPlaneOptions): Promise<LinuxDataPlane> {
  const availability = dataPlaneAvailable();
  if (!availability.available) throw new Error(`data plane: ${availability.reason}`);
  await makeFolder(options.directory);
  await makeFolder(options.deviceRoot);
  const directory = await realpath(options.directory);
  const systemCalls = await loadSystemCalls();
  const loops = linuxLoopDevices(systemCalls);
  const files = diskFiles(directory);
  const links = deviceLinks(options.deviceRoot);
  const turns = newTurns();
  /**
   * Disks whose file was begun by this data plane, not by an earlier one. Creating those again would empty
   * them.
   */
  const made = new Set<string>();
  const slots = new Map<string, Slot>();
  const stoppedVms = new Set<string>();
  let isClosed = false;

  const lock = await lockDirectory(directory, systemCalls);
  try {
    await links.removeAll();
    await cutAll(await boundLoopDevices(directory));
    await files.removeUnfinished();
  } catch (error) {
    await lock.release();
    throw error;
  }

  function inTurn(diskId: string, work: () => Promise<void>): Promise<void> {
    if (isClosed) return Promise.reject(new Error(`data plane: closed, nothing can be done to ${diskId}`));
    return turns.take(keyOf(diskId), work);
  }

  function slotsOfDisk(diskId: string): readonly Slot[] {
    return [...slots.values()].filter(({ attachment }) => keyOf(attachment.diskId) === keyOf(diskId));
  }

  function slotsOfVm(vmId: string): readonly Slot[] {
    return [...slots.values()].filter(({ attachment }) => keyOf(attachment.vmId) === keyOf(vmId));
  }

  async function makeOnce(diskId: string, make: () => Promise<void>): Promise<void> {
    if (made.has(keyOf(diskId)) || slotsOfDisk(diskId).length > 0) return;
    await make();
    made.add(keyOf(diskId));
  }

  function diskResized({ diskId, sizeBytes }: DiskSize): Promise<void> {
    return inTurn(diskId, async () => {
      await files.grow(diskId, sizeBytes);
      for (const { devicePath } of slotsOfDisk(diskId)) {
        if (devicePath !== undefined) await loops.rereadSize(devicePath);
      }
    });
  }

  function diskDeleted({ diskId }: { diskId: string }): Promise<void> {
    return inTurn(diskId, async () => {
      const holder = slotsOfDisk(diskId)[0];
      if (holder !== undefined)
        throw new Error(
          `data plane: cannot delete ${diskId}: ` +
            `${holder.attachment.vmId} has it as LUN ${holder.attachment.lun}`,
        );
      await files.remove(diskId);
      made.delete(keyOf(diskId));
    });
  }

  function diskAttached(attachment: DataPlaneAttachment): Promise<void> {
    return inTurn(attachment.diskId, async () => {
      refuseAmbiguousLink(attachment);
      const before = slots.get(slotKeyOf(attachment));
      if (before === undefined) return attachNew({ attachment, devicePath: undefined });
      if (links.pathOf(before.attachment) !== links.pathOf(attachment)) await removeLink(before);
      before.attachment = attachment;
      await connectUnlessStopped(before);
    });
  }

  async function attachNew(slot: Slot): Promise<void> {
    const key = slotKeyOf(slot.attachment);
    // Stored before the first wait, so that a VM that stops during it finds the slot.
    slots.set(key, slot);
    try {
      await connectUnlessStopped(slot);
    } catch (error) {
      await disconnect(slot);
      slots.delete(key);
      throw error;
    }
  }

  /** Links are named by the VM's name alone, which Azure makes unique only within a resource group. */
  function refuseAmbiguousLink(attachment: DataPlaneAttachment): void {
    const path = links.pathOf(attachment);
    if (!/^[A-Za-z0-9_][\w.-]*$/.test(attachment.vmName))
      throw new Error(`data plane: VM name "${attachment.vmName}" cannot name a directory`);
    const other = [...slots.values()].find(
      (slot) =>
        links.pathOf(slot.attachment) === path && slotKeyOf(slot.attachment) !== slotKeyOf(attachment),
    );
    if (other === undefined) return;
    throw new Error(
      `data plane: cannot attach ${attachment.diskId} to ${attachment.vmId}: its link ${path} ` +
        `belongs to ${other.attachment.diskId} of ${other.attachment.vmId}`,
    );
  }

  async function connectUnlessStopped(slot: Slot): Promise<void> {
    if (stoppedVms.has(keyOf(slot.attachment.vmId))) return;
    const filePath = files.pathOf(slot.attachment.diskId);
    // Another process may have freed the device.
    if (slot.devicePath !== undefined && (await boundLoopDevice(slot.devicePath))?.filePath !== filePath)
      slot.devicePath = undefined;
    slot.devicePath ??= await loops.bind(filePath);
    await links.put(slot.attachment, slot.devicePath);
  }

  async function removeLink(slot: Slot): Promise<void> {
    if (slot.devicePath !== undefined) await links.remove(slot.attachment, slot.devicePath);
  }

  /**
   * First removes the link, so that no further process finds the device, then cuts the device for those
   * that have it open.
   */
  async function disconnect(slot: Slot): Promise<void> {
    if (slot.devicePath === undefined) return;
    await removeLink(slot);
    await loops.cut({ path: slot.devicePath, filePath: files.pathOf(slot.attachment.diskId) });
    slot.devicePath = undefined;
  }

  function diskDetached(detachment: DataPlaneDetachment): Promise<void> {
    return inTurn(detachment.diskId, async () => {
      const slot = slots.get(slotKeyOf(detachment));
      if (slot === undefined) return;
      await disconnect(slot);
      slots.delete(slotKeyOf(detachment));
    });
  }

  async function vmStopped({ vmId }: DataPlaneVm): Promise<void> {
    stoppedVms.add(keyOf(vmId));
    await allOf(slotsOfVm(vmId).map((slot) => inTurn(slot.attachment.diskId, () => followPower(slot))));
  }

  async function vmStarted({ vmId }: DataPlaneVm): Promise<void> {
    stoppedVms.delete(keyOf(vmId));
    await allOf(slotsOfVm(vmId).map((slot) => inTurn(slot.attachment.diskId, () => followPower(slot))));
  }

  /** Brings a slot to its VM's present state. It may have been detached while it waited for its turn. */
  async function followPower(slot: Slot): Promise<void> {
    if (stoppedVms.has(keyOf(slot.attachment.vmId))) await disconnect(slot);
    else if (slots.get(slotKeyOf(slot.attachment)) === slot) await connectUnlessStopped(slot);
  }

  async function cutAll(devices: readonly BoundLoopDevice[]): Promise<void> {
    await allOf(devices.map((device) => loops.cut(device)));
  }

  async function close(): Promise<void> {
    if (isClosed) return;
    isClosed = true;
    await turns.allTaken();
    try {
      await links.removeAll();
      await cutAll(await boundLoopDevices(directory));
      if (options.removeFilesOnClose === true) await files.removeAll();
      await allReleased();
    } finally {
      await lock.release();
    }
  }

  async function allReleased(): Promise<void> {
    const patienceMs = options.releasePatienceMs ?? RELEASE_PATIENCE_DEFAULT_MS;
    for (let waitedMs = 0; ; waitedMs += RELEASE_POLL_MS) {
      const held = await boundLoopDevices(directory);
      if (held.length === 0) return;
      if (waitedMs >= patienceMs) throw stillHeld(held);
      await setTimeout(RELEASE_POLL_MS);
    }
  }

  return {
    diskCreated: ({ diskId, sizeBytes }) =>
      inTurn(diskId, () => makeOnce(diskId, () => files.create(diskId, sizeBytes))),
    diskResized,
    diskDeleted,
    diskCopied: ({ sourceId, diskId, sizeBytes }) =>
      inTurn(diskId, () => makeOnce(diskId, () => files.copy(sourceId, diskId, sizeBytes))),
    diskAttached,
    diskDetached,
    vmStopped,
    vmStarted,
    linkPath: (place) => links.pathOf(place),
    devices: () => boundLoopDevices(directory),
    close,
  };
}

function stillHeld(devices: readonly BoundLoopDevice[]): Error {
  const held = devices.map(({ path, filePath }) => `${path} on ${filePath}`).join(", ");
  return new Error(
    `data plane: closed, but still held: ${held}; ` +
      "each is cut, and goes away when it is unmounted and closed",
  );
}

/** Waits for every step before it rejects with the first failure, so that no step continues unobserved. */
async function allOf(steps: readonly Promise<void>[]): Promise<void> {
  const failed = (await Promise.allSettled(steps)).find((outcome) => outcome.status === "rejected");
  if (failed !== undefined) throw failed.reason;
}
