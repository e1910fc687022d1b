import { status } from "@grpc/grpc-js";
import { describeFailure } from "../../core/failure/describe-failure.ts";
import { failureTable } from "../../core/failure/failure-table.ts";
import type { Failure } from "../../core/failure/failure.ts";

/** What a gRPC caller receives instead of a response. */
export interface GrpcStatus {
  readonly code: status;
  readonly details: string;
}

/**
 * external-attacher writes an answer into the VolumeAttachment, of which the API server refuses an error of
 * more than 1024 bytes: then no event says why a volume is not attached. The longest beginning that Go gives
 * it is that of FAILED_PRECONDITION.
 */
const DETAILS_MAX_BYTES = 1024 - "rpc error: code = FailedPrecondition desc = ".length;
const GAP = " … ";

/** Turns a failure into a gRPC status: that of its row, and its sentence. */
export function toGrpcStatus(failure: Failure): GrpcStatus {
  return { code: status[failureTable[failure.kind].code], details: shortened(describeFailure(failure)) };
}

/**
 * What was tried is at the beginning, the outcome of a command at the end: both are kept, in whole
 * characters. Of half a character, which a cut in the sentence may leave, grpc-js makes no header: the caller
 * would get no answer.
 */
function shortened(sentence: string): string {
  const bytes = Buffer.from(sentence.toWellFormed());
  if (bytes.length <= DETAILS_MAX_BYTES) return bytes.toString();
  const half = Math.floor((DETAILS_MAX_BYTES - Buffer.byteLength(GAP)) / 2);
  let end = half;
  while (isWithinCharacter(bytes, end)) end -= 1;
  let begin = bytes.length - half;
  while (isWithinCharacter(bytes, begin)) begin += 1;
  return `${bytes.toString("utf8", 0, end)}${GAP}${bytes.toString("utf8", begin)}`;
}

/** Whether a byte continues a character of UTF-8. */
function isWithinCharacter(bytes: Buffer, index: number): boolean {
  return ((bytes[index] ?? 0) & 0b1100_0000) === 0b1000_0000;
}
