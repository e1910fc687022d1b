import type { DataPlaneEffect, DataPlaneVm } from "../data-plane-port.ts";

/** What runs inside the emulated VMs, as far as Azure's agent reaches it. */
export interface Guests {
  /**
   * Runs a shell script to its end as root, with the VM's devices under `/dev`. Processes that it leaves in
   * the background continue. Rejects with an `Error` if it can't be run; the operation then fails.
   */
  runScript(run: ScriptRun): Promise<ScriptOutput>;
}

export interface ScriptRun extends DataPlaneVm {
  readonly script: string;
}

/** What a script has written; Azure reports no exit code. */
export interface ScriptOutput {
  readonly stdout: string;
  readonly stderr: string;
}

/** One call of the data plane or of a guest, as data. */
export type Effect = DataPlaneEffect | ({ readonly kind: "scriptRun" } & ScriptRun);
