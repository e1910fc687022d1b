import {
  deviceBusy,
  fileSystemBroken,
  hostCommandFailed,
  hostNotReady,
  stagedReadOnly,
} from "../../core/failure/frequent-failures.ts";
import type { Result } from "../../core/failure/result.ts";
import { fail, ok } from "../../core/failure/result.ts";
import { isStagedReadOnly, stagingMountOptions } from "../../core/node/mount-options.ts";
import type { Device, HostProvisioner, MountPoint } from "../../ports/host/host-provisioner.ts";
import { isDead, mountOn, toDevice, withDevice } from "./found-device.ts";
import type { MachineState, ModelMount } from "./machine-state.ts";
import { afterUnmount, blocksOf } from "./machine-state.ts";
import type { PlugInCalls } from "./plug-in-calls.ts";
import { acceptsWrites } from "./reservation/model-reservation.ts";

/** The kernel gives file systems without a device numbers of major 0. */
const placeholderMajorMinor = "0:99";

/** What a plug-in mounts, and finds mounted. */
export function mountCalls({
  machine,
  look,
  command,
}: PlugInCalls): Pick<
  HostProvisioner,
  | "mountDevice"
  | "bindMount"
  | "bindDevice"
  | "mountAt"
  | "mountsOf"
  | "unmount"
  | "mountPlaceholder"
  | "pathKind"
> {
  return {
    mountDevice: (request, signal) =>
      command("mountDevice", [request.device.majorMinor, request.path], signal, () => {
        const options = stagingMountOptions(request);
        if (!options.ok) return options;
        const present = mountOn(machine, request.path);
        if (present !== undefined) return judgePresent(present, request.device, isStagedReadOnly(request));
        return withDevice(machine, request.device, (found) => {
          const { content } = blocksOf(found);
          if (content.kind !== "fileSystem" || content.fsType !== request.fsType)
            return hostCommandFailed(
              `mount -t ${request.fsType} ${found.path} ${request.path}`,
              32,
              "wrong fs type, bad option, bad superblock",
            );
          if (found.disk.isBroken) return fileSystemBroken(found.path, "Structure needs cleaning");
          if (!request.readOnly && !acceptsWrites(found))
            return hostCommandFailed(
              `mount -t ${request.fsType} ${found.path} ${request.path}`,
              32,
              "can't read superblock",
            );
          makeDirectory(machine, request.path);
          machine.mounts.push({
            path: request.path,
            device: found,
            fsType: request.fsType,
            readOnly: isStagedReadOnly(request),
            openFiles: 0,
          });
          // A read-write mount replays the journal and marks the file system as mounted.
          if (!request.readOnly) machine.wrote(found, "mount");
          return ok(undefined);
        });
      }),
    bindMount: ({ stagingPath, targetPath, readOnly, mountFlags }, signal) =>
      command("bindMount", [targetPath], signal, () => {
        const staged = mountOn(machine, stagingPath);
        if (staged === undefined) return fail({ kind: "PathNotMounted", path: stagingPath });
        if (isDead(staged))
          return fileSystemBroken(
            staged.device.path,
            `the mount at ${stagingPath} is dead: stage the volume again`,
          );
        machine.freezes.delete(staged.device);
        const present = mountOn(machine, targetPath);
        if (present !== undefined)
          return judgePresent(present, toDevice(staged.device), readOnly || staged.readOnly);
        if (staged.readOnly && !isStagedReadOnly({ mountFlags, readOnly }))
          return stagedReadOnly(stagingPath);
        makeDirectory(machine, targetPath);
        machine.mounts.push({
          ...staged,
          path: targetPath,
          readOnly: readOnly || staged.readOnly,
          openFiles: 0,
        });
        return ok(undefined);
      }),
    bindDevice: ({ device, targetPath, readOnly }, signal) =>
      command("bindDevice", [device.majorMinor, targetPath], signal, () => {
        const present = mountOn(machine, targetPath);
        if (present !== undefined) return judgePresent(present, device, readOnly);
        return withDevice(machine, device, (found) => {
          if (!machine.paths.has(targetPath)) machine.paths.set(targetPath, "file");
          machine.mounts.push({ path: targetPath, device: found, fsType: undefined, readOnly, openFiles: 0 });
          return ok(undefined);
        });
      }),
    mountAt: async (path, signal) =>
      look("mountAt", signal, () => {
        const mount = mountOn(machine, path);
        if (mount !== undefined) return ok(toMountPoint(mount));
        return ok(machine.placeholders.has(path) ? placeholderAt(path) : undefined);
      }),
    mountsOf: async (majorMinor, signal) =>
      look("mountsOf", signal, () =>
        ok(machine.mounts.filter((mount) => mount.device.majorMinor === majorMinor).map(toMountPoint)),
      ),
    unmount: (path, signal) =>
      command("unmount", [path], signal, () => {
        const unmounted = unmountAll(machine, path);
        if (!unmounted.ok) return unmounted;
        machine.placeholders.delete(path);
        if (
          machine.paths.get(path) === "strayFile" ||
          [...machine.paths.keys()].some((other) => other.startsWith(`${path}/`))
        ) {
          return hostNotReady(`${path} is not mounted, but holds files: move them away`);
        }
        machine.paths.delete(path);
        return ok(undefined);
      }),
    mountPlaceholder: (path, signal) =>
      command("mountPlaceholder", [path], signal, () => {
        const unmounted = unmountAll(machine, path);
        if (unmounted.ok && machine.paths.get(path) === "directory") machine.placeholders.add(path);
        return unmounted;
      }),
    pathKind: async (path, signal) =>
      look("pathKind", signal, () => {
        const mount = mountOn(machine, path);
        if (mount !== undefined) return ok(mount.fsType === undefined ? "blockDevice" : "directory");
        if ([...machine.devicesByLun.values()].some((device) => device.path === path))
          return ok("blockDevice");
        const kind = machine.paths.get(path);
        return ok(kind === undefined ? "absent" : kind === "directory" ? "directory" : "file");
      }),
  };
}

