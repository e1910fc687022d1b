import { status } from "@grpc/grpc-js";
import { describeFailure } from "../../core/failure/describe-failure.ts";
import { failureTable } from "../../core/failure/failure-table.ts";
import type { Failure } from "../../core/failure/failure.ts";

/** What a gRPC caller receives instead of a response. */
export interface GrpcStatus {
  readonly code: status;
  readonly details: string;
}

/** The message travels in a header and ends up in Kubernetes events of at most 1,024 bytes. */
const DETAILS_MAX_CHARS = 1000;

/** Turns a failure into a gRPC status: that of its row, and its sentence. */
export function toGrpcStatus(failure: Failure): GrpcStatus {
  return { code: status[failureTable[failure.kind].code], details: shortened(describeFailure(failure)) };
}

/**
 * What was tried is at the beginning, the outcome of a command at the end: both are kept. A cut, here or in
 * the sentence, may leave half of a character, of which grpc-js makes no header: the caller would get no
 * answer.
 */
function shortened(sentence: string): string {
  if (sentence.length <= DETAILS_MAX_CHARS) return sentence.toWellFormed();
  const half = Math.floor(DETAILS_MAX_CHARS / 2) - 2;
  return `${sentence.slice(0, half)} … ${sentence.slice(-half)}`.toWellFormed();
}
