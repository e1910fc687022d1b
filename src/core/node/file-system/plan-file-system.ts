import type { VolumeDetail } from "../../api/az-volume.ts";
import { isSameResourceUri } from "../../azure/ids/disk-uri.ts";
import type { Failure } from "../../failure/failure.ts";
import { invalidArgument } from "../../failure/frequent-failures.ts";
import { type FileSystemGeometry, geometryProblem } from "../../volume/device/file-system-geometry.ts";
import { isKeptByKernel, typesMountedAs, type FileSystemType } from "../../volume/device/file-system.ts";
import type { DeviceContent } from "../device/judge-device-content.ts";
import type { FormatMark } from "./format-mark.ts";

/** Stands for the file system's type in `formatted` of a volume that was handed out raw before it had one. */
export const HANDED_OUT_RAW = "raw block";

/** What is known of a volume's file system before its mount. */
export interface ObservedFileSystem {
  readonly devicePath: string;
  readonly content: DeviceContent;
  /** What a look for the requested type alone has found; undefined: `needsLookForType` is false. */
  readonly contentOfType: DeviceContent | undefined;
  /** The mark on the device. It counts only while the volume has no file system on record. */
  readonly mark: FormatMark | undefined;
  readonly diskUri: string;
  /** What the disk is a copy of; undefined: it was made empty. */
  readonly sourceUri: string | undefined;
  /** The partition of the disk that the device is; undefined: it is the whole disk. */
  readonly partition: number | undefined;
  /** Every use that the volume was made or first requested for is raw block. */
  readonly isRawOnly: boolean;
  readonly formatted: VolumeDetail["formatted"];
  readonly fsType: FileSystemType;
  /** What a new file system is made with. An existing one, and that of a copy, keeps its own. */
  readonly geometry: FileSystemGeometry;
  /** Size of the device, rounded up. */
  readonly sizeGiB: number;
  readonly readOnly: boolean;
}

/** What to do before the mount. */
export type FileSystemPlan =
  /**
   * The existing file system is checked. `isOwnUnfinished`: no pod has ever used it, so one that the
   * check can't repair is made again. `isUnknown`: neither the record nor a mark names its origin.
   */
  | {
      readonly kind: "Check";
      readonly uuid: string;
      readonly isOwnUnfinished: boolean;
      readonly isUnknown: boolean;
    }
  /** Makes the first file system on a blank device. `uuid`: of an interrupted attempt; undefined: none. */
  | { readonly kind: "Make"; readonly uuid: string | undefined }
  /** The remains of an interrupted attempt are erased, and the file system is made with its UUID. */
  | { readonly kind: "MakeAgain"; readonly uuid: string }
  | { readonly kind: "Refuse"; readonly failure: Failure };

/**
 * Whether `content` is other than what is on record, and a look for the requested type alone may still find
 * that: what a pod writes to its files may lie where a tool expects the signature of something else.
 */
export function needsLookForType({
  content,
  formatted,
  fsType,
}: Pick<ObservedFileSystem, "content" | "formatted" | "fsType">): boolean {
  if (formatted?.uuid === undefined) return false;
  switch (content.kind) {
    case "blank":
      return false;
    case "otherData":
      return content.hasNoSignature !== true;
    case "fileSystem":
      return !typesMountedAs(fsType).includes(content.fsType);
  }
}

/**
 * A volume has one first format in its life. Only the driver's own attempt, whose mark on the device
 * names disk and UUID, is ever repeated. A copy of another disk has none: what it holds is its source's. Nor
 * has a volume that was handed out raw before it: a pod may have written anywhere on it.
 */
export function planFileSystem(observed: ObservedFileSystem): FileSystemPlan {
  const plan = planContent(observed);
  if (plan.kind !== "Make" && plan.kind !== "MakeAgain") return plan;
  const impossible = geometryProblem(observed);
  if (impossible === undefined) return plan;
  const { name, value, problem } = impossible;
  return {
    kind: "Refuse",
    failure: invalidArgument(
      `volume_context.${name}`,
      value,
      `${problem}. The volume has no file system yet: state an allowed value in a new PersistentVolume`,
    ),
  };
}

