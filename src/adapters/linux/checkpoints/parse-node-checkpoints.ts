import type { Result } from "../../../core/failure/result.ts";
import { fail, ok } from "../../../core/failure/result.ts";
import { isRecord } from "../../../core/primitives/is-record.ts";
import { parseJson } from "../../../core/primitives/parse-json.ts";
import { isDeviceSettingName } from "../../../core/volume/device/device-settings.ts";
import type { FreezeMark, CheckpointVm, VolumeCheckpoint } from "../../../ports/host/node-checkpoints.ts";

export interface CheckpointFile {
  /** The kernel's name for the start of the machine after which it was written; undefined: not known. */
  readonly bootId: string | undefined;
  readonly heartbeat: number;
  /**
   * The GUID of the VM that wrote the counter: a copied system disk contains another node's. Undefined: not
   * known, as in the file of an earlier driver.
   */
  readonly heartbeatVmId?: string | undefined;
  /** The name of the node in whose AzDriverNode it counts; undefined: not known, as before. */
  readonly heartbeatNodeName?: string | undefined;
  /** The store incarnation in which the node last saw a rollback; undefined: never. */
  readonly rollbackIncarnation?: number | undefined;
  readonly volumes: readonly VolumeCheckpoint[];
  /** Undefined: none. */
  readonly freezes?: readonly FreezeMark[] | undefined;
}

/**
 * Parses the checkpoint file; fails with its fault. By hand: the node role never loads a schema
 * library.
 */
export function parseNodeCheckpoints(text: string): Result<CheckpointFile, string> {
  const parsed = parseJson(text);
  if (!isRecord(parsed)) return fail("it is no JSON object");
  const { version, bootId, heartbeat, heartbeatVmId, heartbeatNodeName } = parsed;
  const { rollbackIncarnation, volumes, freezes = [] } = parsed;
  if (version !== 1) return fail(`its version is ${JSON.stringify(version)}, this driver knows 1`);
  if (bootId !== undefined && typeof bootId !== "string") return fail("bootId is no text");
  if (!isCount(heartbeat)) return fail("heartbeat is no whole number");
  if (heartbeatVmId !== undefined && typeof heartbeatVmId !== "string")
    return fail("heartbeatVmId is no text");
  if (heartbeatNodeName !== undefined && typeof heartbeatNodeName !== "string")
    return fail("heartbeatNodeName is no text");
  if (rollbackIncarnation !== undefined && !isCount(rollbackIncarnation))
    return fail("rollbackIncarnation is no whole number");
  if (!Array.isArray(volumes)) return fail("volumes is no list");
  const checkpoints: VolumeCheckpoint[] = [];
  for (const [index, volume] of volumes.entries()) {
    const checkpoint = parseCheckpoint(volume);
    if (checkpoint === undefined) return fail(`volumes[${index}] lacks a field or has one of the wrong type`);
    checkpoints.push(checkpoint);
  }
  if (!Array.isArray(freezes) || !freezes.every(isFreezeMark)) return fail("freezes is no list of marks");
  return ok({
    bootId,
    heartbeat,
    ...(heartbeatVmId === undefined ? {} : { heartbeatVmId }),
    ...(heartbeatNodeName === undefined ? {} : { heartbeatNodeName }),
    ...(rollbackIncarnation === undefined ? {} : { rollbackIncarnation }),
    volumes: checkpoints,
    ...(freezes.length === 0 ? {} : { freezes }),
  });
}

function parseCheckpoint(value: unknown): VolumeCheckpoint | undefined {
  if (!isRecord(value)) return undefined;
  const { volumeName, uid, volumeId, epoch, stagingPath, targetPaths, lun, majorMinor, accessType, vm } =
    value;
  const { reservationKey, deviceSettings, schedulerSettings } = value;
  const settings = parseDeviceSettings(deviceSettings);
  const ofScheduler = parseDeviceSettings(schedulerSettings);
  const writtenBy = parseVm(vm);
  if (settings === undefined || ofScheduler === undefined || writtenBy === undefined) return undefined;
  if (
    typeof volumeName !== "string" ||
    typeof uid !== "string" ||
    typeof volumeId !== "string" ||
    typeof stagingPath !== "string" ||
    (majorMinor !== undefined && typeof majorMinor !== "string")
  )
    return undefined;
  if (!isCount(epoch) || !isCount(lun) || (accessType !== "block" && accessType !== "mount"))
    return undefined;
  if (!Array.isArray(targetPaths) || !targetPaths.every((path) => typeof path === "string")) return undefined;
  return {
    volumeName,
    uid,
    volumeId,
    epoch,
    stagingPath,
    targetPaths,
    lun,
    majorMinor,
    accessType,
    ...(typeof reservationKey === "string" ? { reservationKey } : {}),
    ...(deviceSettings === undefined ? {} : { deviceSettings: { ...settings, ...ofScheduler } }),
    vm: writtenBy,
  };
}

function isFreezeMark(value: unknown): value is FreezeMark {
  if (!isRecord(value)) return false;
  const { volumeName, id, path, majorMinor } = value;
  return [volumeName, id, path, majorMinor].every((field) => typeof field === "string");
}

/**
 * A name that is not known is passed over, and never written to a device: a newer driver, before
 * `helm rollback`, may have saved one.
 */
function parseDeviceSettings(value: unknown): VolumeCheckpoint["deviceSettings"] {
  if (value === undefined) return {};
  if (!isRecord(value)) return undefined;
  const known = Object.entries(value).filter(([name]) => isDeviceSettingName(name));
  return known.every(([, text]) => typeof text === "string") ? Object.fromEntries(known) : undefined;
}

function parseVm(value: unknown): CheckpointVm | undefined {
  if (typeof value !== "object" || value === null || !("vmId" in value) || !("instanceUri" in value))
    return undefined;
  const { vmId, instanceUri } = value;
  return typeof vmId === "string" && typeof instanceUri === "string" ? { vmId, instanceUri } : undefined;
}

function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}
