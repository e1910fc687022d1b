/** The power state of a VM, as Azure's instance view shows it. */
export type PowerState = "running" | "stopped" | "deallocated" | "hibernated" | "changing" | "unknown";

/** Whether nothing runs on the VM or will continue: a hibernated VM wakes with memory and mounts. */
export function isOff(powerState: PowerState): boolean {
  return powerState === "stopped" || powerState === "deallocated";
}
