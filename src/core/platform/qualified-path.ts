import type { Platform } from "./platform.ts";

/** The system drive of Azure's Windows VMs, on which the kubelet and this plug-in run. */
const SYSTEM_DRIVE = "C:";
const DRIVE_LETTER = /^[a-z]:/u;

/**
 * A path as Windows itself shows it: with its drive, and with backslashes. The kubelet's own folder has no
 * drive by default, and neither have the staging paths below it. On Linux a path stays as it is.
 * https://github.com/kubernetes/kubernetes/issues/119401
 */
export function qualifiedPath(path: string, platform: Platform): string {
  if (platform === "linux") return path;
  const native = path.replaceAll("/", "\\");
  // Two backslashes name another machine or a device, not the system drive.
  if (native.startsWith("\\") && !native.startsWith("\\\\")) return `${SYSTEM_DRIVE}${native}`;
  return native.replace(DRIVE_LETTER, (drive) => drive.toUpperCase());
}
