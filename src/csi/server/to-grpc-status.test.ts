import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { status } from "@grpc/grpc-js";
import { describeFailure } from "../../core/failure/describe-failure.ts";
import type { Failure } from "../../core/failure/failure.ts";
import { failureExamples } from "../../core/failure/testing/failure-examples.ts";
import { toGrpcStatus } from "./to-grpc-status.ts";

const codes: Readonly<Record<Failure["kind"], keyof typeof status>> = {
  InvalidArgument: "INVALID_ARGUMENT",
  OutOfRange: "OUT_OF_RANGE",
  VolumeNotFound: "NOT_FOUND",
  NodeNotFound: "NOT_FOUND",
  VolumeExistsWithOtherRequest: "ALREADY_EXISTS",
  SnapshotNotFound: "NOT_FOUND",
  SnapshotExistsWithOtherRequest: "ALREADY_EXISTS",
  SnapshotOfOther: "FAILED_PRECONDITION",
  SnapshotCopyFailed: "FAILED_PRECONDITION",
  OperationInProgress: "ABORTED",
  Unsupported: "UNIMPLEMENTED",
  InvalidToken: "ABORTED",
  OtherWriter: "FAILED_PRECONDITION",
  WriterRecordUnverified: "FAILED_PRECONDITION",
  InQuarantine: "FAILED_PRECONDITION",
  NotWriter: "FAILED_PRECONDITION",
  VolumeInUse: "FAILED_PRECONDITION",
  StoreRolledBack: "UNAVAILABLE",
  StillWaiting: "UNAVAILABLE",
  Cancelled: "CANCELLED",
  DeadlineExceeded: "DEADLINE_EXCEEDED",
  DiskNotFound: "NOT_FOUND",
  DiskAttachedElsewhere: "FAILED_PRECONDITION",
  DiskInUse: "FAILED_PRECONDITION",
  ChangedTooOften: "FAILED_PRECONDITION",
  CopyUnreachable: "RESOURCE_EXHAUSTED",
  SnapshotCopyDelayed: "UNAVAILABLE",
  SnapshotNotFrozen: "FAILED_PRECONDITION",
  CopySourceFailed: "FAILED_PRECONDITION",
  SnapshotBeingCopied: "FAILED_PRECONDITION",
  SourceBeingCopied: "FAILED_PRECONDITION",
  DiskBeingCopied: "UNAVAILABLE",
  DiskAccessGranted: "FAILED_PRECONDITION",
  DiskReplaced: "FAILED_PRECONDITION",
  DiskCopyFailed: "FAILED_PRECONDITION",
  NoFreeLun: "RESOURCE_EXHAUSTED",
  NoFreeShare: "FAILED_PRECONDITION",
  InstanceNotFound: "NOT_FOUND",
  InstanceUnknown: "UNAVAILABLE",
  InstanceReplaced: "FAILED_PRECONDITION",
  EtagNotMoved: "UNAVAILABLE",
  Refused: "ABORTED",
  Throttled: "UNAVAILABLE",
  QuotaExceeded: "RESOURCE_EXHAUSTED",
  NotOfferedInZone: "RESOURCE_EXHAUSTED",
  NoCapacityInZone: "RESOURCE_EXHAUSTED",
  ChangeOverQuota: "FAILED_PRECONDITION",
  TooManySnapshots: "FAILED_PRECONDITION",
  CloudRejected: "INTERNAL",
  CloudUnavailable: "UNAVAILABLE",
  CloudUnauthorized: "PERMISSION_DENIED",
  ObjectNotFound: "ABORTED",
  ObjectAlreadyExists: "ABORTED",
  ObjectConflict: "ABORTED",
  ObjectInvalid: "INTERNAL",
  StoreUnavailable: "UNAVAILABLE",
  DeviceNotFound: "UNAVAILABLE",
  WrongDevice: "FAILED_PRECONDITION",
  MountedOtherwise: "FAILED_PRECONDITION",
  WrongFileSystem: "FAILED_PRECONDITION",
  DeviceBusy: "UNAVAILABLE",
  FileSystemBroken: "FAILED_PRECONDITION",
  WritesLost: "UNAVAILABLE",
  FileSystemUnserved: "FAILED_PRECONDITION",
  WriteProtected: "FAILED_PRECONDITION",
  JournalNotReplayed: "FAILED_PRECONDITION",
  FileSystemNotUnique: "FAILED_PRECONDITION",
  GrowsUnmounted: "FAILED_PRECONDITION",
  DeviceSettingRefused: "FAILED_PRECONDITION",
  PathNotAllowed: "INVALID_ARGUMENT",
  PathNotMounted: "NOT_FOUND",
  HostCommandFailed: "INTERNAL",
  HostCommandTimedOut: "UNAVAILABLE",
  HostNotReady: "UNAVAILABLE",
  CheckpointsFull: "RESOURCE_EXHAUSTED",
  OtherDriver: "FAILED_PRECONDITION",
  DriverBug: "INTERNAL",
};

describe("toGrpcStatus", () => {
  for (const failure of Object.values(failureExamples))
    it(`answers ${codes[failure.kind]} and the sentence for ${failure.kind}`, () => {
      assert.deepEqual(toGrpcStatus(failure), {
        code: status[codes[failure.kind]],
        details: describeFailure(failure),
      });
    });

  it("keeps beginning and end of a sentence that is too long for an event", () => {
    const { details } = toGrpcStatus({
      kind: "HostCommandFailed",
      command: "fsck",
      exitCode: 8,
      stderr: `${"x".repeat(5000)} gave up`,
    });
    assert.match(details, /^fsck failed with exit code 8: x+ … x+ gave up$/u);
  });

  for (const character of ["x", "é", "字", "🐟"])
    it(`fits into a VolumeAttachment's error, which has 1024 bytes at most: ${character}`, () => {
      const { details } = toGrpcStatus({
        kind: "HostCommandFailed",
        command: "fsck",
        exitCode: 8,
        stderr: `y${character.repeat(5000)}`,
      });
      // As external-attacher writes it, for the code with the longest name.
      const bytes = Buffer.byteLength(`rpc error: code = FailedPrecondition desc = ${details}`);
      assert.ok(bytes <= 1024, `${bytes} bytes`);
      assert.ok(bytes > 1000, `${bytes} bytes: no more is cut than has to be`);
      assert.doesNotMatch(details, /\ufffd/u);
    });

  for (const [value, because] of [
    ["🐟".repeat(600), "it is cut at 496 characters"],
    [`a${"🐟".repeat(600)}`, "it is cut one character later"],
    ["🐟".slice(0, 1), "the sentence has half of a character already"],
  ] as const)
    it(`never answers half of a character, which would be no header: ${because}`, () => {
      const { details } = toGrpcStatus({ kind: "InvalidArgument", field: "name", value, problem: "is bad" });
      assert.doesNotThrow(() => encodeURI(details));
    });
});