function unmountAll(machine: MachineState, path: string): Result<void> {
  for (let mount = mountOn(machine, path); mount !== undefined; mount = mountOn(machine, path)) {
    if (mount.openFiles > 0) return deviceBusy(mount.device.path, `${path} is in use: end what uses it`);
    machine.freezes.delete(mount.device);
    machine.mounts.splice(machine.mounts.lastIndexOf(mount), 1);
    machine.unmounted(mount);
    afterUnmount(machine, mount.device);
  }
  return ok(undefined);
}

function judgePresent(present: ModelMount, device: Device, readOnly: boolean): Result<void> {
  const refuse = (problem: string): Result<void> =>
    fail({ kind: "MountedOtherwise", path: present.path, problem });
  if (present.device.majorMinor !== device.majorMinor)
    return refuse(`already holds a mount of ${present.device.path}`);
  if (isDead(present))
    return fileSystemBroken(device.path, `the mount at ${present.path} is dead: unmount it first`);
  return present.readOnly === readOnly
    ? ok(undefined)
    : refuse(`is mounted ${present.readOnly ? "read-only" : "read-write"}`);
}

function makeDirectory(machine: MachineState, path: string): void {
  if (!machine.paths.has(path)) machine.paths.set(path, "directory");
}

function toMountPoint(mount: ModelMount): MountPoint {
  return {
    path: mount.path,
    majorMinor: mount.device.majorMinor,
    fsType: mount.fsType ?? "devtmpfs",
    root: mount.fsType === undefined ? mount.device.path : "/",
    readOnly: mount.readOnly,
    isDead: isDead(mount),
    isPlaceholder: false,
  };
}

function placeholderAt(path: string): MountPoint {
  return {
    path,
    majorMinor: placeholderMajorMinor,
    fsType: "tmpfs",
    root: "/",
    readOnly: true,
    isDead: false,
    isPlaceholder: true,
  };
}
