import { isSameResourceUri } from "../../core/azure/ids/disk-uri.ts";
import { fileSystemBroken, wrongDevice } from "../../core/failure/frequent-failures.ts";
import type { Result } from "../../core/failure/result.ts";
import { fail, ok } from "../../core/failure/result.ts";
import { WHILE_READ_ONLY, WITHOUT_CAPABILITY } from "../../core/node/file-system/why-not-grown.ts";
import { isKeptByKernel } from "../../core/volume/device/file-system.ts";
import type { HostProvisioner } from "../../ports/host/host-provisioner.ts";
import { withDevice, withWritable, isDead, mountOn, inUse, refusesWrites } from "./found-device.ts";
import type { MachineState, ModelDevice } from "./machine-state.ts";
import { blocksOf, isMounted, writeContent } from "./machine-state.ts";
import type { PlugInCalls } from "./plug-in-calls.ts";
import { acceptsWrites } from "./reservation/model-reservation.ts";

/** Bytes for one inode, as in ext4; only to make the model's numbers look real. */
const bytesPerInode = 16384n;

/**
 * The progress of a command that makes a file system: it reads first, then writes, and the signature,
 * which names a still incomplete file system, comes last.
 */
const formatPhases = [
  { untilShare: 0.2, phase: "reading" },
  { untilShare: 0.7, phase: "writing" },
] as const;

/** What a plug-in does with the contents of a machine's devices. */
export function fileSystemCalls({
  machine,
  look,
  command,
}: PlugInCalls): Pick<
  HostProvisioner,
  | "inspectDevice"
  | "inspectFileSystem"
  | "readFormatMark"
  | "writeFormatMark"
  | "eraseFormatMark"
  | "format"
  | "eraseUnfinishedFormat"
  | "checkFileSystem"
  | "growBeforeMount"
  | "growFileSystem"
  | "fileSystemStats"
