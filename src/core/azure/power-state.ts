/** The power state of a VM, as Azure's instance view shows it. */
export type PowerState = "running" | "stopped" | "deallocated" | "hibernated" | "changing" | "unknown";

/** Whether something may run on the VM, and no operation of Azure is about to change that. */
export function mayRun(powerState: PowerState): boolean {
  return powerState === "running" || powerState === "unknown";
}

/** Whether nothing runs on the VM or will continue: a hibernated VM wakes with memory and mounts. */
export function isOff(powerState: PowerState): boolean {
  return powerState === "stopped" || powerState === "deallocated";
}
