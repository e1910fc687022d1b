import type { Result } from "../../core/failure/result.ts";
import { fail, ok } from "../../core/failure/result.ts";
import type { HostMethod, MachineState } from "./machine-state.ts";

/** How one plug-in instance acts on its machine. */
export interface PlugInCalls {
  readonly machine: MachineState;
  readonly instanceNumber: number;
  /** Whether an earlier instance, or a command of one, is alive. */
  readonly earlierAlive: () => boolean;
  /** A read: happens at once. */
  readonly look: <T>(method: HostMethod, signal: AbortSignal, act: () => Result<T>) => Result<T>;
  /**
   * A command: takes the machine's set time, outlives its caller, and excludes others on what it
   * touches.
   */
  readonly command: (
    method: HostMethod,
    touches: readonly string[],
    signal: AbortSignal,
    act: () => Result<void>,
    cutOff?: (doneShare: number) => void,
  ) => Promise<Result<void>>;
}

export function createPlugInCalls(machine: MachineState, instanceNumber: number): PlugInCalls {
  const earlierAlive = (): boolean =>
    [...machine.liveInstances].some((number) => number < instanceNumber) ||
    machine.operations.inFlight().some((operation) => operation.instanceNumber < instanceNumber);

  const look: PlugInCalls["look"] = (method, signal, act) => {
    if (signal.aborted || !machine.liveInstances.has(instanceNumber)) return fail({ kind: "Cancelled" });
    const fault = machine.takeFault(method);
    return fault === undefined ? act() : fail(fault);
  };

  const command: PlugInCalls["command"] = async (method, touches, signal, act, cutOff) => {
    const admitted = look(method, signal, () => ok(undefined));
    if (!admitted.ok) return admitted;
    const heldNumbers = [...machine.holds]
      .filter((hold) => hold.instanceNumber === instanceNumber)
      .map(({ device }) => device.majorMinor);
    return await machine.operations.run(
      {
        line: `${method} ${touches.join(" ")}`,
        instanceNumber,
        touches,
        latencyMs: machine.latencyMs(method),
        heldNumbers: heldNumbers.filter((number) => touches.includes(number)),
        act,
        ...(cutOff === undefined ? {} : { cutOff }),
      },
      signal,
    );
  };

  return { machine, instanceNumber, earlierAlive, look, command };
}