> {
  return {
    inspectDevice: async (device, signal) =>
      look("inspectDevice", signal, () =>
        withDevice(machine, device, (found) => ok(found.disk.takenFor ?? blocksOf(found).content)),
      ),
    inspectFileSystem: async ({ device, fsType }, signal) =>
      look("inspectFileSystem", signal, () =>
        withDevice(machine, device, (found) => {
          const { content } = blocksOf(found);
          const isFound = content.kind === "fileSystem" && content.fsType === fsType;
          return ok(isFound ? content : { kind: "otherData", detail: `no ${fsType}` });
        }),
      ),
    readFormatMark: async (device, signal) =>
      look("readFormatMark", signal, () => withDevice(machine, device, (found) => ok(found.disk.formatMark))),
    writeFormatMark: ({ device, mark }, signal) =>
      command("writeFormatMark", [device.majorMinor], signal, () =>
        withWritable(machine, device, (found) => {
          if (isMounted(machine, found)) return inUse(found);
          found.disk.formatMark = mark;
          machine.wrote(found, "format");
          return ok(undefined);
        }),
      ),
    eraseFormatMark: ({ device, diskUri }, signal) =>
      command("eraseFormatMark", [device.majorMinor], signal, () =>
        withDevice(machine, device, (found) => {
          const mark = found.disk.formatMark;
          if (mark === undefined || !isSameResourceUri(mark.diskUri, diskUri)) return ok(undefined);
          if (isMounted(machine, found)) return inUse(found);
          if (!acceptsWrites(found)) return refusesWrites(found);
          found.disk.formatMark = undefined;
          // Like a check, it writes no user data.
          machine.wrote(found, "check");
          return ok(undefined);
        }),
      ),
    format: ({ device, fsType, uuid, geometry = {} }, signal) => {
      const make = (): Result<void> =>
        withWritable(machine, device, (found) => {
          const { content } = blocksOf(found);
          if (content.kind !== "blank") {
            return fail({
              kind: "WrongFileSystem",
              devicePath: device.path,
              found: content.kind === "fileSystem" ? content.fsType : content.detail,
              requested: `a blank device to make ${fsType} on`,
            });
          }
          if (isMounted(machine, found)) return inUse(found);
          writeContent(found, { kind: "fileSystem", fsType, uuid });
          found.disk.geometry = geometry;
          found.disk.fileSystemBytes = found.knownBytes;
          found.disk.isBroken = false;
          machine.wrote(found, "format");
          return ok(undefined);
        });
      const leaveUnfinished = (doneShare: number): void => {
        const phase = formatPhases.find(({ untilShare }) => doneShare < untilShare)?.phase ?? "signed";
        if (phase === "reading" || !make().ok) return;
        withDevice(machine, device, (found) => {
          if (phase === "signed") found.disk.isBroken = true;
          else
            writeContent(found, {
              kind: "otherData",
              detail: "no known signature, but data at its start",
              hasNoSignature: true,
            });
          return ok(undefined);
        });
      };
      return command("format", [device.majorMinor], signal, make, leaveUnfinished);
    },
    eraseUnfinishedFormat: ({ device }, signal) =>
      command("eraseUnfinishedFormat", [device.majorMinor], signal, () =>
        withWritable(machine, device, (found) => {
          if (isMounted(machine, found)) return inUse(found);
          writeContent(found, { kind: "blank" });
          found.disk.isBroken = false;
          machine.wrote(found, "format");
          return ok(undefined);
        }),
      ),
    checkFileSystem: ({ device, fsType }, signal) =>
      command("checkFileSystem", [device.majorMinor], signal, () =>
        withDevice(machine, device, (found) => {
          if (isKeptByKernel(fsType)) return ok(undefined);
          if (isMounted(machine, found)) return inUse(found);
          if (!acceptsWrites(found)) return refusesWrites(found);
          // e2fsck drops them itself (-F).
          found.cached = undefined;
          if (found.disk.isBroken || found.disk.content.kind !== "fileSystem")
            return fileSystemBroken(device.path, "the check found damage that it can't repair");
          machine.wrote(found, "check");
          return ok(undefined);
        }),
      ),
    growBeforeMount: ({ device, fsType }, signal) =>
      command("growBeforeMount", [device.majorMinor], signal, () =>
        withDevice(machine, device, (found) => {
          return !isKeptByKernel(fsType) && !machine.mayGrowMountedExt ? grow(machine, found) : ok(undefined);
        }),
      ),
    growFileSystem: ({ device, mountPath, fsType }, signal) =>
      command("growFileSystem", [device.majorMinor], signal, () =>
        withDevice(machine, device, (found) => {
          const mount = mountOn(machine, mountPath);
          if (mount === undefined && isKeptByKernel(fsType))
            return fail({ kind: "PathNotMounted", path: mountPath });
          if (mount !== undefined && mount.device !== found)
            return wrongDevice(device.path, `${mountPath} holds a mount of ${mount.device.path}`);
          if (
            mount !== undefined &&
            !isKeptByKernel(fsType) &&
            !machine.mayGrowMountedExt &&
            found.disk.fileSystemBytes !== found.knownBytes
          )
            return fail({ kind: "GrowsUnmounted", devicePath: device.path, reason: WITHOUT_CAPABILITY });
          if (mount?.readOnly === true && found.disk.fileSystemBytes !== found.knownBytes)
            return fail({ kind: "GrowsUnmounted", devicePath: device.path, reason: WHILE_READ_ONLY });
          machine.freezes.delete(found);
          return grow(machine, found);
        }),
      ),
    fileSystemStats: async (path, signal) =>
      look("fileSystemStats", signal, () => {
        const mount = mountOn(machine, path);
        if (mount === undefined) return fail({ kind: "PathNotMounted", path });
        if (isDead(mount)) return fileSystemBroken(mount.device.path, `the mount at ${path} is dead`);
        const { disk, unflushed } = mount.device;
        const files = new Map([...blocksOf(mount.device).files, ...unflushed]);
        const usedBytes = [...files.values()].reduce((sum, text) => sum + BigInt(text.length), 0n);
        const totalInodes = disk.fileSystemBytes / bytesPerInode;
        const usedInodes = BigInt(files.size);
        return ok({
          totalBytes: disk.fileSystemBytes,
          usedBytes,
          availableBytes: disk.fileSystemBytes - usedBytes,
          totalInodes,
          usedInodes,
          availableInodes: totalInodes - usedInodes,
        });
      }),
  };
}

function grow(machine: MachineState, device: ModelDevice): Result<void> {
  if (device.disk.fileSystemBytes === device.knownBytes) return ok(undefined);
  if (!acceptsWrites(device)) return refusesWrites(device);
  device.disk.fileSystemBytes = device.knownBytes;
  machine.wrote(device, "grow");
  return ok(undefined);
}
