import { mkdtemp, open } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../../src/adapters/system/system-clock.ts";
import { createWindowsHost } from "../../src/adapters/windows/create-windows-host.ts";
import { startPowerShell } from "../../src/adapters/windows/start-power-shell.ts";
import type { HostProvisioner } from "../../src/ports/host/host-provisioner.ts";
import { silentLogger } from "../../src/ports/testing/silent-logger.ts";
import { makeWindowsHostWorld } from "../contract/windows/windows-host-world.ts";

/** A Windows node with one blank disk, all of whose data the suite destroys. */
export interface WindowsNodeWorld {
  readonly host: HostProvisioner;
  readonly lun: number;
  /** Where the suite mounts and publishes; at first nothing exists there. */
  readonly pathOf: (name: "staging" | "target") => string;
  /** A process keeps a file open; the returned function closes it. */
  readonly keepFileOpen: (path: string) => Promise<() => Promise<void>>;
  readonly close: () => Promise<void>;
}

/** The LUN of the blank data disk, on Windows. */
const LUN_VARIABLE = "AZUREDISK_TEST_LUN";
const DISK_BYTES = 1024n * 1024n * 1024n;

/** This machine if it runs Windows, with the disk that the environment names; elsewhere the double. */
export function makeWindowsNodeWorld(): Promise<WindowsNodeWorld> {
  return process.platform === "win32" ? thisMachine() : modelledMachine();
}

async function thisMachine(): Promise<WindowsNodeWorld> {
  const lun = process.env[LUN_VARIABLE];
  if (lun === undefined)
    throw new Error(`${LUN_VARIABLE} is not set: the LUN of a blank data disk, whose data is destroyed`);
  const directory = await mkdtemp(join(tmpdir(), "windows-node-"));
  const powerShell = await startPowerShell({ clock: systemClock, logger: silentLogger });
  const target = join(directory, "pods", "pod-1", "volumes", "kubernetes.io~csi", "pvc-1", "mount");
  return {
    host: createWindowsHost({ powerShell, clock: systemClock, kubeletDirectories: [directory] }),
    lun: Number(lun),
    pathOf: (name) => (name === "target" ? target : join(directory, "globalmount")),
    keepFileOpen: async (path) => {
      const file = await open(path, "r+");
      return () => file.close();
    },
    close: async () => powerShell.close(),
  };
}

async function modelledMachine(): Promise<WindowsNodeWorld> {
  const { host, attachDisk, pathOf, keepFileOpen, close } = await makeWindowsHostWorld();
  await attachDisk({ lun: 3, sizeBytes: DISK_BYTES });
  return { host, lun: 3, pathOf, keepFileOpen, close };
}
