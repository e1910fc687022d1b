import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { describe, it } from "node:test";
import type { TestContext } from "node:test";
import { describeFailure } from "../../src/core/failure/describe-failure.ts";
import type { Failure } from "../../src/core/failure/failure.ts";
import type { Result } from "../../src/core/failure/result.ts";
import type { Platform } from "../../src/core/platform/platform.ts";
import { valueOf } from "../../src/core/testing/value-of.ts";
import type { DeviceSettingName } from "../../src/core/volume/device/device-settings.ts";
import {
  isKeptByKernel,
  linuxFileSystemTypes,
  windowsFileSystemTypes,
} from "../../src/core/volume/device/file-system.ts";
import type { FileSystemType } from "../../src/core/volume/device/file-system.ts";
import type { CleanRequest, Device, HostProvisioner } from "../../src/ports/host/host-provisioner.ts";

/**
 * A machine with a host to test against the contract, and operations that stand for platforms, processes
 * and people.
 */
export interface HostWorld {
  readonly host: HostProvisioner;
  /** Where the test may mount; at first nothing exists there. */
  readonly pathOf: (name: string) => string;
  readonly attachDisk: (at: { readonly lun: number; readonly sizeBytes: bigint }) => Promise<void>;
  /** The platform detaches the disk: every write fails from now on, and the LUN's link is removed. */
  readonly detachDisk: (lun: number) => Promise<void>;
  /** The platform moves a disk from one LUN to another; the kernel assigns any free name and number. */
  readonly moveDisk: (move: { readonly fromLun: number; readonly toLun: number }) => Promise<void>;
  /**
   * Attaches the disk of one LUN a second time, with its own device and cache, as a second machine would.
   */
  readonly attachSameDisk: (at: { readonly lun: number; readonly asLun: number }) => Promise<void>;
  /** Attaches a disk that the platform has made as a copy of another one, with what that holds by now. */
  readonly attachCopy: (of: {
    readonly lun: number;
    readonly asLun: number;
    readonly sizeBytes: bigint;
  }) => Promise<void>;
  /**
   * A process reads the device and keeps it open, so that the kernel keeps its blocks cached. The answer
   * closes it.
   */
  readonly keepDeviceRead: (lun: number) => Promise<() => Promise<void>>;
  /**
   * A process writes a text to the raw device, and syncs it; a process reads it there, as the kernel has
   * it.
   */
  readonly writeRaw: (lun: number, text: string) => Promise<void>;
  readonly readRaw: (lun: number) => Promise<string>;
  readonly growDisk: (at: { readonly lun: number; readonly sizeBytes: bigint }) => Promise<void>;
  /** An application has written to the raw disk. */
  readonly scribble: (lun: number) => Promise<void>;
  readonly writeFile: (path: string, text: string) => Promise<void>;
  readonly readFile: (path: string) => Promise<string>;
  readonly makeDirectory: (path: string) => Promise<void>;
  /** A process keeps a file open; the returned function closes it. */
  readonly keepFileOpen: (path: string) => Promise<() => Promise<void>>;
  /** A process keeps the raw device open, not exclusively; the returned function closes it. */
  readonly keepDeviceOpen: (device: Device) => Promise<() => Promise<void>>;
  /** The next mount command stops right before it mounts, as on a machine that freezes. */
  readonly stopNextMount: () => Promise<StoppedMount>;
  /** A new instance of the plug-in; the one before it lives on until `endFirst`. */
  readonly startSecondPlugin: () => Promise<{
    readonly host: HostProvisioner;
    readonly endFirst: () => Promise<void>;
  }>;
  /** Why this machine can't make a file system; undefined if it can. */
  readonly whyNot: (fsType: FileSystemType) => string | undefined;
  /** Whether the kernel permits growing a mounted ext4, which needs CAP_SYS_RESOURCE. */
  readonly mayGrowMountedExt4: boolean;
  readonly close: () => Promise<void>;
}

/** A mount command that stops before it mounts. */
export interface StoppedMount {
  /** Resolves once it has stopped. */
  readonly stopped: () => Promise<void>;
  /** Resumes it, and waits for its end. */
  readonly proceed: () => Promise<void>;
}

const TEST_TIMEOUT_MS = 900_000;
const MIB = 1024n * 1024n;
/** XFS refuses anything below 300 MiB. */
const DISK_BYTES = 320n * MIB;
const STALE_TRIES_MAX = 8;
const never = new AbortController().signal;
/**
 * Not for btrfs: mkfs.btrfs refuses one that any disk of this machine has, also of a suite beside this, or
 * that libblkid keeps for two seconds of an earlier test's disk with the same number. Nor for XFS, which
 * mounts none beside another that has it.
 */
const uuid = randomUUID();
const otherUuid = randomUUID();

/**
 * Declares the tests that every host provisioner of a platform passes. A Windows node has no replicas, no raw
 * block and no read-only targets: its host refuses the latter two. `whyNotHere`: why this machine can run
 * none of them.
 */
