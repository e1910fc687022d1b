import { describeFailure } from "../../core/failure/describe-failure.ts";
import { ok } from "../../core/failure/result.ts";
import { judgeClean } from "../../core/node/judge-clean.ts";
import type { HostProvisioner } from "../../ports/host/host-provisioner.ts";
import type { MachineState } from "./machine-state.ts";
import { isMounted } from "./machine-state.ts";
import type { PlugInCalls } from "./plug-in-calls.ts";

/** Stands for any container process that holds a volume. */
const containerPid = 1;

/** What shows a plug-in whether anything here can still write to a device. */
export function cleanCalls(calls: PlugInCalls): Pick<HostProvisioner, "isClean" | "earlierChildrenAlive"> {
  const { machine, instanceNumber, look } = calls;
  return {
    isClean: async ({ accessType, lun, lastMajorMinor, lunsOfOthers, needsFlush }, signal) =>
      look("isClean", signal, () => {
        const device = lun === undefined ? undefined : machine.devicesByLun.get(lun);
        const isAnothers = lunsOfOthers.some(
          (other) => machine.devicesByLun.get(other)?.majorMinor === lastMajorMinor,
        );
        const numbers = [device?.majorMinor, isAnothers ? undefined : lastMajorMinor].filter(
          (number) => number !== undefined,
        );
        const judged = judgeClean({
          earlierChildAlive: calls.earlierAlive(),
          commandsInFlight: machine.operations
            .inFlight()
            .filter(
              (operation) =>
                operation.instanceNumber === instanceNumber &&
                operation.touches.some((touched) => numbers.includes(touched)),
            )
            .map((operation) => operation.line),
          devicePath: device?.path,
          heldPaths: device !== undefined && isMounted(machine, device) ? [device.path] : [],
          mountPaths: machine.mounts
            .filter((mount) => numbers.includes(mount.device.majorMinor))
            .map((mount) => mount.path),
          mountedForPids: holds(machine, numbers, "mount") ? [containerPid] : [],
          // The model's mounts all show the number of their device.
          mountedBtrfs: [],
          devicesOnTop: [],
          mappedInPids: [],
          openInPids:
            accessType === "block" &&
            (holds(machine, numbers, "block") ||
              [...machine.rawDescriptors].some(({ device: { majorMinor } }) => numbers.includes(majorMinor)))
              ? [containerPid]
              : [],
        });
        // What it has cached it wrote with the last close; only a fault shows whether it was to be flushed.
        const fault = judged.clean && needsFlush !== false ? machine.takeFault("flush") : undefined;
        if (fault === undefined) return ok(judged);
        const writesLost = fault.kind === "WritesLost" ? { writesLost: fault.detail } : {};
        return ok({ clean: false, reason: describeFailure(fault), endsByItself: true, ...writesLost });
      }),
    earlierChildrenAlive: async (signal) =>
      look("earlierChildrenAlive", signal, () => ok(calls.earlierAlive())),
  };
}

function holds(machine: MachineState, numbers: readonly string[], access: "mount" | "block"): boolean {
  return [...machine.heldVolumes].some(
    (held) => held.access === access && numbers.includes(held.device.majorMinor),
  );
}
