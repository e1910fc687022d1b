import assert from "node:assert/strict";
import { mkdir, mkdtemp, readdir, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { describe, it } from "node:test";
import type { Failure } from "../../../core/failure/failure.ts";
import { fail, ok, type Result } from "../../../core/failure/result.ts";
import { majorMinorOf } from "../../../core/node/device/device-number.ts";
import { systemClock } from "../../system/system-clock.ts";
import type { CommandRunner } from "../command/command-runner.ts";
import type { ChildExit } from "../command/spawn-child.ts";
import { createLinuxHost } from "../create-linux-host.ts";
import type { LinuxHost } from "../create-linux-host.ts";
import { devicesAtLun, numbersAtLuns, rescanControllers } from "./find-device.ts";
import type { DeviceSources } from "./find-device.ts";

const never = new AbortController().signal;
const DATA_CONTROLLER = "{f8b3781b-1e82-4818-a1c3-63d806ec15bb}";
const OS_CONTROLLER = "{f8b3781a-1e82-4818-a1c3-63d806ec15bb}";
/** Long enough for a device that appears during the wait, also on a busy machine. */
const PATIENT_MS = 30_000;
const SECTORS = "2048";

/**
 * A block device of this machine in the role of a disk: only its node counts, and nothing is read from
 * it.
 */
interface Node {
  readonly path: string;
  readonly majorMinor: string;
}

const nodes = await someNodes();
const [first, second] = nodes;
const skip = first === undefined || second === undefined ? "needs two block devices under /dev" : false;

async function someNodes(): Promise<readonly Node[]> {
  const names = (await readdir("/dev")).toSorted();
  const found = await Promise.all(
    names.map(async (name) => {
      const path = join("/dev", name);
      const stats = await stat(path, { bigint: true }).catch(() => undefined);
      return stats?.isBlockDevice() === true ? [{ path, majorMinor: majorMinorOf(stats.rdev) }] : [];
    }),
  );
  return [...new Map(found.flat().map((node) => [node.majorMinor, node])).values()];
}

/** A machine with a sysfs and links made by hand. */
interface Machine {
  readonly sources: DeviceSources;
  readonly host: (options?: {
    readonly deviceWaitMs?: number;
    readonly sharesKernel?: boolean;
  }) => Promise<LinuxHost>;
  readonly scsiDisk: (node: Node, address: string, controllerId?: string) => Promise<void>;
  readonly nvmeDisk: (node: Node, namespaceId: number, model?: string) => Promise<void>;
  readonly link: (lun: number, path: string) => Promise<void>;
}

function on(sentence: string, test: (machine: Machine, one: Node, two: Node) => Promise<void>): void {
  it(sentence, { skip }, async () => {
    if (first === undefined || second === undefined) return;
    const directory = await mkdtemp(join(tmpdir(), "find-device-"));
    const started: LinuxHost[] = [];
    const sysRoot = join(directory, "sys");
    const blockOf = (node: Node): string => join(sysRoot, "dev/block", node.majorMinor);
    const makeBlock = async (
      node: Node,
      folder: string,
      files: Readonly<Record<string, string>>,
    ): Promise<void> => {
      await mkdir(folder, { recursive: true });
      for (const [name, text] of Object.entries({
        size: SECTORS,
        uevent: `DEVNAME=${basename(node.path)}\n`,
        ...files,
      }))
        await writeFile(join(folder, name), `${text}\n`);
      await mkdir(dirname(blockOf(node)), { recursive: true });
      await symlink(folder, blockOf(node));
    };
    try {
      await test(
        {
          sources: { deviceRoot: directory, sysRoot, sharesKernel: false },
          host: async ({ deviceWaitMs = 1, sharesKernel = false } = {}) => {
            const lockDirectory = join(directory, "locks");
            const host = await createLinuxHost({
              deviceRoot: directory,
              sharesKernel,
              sysRoot,
              lockDirectory,
              clock: systemClock,
              deviceWaitMs,
            });
            started.push(host);
            return host;
          },
          scsiDisk: async (node, address, controllerId) => {
            const [hostNumber = "0"] = address.split(":");
            const controller = join(sysRoot, "devices/vmbus", `controller-${hostNumber}`);
            const disk = join(controller, `host${hostNumber}`, "target", address);
            await makeBlock(node, join(disk, "block", basename(node.path)), {});
            await symlink(join("../../..", address), join(disk, "block", basename(node.path), "device"));
            if (controllerId !== undefined)
              await writeFile(join(controller, "device_id"), `${controllerId}\n`);
          },
          nvmeDisk: async (node, namespaceId, model = "MSFT NVMe Accelerator v1.0              ") => {
            const controller = join(sysRoot, "devices/pci/nvme/nvme0");
            await makeBlock(node, join(controller, basename(node.path)), { nsid: `${namespaceId}` });
            await symlink("../../nvme0", join(controller, basename(node.path), "device"));
            await writeFile(join(controller, "model"), `${model}\n`);
          },
          link: async (lun, path) => {
            const link = join(directory, "dev/disk/azure/scsi1", `lun${lun}`);
            await mkdir(dirname(link), { recursive: true });
            await rm(link, { force: true });
            await symlink(path, link);
          },
        },
        first,
        second,
      );
    } finally {
      for (const host of started) await host.close();
      await rm(directory, { recursive: true });
    }
  });
}

async function foundAt(host: LinuxHost, lun: number): Promise<string> {
  const found = await host.findDevice({ lun }, never);
  if (found.ok) return found.value.path;
  return found.failure.kind === "WrongDevice"
    ? found.failure.problem
    : found.failure.kind === "DeviceNotFound"
      ? found.failure.seen.join()
      : found.failure.kind;
}

describe("findDevice", () => {
  on(
    "finds a SCSI data disk without any link, by the LUN of the kernel's address",
    async ({ host, scsiDisk }, one, two) => {
      await scsiDisk(one, "3:0:0:0", DATA_CONTROLLER);
      await scsiDisk(two, "3:0:0:1", DATA_CONTROLLER);
      const started = await host();
      assert.deepEqual([await foundAt(started, 0), await foundAt(started, 1)], [one.path, two.path]);
    },
  );

  on(
    "finds an NVMe data disk without any link, by its namespace id",
    async ({ host, nvmeDisk }, one, two) => {
      await nvmeDisk(one, 1);
      await nvmeDisk(two, 5);
      const started = await host();
      assert.deepEqual([await foundAt(started, 3), await foundAt(started, 0)], [two.path, ""]);
    },
  );

  on(
    "takes no disk of another controller for a data disk",
    async ({ host, scsiDisk, nvmeDisk }, one, two) => {
      await scsiDisk(one, "0:0:0:0", OS_CONTROLLER);
      await nvmeDisk(two, 2, "Microsoft NVMe Direct Disk v2");
      assert.equal(await foundAt(await host(), 0), "");
    },
  );

  for (const sharesKernel of [false, true])
    on(
      "refuses a link that leads to the disk of another " +
        `LUN${sharesKernel ? ", also on a shared kernel" : ""}`,
      async ({ host, ...machine }, one) => {
        await machine.scsiDisk(one, "1:0:0:1");
        await machine.link(0, one.path);
        const problem =
          `leads to ${one.path} (${one.majorMinor}, SCSI 1:0:0:1), while by the kernel's addresses there ` +
          "is no disk at LUN 0";
        assert.ok((await foundAt(await host({ sharesKernel }), 0)).includes(problem));
      },
    );

  on(
    "finds the linked disk where the kernel shows its LUN without a controller",
    async ({ host, ...machine }, one) => {
      await machine.scsiDisk(one, "1:0:0:0");
      await machine.link(0, one.path);
      assert.equal(await foundAt(await host(), 0), one.path);
    },
  );

  on("waits until a link that lags has come", async ({ host, ...machine }, one, two) => {
    await machine.scsiDisk(one, "3:0:0:0", DATA_CONTROLLER);
    await machine.scsiDisk(two, "3:0:0:1", DATA_CONTROLLER);
    await machine.link(0, two.path);
    const started = await host({ deviceWaitMs: PATIENT_MS });
    const finding = foundAt(started, 0);
    await machine.link(0, one.path);
    assert.equal(await finding, one.path);
  });

  on("waits for a device that comes late", async ({ host, ...machine }, one) => {
    const finding = foundAt(await host({ deviceWaitMs: PATIENT_MS }), 0);
    await machine.scsiDisk(one, "3:0:0:0", DATA_CONTROLLER);
    assert.equal(await finding, one.path);
  });

  on(
    "says that a link leads to a device that the kernel no longer has",
    async ({ host, ...machine }, one) => {
      await machine.link(0, one.path);
      assert.match(
        await foundAt(await host(), 0),
        /scsi1\/lun0, which leads to no device that the kernel has$/,
      );
    },
  );
});

describe("what isClean checks", () => {
  on(
    "is a disk by the kernel's address where a link of another LUN lags",
    async ({ sources, ...machine }, one) => {
      await machine.scsiDisk(one, "3:0:0:0", DATA_CONTROLLER);
      await machine.link(1, one.path);
      assert.deepEqual(
        (await devicesAtLun(sources, 0)).map(({ path }) => path),
        [one.path],
      );
      assert.deepEqual(
        [await devicesAtLun(sources, 1), await numbersAtLuns(sources, [0, 1])],
        [[], [one.majorMinor]],
      );
    },
  );
});

/** Only the second has remote disks. */
const NVME_MODELS = {
  nvme0: "Microsoft NVMe Direct Disk v2",
  nvme1: "MSFT NVMe Accelerator v1.0",
  nvme2: "Samsung SSD 990",
};

describe("rescanControllers", () => {
  const refused = { exitCode: 1, stdout: Buffer.alloc(0) };
  const answers = {
    "asks the next host after one that hangs": [
      fail({ kind: "HostCommandTimedOut", command: "dd", timeoutMs: 1 }),
      ok(undefined),
    ],
    "asks the next host after one that can't scan": [
      ok({ ...refused, stderr: "dd: error writing '/scan': Invalid argument" }),
      ok(undefined),
    ],
    "says so where the plug-in may not write": [
      ok({ ...refused, stderr: "dd: failed to open '/scan': Read-only file system" }),
      "HostNotReady",
    ],
    "says so where no command can be started": [
      fail({ kind: "HostCommandFailed", command: "dd", exitCode: null, stderr: "spawn dd EAGAIN" }),
      "HostCommandFailed",
    ],
  } as const satisfies Readonly<Record<string, readonly [Result<ChildExit>, Result<void> | Failure["kind"]]>>;
  for (const [sentence, [first, expected]] of Object.entries(answers))
    it(sentence, async (t) => {
      const sysRoot = await mkdtemp(join(tmpdir(), "scsi-hosts-"));
      t.after(() => rm(sysRoot, { recursive: true }));
      for (const host of ["host0", "host1"])
        await mkdir(join(sysRoot, "class/scsi_host", host), { recursive: true });
      for (const [name, model] of Object.entries(NVME_MODELS)) {
        await mkdir(join(sysRoot, "class/nvme", name), { recursive: true });
        await writeFile(join(sysRoot, "class/nvme", name, "model"), `${model}\n`);
      }
      const asked: string[] = [];
      const run: CommandRunner["run"] = async ({ args, input }) => {
        asked.push(`${args[0]?.replace("of=", "")} ${input?.trim()}`);
        return asked.length === 1 ? first : ok({ exitCode: 0, stdout: Buffer.alloc(0), stderr: "" });
      };
      const runner = { run, inFlightOn: () => [], isStuck: () => false };
      const scanned = await rescanControllers({ sysRoot, runner }, never);
      const isOver = typeof expected === "string";
      assert.deepEqual(scanned.ok ? scanned : scanned.failure.kind, expected);
      const files = ["scsi_host/host0/scan - - -"].concat(
        isOver ? [] : ["scsi_host/host1/scan - - -", "nvme/nvme1/rescan_controller 1"],
      );
      assert.deepEqual(
        asked,
        files.map((file) => join(sysRoot, "class", file)),
      );
    });
});