function planContent(observed: ObservedFileSystem): FileSystemPlan {
  const { devicePath, formatted, partition, sourceUri } = observed;
  const content = contentOnRecord(observed) ?? observed.content;
  const mark = ownMark(observed);
  switch (content.kind) {
    case "fileSystem":
      return planFound(observed, content, mark);
    case "otherData":
      if (mark !== undefined && content.hasNoSignature === true)
        return { kind: "MakeAgain", uuid: mark.uuid };
      return wrongFileSystem(observed, content.detail);
    case "blank":
      if (observed.isRawOnly || formatted?.fsType === HANDED_OUT_RAW)
        return wrongFileSystem(
          observed,
          "no data at its ends, as a volume that pods may have written as raw block (volumeMode: Block), " +
            "and such a one is never formatted",
        );
      if (formatted !== undefined)
        return wrongDevice(
          devicePath,
          `it is blank, but ${formatted.nodeName} made ${formatted.fsType} on this volume at ` +
            `${formatted.time}`,
        );
      if (sourceUri !== undefined)
        return wrongFileSystem(observed, `no data, as a copy of ${sourceUri}, and a copy is never formatted`);
      if (partition !== undefined)
        return wrongFileSystem(observed, "no data, as a partition, and the driver formats whole disks only");
      return observed.readOnly ? refuseReadOnly : { kind: "Make", uuid: mark?.uuid };
  }
}

/**
 * The file system on record, if the look for its type alone found it. Only its UUID shows that it is the
 * volume's: without one on record every signature counts, since another program may own the disk, and the
 * check of the file system writes.
 */
function contentOnRecord({
  contentOfType,
  formatted,
}: ObservedFileSystem): Extract<DeviceContent, { kind: "fileSystem" }> | undefined {
  if (formatted?.uuid === undefined || contentOfType?.kind !== "fileSystem") return undefined;
  return contentOfType.uuid === formatted.uuid ? contentOfType : undefined;
}

function planFound(
  observed: ObservedFileSystem,
  found: Extract<DeviceContent, { kind: "fileSystem" }>,
  mark: FormatMark | undefined,
): FileSystemPlan {
  const { devicePath, formatted, fsType } = observed;
  if (!typesMountedAs(fsType).includes(found.fsType)) return wrongFileSystem(observed, found.fsType);
  if (formatted?.uuid !== undefined && found.uuid !== formatted.uuid)
    return wrongDevice(
      devicePath,
      `its file system has UUID ${found.uuid}, the volume's has ${formatted.uuid}`,
    );
  const isOwnUnfinished = mark?.uuid === found.uuid;
  // No tool checks an XFS or a btrfs before its mount.
  if (isOwnUnfinished && isKeptByKernel(fsType)) return { kind: "MakeAgain", uuid: found.uuid };
  // Without a UUID it can't be recorded, and would stay unknown.
  const isRecorded = formatted !== undefined && (formatted.uuid !== undefined || found.uuid === "");
  return { kind: "Check", uuid: found.uuid, isOwnUnfinished, isUnknown: !isRecorded && !isOwnUnfinished };
}

/** The mark, if it is of this whole disk, which was made empty, and the volume has no file system yet. */
function ownMark(observed: ObservedFileSystem): FormatMark | undefined {
  const { mark, diskUri, sourceUri, partition, formatted } = observed;
  const mayCount = formatted === undefined && sourceUri === undefined && partition === undefined;
  return mayCount && mark !== undefined && isSameResourceUri(mark.diskUri, diskUri) ? mark : undefined;
}

/**
 * Whether the disk has data that no tool recognizes, which only a person can call unused: the volume's first
 * format is still to come, no pod was given it raw, and it is no copy.
 */
function isFormattedOnceBlank({
  content,
  mark,
  isRawOnly,
  formatted,
  sourceUri,
  partition,
  readOnly,
}: ObservedFileSystem): boolean {
  const isUnrecognized = content.kind === "otherData" && content.hasNoSignature === true;
  const isCopy = sourceUri !== undefined || mark !== undefined;
  const mayBeFormatted = formatted === undefined && partition === undefined && !isRawOnly && !readOnly;
  return isUnrecognized && !isCopy && mayBeFormatted;
}

function wrongFileSystem(observed: ObservedFileSystem, found: string): FileSystemPlan {
  const { devicePath, fsType } = observed;
  const remedy = isFormattedOnceBlank(observed) ? ({ isFormattedOnceBlank: true } as const) : {};
  const failure: Failure = { kind: "WrongFileSystem", devicePath, found, requested: fsType, ...remedy };
  return { kind: "Refuse", failure };
}

function wrongDevice(devicePath: string, problem: string): FileSystemPlan {
  return { kind: "Refuse", failure: { kind: "WrongDevice", devicePath, problem } };
}

const refuseReadOnly: FileSystemPlan = {
  kind: "Refuse",
  failure: invalidArgument(
    "readonly",
    "true",
    "the volume has no file system yet and can't be given one read-only",
  ),
};
