import { deviceBusy, deviceReplaced, hostCommandFailed } from "../../core/failure/frequent-failures.ts";
import { fail, ok } from "../../core/failure/result.ts";
import type { HostProvisioner } from "../../ports/host/host-provisioner.ts";
import { mountOn, toDevice } from "./found-device.ts";
import type { ModelDevice } from "./machine-state.ts";
import { flushDevice, frozenSinceMs } from "./machine-state.ts";
import type { PlugInCalls } from "./plug-in-calls.ts";

/** How a plug-in flushes and freezes file systems. */
export function freezeCalls({
  machine,
  instanceNumber,
  look,
  command,
}: PlugInCalls): Pick<HostProvisioner, "flush" | "freeze" | "thaw"> {
  /** The devices whose freezes this instance knows to have ended, or to be its own. */
  const knownFreezes = new Set<ModelDevice>();
  return {
    flush: (path, signal) =>
      command("flush", [path], signal, () => {
        const mount = mountOn(machine, path);
        if (mount === undefined) return fail({ kind: "PathNotMounted", path });
        return flushDevice(machine, mount.device)
          ? ok(undefined)
          : hostCommandFailed(`sync --file-system ${path}`, 1, "Input/output error");
      }),
    freeze: ({ path, majorMinor, limitMs }, signal) =>
      command("freeze", [majorMinor, path], signal, () => {
        const mount = mountOn(machine, path);
        if (mount?.fsType === undefined) return fail({ kind: "PathNotMounted", path });
        const { device } = mount;
        if (device.majorMinor !== majorMinor) return deviceReplaced({ ...toDevice(device), majorMinor });
        knownFreezes.add(device);
        if (frozenSinceMs(machine, device) !== undefined || !flushDevice(machine, device))
          return deviceBusy(path, "it can't be frozen");
        const sinceMs = machine.clock.elapsedMs();
        // A command whose plug-in has died leaves its holder without an owner: it thaws at once.
        if (machine.liveInstances.has(instanceNumber))
          machine.freezes.set(device, { instanceNumber, sinceMs, untilMs: sinceMs + limitMs });
        return ok(undefined);
      }),
    thaw: async ({ path, majorMinor }, signal) =>
      look("thaw", signal, () => {
        const mount = mountOn(machine, path);
        if (mount?.device.majorMinor !== majorMinor) return ok({ held: false });
        const isFrozen = frozenSinceMs(machine, mount.device) !== undefined;
        const isOwn = machine.freezes.get(mount.device)?.instanceNumber === instanceNumber;
        if (isOwn || !knownFreezes.has(mount.device)) machine.freezes.delete(mount.device);
        knownFreezes.add(mount.device);
        return ok({ held: isFrozen && isOwn });
      }),
  };
}