export function hostProvisionerContract(
  name: string,
  makeWorld: () => Promise<HostWorld>,
  { platform, whyNotHere }: { readonly platform: Platform; readonly whyNotHere?: string | undefined },
): void {
  const fileSystems = platform === "linux" ? linuxFileSystemTypes : windowsFileSystemTypes;
  const usual: FileSystemType = platform === "linux" ? "ext4" : "ntfs";
  const on = (sentence: string, test: (world: HostWorld, context: TestContext) => Promise<void>): void => {
    it(
      sentence,
      { timeout: TEST_TIMEOUT_MS, ...(whyNotHere === undefined ? {} : { skip: whyNotHere }) },
      async (context) => {
        const world = await makeWorld();
        try {
          await test(world, context);
        } finally {
          await world.close();
        }
      },
    );
  };

  /** Of what only Linux nodes serve. */
  const onLinux: typeof on = (sentence, test) => {
    if (platform === "linux") on(sentence, test);
  };
  const onWindows: typeof on = (sentence, test) => {
    if (platform === "windows") on(sentence, test);
  };

  describe(`${name}: devices`, () => {
    on("finds a device by its LUN, with its size", async (world) => {
      await world.attachDisk({ lun: 3, sizeBytes: DISK_BYTES });
      const device = valueOf(await world.host.findDevice({ lun: 3 }, never));
      assert.equal(device.sizeBytes, DISK_BYTES);
      assert.match(device.path, platform === "linux" ? /^\/dev\// : /PhysicalDrive\d+$/);
      assert.match(device.majorMinor, /^\d+:\w+$/);
      assert.equal(valueOf(await world.host.deviceSize(device.path, never)), DISK_BYTES);
      assert.equal(valueOf(await world.host.pathKind(device.path, never)), "blockDevice");
    });

    on("doesn't find a LUN without a disk", async (world) => {
      assert.equal(kindOf(await world.host.findDevice({ lun: 4 }, never)), "DeviceNotFound");
    });

    on("does nothing for a cancelled call", async (world) => {
      assert.equal(kindOf(await world.host.findDevice({ lun: 4 }, AbortSignal.abort())), "Cancelled");
    });

    on("sees the new size of a disk that has grown", async (world) => {
      const device = await aDevice(world, 0);
      await world.growDisk({ lun: 0, sizeBytes: 2n * DISK_BYTES });
      assert.deepEqual(valueOf(await world.host.rescanDevice(device, never)), {
        ...device,
        sizeBytes: 2n * DISK_BYTES,
      });
    });

    on("detects data of an application on a disk, and calls a new disk blank", async (world) => {
      const device = await aDevice(world, 0);
      assert.deepEqual(valueOf(await world.host.inspectDevice(device, never)), { kind: "blank" });
      await world.scribble(0);
      assert.equal(valueOf(await world.host.inspectDevice(device, never)).kind, "otherData");
    });

    onLinux("changes a setting of a device, again and back, and rejects an impossible one", async (world) => {
      const device = await aDevice(world, 0);
      const settings = async (): Promise<Readonly<Record<string, string>>> =>
        valueOf(await world.host.readDeviceSettings(device, never));
      const write = (name: DeviceSettingName, value: string): Promise<Result<void, Failure>> =>
        world.host.writeDeviceSetting({ device, setting: { name, value } }, never);
      const before = await settings();
      assert.match(before["queue/scheduler"] ?? "", /^[a-z-]+$/u);
      for (const _ of ["first", "again"]) {
        valueOf(await write("queue/scheduler", "mq-deadline"));
        valueOf(await write("queue/read_ahead_kb", "64"));
      }
      assert.equal(kindOf(await write("queue/nr_requests", "10240")), "DeviceSettingRefused");
      const changed = { "queue/scheduler": "mq-deadline", "queue/read_ahead_kb": "64" };
      assert.deepEqual(pick(await settings(), changed), changed);
      for (const name of Object.keys(changed) as readonly DeviceSettingName[])
        valueOf(await write(name, before[name] ?? ""));
      assert.deepEqual(pick(await settings(), changed), pick(before, changed));
    });

    onLinux("changes no setting of another disk that has the name by now", async (world) => {
      const device = await aDevice(world, 0);
      const other = { ...device, majorMinor: "259:9999" };
      const setting = { name: "queue/rotational", value: "1" } as const;
      assert.equal(
        kindOf(await world.host.writeDeviceSetting({ device: other, setting }, never)),
        "WrongDevice",
      );
    });

    onWindows("has no settings of a device, and refuses to change one", async (world) => {
      const device = await aDevice(world, 0);
      const setting = { name: "queue/rotational", value: "1" } as const;
      assert.deepEqual(valueOf(await world.host.readDeviceSettings(device, never)), {});
      assert.equal(
        kindOf(await world.host.writeDeviceSetting({ device, setting }, never)),
        "DeviceSettingRefused",
      );
    });

    onLinux("returns a raw disk's old blocks until they are dropped", async (world) => {
      const { replica, replicaLun, close } = await aStaleReplica(world, {
        before: (lun) => world.writeRaw(lun, "old"),
        change: (_writer, lun) => world.writeRaw(lun, "new"),
        isStale: async (_replica, lun) => (await world.readRaw(lun)) === "old",
      });
      valueOf(await world.host.dropCachedBlocks(replica, never));
      assert.equal(await world.readRaw(replicaLun), "new");
      await close();
    });

    on("refuses to format a disk that isn't blank, and leaves it as it is", async (world) => {
      const device = await aDevice(world, 0);
      await world.scribble(0);
      assert.equal(
        kindOf(await world.host.format({ device, fsType: usual, uuid }, never)),
        "WrongFileSystem",
      );
      assert.equal(valueOf(await world.host.inspectDevice(device, never)).kind, "otherData");
    });

    on("makes the rest of an unfinished format blank, so that it can be formatted again", async (world) => {
      const device = await aDevice(world, 0);
      await world.scribble(0);
      valueOf(await world.host.eraseUnfinishedFormat({ device, fsType: usual }, never));
      assert.deepEqual(valueOf(await world.host.inspectDevice(device, never)), { kind: "blank" });
      valueOf(await world.host.format({ device, fsType: usual, uuid }, never));
    });

    on("marks a blank device before its first format, and erases only the mark", async (world) => {
      const device = await aDevice(world, 0);
      const mark = {
        diskUri: "/subscriptions/s/resourcegroups/rg/providers/microsoft.compute/disks/pvc-1",
        uuid,
      };
      assert.equal(valueOf(await world.host.readFormatMark(device, never)), undefined);
      valueOf(await world.host.eraseFormatMark({ device, diskUri: mark.diskUri }, never));
      valueOf(await world.host.writeFormatMark({ device, fsType: usual, mark }, never));
      assert.deepEqual(valueOf(await world.host.readFormatMark(device, never)), mark);
      assert.deepEqual(valueOf(await world.host.inspectDevice(device, never)), { kind: "blank" });
      valueOf(
        await world.host.writeFormatMark(
          { device, fsType: usual, mark: { ...mark, uuid: otherUuid } },
          never,
        ),
      );
      assert.deepEqual(valueOf(await world.host.readFormatMark(device, never)), {
        ...mark,
        uuid: otherUuid,
      });
      const other = mark.diskUri.replace("pvc-1", "pvc-2");
      valueOf(await world.host.eraseFormatMark({ device, diskUri: other }, never));
      assert.equal(valueOf(await world.host.readFormatMark(device, never))?.uuid, otherUuid);
      valueOf(await world.host.eraseFormatMark({ device, diskUri: mark.diskUri }, never));
      assert.equal(valueOf(await world.host.readFormatMark(device, never)), undefined);
    });

    onLinux("shows the mark to a replica whose kernel had read the disk without it", async (world) => {
      const { writer, replica, close } = await aReplicaNode(world);
      const mark = { diskUri: "/disks/pvc-1", uuid };
      valueOf(await world.host.writeFormatMark({ device: writer, fsType: usual, mark }, never));
      assert.deepEqual(valueOf(await world.host.readFormatMark(replica, never)), mark);
      await close();
    });

    on("refuses to erase what is mounted", async (world) => {
      const { device } = await aStagedVolume(world, usual);
      assert.equal(
        kindOf(await world.host.eraseUnfinishedFormat({ device, fsType: usual }, never)),
        "DeviceBusy",
      );
    });

    on("refuses to format a second time", async (world) => {
      const device = await aFormattedDevice(world, 0, usual);
      assert.equal(
        kindOf(await world.host.format({ device, fsType: usual, uuid }, never)),
        "WrongFileSystem",
      );
    });
  });

  for (const fsType of fileSystems) {
    describe(`${name}: ${fsType}`, () => {
      onLinux(
        "is visible on a replica that had read the blank disk, after its cache is dropped",
        async (world, context) => {
          if (skipped(context, world.whyNot(fsType))) return;
          const { replica, close } = await aStaleReplica(world, {
            change: async (device) => {
              valueOf(await world.host.format({ device, fsType, uuid: randomUUID() }, never));
            },
            isStale: async (device) =>
              valueOf(await world.host.inspectDevice(device, never)).kind !== "fileSystem",
          });
          valueOf(await world.host.dropCachedBlocks(replica, never));
          const content = valueOf(await world.host.inspectDevice(replica, never));
          assert.equal(content.kind === "fileSystem" ? content.fsType : content.kind, fsType);
          const path = world.pathOf("promoted");
          valueOf(
            await world.host.mountDevice(
              { device: replica, path, fsType, mountFlags: [], readOnly: false },
              never,
            ),
          );
          valueOf(await world.host.unmount(path, never));
          await close();
        },
      );

      on(
        "has the requested UUID, and leaves the format mark, whose erasure does no damage",
        async (world, context) => {
          if (skipped(context, world.whyNot(fsType))) return;
          const device = await aDevice(world, 0);
          const mark = { diskUri: "/disks/pvc-1", uuid: randomUUID() };
          valueOf(await world.host.writeFormatMark({ device, fsType, mark }, never));
          valueOf(await world.host.format({ device, fsType, uuid: mark.uuid }, never));
          assert.deepEqual(valueOf(await world.host.readFormatMark(device, never)), mark);
          assert.deepEqual(valueOf(await world.host.inspectDevice(device, never)), {
            kind: "fileSystem",
            fsType,
            uuid: mark.uuid,
          });
          valueOf(await world.host.eraseUnfinishedFormat({ device, fsType }, never));
          assert.deepEqual(
            valueOf(await world.host.readFormatMark(device, never)),
            mark,
            "the next attempt needs it, too",
          );
          valueOf(await world.host.format({ device, fsType, uuid: mark.uuid }, never));
          valueOf(await world.host.eraseFormatMark({ device, diskUri: mark.diskUri }, never));
          valueOf(await world.host.checkFileSystem({ device, fsType }, never));
        },
      );

      on("formats, checks, mounts, keeps a file, and grows", async (world, context) => {
        if (skipped(context, world.whyNot(fsType))) return;
        const device = await aFormattedDevice(world, 0, fsType);
        const content = valueOf(await world.host.inspectDevice(device, never));
        assert.deepEqual(
          content.kind === "fileSystem" && { fsType: content.fsType, hasUuid: content.uuid !== "" },
          { fsType, hasUuid: true },
        );
        valueOf(await world.host.checkFileSystem({ device, fsType }, never));
        const staging = world.pathOf("staging");
        const mount = { device, path: staging, fsType, mountFlags: [], readOnly: false };
        valueOf(await world.host.mountDevice(mount, never));
        valueOf(await world.host.mountDevice(mount, never));
        await world.writeFile(`${staging}/file`, "text");
        valueOf(await world.host.flush(staging, never));
        valueOf(await world.host.unmount(staging, never));
        assert.equal(valueOf(await world.host.pathKind(staging, never)), "absent");

        await world.growDisk({ lun: 0, sizeBytes: 2n * DISK_BYTES });
        const grown = valueOf(await world.host.rescanDevice(device, never));
        const growsMounted = isKeptByKernel(fsType) || platform === "windows";
        if (!growsMounted)
          valueOf(await world.host.growFileSystem({ device: grown, mountPath: staging, fsType }, never));
        valueOf(await world.host.mountDevice({ ...mount, device: grown }, never));
        if (growsMounted)
          valueOf(await world.host.growFileSystem({ device: grown, mountPath: staging, fsType }, never));
        const stats = valueOf(await world.host.fileSystemStats(staging, never));
        assert.ok(stats.totalBytes > DISK_BYTES, `${stats.totalBytes} bytes after growing`);
        assert.ok(stats.availableBytes > 0n && stats.usedBytes + stats.availableBytes <= stats.totalBytes);
        assert.equal(await world.readFile(`${staging}/file`), "text");
        valueOf(await world.host.unmount(staging, never));
      });

      onLinux(
        "has a larger copy mounted beside it, which grows and takes its own writes",
        async (world, context) => {
          if (skipped(context, world.whyNot(fsType))) return;
          const { host } = world;
          const device = await aFormattedDevice(world, 0, fsType);
          const [staging, copied] = [world.pathOf("staging"), world.pathOf("copied")];
          const mount = { device, path: staging, fsType, mountFlags: [], readOnly: false };
          valueOf(await host.mountDevice(mount, never));
          await world.writeFile(`${staging}/file`, "of the source");
          valueOf(await host.flush(staging, never));
          await world.attachCopy({ lun: 0, asLun: 1, sizeBytes: 2n * DISK_BYTES });
          const copy = valueOf(await host.findDevice({ lun: 1 }, never));
          const { kind } = valueOf(await host.inspectDevice(copy, never));
          assert.equal(kind, "fileSystem");
          valueOf(await host.checkFileSystem({ device: copy, fsType }, never));
          valueOf(await host.growBeforeMount({ device: copy, fsType }, never));
          valueOf(await host.mountDevice({ ...mount, device: copy, path: copied }, never));
          for (let time = 1; time <= 2; time++)
            valueOf(await host.growFileSystem({ device: copy, mountPath: copied, fsType }, never));
          assert.ok(valueOf(await host.fileSystemStats(copied, never)).totalBytes > DISK_BYTES);
          assert.equal(await world.readFile(`${copied}/file`), "of the source");
          await world.writeFile(`${copied}/file`, "of the copy");
          assert.equal(await world.readFile(`${staging}/file`), "of the source");
          for (const path of [copied, staging]) valueOf(await host.unmount(path, never));
        },
      );
    });
  }

  describe(`${name}: mounts`, () => {
    on(
      "grows a mounted file system, or reports the kernel's refusal and leaves it unchanged",
      async (world) => {
        const { device, staging } = await aStagedVolume(world, usual);
        await world.growDisk({ lun: 0, sizeBytes: 2n * DISK_BYTES });
        const grown = valueOf(await world.host.rescanDevice(device, never));
        const result = await world.host.growFileSystem(
          { device: grown, mountPath: staging, fsType: usual },
          never,
        );
        assert.equal(kindOf(result), world.mayGrowMountedExt4 ? "success" : "GrowsUnmounted");
        assert.equal(
          valueOf(await world.host.fileSystemStats(staging, never)).totalBytes > DISK_BYTES,
          world.mayGrowMountedExt4,
        );
      },
    );

    on("grows a file system before the mount only if the kernel forbids it afterwards", async (world) => {
      const { device, staging } = await aStagedVolume(world, usual);
      valueOf(await world.host.unmount(staging, never));
      await world.growDisk({ lun: 0, sizeBytes: 2n * DISK_BYTES });
      const grown = valueOf(await world.host.rescanDevice(device, never));
      const request = {
        device: grown,
        path: staging,
        fsType: usual,
        mountFlags: [],
        readOnly: false,
      };
      valueOf(await world.host.checkFileSystem(request, never));
      valueOf(await world.host.growBeforeMount(request, never));
      valueOf(await world.host.mountDevice(request, never));
      assert.equal(
        valueOf(await world.host.fileSystemStats(staging, never)).totalBytes > DISK_BYTES,
        !world.mayGrowMountedExt4,
      );
      valueOf(await world.host.growFileSystem({ device: grown, mountPath: staging, fsType: usual }, never));
      assert.ok(valueOf(await world.host.fileSystemStats(staging, never)).totalBytes > DISK_BYTES);
    });

    on("lists what is mounted where", async (world) => {
      const { device, staging } = await aStagedVolume(world, usual);
      const expected = {
        path: staging,
        majorMinor: device.majorMinor,
        fsType: usual,
        root: "/",
        readOnly: false,
        isDead: false,
        isPlaceholder: false,
      };
      assert.deepEqual(valueOf(await world.host.mountAt(staging, never)), expected);
      assert.deepEqual(valueOf(await world.host.mountsOf(device.majorMinor, never)), [expected]);
      assert.equal(valueOf(await world.host.mountAt(world.pathOf("elsewhere"), never)), undefined);
      assert.equal(valueOf(await world.host.pathKind(staging, never)), "directory");
    });

    on("refuses mount flags that mount something else, before it creates anything", async (world) => {
      const device = await aFormattedDevice(world, 0, usual);
      const path = world.pathOf("staging");
      assert.equal(
        kindOf(
          await world.host.mountDevice(
            { device, path, fsType: usual, mountFlags: ["bind"], readOnly: false },
            never,
          ),
        ),
        "InvalidArgument",
      );
      assert.equal(valueOf(await world.host.pathKind(path, never)), "absent");
    });

    on("refuses to mount a second device over a first", async (world) => {
      const { staging } = await aStagedVolume(world, usual);
      const other = await aFormattedDevice(world, 1, usual);
      assert.equal(
        kindOf(
          await world.host.mountDevice(
            { device: other, path: staging, fsType: usual, mountFlags: [], readOnly: false },
            never,
          ),
        ),
        "MountedOtherwise",
      );
    });

    on("refuses to check or format what is mounted", async (world) => {
      const { device } = await aStagedVolume(world, usual);
      assert.equal(kindOf(await world.host.checkFileSystem({ device, fsType: usual }, never)), "DeviceBusy");
      assert.equal(
        kindOf(await world.host.format({ device, fsType: usual, uuid }, never)),
        "WrongFileSystem",
      );
    });

    onLinux("binds a mount to a target repeatedly, read-only if requested", async (world) => {
      const { device, staging } = await aStagedVolume(world, usual);
      const [target, readOnlyTarget] = [world.pathOf("pods/a"), world.pathOf("pods/b")];
      const bind = { stagingPath: staging, targetPath: target, readOnly: false, mountFlags: [] };
      for (const request of [
        bind,
        bind,
        { ...bind, targetPath: readOnlyTarget, readOnly: true },
        { ...bind, targetPath: readOnlyTarget, readOnly: true },
      ])
        valueOf(await world.host.bindMount(request, never));
      await world.writeFile(`${target}/file`, "text");
      assert.equal(await world.readFile(`${readOnlyTarget}/file`), "text");
      await assert.rejects(world.writeFile(`${readOnlyTarget}/file`, "other"), /EROFS/);
      const mounts = valueOf(await world.host.mountsOf(device.majorMinor, never));
      assert.deepEqual(
        mounts.map(({ path, readOnly }) => ({ path, readOnly })),
        [
          { path: staging, readOnly: false },
          { path: target, readOnly: false },
          { path: readOnlyTarget, readOnly: true },
        ],
      );
      for (const path of [target, readOnlyTarget, staging]) valueOf(await world.host.unmount(path, never));
      assert.deepEqual(valueOf(await world.host.mountsOf(device.majorMinor, never)), []);
    });

    on("refuses to bind from a path where nothing is mounted", async (world) => {
      const bind = {
        stagingPath: world.pathOf("staging"),
        targetPath: world.pathOf("target"),
        readOnly: false,
        mountFlags: [],
      };
      assert.equal(kindOf(await world.host.bindMount(bind, never)), "PathNotMounted");
      assert.equal(
        kindOf(await world.host.fileSystemStats(world.pathOf("staging"), never)),
        "PathNotMounted",
      );
      assert.equal(kindOf(await world.host.flush(world.pathOf("staging"), never)), "PathNotMounted");
    });

    onLinux("binds a raw device to a file, and removes it again", async (world) => {
      const device = await aDevice(world, 0);
      const targetPath = world.pathOf("volumeDevices/pvc-1");
      valueOf(await world.host.bindDevice({ device, targetPath, readOnly: false }, never));
      valueOf(await world.host.bindDevice({ device, targetPath, readOnly: false }, never));
      const second = { device: await aDevice(world, 1), targetPath, readOnly: false };
      const refused = await world.host.bindDevice(second, never);
      assert.match(
        refused.ok ? "" : describeFailure(refused.failure),
        /^\S+volumeDevices\/pvc-1 already holds a mount of \S+.*; nothing was mounted there: unmount it first$/u,
      );
      assert.equal(valueOf(await world.host.pathKind(targetPath, never)), "blockDevice");
      assert.equal(valueOf(await world.host.deviceSize(targetPath, never)), DISK_BYTES);
      const mounts = valueOf(await world.host.mountsOf(device.majorMinor, never));
      const expected = {
        path: targetPath,
        majorMinor: device.majorMinor,
        fsType: "devtmpfs",
        root: device.path,
        readOnly: false,
        isDead: false,
        isPlaceholder: false,
      };
      assert.deepEqual(mounts, [expected]);
      valueOf(await world.host.unmount(targetPath, never));
      assert.equal(valueOf(await world.host.pathKind(targetPath, never)), "absent");
    });

    onWindows("refuses raw block, and read-only targets and mount options by name", async (world) => {
      const { device, staging } = await aStagedVolume(world, usual);
      const targetPath = world.pathOf("pods/a");
      const bind = { stagingPath: staging, targetPath, readOnly: false, mountFlags: [] };
      assert.deepEqual(
        [
          await world.host.bindDevice({ device, targetPath, readOnly: false }, never),
          await world.host.bindMount({ ...bind, readOnly: true }, never),
          await world.host.bindMount({ ...bind, mountFlags: ["noatime"] }, never),
        ].map((result) => (result.ok ? "success" : describeFailure(result.failure))),
        [
          'volume_capability "block": a Windows node serves no raw block volume: use volumeMode Filesystem',
          `readonly "true": Windows can't mount a volume read-only: set readOnly on the container's mount`,
          'mount_flags "noatime": Windows has no mount options: leave mountOptions out',
        ],
      );
      assert.equal(valueOf(await world.host.pathKind(targetPath, never)), "absent");
    });

    onWindows("links a target to a mount repeatedly", async (world) => {
      const { device, staging, target, bind } = await aPublishedVolume(world, usual);
      valueOf(await world.host.bindMount(bind, never));
      await world.writeFile(`${target}/file`, "text");
      assert.equal(await world.readFile(`${staging}/file`), "text");
      const mounts = valueOf(await world.host.mountsOf(device.majorMinor, never));
      assert.deepEqual(
        mounts.map(({ path }) => path),
        [staging, target],
      );
      for (const path of [target, staging]) valueOf(await world.host.unmount(path, never));
      assert.deepEqual(valueOf(await world.host.mountsOf(device.majorMinor, never)), []);
    });

    on("succeeds in unmounting what is not mounted", async (world) => {
      valueOf(await world.host.unmount(world.pathOf("never/mounted"), never));
    });

    on("refuses to unmount what is in use until its last user has ended", async (world) => {
      const { staging } = await aStagedVolume(world, usual);
      await world.writeFile(`${staging}/file`, "text");
      const closeFile = await world.keepFileOpen(`${staging}/file`);
      assert.equal(kindOf(await world.host.unmount(staging, never)), "DeviceBusy");
      assert.notEqual(valueOf(await world.host.mountAt(staging, never)), undefined);
      await closeFile();
      valueOf(await world.host.unmount(staging, never));
    });

    on("shows the progress of writes", async (world) => {
      const { device, staging } = await aStagedVolume(world, usual);
      const before = valueOf(await world.host.writeProgress(device.majorMinor, never));
      await world.writeFile(`${staging}/file`, "text");
      valueOf(await world.host.flush(staging, never));
      assert.notEqual(valueOf(await world.host.writeProgress(device.majorMinor, never)), before);
    });
  });

  describe(`${name}: a disk that is detached`, () => {
    for (const callerLeaves of [false, true]) {
      on(
        `never mounts another disk by a stopped mount command${callerLeaves ? " of a cancelled call" : ""}`,
        async (world) => {
          const device = await aFormattedDevice(world, 0, usual);
          await aFormattedDevice(world, 1, usual);
          const path = world.pathOf("staging");
          const mountHeld = (held: Device, signal: AbortSignal) =>
            world.host.whileHolding(
              held,
              () =>
                world.host.mountDevice(
                  { device: held, path, fsType: usual, mountFlags: [], readOnly: false },
                  signal,
                ),
              never,
            );
          const command = await world.stopNextMount();
          const caller = new AbortController();
          const mounting = mountHeld(device, caller.signal);
          await command.stopped();
          if (callerLeaves) {
            caller.abort();
            assert.equal(kindOf(await mounting), "Cancelled");
          }
          await world.detachDisk(0);
          await world.moveDisk({ fromLun: 1, toLun: 0 });
          await command.proceed();
          assert.notEqual(kindOf(await mounting), "success");
          assert.equal(valueOf(await world.host.mountAt(path, never)), undefined);
          const there = valueOf(await world.host.findDevice({ lun: 0 }, never));
          assert.notEqual(there.majorMinor, device.majorMinor);
          valueOf(await mountHeld(there, never));
          assert.equal(valueOf(await world.host.mountAt(path, never))?.majorMinor, there.majorMinor);
        },
      );
    }

    onLinux("gives its number to no other disk while a bind of it is stopped", async (world) => {
      const device = await aDevice(world, 0);
      await aDevice(world, 1);
      const targetPath = world.pathOf("raw");
      const command = await world.stopNextMount();
      const caller = new AbortController();
      const binding = world.host.whileHolding(
        device,
        () => world.host.bindDevice({ device, targetPath, readOnly: false }, caller.signal),
        never,
      );
      await command.stopped();
      // With its caller this process closes the device: the command has it open.
      caller.abort();
      assert.equal(kindOf(await binding), "Cancelled");
      await world.detachDisk(0);
      await world.moveDisk({ fromLun: 1, toLun: 0 });
      const there = valueOf(await world.host.findDevice({ lun: 0 }, never));
      assert.notEqual(there.majorMinor, device.majorMinor);
      await command.proceed();
      assert.deepEqual(valueOf(await world.host.mountsOf(there.majorMinor, never)), []);
    });

    on("never holds another disk open in its place", async (world) => {
      const device = await aDevice(world, 0);
      const other = await aDevice(world, 1);
      let ran = 0;
      const hold = (held: Device) =>
        world.host.whileHolding(
          held,
          async () => {
            ran += 1;
            return world.host.findDevice({ lun: 0 }, never);
          },
          never,
        );
      assert.deepEqual(valueOf(await hold(device)), device);
      assert.equal(kindOf(await hold({ ...device, path: "/dev/no-such-device" })), "WrongDevice");
      assert.equal(kindOf(await hold({ ...device, path: other.path })), "WrongDevice");
      assert.equal(ran, 1);
    });

    on("is clean while this process holds it", async (world) => {
      const device = await aDevice(world, 0);
      const isClean = valueOf(
        await world.host.whileHolding(
          device,
          () => world.host.isClean(aBlock({ lun: 0, lastMajorMinor: device.majorMinor }), never),
          never,
        ),
      );
      assert.equal(isClean.clean, true);
    });

    for (const fsType of platform === "linux" ? (["ext4", "xfs", "btrfs"] as const) : (["ntfs"] as const)) {
      on(`leaves a dead ${fsType} that fails to flush and can only be unmounted`, async (world, context) => {
        if (skipped(context, world.whyNot(fsType))) return;
        const { device, staging } = await aStagedVolume(world, fsType);
        const target = world.pathOf("target");
        const bind = { stagingPath: staging, targetPath: target, readOnly: false, mountFlags: [] };
        valueOf(await world.host.bindMount(bind, never));
        await world.writeFile(`${staging}/file`, "never synced");
        await world.detachDisk(0);
        assert.equal(valueOf(await world.host.mountAt(staging, never))?.isDead, true);
        const flushed = kindOf(await world.host.flush(staging, never));
        assert.ok(flushed === "HostCommandFailed" || flushed === "FileSystemBroken", flushed);
        assert.deepEqual(
          valueOf(await world.host.mountsOf(device.majorMinor, never)).map(({ path, isDead }) => ({
            path,
            isDead,
          })),
          [
            { path: staging, isDead: true },
            { path: target, isDead: true },
          ],
        );
        assert.equal(
          kindOf(await world.host.bindMount({ ...bind, targetPath: world.pathOf("other") }, never)),
          "FileSystemBroken",
        );
        assert.equal(
          valueOf(await world.host.isClean(aMount({ lun: 0, lastMajorMinor: device.majorMinor }), never))
            .clean,
          false,
        );
        valueOf(await world.host.unmount(target, never));
        valueOf(await world.host.unmount(staging, never));
        assert.equal(valueOf(await world.host.pathKind(staging, never)), "absent");
        assert.deepEqual(
          valueOf(await world.host.isClean(aMount({ lun: 0, lastMajorMinor: device.majorMinor }), never)),
          {
            clean: true,
            reason: "the device is absent and nothing holds it",
          },
        );
      });
    }

    onLinux("leaves a dead raw bind", async (world) => {
      const device = await aDevice(world, 0);
      const targetPath = world.pathOf("block");
      valueOf(await world.host.bindDevice({ device, targetPath, readOnly: false }, never));
      await world.detachDisk(0);
      assert.equal(valueOf(await world.host.mountAt(targetPath, never))?.isDead, true);
      valueOf(await world.host.unmount(targetPath, never));
    });
  });

  describe(`${name}: a placeholder`, () => {
    const isAt = async (world: HostWorld, path: string) =>
      valueOf(await world.host.mountAt(path, never))?.isPlaceholder;

    on("replaces a dead target by an empty, read-only directory without the device", async (world) => {
      const { device, staging, target } = await aPublishedVolume(world, usual);
      await world.writeFile(`${target}/file`, "never synced");
      await world.detachDisk(0);
      valueOf(await world.host.mountPlaceholder(target, never));
      const { readOnly, isDead, isPlaceholder } = valueOf(await world.host.mountAt(target, never)) ?? {};
      assert.deepEqual(
        { readOnly, isDead, isPlaceholder },
        { readOnly: true, isDead: false, isPlaceholder: true },
      );
      assert.equal(valueOf(await world.host.pathKind(target, never)), "directory");
      await assert.rejects(
        world.writeFile(`${target}/file`, "beside the disk"),
        platform === "linux" ? /EROFS/ : /ENOENT/,
      );
      await assert.rejects(world.readFile(`${target}/file`), /ENOENT/);
      assert.equal(kindOf(await world.host.fileSystemStats(target, never)), "PathNotMounted");
      valueOf(await world.host.unmount(staging, never));
      assert.deepEqual(valueOf(await world.host.mountsOf(device.majorMinor, never)), []);
      assert.equal(
        valueOf(
          await world.host.isClean(aMount({ lun: undefined, lastMajorMinor: device.majorMinor }), never),
        ).clean,
        true,
      );
    });

    on("is created once; an unmount removes it with its directory", async (world) => {
      const { target } = await aPublishedVolume(world, usual);
      for (let times = 1; times <= 3; times += 1) valueOf(await world.host.mountPlaceholder(target, never));
      valueOf(await world.host.unmount(target, never));
      assert.equal(valueOf(await world.host.mountAt(target, never)), undefined);
      assert.equal(valueOf(await world.host.pathKind(target, never)), "absent");
    });

    on("is covered by a later bind, shows after its unmount, and is removed with it", async (world) => {
      const { device, target, bind } = await aPublishedVolume(world, usual);
      valueOf(await world.host.mountPlaceholder(target, never));
      for (let times = 1; times <= 2; times += 1) valueOf(await world.host.bindMount(bind, never));
      assert.equal(valueOf(await world.host.mountAt(target, never))?.majorMinor, device.majorMinor);
      await world.writeFile(`${target}/file`, "on the disk");
      valueOf(await world.host.mountPlaceholder(target, never));
      assert.equal(await isAt(world, target), true);
      valueOf(await world.host.bindMount(bind, never));
      assert.equal(await world.readFile(`${target}/file`), "on the disk");
      valueOf(await world.host.unmount(target, never));
      assert.equal(valueOf(await world.host.pathKind(target, never)), "absent");
    });

    onLinux("is not created while the target is in use", async (world) => {
      const { target } = await aPublishedVolume(world, usual);
      await world.writeFile(`${target}/file`, "text");
      const closeFile = await world.keepFileOpen(`${target}/file`);
      for (let times = 1; times <= 2; times += 1) {
        assert.equal(kindOf(await world.host.mountPlaceholder(target, never)), "DeviceBusy");
        assert.equal(await isAt(world, target), false);
      }
      await closeFile();
      valueOf(await world.host.mountPlaceholder(target, never));
      assert.equal(await isAt(world, target), true);
      valueOf(await world.host.unmount(target, never));
      assert.equal(valueOf(await world.host.pathKind(target, never)), "absent");
    });

    on("is created in a bare directory, and creates none", async (world) => {
      const [bare, absent] = [world.pathOf("bare"), world.pathOf("absent")];
      await world.makeDirectory(bare);
      for (const path of [bare, absent]) valueOf(await world.host.mountPlaceholder(path, never));
      assert.deepEqual([await isAt(world, bare), await isAt(world, absent)], [true, undefined]);
      assert.equal(valueOf(await world.host.pathKind(absent, never)), "absent");
    });
  });

  describe(`${name}: a freeze`, () => {
    const limitMs = 60_000;

    for (const fsType of platform === "linux" ? (["ext4", "xfs", "btrfs"] as const) : [])
      on(`freezes and thaws ${fsType}, and reports that it was frozen until then`, async (world, context) => {
        if (skipped(context, world.whyNot(fsType))) return;
        const at = await aFreezable(world, fsType);
        await world.writeFile(`${at.path}/before`, "before");
        valueOf(await world.host.freeze({ ...at, limitMs }, never));
        const waiting = world.writeFile(`${at.path}/after`, "after");
        assert.deepEqual(valueOf(await world.host.thaw(at, never)), { held: true });
        await waiting;
        assert.equal(await world.readFile(`${at.path}/before`), "before");
        assert.equal(await world.readFile(`${at.path}/after`), "after");
        assert.deepEqual(valueOf(await world.host.thaw(at, never)), { held: false });
      });

    onLinux("thaws by itself after its limit, and reports that", async (world) => {
      const at = await aFreezable(world, "ext4");
      // On a busy machine its start alone may take that long: then it is asked again, with more time.
      let frozen = await world.host.freeze({ ...at, limitMs: 1_000 }, never);
      for (let moreMs = 2_000; !frozen.ok && moreMs <= limitMs; moreMs *= 2)
        frozen = await world.host.freeze({ ...at, limitMs: moreMs }, never);
      valueOf(frozen);
      await world.writeFile(`${at.path}/after`, "after");
      assert.deepEqual(valueOf(await world.host.thaw(at, never)), { held: false });
    });

    onLinux("thaws what an earlier instance has frozen, and does not call it held", async (world) => {
      const at = await aFreezable(world, "ext4");
      valueOf(await world.host.freeze({ ...at, limitMs }, never));
      const { host, endFirst } = await world.startSecondPlugin();
      await endFirst();
      assert.deepEqual(valueOf(await host.thaw(at, never)), { held: false });
      await world.writeFile(`${at.path}/after`, "after");
    });

    for (const first of ["its own has ended", "it was frozen already"] as const)
      onLinux(`leaves a freeze of another program alone once ${first}`, async (world) => {
        const at = await aFreezable(world, "ext4");
        const { host: other } = await world.startSecondPlugin();
        if (first === "its own has ended") {
          valueOf(await world.host.freeze({ ...at, limitMs }, never));
          assert.deepEqual(valueOf(await world.host.thaw(at, never)), { held: true });
          valueOf(await other.freeze({ ...at, limitMs }, never));
        } else {
          valueOf(await other.freeze({ ...at, limitMs }, never));
          assert.equal(kindOf(await world.host.freeze({ ...at, limitMs }, never)), "DeviceBusy");
        }
        assert.deepEqual(valueOf(await world.host.thaw(at, never)), { held: false });
        assert.deepEqual(valueOf(await other.thaw(at, never)), { held: true });
      });

    for (const what of ["an unmount", "a bind mount"] as const)
      onLinux(`gives way to ${what}`, async (world) => {
        const at = await aFreezable(world, "ext4");
        valueOf(await world.host.freeze({ ...at, limitMs }, never));
        if (what === "an unmount") {
          valueOf(await world.host.unmount(at.path, never));
          const request = { accessType: "mount", lastMajorMinor: at.majorMinor, lunsOfOthers: [] } as const;
          assert.equal(valueOf(await world.host.isClean({ ...request, lun: 0 }, never)).clean, true);
        } else {
          const targetPath = world.pathOf("target");
          const bind = { stagingPath: at.path, targetPath, readOnly: false, mountFlags: [] };
          valueOf(await world.host.bindMount(bind, never));
          await world.writeFile(`${targetPath}/after`, "after");
        }
        assert.deepEqual(valueOf(await world.host.thaw(at, never)), { held: false });
      });

    onLinux("freezes neither another device nor what is not mounted", async (world) => {
      const at = await aFreezable(world, "ext4");
      const other = { ...at, majorMinor: "8:240", limitMs };
      assert.equal(kindOf(await world.host.freeze(other, never)), "WrongDevice");
      const path = world.pathOf("nothing");
      assert.equal(kindOf(await world.host.freeze({ ...at, path, limitMs }, never)), "PathNotMounted");
      assert.deepEqual(valueOf(await world.host.thaw({ ...at, path }, never)), { held: false });
      await world.writeFile(`${at.path}/after`, "after");
    });

    onWindows("is refused", async (world) => {
      const request = { path: world.pathOf("staging"), majorMinor: "0:1", limitMs };
      assert.equal(kindOf(await world.host.freeze(request, never)), "Unsupported");
    });
  });

  describe(`${name}: clean`, () => {
    for (const accessType of ["mount", "block"] as const) {
      on(`is clean before the first use and after the last unmount only (${accessType})`, async (world) => {
        const device = await aFormattedDevice(world, 0, usual);
        const isClean = async (lastMajorMinor: string | undefined) =>
          valueOf(await world.host.isClean({ ...aMount({ lun: 0, lastMajorMinor }), accessType }, never))
            .clean;
        assert.equal(await isClean(undefined), true);
        const staging = world.pathOf("staging");
        valueOf(
          await world.host.mountDevice(
            { device, path: staging, fsType: usual, mountFlags: [], readOnly: false },
            never,
          ),
        );
        assert.equal(await isClean(device.majorMinor), false);
        assert.equal(await isClean(undefined), false);
        valueOf(await world.host.unmount(staging, never));
        assert.equal(await isClean(device.majorMinor), true);
      });

      on(`is not clean while a disk of unknown LUN is mounted (${accessType})`, async (world) => {
        const { device, staging } = await aStagedVolume(world, usual);
        const isClean = async () =>
          valueOf(
            await world.host.isClean(
              { ...aMount({ lun: undefined, lastMajorMinor: device.majorMinor }), accessType },
              never,
            ),
          ).clean;
        assert.equal(await isClean(), false);
        await world.detachDisk(0);
        assert.equal(await isClean(), false);
        valueOf(await world.host.unmount(staging, never));
        assert.equal(await isClean(), true);
      });
    }

    onLinux(
      "is not clean of raw block while a process has the device open without a mount",
      async (world) => {
        const device = await aDevice(world, 0);
        const closeDevice = await world.keepDeviceOpen(device);
        const open = valueOf(await world.host.isClean(aBlock({ lun: 0, lastMajorMinor: undefined }), never));
        assert.equal(open.clean, false);
        assert.match(open.reason, /open in process \d+/);
        await closeDevice();
        assert.equal(
          valueOf(await world.host.isClean(aBlock({ lun: 0, lastMajorMinor: undefined }), never)).clean,
          true,
        );
      },
    );

    onLinux("is not clean of raw block while a process has a detached device open", async (world) => {
      const device = await aDevice(world, 0);
      const closeDevice = await world.keepDeviceOpen(device);
      const isClean = async () =>
        valueOf(
          await world.host.isClean(aBlock({ lun: undefined, lastMajorMinor: device.majorMinor }), never),
        ).clean;
      assert.equal(await isClean(), false);
      await world.detachDisk(0);
      assert.equal(await isClean(), false);
      await closeDevice();
      assert.equal(await isClean(), true);
    });

    onLinux(
      "ignores descriptors on the device of a file system, which is written by mounts",
      async (world) => {
        const closeDevice = await world.keepDeviceOpen(await aDevice(world, 0));
        assert.equal(
          valueOf(await world.host.isClean(aMount({ lun: 0, lastMajorMinor: undefined }), never)).clean,
          true,
        );
        await closeDevice();
      },
    );

    for (const accessType of ["block", "mount"] as const)
      onLinux(`is not clean while a raw bind is left (${accessType})`, async (world) => {
        const device = await aDevice(world, 0);
        const targetPath = world.pathOf("block");
        const isClean = async (place: {
          readonly lun: number | undefined;
          readonly last: string | undefined;
        }) =>
          valueOf(
            await world.host.isClean(
              { ...aMount({ lun: place.lun, lastMajorMinor: place.last }), accessType },
              never,
            ),
          ).clean;
        valueOf(await world.host.bindDevice({ device, targetPath, readOnly: false }, never));
        for (const place of [
          { lun: 0, last: device.majorMinor },
          { lun: 0, last: undefined },
          { lun: undefined, last: device.majorMinor },
        ])
          assert.equal(await isClean(place), false, JSON.stringify(place));
        valueOf(await world.host.unmount(targetPath, never));
        assert.equal(await isClean({ lun: 0, last: device.majorMinor }), true);
      });

    on("ignores a device number that another volume's LUN has now", async (world) => {
      const { device } = await aStagedVolume(world, usual);
      const gone = aMount({ lun: 1, lastMajorMinor: device.majorMinor });
      assert.equal(valueOf(await world.host.isClean({ ...gone, lunsOfOthers: [0] }, never)).clean, true);
      assert.equal(valueOf(await world.host.isClean(gone, never)).clean, false);
      assert.equal(
        valueOf(await world.host.isClean(aMount({ lun: 1, lastMajorMinor: undefined }), never)).clean,
        true,
      );
    });

    on("is not clean while an earlier instance of the plug-in is alive", async (world) => {
      await world.attachDisk({ lun: 0, sizeBytes: DISK_BYTES });
      const second = await world.startSecondPlugin();
      assert.equal(valueOf(await second.host.earlierChildrenAlive(never)), true);
      assert.equal(
        valueOf(await second.host.isClean(aBlock({ lun: 0, lastMajorMinor: undefined }), never)).clean,
        false,
      );
      assert.equal(valueOf(await world.host.earlierChildrenAlive(never)), false);
      await second.endFirst();
      assert.equal(valueOf(await second.host.earlierChildrenAlive(never)), false);
      assert.equal(
        valueOf(await second.host.isClean(aBlock({ lun: 0, lastMajorMinor: undefined }), never)).clean,
        true,
      );
    });
  });
}

type Place = Pick<CleanRequest, "lun" | "lastMajorMinor">;

function aMount(place: Place): CleanRequest {
  return { accessType: "mount", lunsOfOthers: [], ...place };
}

function aBlock(place: Place): CleanRequest {
  return { ...aMount(place), accessType: "block" };
}

async function aDevice(world: HostWorld, lun: number): Promise<Device> {
  await world.attachDisk({ lun, sizeBytes: DISK_BYTES });
  return valueOf(await world.host.findDevice({ lun }, never));
}

/** A disk at its writer and at a replica, where a process has read it and keeps the device open. */
interface ReplicaNode {
  readonly writer: Device;
  readonly replica: Device;
  readonly replicaLun: number;
  readonly close: () => Promise<void>;
}

/** The disk at `lun`, and at the next LUN as a replica. `before` happens to the disk first. */
async function aReplicaNode(
  world: HostWorld,
  { lun = 0, before }: { readonly lun?: number; readonly before?: StaleReplica["before"] } = {},
): Promise<ReplicaNode> {
  const replicaLun = lun + 1;
  const writer = await aDevice(world, lun);
  await before?.(lun);
  await world.attachSameDisk({ lun, asLun: replicaLun });
  const replica = valueOf(await world.host.findDevice({ lun: replicaLun }, never));
  return { writer, replica, replicaLun, close: await world.keepDeviceRead(replicaLun) };
}

interface StaleReplica {
  readonly before?: (lun: number) => Promise<void>;
  readonly change: (writer: Device, lun: number) => Promise<void>;
  /** Whether the replica's kernel has the blocks from before the change. */
  readonly isStale: (replica: Device, replicaLun: number) => Promise<boolean>;
}

/**
 * A replica whose kernel has a disk's blocks from before a change. A kernel may drop them at any time, for
 * example because they were idle: then this tries again with another disk.
 */
async function aStaleReplica(
  world: HostWorld,
  { before, change, isStale }: StaleReplica,
): Promise<ReplicaNode> {
  for (let lun = 0; lun < 2 * STALE_TRIES_MAX; lun += 2) {
    const node = await aReplicaNode(world, { lun, ...(before === undefined ? {} : { before }) });
    await change(node.writer, lun);
    if (await isStale(node.replica, node.replicaLun)) return node;
    await node.close();
  }
  return assert.fail(`the kernel had dropped the old blocks ${STALE_TRIES_MAX} times`);
}

async function aFormattedDevice(world: HostWorld, lun: number, fsType: FileSystemType): Promise<Device> {
  const device = await aDevice(world, lun);
  valueOf(await world.host.format({ device, fsType, uuid: randomUUID() }, never));
  return device;
}

async function aStagedVolume(
  world: HostWorld,
  fsType: FileSystemType,
): Promise<{ readonly device: Device; readonly staging: string }> {
  const device = await aFormattedDevice(world, 0, fsType);
  const staging = world.pathOf("staging");
  valueOf(
    await world.host.mountDevice({ device, path: staging, fsType, mountFlags: [], readOnly: false }, never),
  );
  return { device, staging };
}

/** A staged volume, as a freeze names it. */
async function aFreezable(
  world: HostWorld,
  fsType: FileSystemType,
): Promise<{ readonly path: string; readonly majorMinor: string }> {
  const { device, staging } = await aStagedVolume(world, fsType);
  return { path: staging, majorMinor: device.majorMinor };
}

async function aPublishedVolume(world: HostWorld, fsType: FileSystemType) {
  const { device, staging } = await aStagedVolume(world, fsType);
  const target = world.pathOf("pods/a");
  const bind = { stagingPath: staging, targetPath: target, readOnly: false, mountFlags: [] };
  valueOf(await world.host.bindMount(bind, never));
  return { device, staging, target, bind };
}

function skipped(context: TestContext, why: string | undefined): boolean {
  if (why !== undefined) context.skip(why);
  return why !== undefined;
}

function kindOf(result: Result<unknown, Failure>): string {
  return result.ok ? "success" : result.failure.kind;
}

/** The fields of `from` that `like` has. */
function pick(
  from: Readonly<Record<string, string>>,
  like: Readonly<Record<string, string>>,
): Readonly<Record<string, string | undefined>> {
  return Object.fromEntries(Object.keys(like).map((name) => [name, from[name]]));
}
