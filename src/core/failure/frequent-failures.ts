import type { NodeIdentity } from "../api/identity/node-identity.ts";
import type { FailureOf } from "./failure.ts";
import { fail, type Result } from "./result.ts";

/** A value that can't be: its sentence is the field, the value and `problem`, in this order. */
export function invalidArgument(
  field: string,
  value: string | number | bigint,
  problem: string,
): FailureOf<"InvalidArgument"> {
  return { kind: "InvalidArgument", field, value: String(value), problem };
}

/** The same as the result of a check. */
export function refuseArgument(
  ...refused: Parameters<typeof invalidArgument>
): Result<never, FailureOf<"InvalidArgument">> {
  return fail(invalidArgument(...refused));
}

/**
 * A wait for `what` that took longer than it may: the work continues, and the next call finds it.
 * `lastTry`: what the work has met so far.
 */
export function stillWaiting(
  volumeId: string,
  what: string,
  lastTry?: { readonly message: string },
): Result<never, FailureOf<"StillWaiting">> {
  const soFar = lastTry === undefined ? "" : ` (last try: ${lastTry.message})`;
  return fail({ kind: "StillWaiting", volumeId, what: what + soFar });
}

/** What this machine can't do now; `detail` is a clause that says why. */
export function hostNotReady(detail: string): Result<never, FailureOf<"HostNotReady">> {
  return fail({ kind: "HostNotReady", detail });
}

export function storeUnavailable(detail: string): Result<never, FailureOf<"StoreUnavailable">> {
  return fail({ kind: "StoreUnavailable", detail });
}

export function deviceBusy(devicePath: string, detail: string): Result<never, FailureOf<"DeviceBusy">> {
  return fail({ kind: "DeviceBusy", devicePath, detail });
}

export function fileSystemBroken(
  devicePath: string,
  detail: string,
): Result<never, FailureOf<"FileSystemBroken">> {
  return fail({ kind: "FileSystemBroken", devicePath, detail });
}

export function wrongDevice(devicePath: string, problem: string): Result<never, FailureOf<"WrongDevice">> {
  return fail({ kind: "WrongDevice", devicePath, problem });
}

/** `exitCode` null: the command has none, or did not start. */
export function hostCommandFailed(
  command: string,
  exitCode: number | null,
  stderr: string,
): Result<never, FailureOf<"HostCommandFailed">> {
  return fail({ kind: "HostCommandFailed", command, exitCode, stderr });
}

export function notWriter(
  volumeId: string,
  nodeName: string,
  reason: string,
): Result<never, FailureOf<"NotWriter">> {
  return fail({ kind: "NotWriter", volumeId, nodeName, reason });
}

/** A call that has to wait until DeleteVolume of the volume has ended, or has failed. */
export function deletionInProgress(volumeId: string): FailureOf<"OperationInProgress"> {
  return { kind: "OperationInProgress", volumeId, operation: "DeleteVolume" };
}

/** The name of a device no longer means the device, on Windows the disk, that was found at its LUN. */
export function deviceReplaced(
  { path, majorMinor }: { readonly path: string; readonly majorMinor: string },
  what: "device" | "disk" = "device",
): Result<never, FailureOf<"WrongDevice">> {
  return wrongDevice(path, `it is no longer ${what} ${majorMinor}: look for the LUN again`);
}

/** A VM lists a disk as one that is coming off: nothing is to be built on where it is. */
export function stillDetaching({
  instanceUri,
}: Pick<NodeIdentity, "instanceUri">): FailureOf<"CloudUnavailable"> {
  return {
    kind: "CloudUnavailable",
    code: "DiskStillDetaching",
    message: `VM ${instanceUri} lists the disk as one that is coming off`,
    requestId: "",
  };
}

/** A pod is to write, and the volume's mount at a path is read-only, as other pods of it were to have it. */
export function stagedReadOnly(path: string): Result<never, FailureOf<"DeviceBusy">> {
  const detail =
    "it is mounted read-only, and writing is requested: the pods that use it on this node have to end first";
  return fail({ kind: "DeviceBusy", devicePath: path, detail });
}
