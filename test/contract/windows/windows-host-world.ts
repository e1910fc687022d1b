import { mkdir, mkdtemp, open, readFile, realpath, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { systemClock } from "../../../src/adapters/system/system-clock.ts";
import { createWindowsHost, type WindowsHost } from "../../../src/adapters/windows/create-windows-host.ts";
import type { HostWorld } from "../host/host-suite.ts";
import { createPowerShellDouble } from "./power-shell-double.ts";
import { WindowsMachine } from "./windows-machine.ts";

/** The Windows host on a modelled machine as the contract's world. */
export async function makeWindowsHostWorld(): Promise<HostWorld & { readonly machine: WindowsMachine }> {
  const root = await realpath(await mkdtemp(join(tmpdir(), "windows-contract-")));
  const kubelet = join(root, "kubelet");
  const machine = new WindowsMachine(join(root, "machine"));
  await mkdir(machine.root);
  let processId = 1_000;
  const startHost = (): { readonly host: WindowsHost; readonly processId: number } => {
    processId += 10;
    machine.plugins.add(processId);
    const host = createWindowsHost({
      powerShell: createPowerShellDouble(machine),
      clock: systemClock,
      kubeletDirectories: [kubelet],
      // The first look shows what Windows knew before.
      deviceWaitMs: 0,
      deviceRoot: machine.devices,
      processId,
    });
    return { host, processId };
  };
  const first = startHost();
  const notHere = (what: string) => (): never => {
    throw new Error(`${what} is not part of the Windows world`);
  };
  return {
    machine,
    host: first.host,
    // Targets are where the kubelet has them; links elsewhere are not looked for.
    pathOf: (name) =>
      name.startsWith("staging")
        ? join(kubelet, "plugins", name)
        : join(kubelet, "pods", name.replace("/", "-"), "volumes/kubernetes.io~csi/pvc-1/mount"),
    attachDisk: async ({ lun, sizeBytes }) =>
      machine.attach({ lun, disk: await machine.makeDisk(Number(sizeBytes)) }),
    // The suite's disks go once the Storage provider has noticed it; `machine.detach` alone is before that.
    detachDisk: async (lun) => {
      await machine.detach(lun);
      machine.updateCache();
    },
    moveDisk: async ({ fromLun, toLun }) => {
      await machine.attach({ lun: toLun, disk: await machine.detach(fromLun) });
      machine.updateCache();
    },
    growDisk: async ({ lun, sizeBytes }) => {
      const { disk } = machine.atLun(lun);
      disk.size = Number(sizeBytes);
      await truncate(disk.rawFile, disk.size);
    },
    scribble: async (lun) => {
      const file = await open(machine.atLun(lun).disk.rawFile, "r+");
      await file.write("an application's own format", 8192);
      await file.close();
    },
    writeFile: (path, text) => writeFile(path, text),
    readFile: (path) => readFile(path, "utf8"),
    makeDirectory: async (path) => {
      await mkdir(path, { recursive: true });
    },
    keepFileOpen: async (path) => {
      const files = await realpath(dirname(path));
      const partition = machine.attached
        .filter(({ disk }) => disk.files === files)
        .flatMap(({ disk }) => disk.partitions)
        .find(({ fileSystem }) => fileSystem !== "");
      if (partition === undefined) throw new Error(`${path} is on no volume`);
      partition.openFiles += 1;
      return async () => {
        partition.openFiles -= 1;
      };
    },
    stopNextMount: async () => {
      let reached = (): void => {};
      let proceed = (): void => {};
      const stopped = new Promise<void>((resolve) => {
        reached = resolve;
      });
      const until = new Promise<void>((resolve) => {
        proceed = resolve;
      });
      machine.pause = { cmdlet: "Add-PartitionAccessPath", until, reached };
      return { stopped: () => stopped, proceed: async () => proceed() };
    },
    startSecondPlugin: async () => ({
      host: startHost().host,
      endFirst: async () => {
        machine.plugins.delete(first.processId);
      },
    }),
    attachSameDisk: notHere("a replica"),
    attachCopy: notHere("a copy"),
    keepDeviceRead: notHere("a replica"),
    writeRaw: notHere("raw block"),
    readRaw: notHere("raw block"),
    keepDeviceOpen: notHere("raw block"),
    whyNot: () => undefined,
    mayGrowMountedExt4: true,
    close: () => rm(root, { recursive: true }),
  };
}
