import { createGate, gatedClock } from "../../../sim/driver/gate.ts";
import { createModelDisk } from "../../../src/adapters/model-host/model-disk.ts";
import type { ModelDisk } from "../../../src/adapters/model-host/model-disk.ts";
import { createModelMachine } from "../../../src/adapters/model-host/model-machine.ts";
import type { ModelIo } from "../../../src/adapters/model-host/model-machine.ts";
import { systemClock } from "../../../src/adapters/system/system-clock.ts";
import { invariant } from "../../../src/core/failure/invariant.ts";
import type { HostWorld } from "../host/host-suite.ts";

/** A modelled machine as the contract's world. */
export async function makeModelHostWorld(): Promise<HostWorld> {
  const gate = createGate();
  const machine = createModelMachine({
    nodeName: "node-a",
    clock: gatedClock(systemClock, gate),
    reusesNumbers: true,
    deviceWaitMs: 20,
  });
  const untilMounting = async (isMounting: boolean): Promise<void> => {
    while (machine.commandsInFlight().some((line) => /^(mount|bind)Device /.test(line)) !== isMounting)
      await systemClock.sleep(1, new AbortController().signal);
  };
  const disks = new Map<number, ModelDisk>();
  const diskAt = (lun: number): ModelDisk => {
    const disk = disks.get(lun);
    invariant(disk !== undefined, `no disk at LUN ${lun}`);
    return disk;
  };
  const host = machine.startPlugin();
  return {
    host,
    pathOf: (name) => `/var/lib/kubelet/${name}`,
    attachDisk: async ({ lun, sizeBytes }) => {
      const disk = createModelDisk({ diskUri: `/disks/${lun}`, sizeBytes });
      disks.set(lun, disk);
      machine.attach({ lun, disk });
    },
    detachDisk: async (lun) => machine.detach(lun),
    moveDisk: async ({ fromLun, toLun }) => {
      const disk = diskAt(fromLun);
      machine.detach(fromLun);
      disks.set(toLun, disk);
      machine.attach({ lun: toLun, disk });
    },
    attachSameDisk: async ({ lun, asLun }) => machine.attach({ lun: asLun, disk: diskAt(lun) }),
    attachCopy: async ({ lun, asLun, sizeBytes }) => {
      const source = diskAt(lun);
      const copy = {
        ...createModelDisk({ diskUri: `/disks/${asLun}`, sizeBytes }),
        content: source.content,
        formatMark: source.formatMark,
        geometry: source.geometry,
        fileSystemBytes: source.fileSystemBytes,
        files: new Map(source.files),
      };
      disks.set(asLun, copy);
      machine.attach({ lun: asLun, disk: copy });
    },
    keepDeviceRead: async (lun) => {
      machine.readDevice(lun);
      return async () => {};
    },
    writeRaw: async (lun, text) => machine.writeBlock(lun, "block", text),
    readRaw: async (lun) => machine.readBlock(lun, "block") ?? "",
    growDisk: async ({ lun, sizeBytes }) => {
      diskAt(lun).sizeBytes = sizeBytes;
    },
    scribble: async (lun) => {
      diskAt(lun).content = {
        kind: "otherData",
        detail: "no known signature, but data at its start",
        hasNoSignature: true,
      };
    },
    writeFile: async (path, text) => {
      for (;;) {
        const written = machine.writeFile(path, text);
        if (written.kind !== "frozen") return void textOf(written);
        await systemClock.sleep(1, new AbortController().signal);
      }
    },
    makeDirectory: async (path) => machine.makeDirectory(path),
    readFile: async (path) => textOf(machine.readFile(path)),
    keepFileOpen: async (path) => {
      const close = machine.openFile(path);
      return async () => close();
    },
    keepDeviceOpen: async () => {
      const close = machine.openRaw(0);
      return async () => close();
    },
    stopNextMount: async () => {
      for (const method of ["mountDevice", "bindDevice"] as const) machine.setLatencyMs(method, 1);
      gate.shut();
      return {
        stopped: () => untilMounting(true),
        proceed: async () => {
          for (const method of ["mountDevice", "bindDevice"] as const) machine.setLatencyMs(method, 0);
          gate.open();
          await untilMounting(false);
        },
      };
    },
    startSecondPlugin: async () => ({
      host: machine.startPlugin(),
      endFirst: async () => machine.killPlugin(host, { childrenSurvive: false }),
    }),
    whyNot: () => undefined,
    mayGrowMountedExt4: true,
    close: async () => {},
  };
}

function textOf(io: ModelIo): string {
  if (io.kind !== "done") throw new Error(io.kind);
  return io.text;
}
